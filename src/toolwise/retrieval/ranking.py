"""What all retrievers over a fixed pool share: scores for every tool, and the best of them."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from toolwise.ports import Hit

Floats = npt.NDArray[np.float32]

_CHUNK = 64
"""Queries scored at once: 64 rows over 100,000 tools are 25 MB."""
_BLOCK = 256
"""Vectors multiplied at once: 256 of 384 numbers are 0.4 MB."""
_GROUPS, _FEWEST_PER_GROUP = 16, 4
"""The best are looked for among the maxima of so many groups a result, where the groups have so many scores."""


def best(scores: Floats, k: int) -> npt.NDArray[np.intp]:
    """Indices of the `k` highest scores, best first; ties in index order, so that results never vary."""
    k = min(k, len(scores))
    if k <= 0:
        return np.empty(0, dtype=np.intp)
    candidates = np.flatnonzero(scores >= _low_bound(scores, k))
    values = scores[candidates]
    last = np.partition(values, len(values) - k)[len(values) - k]
    above = candidates[values > last]
    chosen = np.concatenate([above, candidates[values == last][: k - len(above)]])
    return chosen[np.lexsort((chosen, -scores[chosen]))]


def _low_bound(scores: Floats, k: int) -> np.float32:
    """A score that at least `k` scores reach and, in a large pool, hardly more than `k`.

    The k-th best of the maxima of disjoint groups of scores is such a score, and costs one pass over the pool.
    """
    groups = _GROUPS * k
    size = len(scores) // groups
    if size < _FEWEST_PER_GROUP:
        high = scores
    else:  # groups are columns, so that neighbours, which are often alike, are in different ones
        table = scores[: size * groups].reshape(size, groups)
        high = np.concatenate([table.max(axis=0), scores[size * groups :]])
    bound: np.float32 = np.partition(high, len(high) - k)[len(high) - k]
    return bound


def relative(scores: Floats) -> Floats:
    """Scores as shares of each query's best; nothing below 0. Changes the array that it is given."""
    top = scores.max(axis=1, keepdims=True, initial=0.0)
    top[top <= 0] = 1
    np.maximum(scores, 0, out=scores)
    scores /= top
    return scores


def standard_scores(scores: Floats) -> Floats:
    """Standard deviations above each query's mean over the pool; what is below it is 0.

    Cosines of a pretrained encoder all lie within a narrow band, so as shares of the best they would barely count.
    Changes the array that it is given: over a million tools a copy takes longer than the arithmetic.
    """
    scores -= scores.mean(axis=1, keepdims=True)
    spreads = np.array([_length(row) for row in scores], dtype=np.float32) / max(1, scores.shape[1]) ** 0.5
    scores /= np.where(spreads > 0, spreads, 1)[:, None]
    np.maximum(scores, 0, out=scores)
    return scores


def prominence(scores: Floats) -> Floats:
    """(queries,) how many standard deviations each query's best is above its mean."""
    means = scores.mean(axis=1)
    spreads = np.array([_length(row - mean) for row, mean in zip(scores, means, strict=True)], dtype=np.float32)
    spreads /= max(1, scores.shape[1]) ** 0.5
    above: Floats = (scores.max(axis=1, initial=0) - means) / np.where(spreads > 0, spreads, 1)
    return above


def _length(row: Floats) -> float:
    return math.sqrt(float(np.dot(row, row)))


def inner_products(queries: Floats, vectors: Floats) -> Floats:
    """`queries @ vectors.T`, (queries, vectors), reading a large pool's vectors from memory once for all queries.

    BLAS takes one product of few queries in several passes; blocks that fit in the cache are read once.
    """
    if len(queries) == 1:
        single: Floats = (vectors @ queries[0])[None, :]
        return single
    turned = np.ascontiguousarray(queries.T)
    products = np.empty((len(queries), len(vectors)), dtype=np.float32)
    for start in range(0, len(vectors), _BLOCK):
        products[:, start : start + _BLOCK] = (vectors[start : start + _BLOCK] @ turned).T
    return products


class PoolRetriever(ABC):
    """A Retriever that scores every tool of a pool for each query (exact search)."""

    name: str

    def __init__(self, tools: Sequence[str]) -> None:
        self.tools = tools

    @abstractmethod
    def scores(self, queries: Sequence[str]) -> Floats:
        """Scores, queries by tools, in an array of the caller's own; higher is better."""

    def standard(self, queries: Sequence[str]) -> Floats:
        """`standard_scores` of the scores, queries by tools."""
        return standard_scores(self.scores(queries))

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        """For each query its best `k` tools, best first; tools that score nothing are left out."""
        results: list[list[Hit]] = []
        for start in range(0, len(queries), _CHUNK):
            for row in self.scores(queries[start : start + _CHUNK]):
                results.append([Hit(self.tools[i], float(row[i])) for i in best(row, k) if row[i] > 0])
        return results
