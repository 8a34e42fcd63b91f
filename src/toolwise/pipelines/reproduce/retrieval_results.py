"""From each query's values to the retrieval experiment's tables, paired differences, findings and page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from toolwise.evaluation import difference_with_interval, mean_with_interval
from toolwise.pipelines.reproduce.findings import Conclusion, Finding, conclude, percent, points
from toolwise.pipelines.reproduce.findings_page import Section, cell, findings_page, plot, table
from toolwise.pipelines.reproduce.plots import Series, curve_plot
from toolwise.pipelines.reproduce.retrieval_search import (
    BM25,
    FUSED,
    PLAIN,
    RETRIEVERS,
    SCORES,
    TRAINED,
    UNTRAINED,
    Query,
)
from toolwise.types import Json, Metric, TaskKind

PLOT_FILE = "retrieval.svg"
ALL = "all"
KINDS = (ALL, *(kind.value for kind in TaskKind))
MAIN = "ndcg@5"
_CLAIMED = {
    (TRAINED, ALL): "78.0 / 84.9",
    (TRAINED, TaskKind.SINGLE.value): "84.2 / 89.7",
    (TRAINED, TaskKind.CATEGORY.value): "68.2 / 77.9",
    (TRAINED, TaskKind.COLLECTION.value): "81.7 / 87.1",
    (BM25, ALL): "18.5 / 17.0",
    (UNTRAINED, ALL): "49.6 / 45.4",
}
"""nDCG@1 / @5 of ToolLLM's table 2, in per cent; the encoder that was not trained on tools is Ada-002 there."""


@dataclass(frozen=True)
class Found:
    """Values of every query."""

    queries: Sequence[Query]
    strict: Json
    """Pool's size -> retriever -> score -> values."""
    versions_as_one: Json
    """Retriever -> score -> values, over the whole catalog."""

    @property
    def sizes(self) -> list[str]:
        return sorted(self.strict, key=int)

    def places(self, kind: str) -> list[int]:
        return [i for i, query in enumerate(self.queries) if kind in (ALL, query.kind.value)]

    def rate(self, values: Sequence[float], kind: str) -> Metric:
        """The mean over a kind's queries, clustered by toolset."""
        places = self.places(kind)
        return mean_with_interval([values[i] for i in places], [self.queries[i].cluster for i in places])

    def difference(self, left: tuple[str, str], right: tuple[str, str], kind: str = ALL, score: str = MAIN) -> Metric:
        """Of two (pool, retriever), paired by query."""
        places = self.places(kind)
        one, other = (self.strict[pool][name][score] for pool, name in (left, right))
        clusters = [self.queries[i].cluster for i in places]
        return difference_with_interval([one[i] for i in places], [other[i] for i in places], clusters)


def rate_rows(found: Found) -> list[Json]:
    """Pool, retriever, kind, score, value with its interval."""
    return [
        {"pool": int(size), "retriever": name, "kind": kind, "score": score, **metric.model_dump()}
        for size in found.sizes
        for name in RETRIEVERS
        for kind in KINDS
        for score, values in found.strict[size][name].items()
        if (metric := found.rate(values, kind)).n
    ]


def merged_rows(found: Found) -> list[Json]:
    """The same over the whole catalog, with one operation in several versions of an API counted as one."""
    return [
        {"retriever": name, "kind": ALL, "score": score, **found.rate(values, ALL).model_dump()}
        for name in RETRIEVERS
        for score, values in found.versions_as_one[name].items()
    ]


def findings_of(found: Found, leaks: Json) -> list[Finding]:
    """ToolLLM's table 2, claim by claim, over the whole catalog as the pool."""
    whole = found.sizes[-1]
    compared = [(TRAINED, PLAIN), (TRAINED, BM25), (TRAINED, UNTRAINED), (FUSED, TRAINED), (FUSED, BM25)]
    result = [_beats(found, whole, better, worse, ALL) for better, worse in compared]
    result += [_beats(found, whole, TRAINED, BM25, kind) for kind in KINDS[1:] if found.places(kind)]
    result.append(_hardest(found, whole))
    if len(found.sizes) > 1:
        result.append(_flattered(found))
    return [*result, _unseen(leaks)]


def _beats(found: Found, pool: str, better: str, worse: str, kind: str) -> Finding:
    difference = found.difference((pool, better), (pool, worse), kind)
    known = {BM25: _CLAIMED[BM25, ALL], PLAIN: _CLAIMED[BM25, ALL], UNTRAINED: _CLAIMED[UNTRAINED, ALL]}
    claimed = "not claimed there; ours"
    if better == TRAINED:
        against = f" against {known[worse]}" if kind == ALL else ", far above BM25"
        claimed = f"nDCG@1 / @5 {_CLAIMED[TRAINED, kind]}{against} (ToolLLM)"
    rates = [found.rate(found.strict[pool][name][MAIN], kind) for name in (better, worse)]
    shown = " against ".join(f"{100 * rate.value:.1f}%" for rate in rates)
    tasks = "" if kind == ALL else f", {kind} tasks"
    return Finding(
        claim=f"{better} finds tools better than {worse}{tasks}",
        claimed=claimed,
        measured=f"nDCG@5 {shown}: {points(difference)}, {int(pool):,} tools",
        verdict=conclude(difference),
    )


def _hardest(found: Found, pool: str) -> Finding:
    """Different queries, so nothing is paired: the intervals themselves must be apart."""
    rates = {kind: found.rate(found.strict[pool][TRAINED][MAIN], kind) for kind in KINDS[1:]}
    hardest = rates[TaskKind.CATEGORY.value]
    others = [rate for kind, rate in rates.items() if kind != TaskKind.CATEGORY.value]
    if not all(rate.n for rate in rates.values()):
        verdict = Conclusion.UNCLEAR
    elif all(hardest.high < rate.low for rate in others):
        verdict = Conclusion.HOLDS
    else:
        verdict = Conclusion.FAILS if any(hardest.low > rate.high for rate in others) else Conclusion.UNCLEAR
    return Finding(
        claim="tasks over one category are the hardest for the trained encoder",
        claimed="nDCG@5 77.9, single 89.7, collection 87.1 (ToolLLM)",
        measured="; ".join(f"{kind} {percent(rate)}" for kind, rate in rates.items()),
        verdict=verdict,
    )


def _flattered(found: Found) -> Finding:
    small, whole = found.sizes[0], found.sizes[-1]
    difference = found.difference((small, TRAINED), (whole, TRAINED))
    return Finding(
        claim=f"a pool of {int(small):,} tools flatters: the same queries score lower over {int(whole):,}",
        claimed="pools differ between publications",
        measured=f"nDCG@5 of the trained encoder: {points(difference)}",
        verdict=conclude(difference),
    )


def _unseen(leaks: Json) -> Finding:
    return Finding(
        claim="no tested toolset, and no tested tool under another name, was trained on",
        claimed="0 shared",
        measured=f"{leaks['toolsets']} toolsets and {leaks['tools']} of {leaks['relevant']} relevant tools shared",
        verdict=Conclusion.FAILS if leaks["toolsets"] or leaks["tools"] else Conclusion.HOLDS,
    )


def render(report: Json) -> tuple[str, dict[str, str]]:
    """The page, and its plots by file name."""
    rates, trained = report["rates"], report["training"]
    whole = max(row["pool"] for row in rates)
    counts = ", ".join(f"{count} {kind}" for kind, count in report["queries"].items())
    facts = (
        f"Held-out queries: {counts}, on toolsets and categories that training never saw. Pools are nested, hold every "
        f"relevant tool, and are filled with others at random; the largest is the whole catalog. The encoder was "
        f"trained for {trained['steps']} steps on {trained['pairs']:,} pairs, in {trained['seconds']:.0f} seconds "
        f"({report['hardware']['system']} {report['hardware']['machine']}); its share in the fusion, "
        f"{report['fusion_weight']:.2f}, was chosen on training's dev queries."
    )
    question = (
        "Does a trained encoder find the right tools better than word matching and than an untrained encoder, on "
        "single, category and collection tasks, and as the pool grows? (ToolLLM, arXiv 2307.16789, table 2.)"
    )
    sections = [
        Section(f"All queries, {whole:,} tools", _by_score(rates, whole)),
        Section("By kind of task, nDCG@1 and nDCG@5", _by_kind(rates, whole)),
        Section("By size of the pool, nDCG@5", [*_by_pool(rates), *plot("nDCG@5 by size of the pool", PLOT_FILE)]),
        Section("With versions of an API as one", [*_MERGED, "", *_merged_table(report["versions_as_one"])]),
    ]
    page = findings_page("Retrieval: measured", question, facts, report, sections)
    return page, {PLOT_FILE: curve_plot("nDCG@5 by size of the pool", "tools in the pool", _panels(rates))}


_MERGED = [
    "The same operation in several versions of an API counts as one tool; a query cannot tell them apart. All other "
    "figures on this page are strict."
]


def _cells(rows: Sequence[Json], **wanted: str | int) -> dict[str, Json]:
    """Retriever -> the one row that matches."""
    return {row["retriever"]: row for row in rows if all(row[key] == value for key, value in wanted.items())}


def _by_score(rates: Sequence[Json], pool: int) -> list[str]:
    of = {score: _cells(rates, pool=pool, kind=ALL, score=score) for score in SCORES}
    rows = [[name, *(cell(of[score][name]) for score in SCORES)] for name in RETRIEVERS]
    n = next(iter(of[MAIN].values()))["n"]
    return [f"n = {n} queries; 95% intervals clustered by toolset.", "", *table(["retriever", *SCORES], rows)]


def _by_kind(rates: Sequence[Json], pool: int) -> list[str]:
    kinds = [kind for kind in KINDS if _cells(rates, pool=pool, kind=kind, score=MAIN)]
    rows = []
    for name in RETRIEVERS:
        cells = [
            " / ".join(cell(_cells(rates, pool=pool, kind=kind, score=score)[name]) for score in ("ndcg@1", MAIN))
            for kind in kinds
        ]
        rows.append([name, *cells])
    titles = [f"{k} (n = {next(iter(_cells(rates, pool=pool, kind=k, score=MAIN).values()))['n']})" for k in kinds]
    claimed = [[f"ToolLLM's {name}", *(_CLAIMED.get((name, kind), "-") for kind in kinds)] for name in (BM25, TRAINED)]
    return table(["retriever", *titles], [*rows, *claimed])


def _by_pool(rates: Sequence[Json]) -> list[str]:
    pools = sorted({row["pool"] for row in rates})
    of = {pool: _cells(rates, pool=pool, kind=ALL, score=MAIN) for pool in pools}
    return table(
        ["retriever", *(f"{pool:,}" for pool in pools)], [[n, *(cell(of[p][n]) for p in pools)] for n in RETRIEVERS]
    )


def _merged_table(rows: Sequence[Json]) -> list[str]:
    of = {score: _cells(rows, score=score) for score in SCORES}
    return table(["retriever", *SCORES], [[name, *(cell(of[score][name]) for score in SCORES)] for name in RETRIEVERS])


def _panels(rates: Sequence[Json]) -> dict[str, list[Series]]:
    panels = {}
    for kind in dict.fromkeys(row["kind"] for row in rates):
        rows = [row for row in rates if row["kind"] == kind and row["score"] == MAIN]
        panels[f"{kind} tasks"] = [
            Series(name, {float(row["pool"]): row for row in rows if row["retriever"] == name}) for name in RETRIEVERS
        ]
    return panels
