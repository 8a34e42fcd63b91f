"""Training batches for the bi-encoder: queries, their documents, hard negatives, and what must not count as wrong."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from toolwise.retrieval.bm25 import Bm25Retriever
from toolwise.retrieval.documents import Document
from toolwise.retrieval.encoder import Features
from toolwise.retrieval.ranking import best
from toolwise.retrieval.tokens import terms
from toolwise.types import RetrievalPair

Ints = npt.NDArray[np.int64]
_MINED = 12
"""BM25's first so many results are a query's hard negatives."""
_MINING_CHUNK = 32


@dataclass(frozen=True, slots=True)
class Ragged:
    """Rows of different lengths, flat."""

    starts: Ints
    """(rows + 1,)"""
    terms: Ints
    values: npt.NDArray[np.float32]
    fields: Ints

    def take(self, rows: Sequence[int] | Ints) -> Ragged:
        """Some of the rows, in the given order."""
        chosen = np.asarray(rows, dtype=np.int64)
        begins, lengths = self.starts[chosen], self.starts[chosen + 1] - self.starts[chosen]
        starts = np.concatenate(([0], np.cumsum(lengths)))
        flat = np.arange(starts[-1]) + np.repeat(begins - starts[:-1], lengths)
        return Ragged(starts, self.terms[flat], self.values[flat], self.fields[flat])


def _ragged(rows: Sequence[Sequence[tuple[int, int, float]]]) -> Ragged:
    flat = [item for row in rows for item in row]
    return Ragged(
        starts=np.concatenate(([0], np.cumsum([len(row) for row in rows]))).astype(np.int64),
        terms=np.array([term for term, _, _ in flat], dtype=np.int64),
        fields=np.array([field for _, field, _ in flat], dtype=np.int64),
        values=np.array([value for _, _, value in flat], dtype=np.float32),
    )


def document_bags(documents: Sequence[Features], vocabulary: Mapping[str, int]) -> Ragged:
    """The documents' features by vocabulary row; terms outside it are left out."""
    return _ragged([[(vocabulary[t], f, v) for t, f, v in features if t in vocabulary] for features in documents])


def query_bags(queries: Sequence[str], vocabulary: Mapping[str, int]) -> Ragged:
    """The queries' distinct terms by vocabulary row."""
    return _ragged([[(vocabulary[t], 0, 1.0) for t in dict.fromkeys(terms(q)) if t in vocabulary] for q in queries])


@dataclass(slots=True)
class TrainingSet:
    """Queries with the rows of their relevant documents."""

    documents: Sequence[Document]
    queries: list[str]
    relevant: list[tuple[int, ...]]
    """Rows in `documents`."""
    groups: Ints
    """Documents that read the same share a group, and are never each other's negatives."""
    allowed: list[frozenset[int]]
    """Groups that are right for each query."""
    hard: dict[int, list[int]] = field(default_factory=dict)
    """Query -> rows of mined hard negatives."""
    siblings: dict[str, list[int]] = field(default_factory=dict)
    """Toolset -> rows."""


def training_set(pairs: Sequence[RetrievalPair], documents: Sequence[Document]) -> TrainingSet:
    """Pairs whose relevant tools are all among the documents; others are left out.

    A query that occurs several times, for different tools, allows all of them.
    """
    row = {document.tool: i for i, document in enumerate(documents)}
    texts: dict[tuple[str, ...], int] = {}
    # What distinguishes toolsets (category, toolset) does not make a duplicate another tool.
    groups = np.array([texts.setdefault(document.fields[2:], len(texts)) for document in documents], dtype=np.int64)
    usable = [pair for pair in pairs if pair.relevant and all(tool in row for tool in pair.relevant)]
    right: dict[str, set[int]] = {}
    for pair in usable:
        right.setdefault(pair.query, set()).update(int(groups[row[tool]]) for tool in pair.relevant)
    found = TrainingSet(
        documents=documents,
        queries=[pair.query for pair in usable],
        relevant=[tuple(row[tool] for tool in pair.relevant) for pair in usable],
        groups=groups,
        allowed=[frozenset(right[pair.query]) for pair in usable],
    )
    for i, document in enumerate(documents):
        found.siblings.setdefault(document.toolset, []).append(i)
    return found


def mine_hard_negatives(
    data: TrainingSet, bm25: Bm25Retriever, deadline: float, progress: Callable[[int], None]
) -> None:
    """Note for each query what BM25 finds that is not right; stops at the deadline (`time.monotonic`).

    Queries are taken at an even stride, so a cut-off leaves none of the catalog's parts out.
    """
    size = len(data.queries)
    order = random.Random(f"mine:{size}").sample(range(size), size)
    for start in range(0, size, _MINING_CHUNK):
        if time.monotonic() > deadline:
            return
        chunk = order[start : start + _MINING_CHUNK]
        for query, scores in zip(chunk, bm25.scores([data.queries[i] for i in chunk]), strict=True):
            rows = best(scores, _MINED + len(data.allowed[query]))
            data.hard[query] = [int(i) for i in rows if int(data.groups[i]) not in data.allowed[query]][:_MINED]
        progress(start + len(chunk))


@dataclass(frozen=True, slots=True)
class Batch:
    """Queries with one right document each, further candidates, and which of them to leave out."""

    queries: Ints
    """(B,) rows of the training queries."""
    documents: Ints
    """(C,) rows of distinct documents."""
    targets: Ints
    """(B,) each query's right document, an index into `documents`."""
    masked: npt.NDArray[np.bool_]
    """(B, C) right for the query too, or the same text as its target: no negative."""


def draw_batch(data: TrainingSet, queries: Sequence[int], hard_negatives: int, rng: random.Random) -> Batch:
    """One batch. Hard negatives are BM25's where mined, and else (and one time in three) tools of the same toolset."""
    positives = [rng.choice(data.relevant[query]) for query in queries]
    rows: dict[int, int] = {}
    for positive in positives:
        rows.setdefault(positive, len(rows))
    for query, positive in zip(queries, positives, strict=True):
        for _ in range(hard_negatives):
            mined = data.hard.get(query)
            pool = mined if mined and rng.random() < 2 / 3 else data.siblings[data.documents[positive].toolset]
            rows.setdefault(rng.choice(pool), len(rows))
    documents = np.fromiter(rows, dtype=np.int64, count=len(rows))
    targets = np.array([rows[positive] for positive in positives], dtype=np.int64)
    groups = data.groups[documents]
    masked = np.stack([np.isin(groups, list(data.allowed[query])) for query in queries])
    masked[np.arange(len(queries)), targets] = False
    return Batch(np.array(queries, dtype=np.int64), documents, targets, masked)
