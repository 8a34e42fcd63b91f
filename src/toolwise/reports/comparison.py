"""What the page shows of contenders side by side: leaderboard, heat map, failures, pairs of attempts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from toolwise.reports import charts, wording
from toolwise.reports.document import Contender, RunDocument
from toolwise.reports.sections import COLOURS
from toolwise.reports.trees import TreeView
from toolwise.types import Metric

PALETTE = ("blue", "orange", "green", "purple", "ochre", "sky", "red", "grey")
SHAPES = ("circle", "square", "triangle", "diamond")
LEVELS = 10
"""Shades of a heat map."""
EXAMPLES = 3
"""Examples shown of each kind of failure."""


@dataclass(frozen=True, slots=True)
class BoardRow:
    """One line of the leaderboard."""

    rank: str
    """Empty where the one before scores the same."""
    contender: Contender
    mark: charts.Mark
    value: str
    interval: str
    n: str
    costs: tuple[str, ...]
    """In the order of `Board.columns`: the first cost a task and a solved task, then the others a task."""
    against: str
    verdict: str
    """`better`, `worse` or `unsure`, for its colour; empty for the first."""


@dataclass(frozen=True, slots=True)
class Board:
    """The leaderboard."""

    legend: tuple[charts.Series, ...]
    rows: tuple[BoardRow, ...]
    columns: tuple[str, ...]
    lede: str


@dataclass(frozen=True, slots=True)
class HeatCell:
    """A rate as a shade."""

    value: str
    note: str
    level: int
    tip: str


@dataclass(frozen=True, slots=True)
class HeatRow:
    """One row of a heat map."""

    label: str
    note: str
    series: charts.Series | None
    cells: tuple[HeatCell | None, ...]


@dataclass(frozen=True, slots=True)
class Heat:
    """Rows of shades under named columns."""

    columns: tuple[tuple[str, str], ...]
    """Each with its n or a note."""
    rows: tuple[HeatRow, ...]


@dataclass(frozen=True, slots=True)
class Example:
    """One failed attempt on the page."""

    anchor: str
    agent: str
    instruction: str
    detail: str


@dataclass(frozen=True, slots=True)
class KindView:
    """A kind of failure with examples."""

    kind: str
    label: str
    definition: str
    examples: tuple[Example, ...]


@dataclass(frozen=True, slots=True)
class Attempted:
    """A tree of a task, by contender."""

    contender: str
    name: str
    tree: str
    result: str


@dataclass(frozen=True, slots=True)
class PairTask:
    """A task that several contenders' trees on the page attempt."""

    instruction: str
    setting: str
    attempts: tuple[Attempted, ...]


def looks(contenders: Sequence[Contender]) -> dict[str, charts.Series]:
    """Key -> colour and shape: one colour an agent of a run, one shape a strategy and set of candidates."""
    colours: dict[tuple[str, str], str] = {}
    one_run = len({c.run for c in contenders}) == 1
    manners = list(dict.fromkeys((c.strategy, c.offer) for c in contenders))
    known = {COLOURS[c.agent][0] for c in contenders if one_run and c.agent in COLOURS}
    spare = [colour for colour in PALETTE if colour not in known]
    found = {}
    for contender in contenders:
        owner = (contender.run, contender.agent)
        if owner not in colours:
            ours = COLOURS[contender.agent][0] if one_run and contender.agent in COLOURS else ""
            colours[owner] = ours or (spare.pop(0) if spare else PALETTE[len(colours) % len(PALETTE)])
        at = manners.index((contender.strategy, contender.offer)) if len(manners) > 1 else len(colours) - 1
        found[contender.key] = charts.Series(contender.key, contender.name, colours[owner], SHAPES[at % len(SHAPES)])
    return found


# Leaderboard ----------------------------------------------------------------------------------------------------------


def board(document: RunDocument) -> Board | None:
    """Every contender with its pass rate, what it cost, and how sure it is that it is behind the first."""
    if not document.contenders:
        return None
    series = looks(document.contenders)
    costs = cost_names(document.contenders)
    rows: list[BoardRow] = []
    before: float | None = None
    known = (contender.costs.get(name) for contender in document.contenders for name in costs[:1])
    solved = costs[0] if any(cost and cost.per_solved is not None for cost in known) else None
    for place, contender in enumerate(document.contenders, 1):
        panel = charts.interval_panel("passed", [("", {contender.key: contender.passed})], [series[contender.key]])
        said, verdict = _against(contender, first=place == 1)
        cells = []
        for name in costs:
            cost = contender.costs.get(name)
            cells.append(cost_text(name, cost.mean) if cost else "")
            if name == solved:
                cells.append(cost_text(name, cost.per_solved) if cost else "")
        rows.append(
            BoardRow(
                rank="" if contender.passed.value == before else str(place),
                contender=contender,
                mark=panel.groups[0].marks[0],
                value=wording.value_text(contender.passed),
                interval=wording.interval_text(contender.passed),
                n=wording.count(contender.passed.n),
                costs=tuple(cells),
                against=said,
                verdict=verdict,
            )
        )
        before = contender.passed.value
    columns = [f"{COSTS[name]} a task" for name in costs]
    columns[1:1] = ["A solved task"] if solved else []
    return Board(tuple(series.values()), tuple(rows), tuple(columns), _lede(document.contenders))


COSTS: Mapping[str, str] = {
    "model_calls": "Model calls",
    "tokens": "Tokens",
    "seconds": "Seconds",
    "money": "Money",
}


def cost_names(contenders: Iterable[Contender]) -> list[str]:
    """The kinds of cost that any contender has had."""
    named = {name for contender in contenders for name, cost in contender.costs.items() if cost.mean > 0}
    return [name for name in COSTS if name in named]


def cost_text(name: str, value: float | None) -> str:
    """A cost with as many digits as it deserves."""
    if value is None:
        return wording.MISSING
    if name == "tokens":
        return wording.count(value)
    return f"{value:.3g}" if name == "money" else f"{value:.2f}"


def _against(contender: Contender, *, first: bool) -> tuple[str, str]:
    against = contender.against
    if first:
        return "", ""
    if against is None:
        return "no task in common", "unsure"
    metric = against.difference
    points = f"{100 * metric.value:+.1f} [{100 * metric.low:.1f}, {100 * metric.high:.1f}]".replace("-", "−")
    if against.better == "cannot_tell":
        return f"{points}: cannot tell", "unsure"
    return f"{points}", "worse" if against.better == "first" else "better"


def _lede(contenders: Sequence[Contender]) -> str:
    best = contenders[0]
    text = f"{best.name} passes {wording.value_text(best.passed)} of {wording.plural(best.passed.n, 'task')}"
    rivals = [c for c in contenders[1:] if c.against is not None]
    level = [c.name for c in rivals if c.against is not None and c.against.better == "cannot_tell"]
    if not rivals:
        return f"{text}."
    if len(level) == len(rivals):
        return f"{text}; on these tasks it cannot be told from any other."
    if level:
        shown = ", ".join(level[:3]) + (" and others" if len(level) > 3 else "")
        return f"{text}; it cannot be told from {shown}."
    return f"{text}, and is better than every other on the tasks that both attempted."


# Heat maps ------------------------------------------------------------------------------------------------------------


def settings(document: RunDocument) -> Heat | None:
    """Contenders by setting; none where there is but one setting."""
    names = list(dict.fromkeys(name for c in document.contenders for name in c.by_setting))
    if len(names) < 2:
        return None
    order = [name for name in (*wording.SPLITS, *wording.SETTINGS) if name in names]
    names = order + [name for name in names if name not in order]
    series = looks(document.contenders)
    rows = []
    for contender in document.contenders:
        cells = tuple(
            _rate_cell(contender.name, name, contender.by_setting[name]) if name in contender.by_setting else None
            for name in names
        )
        rows.append(HeatRow(contender.name, "", series[contender.key], cells))
    columns = tuple((wording.split_label(name), _sizes(document.contenders, name)) for name in names)
    return Heat(columns, tuple(rows))


def _sizes(contenders: Sequence[Contender], setting: str) -> str:
    found = sorted({c.by_setting[setting].n for c in contenders if setting in c.by_setting})
    return f"n = {wording.count(found[0])}" + (f" to {wording.count(found[-1])}" if len(found) > 1 else "")


def _rate_cell(name: str, setting: str, metric: Metric) -> HeatCell:
    value, interval = wording.value_text(metric), wording.interval_text(metric)
    tip = f"{name}, {wording.split_label(setting)}: {value}, 95% interval {interval}, n = {wording.count(metric.n)}"
    return HeatCell(value, interval, level(metric.value) if metric.n else 0, tip)


def level(share: float) -> int:
    """A share in [0, 1] as a shade: 0 for nothing at all, else 1 to `LEVELS`."""
    return 0 if share <= 0 else min(LEVELS, 1 + int(share * LEVELS))


def failures(document: RunDocument) -> Heat | None:
    """Kinds of failure by contender, as shares of the tasks whose attempt is known; none where nothing failed."""
    contenders = [c for c in document.contenders if c.known]
    kinds = kinds_by_count(document)
    if not kinds:
        return None
    columns = tuple((c.name, f"of {wording.plural(c.known, 'task')}") for c in contenders)
    most = max(count / c.known for c in contenders for count in c.failures.values())
    rows = []
    for kind in kinds:
        cells = []
        for c in contenders:
            count = c.failures.get(kind, 0)
            share, kind_said = count / c.known, wording.plain(kind).lower()
            tip = f"{c.name}: {kind_said} in {wording.count(count)} of {wording.plural(c.known, 'task')}"
            note = wording.percent(share) if count else ""
            cells.append(HeatCell(wording.count(count), note, level(share / most), tip))
        rows.append(HeatRow(wording.plain(kind), document.failure_kinds[kind], None, tuple(cells)))
    return Heat(columns, tuple(rows))


def kinds_by_count(document: RunDocument) -> list[str]:
    """The kinds that occur, the most common first."""
    totals = {kind: sum(c.failures.get(kind, 0) for c in document.contenders) for kind in document.failure_kinds}
    return sorted((kind for kind, total in totals.items() if total), key=lambda kind: -totals[kind])


def failure_examples(document: RunDocument, shown: Sequence[TreeView]) -> tuple[KindView, ...]:
    """Of each kind that occurs, some attempts that are on the page: of different contenders, as far as there are."""
    found = []
    for kind in kinds_by_count(document):
        of_kind = [view for view in shown if view.sample.failure == kind]
        chosen: list[TreeView] = []
        for part in ("agent", "task"):  # first other agents with other tasks, then at least other tasks
            for view in of_kind:
                tasks = {other.sample.task.key for other in chosen}
                agents = {other.sample.agent for other in chosen} if part == "agent" else set()
                if len(chosen) < EXAMPLES and view.sample.task.key not in tasks and view.sample.agent not in agents:
                    chosen.append(view)
        examples = tuple(
            Example(
                anchor=view.id if view.sample.failure_node is None else f"{view.id}-node-{view.sample.failure_node}",
                agent=view.agent,
                instruction=view.instruction.text[:220],
                detail=view.sample.failure_detail,
            )
            for view in chosen
        )
        if examples:
            found.append(KindView(kind, wording.plain(kind), document.failure_kinds[kind], examples))
    return tuple(found)


# Pairs ----------------------------------------------------------------------------------------------------------------


def pairs(document: RunDocument, shown: Sequence[TreeView]) -> tuple[PairTask, ...]:
    """Tasks that at least two contenders attempt on this page; those on which they differ come first."""
    names = {c.key: c.name for c in document.contenders}
    order = {key: place for place, key in enumerate(names)}
    by_task: dict[str, list[TreeView]] = {}
    for view in shown:
        if view.sample.contender in names:
            by_task.setdefault(view.sample.task.key, []).append(view)
    found = []
    for views in by_task.values():
        if len({view.sample.contender for view in views}) < 2:
            continue
        views.sort(key=lambda view: order[view.sample.contender])
        attempts = tuple(Attempted(v.sample.contender, names[v.sample.contender], v.id, v.result) for v in views)
        found.append(PairTask(views[0].instruction.text[:220], views[0].split, attempts))
    found.sort(key=lambda task: len({attempt.result for attempt in task.attempts}) < 2)
    return tuple(found)


def raw_link(path: str) -> str:
    """A relative place as an address that a browser follows from the page; empty for anything else."""
    return quote(path, safe="/.~-_") if path and not path.startswith("/") else ""
