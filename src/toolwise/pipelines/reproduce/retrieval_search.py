"""The retrieval experiment's search: nested pools, four retrievers and a plain one, and what each finds for a query."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from toolwise.catalog import CatalogFile, open_catalog
from toolwise.evaluation import complete_at_k, ndcg_at_k, recall_at_k
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
class PoolJob:
    """All retrievers on all queries over one pool."""

    catalog: Path
    encoder: Path
    queries: Sequence[Query]
    tools: Sequence[str]
    whole: bool
    """Is it the whole catalog? Then the versions of one operation are also counted as one."""


def pool_jobs(
    opened: CatalogFile, encoder: Path, queries: Sequence[Query], sizes: Sequence[int], seed: int
) -> dict[str, PoolJob]:
    """A job for each pool, by its size, the largest first: it takes the longest."""
    pools = nested_pools(list(opened.tool_ids()), queries, sizes, seed)
    return {
        str(len(pool)): PoolJob(opened.folder, encoder, queries, pool, pool is pools[-1]) for pool in reversed(pools)
    }


def search_pool(job: PoolJob) -> Json:
    """Retriever -> score -> a value for each query; strictly, and over the whole catalog with versions as one, too."""
    opened, pool = open_catalog(job.catalog), set(job.tools)
    documents = [document for document in tool_documents(opened) if document.tool in pool]
    features = [document_features(document) for document in documents]
    trained = Encoder.load(job.encoder)
    encoders = {TRAINED: trained, UNTRAINED: untrained_encoder(trained.dimensions)}
    dense = {name: DenseRetriever.build(documents, encoder, features) for name, encoder in encoders.items()}
    texts = [query.query for query in job.queries]
    rankings = {
        name: [[hit.tool for hit in row] for row in retriever.search(texts, _DEPTH)]
        for name, retriever in _retrievers(documents, dense).items()
    }
    equivalent = equivalent_tools(opened) if job.whole else None
    return {
        "strict": {name: _values(ranked, job.queries, {}) for name, ranked in rankings.items()},
        "versions_as_one": None
        if equivalent is None
        else {name: _values(ranked, job.queries, equivalent) for name, ranked in rankings.items()},
        "fusion_weight": trained.fusion_weight,
    }


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
