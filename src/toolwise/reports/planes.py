"""What the page shows of cost against quality: contenders on a plane, and those that none as cheap surpasses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from toolwise.reports import charts, wording
from toolwise.reports.comparison import COSTS, cost_names, cost_text, looks
from toolwise.reports.document import Contender, RunDocument

_LABEL_ROOM, _LETTER = 7.0, 1.3
"""Percent of the height that a label needs for itself, and of the width that a letter does."""
_TWINS = 2.0
"""Dots nearer than so many percent are one to the eye."""


@dataclass(frozen=True, slots=True)
class Spot:
    """A contender on the plane of cost and quality; all places in percent, y from the top."""

    series: charts.Series
    x: float
    y: float
    low: float
    high: float
    label: str
    label_end: bool
    tip: str


@dataclass(frozen=True, slots=True)
class Plane:
    """Quality over one kind of cost."""

    title: str
    axis: str
    ticks: tuple[charts.Tick, ...]
    spots: tuple[Spot, ...]
    frontier: str
    """The path, in a box of 1000 by 1000, of those that nobody beats at their cost."""


def planes(document: RunDocument) -> tuple[Plane, ...]:
    """Pass rate over each kind of cost that at least two contenders know."""
    series = looks(document.contenders)
    found = []
    for name in cost_names(document.contenders):
        known = [c for c in document.contenders if name in c.costs]
        if len(known) > 1:
            found.append(_plane(name, known, series))
    return tuple(found)


def _plane(name: str, known: Sequence[Contender], series: Mapping[str, charts.Series]) -> Plane:
    top = max(c.costs[name].mean for c in known) * 1.12 or 1.0
    ticks = tuple(charts.Tick(charts.rounded(100 * v / top), f"{v:g}") for v in charts.nice_ticks(0, top, 5))
    places = [
        (charts.rounded(100 * c.costs[name].mean / top), charts.rounded(100 - 100 * c.passed.value)) for c in known
    ]
    spots: list[Spot] = []
    for at, c in enumerate(known):
        (x, y), cost = places[at], c.costs[name]
        tip = (
            f"{c.name}: {wording.value_text(c.passed)} at {cost_text(name, cost.mean)} {COSTS[name].lower()} a task "
            f"(n = {wording.count(cost.n)})"
        )
        low, high = charts.rounded(100 - 100 * c.passed.low), charts.rounded(100 - 100 * c.passed.high)
        label, to_left = _spot_label(at, places, [other.name for other in known], spots)
        spots.append(Spot(series[c.key], x, y, low, high, label, to_left, tip))
    what = COSTS[name].lower()
    return Plane(f"Pass rate over {what}", f"{what} a task", ticks, tuple(spots), _frontier(spots))


def _spot_label(
    at: int, places: Sequence[tuple[float, float]], names: Sequence[str], before: Sequence[Spot]
) -> tuple[str, bool]:
    """The name beside a dot, and whether it stands to its left; none where another dot or label is in the way."""
    x, y = places[at]
    near = [i for i, (a, b) in enumerate(places) if i != at and abs(b - y) < _LABEL_ROOM]
    twins = [i for i in near if abs(places[i][0] - x) < _TWINS]
    if any(i < at for i in twins):
        return "", False
    label = names[at] + (f" and {wording.plural(len(twins), 'other')}" if twins else "")
    taken = [(places[i][0] - _TWINS, places[i][0] + _TWINS) for i in near if i not in twins]
    taken += [_reach(s.x, s.label, s.label_end) for s in before if s.label and abs(s.y - y) < _LABEL_ROOM]
    for to_left in (True, False) if x > 55 else (False, True):
        start, end = _reach(x, label, to_left)
        if start >= 0 and end <= 100 and not any(low < end and start < high for low, high in taken):
            return label, to_left
    return "", False


def _reach(x: float, label: str, to_left: bool) -> tuple[float, float]:
    """From where to where a label goes, in percent of the width of half a page."""
    width = _LETTER * len(label)
    return (x - width, x) if to_left else (x, x + width)


def _frontier(spots: Sequence[Spot]) -> str:
    """Steps through the contenders that no cheaper one equals."""
    path, best = "", 100.0
    for spot in sorted(spots, key=lambda s: (s.x, s.y)):
        if spot.y < best:
            path += f"M{spot.x * 10:.1f} {spot.y * 10:.1f}" if not path else f"H{spot.x * 10:.1f}V{spot.y * 10:.1f}"
            best = spot.y
    return f"{path}H1000" if path else ""
