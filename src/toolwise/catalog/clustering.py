"""Texts to groups: weighted words, spherical k-means, and names from the most characteristic words.

Numpy alone: a catalog has thousands of toolsets, not millions, and the result must not depend on another library's
version. Spherical k-means is Dhillon and Modha, "Concept Decompositions for Large Sparse Text Data", 2001.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]

MAX_WORDS = 4096
"""Words of the vocabulary: those that occur in the most texts, but not in almost all."""
_MAX_SHARE = 0.15
"""A word in more texts than this share says nothing of a group."""
_ROUNDS = 40
_RESTARTS = 4
_DECIMALS = 4
"""Similarities are compared to so many decimals: sums differ in the last bits from machine to machine."""


@dataclass(frozen=True)
class Vocabulary:
    """Vectors of texts, one row a text, of length one."""

    words: tuple[str, ...]
    vectors: Vectors


def vectorise(texts: Sequence[Mapping[str, float]]) -> Vocabulary:
    """The texts, given as words with weights, as vectors: weight * log(n / df), shape (texts, words)."""
    frequency: Counter[str] = Counter()
    for text in texts:
        frequency.update(text.keys())
    least = 2 if len(texts) > 4 else 1
    most = max(least, 2, math.ceil(_MAX_SHARE * len(texts)))
    usable = [word for word, n in frequency.items() if least <= n <= most]
    usable.sort(key=lambda word: (-frequency[word], word))
    words = tuple(sorted(usable[:MAX_WORDS]))
    column = {word: index for index, word in enumerate(words)}
    vectors = np.zeros((len(texts), len(words)), dtype=np.float32)
    for row, text in enumerate(texts):
        for word, weight in text.items():
            if word in column:
                vectors[row, column[word]] = weight * math.log(1 + len(texts) / frequency[word])
    return Vocabulary(words, _unit(vectors))


def _unit(vectors: Vectors) -> Vectors:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Vectors = (vectors / np.where(lengths > 0, lengths, 1)).astype(np.float32)
    return unit


def _similarities(vectors: Vectors, centres: Vectors) -> Vectors:
    rounded: Vectors = np.round(vectors @ centres.T, _DECIMALS)
    return rounded


def _start(vectors: Vectors, k: int, random: np.random.Generator) -> Vectors:
    """k-means++: each next centre is drawn in proportion to its squared distance from those there are."""
    chosen = [int(random.integers(len(vectors)))]
    far = 1 - _similarities(vectors, vectors[chosen])[:, 0]
    for _ in range(1, k):
        weights = np.clip(far, 0, None).astype(np.float64) ** 2
        total = weights.sum()
        if total <= 0:
            break
        chosen.append(int(np.searchsorted(np.cumsum(weights), random.random() * total, side="right")))
        far = np.minimum(far, 1 - _similarities(vectors, vectors[chosen[-1:]])[:, 0])
    return vectors[np.minimum(chosen, len(vectors) - 1)]


def _converge(vectors: Vectors, centres: Vectors) -> tuple[npt.NDArray[np.intp], float]:
    labels = np.full(len(vectors), -1, dtype=np.intp)
    similarities = _similarities(vectors, centres)
    for _ in range(_ROUNDS):
        found = similarities.argmax(axis=1)
        if np.array_equal(found, labels):
            break
        labels = found
        sums = np.zeros_like(centres)
        np.add.at(sums, labels, vectors)
        occupied = np.isin(np.arange(len(centres)), labels)
        centres = np.where(occupied[:, None], _unit(sums), centres)
        similarities = _similarities(vectors, centres)
    return labels, round(float(similarities.max(axis=1).sum()), 2)


@dataclass(frozen=True)
class Clustering:
    """Groups of vectors, numbered by first appearance."""

    labels: tuple[int, ...]
    similarities: Vectors
    """Of each vector to each group's centre, shape (vectors, groups)."""

    def near(self, row: int) -> list[int]:
        """The groups whose centre the vector is at least as near to as half of the group's own members are."""
        own = self.similarities[row]
        return [int(group) for group in np.flatnonzero((own >= self._medians) & (own > 0))]

    @cached_property
    def _medians(self) -> Vectors:
        marks = np.asarray(self.labels)
        groups = range(self.similarities.shape[1])
        return np.asarray([np.median(self.similarities[marks == group, group]) for group in groups], dtype=np.float32)


def clusters(vectors: Vectors, k: int, seed: int = 0) -> Clustering:
    """At most `k` groups: the best of a few starts. Deterministic."""
    if len(vectors) == 0:
        return Clustering((), np.zeros((0, 0), dtype=np.float32))
    k = max(1, min(k, len(vectors)))
    starts = (_start(vectors, k, np.random.default_rng([seed, restart])) for restart in range(_RESTARTS))
    found, _ = max((_converge(vectors, start) for start in starts), key=lambda one: one[1])
    order: dict[int, int] = {}
    labels = tuple(order.setdefault(int(label), len(order)) for label in found)
    marks = np.asarray(labels)
    centres = _unit(np.stack([vectors[marks == group].sum(axis=0) for group in range(len(order))]))
    return Clustering(labels, _similarities(vectors, centres))


def names(
    vocabulary: Vocabulary, labels: Sequence[int], spoken: Callable[[str], str] = str, words: int = 2
) -> list[str]:
    """A name for each group: its most characteristic words, those that weigh more inside it than outside.

    `spoken` gives the form in which people write a word.

    No two groups have the same name: one that would gets one more word, or at last its number.
    """
    groups = max(labels, default=-1) + 1
    marks = np.asarray(labels)
    made: list[str] = []
    overall = vocabulary.vectors.mean(axis=0) if len(labels) else None
    for group in range(groups):
        inside = vocabulary.vectors[marks == group].mean(axis=0)
        weights = np.round(inside - overall, _DECIMALS)
        ranked = sorted(range(len(vocabulary.words)), key=lambda i: (-float(weights[i]), vocabulary.words[i]))
        chosen = [spoken(vocabulary.words[i]) for i in ranked[:12] if weights[i] > 0]
        made.append(_unused(chosen, words, made, group))
    return made


def _unused(ranked: Sequence[str], words: int, taken: Sequence[str], number: int) -> str:
    for length in range(words, len(ranked) + 1):
        name = " ".join(word.capitalize() for word in ranked[:length])
        if name not in taken:
            return name
    base = " ".join(word.capitalize() for word in ranked[:words])
    return base if base and base not in taken else f"{base or 'Group'} {number + 1}"
