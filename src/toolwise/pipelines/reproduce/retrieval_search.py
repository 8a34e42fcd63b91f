"""The retrieval experiment's search: nested pools, four retrievers and a plain one, and what each finds for a query."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from toolwise.catalog import CatalogFile
from toolwise.evaluation import complete_at_k, ndcg_at_k, recall_at_k
from toolwise.ports import Observer, Progress
from toolwise.retrieval import (
    Bm25Retriever,
    DenseRetriever,
    Document,
    Encoder,
    FusionRetriever,
    PlainBm25Retriever,
    equivalent_tools,
    tool_documents,
)
from toolwise.retrieval.documents import Field
from toolwise.retrieval.encoder import document_features
from toolwise.retrieval.ranking import PoolRetriever
from toolwise.types import Frozen, Json, TaskKind

PLAIN, BM25, UNTRAINED, TRAINED, FUSED = "BM25 (plain words)", "BM25", "untrained encoder", "trained encoder", "fused"
RETRIEVERS = (PLAIN, BM25, UNTRAINED, TRAINED, FUSED)
SCORES = {
    "ndcg@1": partial(ndcg_at_k, k=1),
    "ndcg@5": partial(ndcg_at_k, k=5),
    "recall@5": partial(recall_at_k, k=5),
    "complete@5": partial(complete_at_k, k=5),
}
_DEPTH = 40
"""So many hits are looked at where versions of one operation count as one."""


class Query(Frozen):
    """An instruction of a held-out task, and the tools that serve it."""

    query: str
    kind: TaskKind
    relevant: tuple[str, ...]

    @property
    def cluster(self) -> str:
        """The first relevant tool's toolset: queries on it resemble each other."""
        return self.relevant[0].partition(".")[0]


def untrained_encoder(dimensions: int) -> Encoder:
    """The encoder before its first step: every word a fixed random vector, weighted by its rarity in the pool."""
    none = np.zeros(0, dtype=np.float32)
    gains = np.ones(len(Field), dtype=np.float32)
    return Encoder({}, np.zeros((0, dimensions), dtype=np.float32), none, none, gains)


def nested_pools(tools: Sequence[str], queries: Sequence[Query], sizes: Sequence[int], seed: int) -> list[list[str]]:
    """Pools of these sizes, each within the next, the last one of all tools; every relevant tool is in all of them.

    The others are drawn at random. A size smaller than the relevant tools, or than which the catalog is not larger,
    is left out.
    """
    relevant = {tool for query in queries for tool in query.relevant}
    others = [tool for tool in tools if tool not in relevant]
    order = random.Random(f"pool:{seed}").sample(others, len(others))
    fitting = [size for size in sorted(set(sizes)) if len(relevant) <= size < len(tools)]
    chosen = [relevant | set(order[: size - len(relevant)]) for size in fitting]
    return [[tool for tool in tools if tool in pool] for pool in chosen] + [list(tools)]


@dataclass(frozen=True)
class SearchJob:
    """All retrievers on all queries over the pools."""

    catalog: CatalogFile
    encoder: Path
    queries: Sequence[Query]
    sizes: Sequence[int]
    seed: int


def search_pools(job: SearchJob, observer: Observer) -> Json:
    """Pool's size -> retriever -> score -> a value for each query; and the same with versions as one, in the last."""
    documents = {document.tool: document for document in tool_documents(job.catalog)}
    features = {tool: document_features(document) for tool, document in documents.items()}
    pools = nested_pools(list(documents), job.queries, job.sizes, job.seed)
    encoders = {TRAINED: Encoder.load(job.encoder)}
    encoders[UNTRAINED] = untrained_encoder(encoders[TRAINED].dimensions)
    equivalent = equivalent_tools(job.catalog)
    strict: dict[str, Json] = {}
    merged: dict[str, Json] = {}
    for done, pool in enumerate(pools):
        observer(Progress("retrieval", done, len(pools), f"{len(pool):,} tools"))
        shown = [documents[tool] for tool in pool]
        dense = {name: DenseRetriever.build(shown, e, [features[t] for t in pool]) for name, e in encoders.items()}
        rankings = {
            name: [[hit.tool for hit in row] for row in retriever.search([q.query for q in job.queries], _DEPTH)]
            for name, retriever in _retrievers(shown, dense).items()
        }
        strict[str(len(pool))] = {name: _values(ranked, job.queries, {}) for name, ranked in rankings.items()}
        if done == len(pools) - 1:
            merged = {name: _values(ranked, job.queries, equivalent) for name, ranked in rankings.items()}
    observer(Progress("retrieval", len(pools), len(pools)))
    return {"strict": strict, "versions_as_one": merged, "fusion_weight": encoders[TRAINED].fusion_weight}


def _retrievers(documents: Sequence[Document], dense: Mapping[str, DenseRetriever]) -> dict[str, PoolRetriever]:
    lexical, trained = Bm25Retriever.build(documents), dense[TRAINED]
    return {
        PLAIN: PlainBm25Retriever.build(documents),
        BM25: lexical,
        **dense,
        FUSED: FusionRetriever(lexical, trained, trained.encoder.fusion_weight),
    }


def _values(rankings: Sequence[Sequence[str]], queries: Sequence[Query], equivalent: Mapping[str, str]) -> Json:
    def stand_ins(tools: Sequence[str]) -> list[str]:
        return list(dict.fromkeys(equivalent.get(tool, tool) for tool in tools))

    pairs = [(stand_ins(ranking), stand_ins(query.relevant)) for ranking, query in zip(rankings, queries, strict=True)]
    return {name: [score(found, wanted) for found, wanted in pairs] for name, score in SCORES.items()}
