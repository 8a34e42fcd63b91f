"""Reranking: a second, slower look at the first tools that a retriever found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from toolwise.ports import Hit, Retriever
from toolwise.retrieval.documents import Document
from toolwise.retrieval.ranking import Floats

DEPTH = 50
"""So many tools are looked at again; the rest keep their places behind them."""
_SHARE = 0.5
"""Of the second look in the final score."""


class Reranker(Protocol):
    """Scores a few tools for one request, having read both together."""

    def rescore(self, query: str, documents: Sequence[Document]) -> Floats:
        """(documents,) higher is better, on any scale."""
        ...


class RerankRetriever:
    """A retriever whose first tools are put in a new order: by the mean of its scores and the reranker's, each as
    standard scores over these tools. The retriever's own order is half of it, because it knows a request's parts.
    """

    def __init__(self, inner: Retriever, reranker: Reranker, documents: Mapping[str, Document]) -> None:
        """`documents` has every tool of the pool by its id."""
        self.name = f"{inner.name}+rerank"
        self._inner = inner
        self._reranker = reranker
        self._documents = documents

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        """For each query its best `k` tools, best first; the scores of those that were looked at again begin at 1."""
        found = self._inner.search(queries, max(k, DEPTH))
        return [self._again(query, hits)[:k] for query, hits in zip(queries, found, strict=True)]

    def _again(self, query: str, hits: list[Hit]) -> list[Hit]:
        looked, rest = hits[:DEPTH], hits[DEPTH:]
        if len(looked) < 2:
            return hits
        first = np.array([hit.score for hit in looked], dtype=np.float32)
        second = self._reranker.rescore(query, [self._documents[hit.tool] for hit in looked])
        total = (1 - _SHARE) * _standard(first) + _SHARE * _standard(second)
        order = np.argsort(-total, kind="stable")
        low, high = float(total.min()), float(total.max())
        scale = max(high - low, 1e-6)
        again = [Hit(looked[i].tool, 1 + (float(total[i]) - low) / scale) for i in order]
        top = max((hit.score for hit in rest), default=1.0)
        return again + [Hit(hit.tool, hit.score / max(top, 1.0)) for hit in rest]


def _standard(scores: Floats) -> Floats:
    spread = float(scores.std())
    standard: Floats = (scores - scores.mean()) / (spread if spread > 0 else 1.0)
    return standard
