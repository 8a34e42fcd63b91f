"""Geometry of the charts. Horizontal places are percentages, so that text keeps its size on a phone."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from toolwise.reports import wording
from toolwise.reports.document import CurvePoint
from toolwise.types import Funnel, Metric

LINE = 21
"""Pixels between two agents' lines."""
HEAD = 22
"""Pixels above a group's first line, for its name."""
BARE_HEAD = 16
"""The same for a group without a name: room for its n."""
GAP = 16
"""Pixels between groups."""
READINGS = 160
"""The most points of a curve that are drawn; more are averaged in order."""
DIVERGED = 1e9
"""A loss beyond this counts as not finite: training has blown up, and no axis could show it beside the others."""
LOG_RATIO = 40
"""A loss that falls by more than this factor is drawn on a logarithmic axis."""


@dataclass(frozen=True, slots=True)
class Series:
    """An agent's place in the legend: its colour and its shape go together everywhere."""

    name: str
    label: str
    colour: str
    shape: str


@dataclass(frozen=True, slots=True)
class Tick:
    """A labelled place on an axis, in percent of its length."""

    at: float
    label: str
    second: str = ""


@dataclass(frozen=True, slots=True)
class Mark:
    """A dot with its interval; `x`, `low`, `high`, `text_x` in percent, `y` in pixels."""

    series: Series
    y: int
    x: float
    low: float
    high: float
    text: str
    text_x: float
    text_end: bool
    tip: str


@dataclass(frozen=True, slots=True)
class Group:
    """The marks under one heading of a panel."""

    label: str
    note: str
    y: int
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class Panel:
    """One metric: groups of dots and intervals over a shared axis."""

    title: str
    note: str
    axis: str
    top: int
    """Where the grid begins, in pixels: below a note that has no heading beside it."""
    height: int
    ticks: tuple[Tick, ...]
    groups: tuple[Group, ...]


@dataclass(frozen=True, slots=True)
class Bar:
    """A labelled length, in percent of the longest."""

    label: str
    width: float
    text: str


@dataclass(frozen=True, slots=True)
class FunnelBar:
    """One stage: its four outcomes as widths in percent, its counts, and the reasons behind the losses."""

    label: str
    funnel: Funnel
    parts: tuple[tuple[str, int, float], ...]
    reasons: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class StageBand:
    """A stretch of the curve's horizontal axis."""

    label: str
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Reading:
    """A place to point at on the curve."""

    x: float
    width: float
    tip: str


@dataclass(frozen=True, slots=True)
class Curve:
    """Loss above, accuracy below, over one time axis. Paths live in a box of 1000 by 1000."""

    raw: str
    smooth: str
    log: bool
    y_ticks: tuple[Tick, ...]
    x_ticks: tuple[Tick, ...]
    x_label: str
    stages: tuple[StageBand, ...]
    readings: tuple[Reading, ...]
    dev: str
    dev_points: tuple[tuple[float, float, str], ...]
    dropped: int


def rounded(number: float) -> float:
    """Two decimals: small files, and the same bytes on every platform."""
    return round(number, 2) + 0.0


def nice_ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """Round numbers (1, 2, 5 times a power of ten) from at least `low` to at most `high`."""
    if not (math.isfinite(low) and math.isfinite(high)) or high <= low:
        return []
    rough = (high - low) / max(wanted, 1)
    if rough < 1e-12:
        return []
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(i * step, 12) for i in range(first, last + 1)]


# Dots and intervals ---------------------------------------------------------------------------------------------------


def interval_panel(name: str, groups: Iterable[tuple[str, Mapping[str, Metric]]], legend: Sequence[Series]) -> Panel:
    """A panel for metric `name`. Each group is a heading and, for each agent, its metric."""
    found = [(label, metrics) for label, metrics in groups if any(map(wording.measured, metrics.values()))]
    values = [m for _, metrics in found for m in metrics.values() if wording.measured(m)]
    fraction = all(wording.is_fraction(m) for m in values)
    top = 1.0 if fraction else max([m.high for m in values if math.isfinite(m.high)] + [m.value for m in values]) or 1.0
    drawn: list[Group] = []
    y = 0
    for label, metrics in found:
        group = _group(label, metrics, legend, y, top)
        drawn.append(group)
        y += (HEAD if group.label else BARE_HEAD) + LINE * len(group.marks) + GAP
    places = nice_ticks(0, top, 4) if not fraction else [0, 0.25, 0.5, 0.75, 1.0]
    ticks = tuple(Tick(rounded(100 * p / top), f"{p:.0%}" if fraction else f"{p:g}") for p in places)
    title, note = wording.METRICS.get(name, (wording.metric_label(name), ""))
    axis = _axis_title(name, fraction, values)
    top_edge = 0 if any(group.label for group in drawn) else BARE_HEAD
    return Panel(title, note, axis, top_edge, y, ticks, tuple(drawn))


def _axis_title(name: str, fraction: bool, values: Sequence[Metric]) -> str:
    if not fraction:
        return next((metric.unit for metric in values), "")
    return "mean over requests" if "@" in name else "share of tasks"


def _group(label: str, metrics: Mapping[str, Metric], legend: Sequence[Series], y: int, top: float) -> Group:
    shown = [(series, metrics[series.name]) for series in legend if series.name in metrics]
    shown = [(series, metric) for series, metric in shown if wording.measured(metric)]
    sizes = {metric.n for _, metric in shown}
    note = f"n = {wording.count(sizes.pop())}" if len(sizes) == 1 else ""
    first = y + (HEAD if label else BARE_HEAD) + LINE // 2
    marks = tuple(_mark(series, metric, first + LINE * i, top) for i, (series, metric) in enumerate(shown))
    return Group(label, note, y, marks)


def _mark(series: Series, metric: Metric, y: int, top: float) -> Mark:
    def place(value: float) -> float:
        return rounded(100 * min(max(value / top, 0.0), 1.0))

    x = place(metric.value)
    low = place(metric.low) if math.isfinite(metric.low) else x
    high = place(metric.high) if math.isfinite(metric.high) else x
    to_left = max(high, x) > 80
    tip = (
        f"{series.label}: {wording.value_text(metric)}, "
        f"95% interval {wording.interval_text(metric)}, n = {wording.count(metric.n)}"
    )
    text_x = min(low, x) if to_left else max(high, x)
    return Mark(series, y, x, low, high, wording.value_text(metric), text_x, to_left, tip)


# Bars -----------------------------------------------------------------------------------------------------------------


def bars(counts: Iterable[tuple[str, float]], texts: Sequence[str] = ()) -> tuple[Bar, ...]:
    """Bars in the order given, scaled to the longest."""
    rows = [(label, max(number, 0.0) if math.isfinite(number) else 0.0) for label, number in counts]
    longest = max((number for _, number in rows), default=0) or 1
    return tuple(
        Bar(label, rounded(100 * number / longest), texts[i] if texts else wording.count(number))
        for i, (label, number) in enumerate(rows)
    )


def largest_first(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """Sorted by count, then name."""
    return sorted(counts.items(), key=lambda row: (-row[1], row[0]))


def funnel_bar(label: str, funnel: Funnel, largest: int) -> FunnelBar:
    """One stage's bar, scaled to the stage that `largest` rows entered."""
    outcomes = (
        ("accepted", funnel.accepted),
        ("rejected", funnel.rejected),
        ("failed", funnel.failed),
        ("pending", funnel.pending),
    )
    parts = tuple((name, number, rounded(100 * number / (largest or 1))) for name, number in outcomes)
    reasons = bars((wording.plain(reason), number) for reason, number in largest_first(funnel.reasons))
    return FunnelBar(label, funnel, parts, reasons)


# The loss curve -------------------------------------------------------------------------------------------------------


def curve(points: Sequence[CurvePoint]) -> Curve | None:
    """The training curve; none with fewer than two finite readings."""
    finite = [p for p in points if abs(p.loss) < DIVERGED and math.isfinite(p.seconds)]
    if len(finite) < 2:
        return None
    start, end = min(p.seconds for p in finite), max(p.seconds for p in finite)
    if end - start < 1e-6:
        return None

    def across(seconds: float) -> float:
        return rounded(100 * (seconds - start) / (end - start))

    drawn = _thinned(finite)
    losses = [p.loss for p in drawn]
    log = min(losses) > 1e-6 and max(losses) / min(losses) > LOG_RATIO
    up, y_ticks = _loss_axis(losses, log)
    dev = [p for p in finite if p.dev is not None and math.isfinite(p.dev)]
    dev_points = tuple(
        (across(p.seconds), rounded(100 - 100 * (p.dev or 0)), f"Development accuracy {wording.percent(p.dev or 0)}")
        for p in dev
    )
    x_label, x_ticks = _time_axis(finite, start, end)
    xs = [across(p.seconds) for p in drawn]
    return Curve(
        raw=_path(xs, [up(v) for v in losses]),
        smooth=_path(xs, [up(v) for v in _smoothed(drawn)]),
        log=log,
        y_ticks=y_ticks,
        x_ticks=x_ticks,
        x_label=x_label,
        stages=_stages(finite, across),
        readings=_readings(drawn, xs),
        dev=_path([x for x, _, _ in dev_points], [y for _, y, _ in dev_points]),
        dev_points=dev_points,
        dropped=len(points) - len(finite),
    )


def _thinned(points: Sequence[CurvePoint]) -> list[CurvePoint]:
    """At most about READINGS points: consecutive ones of one stage are averaged."""
    size = math.ceil(len(points) / READINGS)
    if size <= 1:
        return list(points)
    thinned: list[CurvePoint] = []
    i = 0
    while i < len(points):
        chunk = [p for p in points[i : i + size] if p.stage == points[i].stage]
        middle = chunk[len(chunk) // 2]
        loss = math.fsum(p.loss for p in chunk) / len(chunk)
        thinned.append(middle.model_copy(update={"loss": loss}))
        i += len(chunk)
    return thinned


def _smoothed(points: Sequence[CurvePoint]) -> list[float]:
    """The mean over each reading's neighbours of the same stage, as many to either side."""
    reach = len(points) // 40
    smooth = []
    for i, point in enumerate(points):
        side = min(reach, i, len(points) - 1 - i)
        while side and {p.stage for p in points[i - side : i + side + 1]} != {point.stage}:
            side -= 1
        near = [p.loss for p in points[i - side : i + side + 1]]
        smooth.append(math.fsum(near) / len(near))
    return smooth


def _loss_axis(losses: Sequence[float], log: bool) -> tuple[Callable[[float], float], tuple[Tick, ...]]:
    if log:
        axis = _Axis(math.log10(min(losses)), math.log10(max(losses)), log)
        powers = range(math.floor(axis.low), math.ceil(axis.high) + 1)
        places = [m * 10.0**p for p in powers for m in ((1, 3) if len(powers) <= 4 else (1,))]
        inside = [v for v in places if axis.low <= math.log10(v) <= axis.high + 1e-9]
    else:
        axis = _Axis(min(0.0, *losses), max(losses) * 1.06 or 1.0, log)
        inside = nice_ticks(axis.low, axis.high, 4)
    return axis, tuple(Tick(axis(v), f"{v:g}") for v in inside)


@dataclass(frozen=True, slots=True)
class _Axis:
    """Maps a loss to percent from the top."""

    low: float
    high: float
    log: bool

    def __call__(self, value: float) -> float:
        place = math.log10(value) if self.log else value
        return rounded(100 - 100 * (place - self.low) / ((self.high - self.low) or 1))


def _time_axis(points: Sequence[CurvePoint], start: float, end: float) -> tuple[str, tuple[Tick, ...]]:
    """Ticks at round times; each also says how many tokens had been seen by then."""
    unit, name = next((u, n) for u, n in ((3600, "hours"), (60, "minutes"), (1, "seconds")) if end >= 2 * u or u == 1)
    tokens = any(p.tokens for p in points)
    ticks = []
    for place in nice_ticks(start / unit, end / unit, 5):
        seen = max((p.tokens for p in points if p.seconds <= place * unit), default=0)
        second = wording.compact(seen) if tokens else ""
        ticks.append(Tick(rounded(100 * (place * unit - start) / (end - start)), f"{place:g}", second))
    return name, tuple(ticks)


def _stages(points: Sequence[CurvePoint], across: Callable[[float], float]) -> tuple[StageBand, ...]:
    starts = [p for i, p in enumerate(points) if i == 0 or p.stage != points[i - 1].stage]
    if not any(p.stage for p in starts):
        return ()
    edges = [across(p.seconds) for p in starts] + [100.0]
    return tuple(
        StageBand(wording.plain(p.stage), edges[i], rounded(max(edges[i + 1] - edges[i], 0)))
        for i, p in enumerate(starts)
    )


def _readings(points: Sequence[CurvePoint], xs: Sequence[float]) -> tuple[Reading, ...]:
    """Strips that touch half-way between neighbours, so that every place on the curve answers."""
    found = []
    for i, point in enumerate(points):
        left = (xs[i - 1] + xs[i]) / 2 if i else 0.0
        right = (xs[i] + xs[i + 1]) / 2 if i + 1 < len(xs) else 100.0
        tokens = f", {wording.compact(point.tokens)} tokens" if point.tokens else ""
        tip = f"Loss {point.loss:.3f} at step {wording.count(point.step)}, {wording.duration(point.seconds)}{tokens}"
        found.append(Reading(rounded(left), rounded(max(right - left, 0)), tip))
    return tuple(found)


def _path(xs: Sequence[float], ys: Sequence[float]) -> str:
    places = [f"{x * 10:.1f} {y * 10:.1f}" for x, y in zip(xs, ys, strict=True)]
    return "M" + "L".join(places) if places else ""
