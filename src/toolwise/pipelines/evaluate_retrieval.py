"""The verb `evaluate retrieval`: how well a retriever finds the right tools of a catalog for given queries."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from toolwise.catalog import CatalogFile, open_catalog
from toolwise.errors import DataError
from toolwise.evaluation import mean_with_interval
from toolwise.evaluation.benchmarks.lines import read_rows
from toolwise.evaluation.metrics import complete_at_k, ndcg_at_k, recall_at_k, reciprocal_rank
from toolwise.pipelines.retrievers import named_retriever
from toolwise.ports import Observer, Progress, silent
from toolwise.types import Frozen, Json, Metric

CUTOFFS = (1, 3, 5, 10)
DEPTH = 100
"""MRR looks so deep."""
_STAGE = "retrieval"
_CHUNK = 64
_AT_K: Mapping[str, Callable[[Sequence[str], Sequence[str], int], float]] = {
    "ndcg": ndcg_at_k,
    "recall": recall_at_k,
    "complete": complete_at_k,
}


class Question(Frozen):
    """A query and the tools of the catalog that serve it."""

    query: str
    relevant: tuple[str, ...]


def read_questions(path: Path, known: CatalogFile) -> tuple[list[Question], Json]:
    """The file's usable rows, and what was wrong with the others, counted. Raises DataError.

    A relevant tool that the catalog does not have cannot be found by anyone: it is counted and left out, and a query
    of which nothing is left is left out too.
    """
    broken: Counter[str] = Counter()
    questions: list[Question] = []
    unknown: Counter[str] = Counter()
    rows = 0
    for row in read_rows(path, broken):
        rows += 1
        reason = _flaw(row)
        if reason:
            broken[reason] += 1
            continue
        wanted = tuple(dict.fromkeys(row["relevant"]))
        found = tuple(tool for tool in wanted if tool in known)
        unknown.update(tool for tool in wanted if tool not in known)
        if found:
            questions.append(Question(query=row["query"], relevant=found))
        else:
            broken["no relevant tool is in the catalog"] += 1
    document = {
        "rows": rows + broken["not JSON"],
        "used": len(questions),
        "broken": dict(sorted(broken.items())),
        "unknown_tools": {"mentions": sum(unknown.values()), "distinct": len(unknown), "first": sorted(unknown)[:5]},
    }
    return questions, document


def _flaw(row: Json) -> str:
    if not isinstance(row, dict):
        return "not an object"
    if not isinstance(row.get("query"), str) or not row["query"].strip():
        return "no query"
    relevant = row.get("relevant")
    if not isinstance(relevant, list) or not all(isinstance(tool, str) for tool in relevant):
        return "relevant is not a list of tool ids"
    return "" if relevant else "nothing is relevant"


def score_retrieval(
    catalog: Path, queries: Path, retriever: str, *, seed: int = 0, observer: Observer = silent
) -> Json:
    """Scores over the whole catalog as the pool, with 95% intervals. Raises CatalogError, DataError, ConfigError."""
    opened = open_catalog(catalog)
    questions, file = read_questions(queries, opened)
    if not questions:
        reasons = ", ".join(f"{count} {reason}" for reason, count in file["broken"].items())
        raise DataError(
            f"{queries} holds no usable row{f' ({reasons})' if reasons else ''}; a row is "
            '{"query": "…", "relevant": ["toolset.tool", …]} with ids of the catalog'
        )
    began = time.perf_counter()
    chosen = named_retriever(opened, retriever, observer)
    ready = time.perf_counter()
    rankings: list[list[str]] = []
    for start in range(0, len(questions), _CHUNK):
        found = chosen.search([question.query for question in questions[start : start + _CHUNK]], DEPTH)
        rankings += [[hit.tool for hit in row] for row in found]
        observer(Progress(_STAGE, len(rankings), len(questions), retriever))
    searched = time.perf_counter() - ready
    return {
        "retriever": retriever,
        "pool": len(opened),
        "queries": len(questions),
        "relevant_per_query": sum(len(question.relevant) for question in questions) / len(questions),
        "scores": {name: metric.model_dump() for name, metric in ranking_metrics(rankings, questions, seed).items()},
        "depth": DEPTH,
        "file": file,
        "seconds": {"open": round(ready - began, 3), "per_query": round(searched / len(questions), 6)},
    }


def ranking_metrics(
    rankings: Sequence[Sequence[str]], questions: Sequence[Question], seed: int = 0
) -> dict[str, Metric]:
    """nDCG, recall and complete at each cut-off, and MRR; queries of one toolset are a cluster of the bootstrap."""
    clusters = [question.relevant[0].split(".", 1)[0] for question in questions]
    paired = list(zip(rankings, questions, strict=True))
    rows = {
        f"{name}@{k}": [metric(ranking, question.relevant, k) for ranking, question in paired]
        for name, metric in _AT_K.items()
        for k in CUTOFFS
    }
    rows["mrr"] = [reciprocal_rank(ranking[:DEPTH], question.relevant) for ranking, question in paired]
    return {name: mean_with_interval(values, clusters, seed=seed) for name, values in rows.items()}
