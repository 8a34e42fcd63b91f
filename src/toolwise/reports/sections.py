"""What each section of the page shows, worked out of a RunDocument; templates only lay it out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from toolwise.reports import charts, wording
from toolwise.reports.document import RunDocument, SplitMetrics
from toolwise.types import Json, Metric

MODEL = "model"
"""The trained model's name among the agents."""
COLOURS: Mapping[str, tuple[str, str]] = {
    MODEL: ("blue", "circle"),
    "nearest_tool": ("orange", "square"),
    "untrained": ("purple", "triangle"),
    "null": ("grey", "diamond"),
    "bm25": ("ochre", "square"),
    "dense": ("sky", "triangle"),
    "fusion": ("green", "circle"),
}
"""Name -> colour class and shape: an agent looks the same wherever it appears."""
SPARE = (("green", "square"), ("sky", "diamond"), ("ochre", "triangle"), ("red", "square"), ("purple", "circle"))
CATEGORIES_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Headline:
    """One of the numbers at the top."""

    label: str
    note: str
    value: str
    interval: str
    n: str
    mark: charts.Mark
    rival: charts.Mark | None
    rival_text: str


@dataclass(frozen=True, slots=True)
class Cell:
    """A metric in a table."""

    value: str
    interval: str
    n: str


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table of metrics."""

    group: str
    group_note: str
    first: bool
    """Does the group begin here?"""
    series: charts.Series
    cells: tuple[Cell | None, ...]

    @property
    def n(self) -> str:
        """The n that all cells share; empty where they differ."""
        sizes = {cell.n for cell in self.cells if cell}
        return sizes.pop() if len(sizes) == 1 else ""


@dataclass(frozen=True, slots=True)
class Metrics:
    """A set of panels and the table of the same numbers."""

    legend: tuple[charts.Series, ...]
    panels: tuple[charts.Panel, ...]
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    lede: str

    @property
    def notes(self) -> tuple[tuple[str, str], ...]:
        """What each agent is, where it needs saying."""
        return tuple((s.label, wording.AGENT_NOTES[s.name]) for s in self.legend if s.name in wording.AGENT_NOTES)


@dataclass(frozen=True, slots=True)
class Chart:
    """A titled set of bars."""

    title: str
    unit: str
    bars: tuple[charts.Bar, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Tile:
    """A number with its name."""

    value: str
    label: str


def series(names: Iterable[str]) -> tuple[charts.Series, ...]:
    """Colours and shapes for these agents, in order."""
    spare, found = list(SPARE), []
    for name in names:
        look = COLOURS.get(name) or (spare.pop(0) if spare else SPARE[0])
        found.append(charts.Series(name, wording.agent_label(name), *look))
    return tuple(found)


def _in_order(groups: Iterable[Iterable[str]]) -> list[str]:
    """Every name once, by first appearance."""
    return list(dict.fromkeys(name for group in groups for name in group))


# Results --------------------------------------------------------------------------------------------------------------


def agents(document: RunDocument) -> dict[str, SplitMetrics]:
    """The trained model first, then the baselines."""
    found: dict[str, SplitMetrics] = {MODEL: document.model} if document.model else {}
    return {**found, **{name: metrics for name, metrics in document.baselines.items() if metrics}}


def results(document: RunDocument) -> Metrics | None:
    """Every agent on every split; none where nothing was measured."""
    everyone = agents(document)
    legend = series(everyone)
    splits = _in_order(everyone.values())
    names = _in_order(metrics for by_split in everyone.values() for metrics in by_split.values())
    if not names:
        return None

    def measured(split: str, name: str) -> dict[str, Metric]:
        return {a: m for a, by_split in everyone.items() if (m := by_split.get(split, {}).get(name)) is not None}

    panels = [
        charts.interval_panel(name, [(wording.split_label(s), measured(s, name)) for s in splits], legend)
        for name in names
    ]
    rows: list[Row] = []
    for split in splits:
        present = [s for s in legend if everyone[s.name].get(split)]
        for i, agent in enumerate(present):
            metrics = everyone[agent.name][split]
            label, note = wording.SPLITS.get(split, (wording.plain(split), ""))
            rows.append(Row(label, note, i == 0, agent, _cells(metrics, names)))
    columns = tuple(wording.metric_label(name) for name in names)
    return Metrics(legend, tuple(p for p in panels if p.groups), columns, tuple(rows), _results_lede(document))


def _cells(metrics: Mapping[str, Metric], names: Sequence[str]) -> tuple[Cell | None, ...]:
    found: list[Cell | None] = []
    for name in names:
        metric = metrics.get(name)
        if metric is None:
            found.append(None)
        else:
            found.append(Cell(wording.value_text(metric), wording.interval_text(metric), wording.count(metric.n)))
    return tuple(found)


def _results_lede(document: RunDocument) -> str:
    for split in ("unseen_toolset", *document.model):
        metric = document.model.get(split, {}).get("exact_call")
        if metric is None or not wording.measured(metric):
            continue
        text = (
            f"{wording.split_label(split)}: the trained model makes exactly the right call in "
            f"{wording.value_text(metric)} of {wording.plural(metric.n, 'task')}"
        )
        rival = _best_rival(document.baselines, split, "exact_call")
        if rival is None:
            return text + "."
        name, other = rival
        gap = 100 * (metric.value - other.value)
        side = "above" if gap >= 0 else "below"
        return f"{text}, {abs(gap):.1f} points {side} the best baseline ({wording.agent_label(name).lower()})."
    return ""


def _best_rival(
    everyone: Mapping[str, SplitMetrics], split: str, name: str, agent: str = ""
) -> tuple[str, Metric] | None:
    found = [
        (other, metric)
        for other, by_split in everyone.items()
        if other != agent and (metric := by_split.get(split, {}).get(name)) is not None and wording.measured(metric)
    ]
    return max(found, key=lambda row: row[1].value, default=None)


def retrieval(document: RunDocument) -> Metrics | None:
    """Every retriever over the same pool."""
    found = {name: metrics for name, metrics in document.retrieval.items() if metrics}
    names = _in_order(found.values())
    if not names:
        return None
    legend = series(found)
    panels = []
    for name in names:
        metrics = {retriever: by_name[name] for retriever, by_name in found.items() if name in by_name}
        panels.append(charts.interval_panel(name, [("", metrics)], legend))
    rows = tuple(Row("", "", False, agent, _cells(found[agent.name], names)) for agent in legend)
    pool = f" among {wording.plural(document.retrieval_pool, 'tool')}" if document.retrieval_pool else ""
    lede = f"Given only the words of a request, each retriever ranks the tools that would serve it{pool}."
    columns = tuple(wording.metric_label(name) for name in names)
    return Metrics(legend, tuple(p for p in panels if p.groups), columns, rows, lede)


# The top --------------------------------------------------------------------------------------------------------------

WANTED = (
    ("unseen_toolset", "exact_call"),
    ("unseen_category", "exact_call"),
    ("unseen_toolset", "pass_dfsdt"),
)


def headlines(document: RunDocument) -> list[Headline]:
    """Up to four numbers: what matters most of what was measured."""
    model = document.model
    wanted = [pair for pair in WANTED if wording.measured(model.get(pair[0], {}).get(pair[1], _NOTHING))]
    every = [(s, m) for s, metrics in model.items() for m, metric in metrics.items() if wording.measured(metric)]
    wanted = (wanted + [pair for pair in every if pair not in wanted])[:3]
    found = []
    for split, name in wanted:
        rival = _best_rival(document.baselines, split, name)
        found.append(_headline(MODEL, name, wording.split_label(split), model[split][name], rival))
    by_retriever = {retriever: {"": metrics} for retriever, metrics in document.retrieval.items()}
    for name in ("ndcg@5", *_in_order(document.retrieval.values())):
        best = _best_rival(by_retriever, "", name)
        if best is not None:
            rival = _best_rival(by_retriever, "", name, agent=best[0])
            note = f"{wording.agent_label(best[0])}"
            if document.retrieval_pool:
                note += f", among {wording.count(document.retrieval_pool)} tools"
            found.append(_headline(best[0], name, note, best[1], rival))
            break
    return found


_NOTHING = Metric(value=0, n=0, low=0, high=0)


def _headline(agent: str, name: str, note: str, metric: Metric, rival: tuple[str, Metric] | None) -> Headline:
    metrics = {agent: metric, **({rival[0]: rival[1]} if rival else {})}
    panel = charts.interval_panel(name, [("", metrics)], series(metrics))
    marks = {mark.series.name: mark for mark in panel.groups[0].marks}
    text = f"{wording.agent_label(rival[0])}: {wording.value_text(rival[1])}" if rival else ""
    return Headline(
        label=wording.metric_label(name),
        note=note,
        value=wording.value_text(metric),
        interval=wording.interval_text(metric),
        n=wording.count(metric.n),
        mark=marks[agent],
        rival=marks[rival[0]] if rival else None,
        rival_text=text,
    )


def about(document: RunDocument) -> list[str]:
    """Three lines for someone who has never heard of this."""
    if document.about:
        return list(document.about)
    source = "Toolwise turns the documents that describe APIs into a catalog of tools that a program can call."
    if document.catalog and document.catalog.tools:
        source = (
            f"Toolwise read the documents of {wording.plural(document.catalog.toolsets, 'API')} and turned them into "
            f"a catalog of {wording.plural(document.catalog.tools, 'tool')} that a program can call."
        )
    made = (
        "From the catalog it wrote requests in plain words, ran the right calls to be sure of them, "
        "and trained a small language model to turn such a request into the right call."
    )
    read = (
        "Every rate comes with n, the number of cases behind it, and a 95% interval, "
        "the range in which the true rate plausibly lies."
    )
    if any(sample.task.world.name == "simulated" for sample in document.samples):
        read += " Tools ran in a simulation made from their documentation, not against live services."
    return [source, made, read]


# Counts ---------------------------------------------------------------------------------------------------------------


def funnels(document: RunDocument) -> list[charts.FunnelBar]:
    """One bar a stage, all on one scale."""
    largest = max((funnel.entered for funnel in document.funnels.values()), default=0)
    return [charts.funnel_bar(wording.plain(name), f, largest) for name, f in document.funnels.items()]


def _chart(title: str, unit: str, rows: Iterable[tuple[str, float]]) -> list[Chart]:
    found = charts.bars(rows)
    return [Chart(title, unit, found)] if found else []


def _categories(title: str, unit: str, counts: Mapping[str, int]) -> list[Chart]:
    """The largest as bars; the others in a note, since their sum would dwarf the bars."""
    rows = charts.largest_first(counts)
    shown, rest = rows[:CATEGORIES_SHOWN], rows[CATEGORIES_SHOWN:]
    others = f"And {wording.plural(len(rest), 'other')}, together {wording.count(sum(n for _, n in rest))}."
    return [Chart(title, unit, charts.bars(shown), others if rest else "")] if shown else []


def _named(counts: Mapping[str, int], labels: Mapping[str, str] | None = None) -> list[tuple[str, int]]:
    return [((labels or {}).get(name) or wording.plain(name), number) for name, number in counts.items()]


def corpus(document: RunDocument) -> tuple[list[Tile], list[Chart]]:
    """Tiles and charts; both empty where there is no corpus."""
    found = document.corpus
    if found is None:
        return [], []
    counts = ((found.tasks, "accepted tasks"), (found.toolsets, "toolsets used"), (found.tools, "tools used"))
    tiles = [Tile(wording.count(number), label) for number, label in counts if number]
    tiles += [Tile(wording.count(number), wording.EXAMPLES.get(name, name)) for name, number in found.examples.items()]
    calls = [(wording.plural(k, "call"), found.calls_per_task[k]) for k in sorted(found.calls_per_task)]
    splits = [(wording.split_label(name), number) for name, number in found.by_split.items()]
    charts_found = [
        *_chart("By split", "tasks", splits),
        *_chart("By kind", "tasks", _named(found.by_kind)),
        *_chart("By pattern", "tasks", _named(found.by_pattern)),
        *_chart("Right calls a task needs", "tasks", calls),
        *_categories("By category", "tasks", found.by_category),
    ]
    return tiles, charts_found


def catalog(document: RunDocument) -> tuple[list[Tile], list[Chart]]:
    """Tiles and charts; both empty where there is no catalog."""
    found = document.catalog
    if found is None:
        return [], []
    counts = ((found.toolsets, "toolsets"), (found.tools, "tools"), (found.parameters, "parameters"))
    tiles = [Tile(wording.count(number), label) for number, label in counts if number]
    if found.tools_per_second:
        tiles.append(Tile(wording.count(found.tools_per_second), "tools read a second"))
    left_out = [(wording.plain(reason), number) for reason, number in charts.largest_first(found.left_out)]
    return tiles, [*_categories("Categories", "toolsets", found.categories), *_chart("Left out, and why", "", left_out)]


def timings(document: RunDocument) -> tuple[list[Tile], list[Chart]]:
    """Seconds a stage, and the peak of memory."""
    stages = {name: seconds for name, seconds in document.seconds.items() if name != "total"}
    tiles = []
    if document.seconds:
        total = document.seconds.get("total", sum(stages.values()))
        tiles.append(Tile(wording.duration(total), "wall time in all"))
    if document.peak_memory_mb is not None:
        tiles.append(Tile(f"{wording.count(document.peak_memory_mb)} MB", "peak memory"))
    texts = [wording.duration(seconds) for seconds in stages.values()]
    bars = charts.bars([(wording.plain(name), seconds) for name, seconds in stages.items()], texts)
    return tiles, [Chart("Wall time by stage", "seconds", bars)] if bars else []


def provenance(document: RunDocument) -> tuple[str, list[tuple[str, str]], list[tuple[str, Json]]]:
    """The command, the plain values, and the values that have parts."""
    values = dict(document.provenance)
    command = values.pop("command", "")
    if isinstance(command, list):
        command = " ".join(str(part) for part in command)
    flat = [(wording.plain(k), _scalar(v)) for k, v in values.items() if not isinstance(v, dict | list | tuple)]
    nested = [(wording.plain(k), v) for k, v in values.items() if isinstance(v, dict | list | tuple)]
    return str(command or ""), flat, nested


def _scalar(value: Json) -> str:
    if value is None:
        return wording.MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
