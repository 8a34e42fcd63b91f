"""What all retrievers over a fixed pool share: scores for every tool, and the best of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from toolwise.ports import Hit

Floats = npt.NDArray[np.float32]

_CHUNK = 64
"""Queries scored at once: 64 rows over 100,000 tools are 25 MB."""


def best(scores: Floats, k: int) -> npt.NDArray[np.intp]:
    """Indices of the `k` highest scores, best first; ties in index order, so that results never vary."""
    k = min(k, len(scores))
    if k <= 0:
        return np.empty(0, dtype=np.intp)
    some = scores[scores > 0]  # far fewer, where most documents share no word with the query
    high = some if len(some) >= k else scores
    threshold = np.partition(high, len(high) - k)[len(high) - k]
    candidates = np.flatnonzero(scores >= threshold)
    order = np.lexsort((candidates, -scores[candidates]))
    return candidates[order[:k]]


def relative(scores: Floats) -> Floats:
    """Scores as shares of each query's best; nothing below 0."""
    top = scores.max(axis=1, keepdims=True, initial=0.0)
    top[top <= 0] = 1
    share: Floats = np.maximum(scores, 0)
    share /= top
    return share


def standard_scores(scores: Floats) -> Floats:
    """Standard deviations above each query's mean over the pool; what is below it is 0.

    Cosines of a pretrained encoder all lie within a narrow band, so as shares of the best they would barely count.
    """
    spread = scores.std(axis=1, keepdims=True)
    standard: Floats = scores - scores.mean(axis=1, keepdims=True)
    standard /= np.where(spread > 0, spread, 1)
    np.maximum(standard, 0, out=standard)
    return standard


class PoolRetriever(ABC):
    """A Retriever that scores every tool of a pool for each query (exact search)."""

    name: str

    def __init__(self, tools: Sequence[str]) -> None:
        self.tools = tools

    @abstractmethod
    def scores(self, queries: Sequence[str]) -> Floats:
        """Scores, queries by tools; higher is better."""

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        """For each query its best `k` tools, best first; tools that score nothing are left out."""
        results: list[list[Hit]] = []
        for start in range(0, len(queries), _CHUNK):
            for row in self.scores(queries[start : start + _CHUNK]):
                results.append([Hit(self.tools[i], float(row[i])) for i in best(row, k) if row[i] > 0])
        return results
