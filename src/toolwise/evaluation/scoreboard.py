"""Scoreboards: results of single tasks and queries, turned into metrics with intervals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from toolwise.evaluation.intervals import mean_with_interval
from toolwise.evaluation.metrics.complete_at_k import complete_at_k
from toolwise.evaluation.metrics.ndcg_at_k import ndcg_at_k
from toolwise.evaluation.metrics.recall_at_k import recall_at_k
from toolwise.evaluation.metrics.reciprocal_rank import reciprocal_rank
from toolwise.ports import Retriever
from toolwise.types import Metric, RetrievalPair

_DEPTH = 10
_VERSIONS = 5
"""An API has a few versions, so so many times the depth is searched where they count as one."""


@dataclass(frozen=True, slots=True)
class TaskResult:
    """What a policy achieved on one task; none where that was not measured, which leaves it out of the count."""

    cluster: str
    """The toolset, whose tasks resemble each other."""
    exact: bool | None = None
    """The first turn's call is the right one (single-call tasks)."""
    valid: bool | None = None
    """The first turn's call names a candidate and satisfies its schema; false if there is no call."""
    passed_react: bool | None = None
    """Solved by ReAct."""
    passed_dfsdt: bool | None = None
    """Solved by DFSDT with the same budget of model calls."""


def _rate(results: Iterable[tuple[str, bool | None]], seed: int) -> Metric:
    measured = [(cluster, float(value)) for cluster, value in results if value is not None]
    return mean_with_interval([value for _, value in measured], [cluster for cluster, _ in measured], seed=seed)


def scoreboard(results: Sequence[TaskResult], *, seed: int = 0) -> dict[str, Metric]:
    """`exact_call`, `valid_call`, `pass_react` and `pass_dfsdt` over these results."""
    return {
        "exact_call": _rate(((r.cluster, r.exact) for r in results), seed),
        "valid_call": _rate(((r.cluster, r.valid) for r in results), seed),
        "pass_react": _rate(((r.cluster, r.passed_react) for r in results), seed),
        "pass_dfsdt": _rate(((r.cluster, r.passed_dfsdt) for r in results), seed),
    }


def ranking_scores(
    rankings: Sequence[Sequence[str]], pairs: Sequence[RetrievalPair], clusters: Sequence[str] | None, *, seed: int = 0
) -> dict[str, Metric]:
    """Metrics of rankings (tool ids, best first, at least 10 deep if the pool has as many) against relevant tools."""
    rows: Mapping[str, list[float]] = {
        "ndcg@1": [ndcg_at_k(ranking, pair.relevant, 1) for ranking, pair in zip(rankings, pairs, strict=True)],
        "ndcg@5": [ndcg_at_k(ranking, pair.relevant, 5) for ranking, pair in zip(rankings, pairs, strict=True)],
        "recall@5": [recall_at_k(ranking, pair.relevant, 5) for ranking, pair in zip(rankings, pairs, strict=True)],
        "complete@5": [complete_at_k(ranking, pair.relevant, 5) for ranking, pair in zip(rankings, pairs, strict=True)],
        "ndcg@10": [ndcg_at_k(ranking, pair.relevant, 10) for ranking, pair in zip(rankings, pairs, strict=True)],
        "mrr@10": [reciprocal_rank(ranking[:10], pair.relevant) for ranking, pair in zip(rankings, pairs, strict=True)],
    }
    return {name: mean_with_interval(values, clusters, seed=seed) for name, values in rows.items()}


def retrieval_scores(
    retriever: Retriever,
    pairs: Sequence[RetrievalPair],
    clusters: Sequence[str] | None = None,
    *,
    equivalent: Mapping[str, str] | None = None,
    seed: int = 0,
) -> dict[str, Metric]:
    """nDCG@1, @5, @10, recall@5, COMPLETE@5 and MRR@10 over the retriever's whole pool.

    `clusters` gives each pair's toolset; by default it is that of the pair's first relevant tool.
    `equivalent` maps tools to one that stands for them, such as the same operation in another version of an API;
    given it, tools with the same stand-in count as one. Without it scores are strict.
    """
    if clusters is None:
        clusters = [pair.relevant[0].split(".", 1)[0] if pair.relevant else "" for pair in pairs]
    depth = _DEPTH if equivalent is None else _DEPTH * _VERSIONS
    rankings = [[hit.tool for hit in row] for row in retriever.search([pair.query for pair in pairs], depth)]
    if equivalent is not None:
        rankings = [_merged(ranking, equivalent) for ranking in rankings]
        pairs = [pair.model_copy(update={"relevant": tuple(_merged(pair.relevant, equivalent))}) for pair in pairs]
    return ranking_scores(rankings, pairs, clusters, seed=seed)


def _merged(tools: Sequence[str], equivalent: Mapping[str, str]) -> list[str]:
    """Stand-ins in place of tools, each at its first position."""
    return list(dict.fromkeys(equivalent.get(tool, tool) for tool in tools))
