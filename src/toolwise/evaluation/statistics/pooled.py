"""Precision, recall and F1 pooled over items, with intervals from a bootstrap over clusters."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from toolwise.evaluation.intervals import FEW_CLUSTERS, resampled_interval, wilson
from toolwise.types import Metric

_Floats = npt.NDArray[np.float64]


def f1(correct: float, predicted: float, gold: float) -> float:
    """The harmonic mean of correct / predicted and correct / gold (van Rijsbergen, 1979); 0 where either is 0."""
    return 2 * correct / (predicted + gold) if predicted + gold else 0.0


def pooled_scores(counts: Sequence[tuple[int, int, int]], clusters: Sequence[str], *, seed: int = 0) -> list[Metric]:
    """Precision, recall and F1 of (correct, predicted, gold) summed over items, each with a 95% interval.

    With fewer than `FEW_CLUSTERS` clusters the interval is Wilson's on the number of clusters, which is wide: a
    handful of clusters says little. Raises ValueError if the lengths differ or a count is impossible.
    """
    table = np.asarray(counts, dtype=np.float64).reshape(-1, 3)
    if len(table) != len(clusters):
        raise ValueError(f"{len(table)} counts but {len(clusters)} clusters")
    if (table < 0).any() or (table[:, 0] > table[:, 1:].min(axis=1)).any():
        raise ValueError("correct must be within [0, predicted] and [0, gold]")
    index: dict[str, int] = {}
    members = np.array([index.setdefault(cluster, len(index)) for cluster in clusters], dtype=np.intp)
    sums = np.zeros((len(index), 3))
    np.add.at(sums, members, table)
    correct, predicted, gold = sums.T
    parts = ((correct, predicted), (correct, gold), (2 * correct, predicted + gold))
    return [_pooled(some, whole, len(table), seed) for some, whole in parts]


def _pooled(some: _Floats, whole: _Floats, n: int, seed: int) -> Metric:
    total = float(whole.sum())
    value = float(some.sum()) / total if total else 0.0
    varies = float(np.abs(some - value * whole).max()) > 1e-9  # a bootstrap of what does not vary knows no doubt
    if len(some) < FEW_CLUSTERS or not varies:
        low, high = wilson(value, len(some))
    else:
        low, high = resampled_interval(some, whole, seed=seed)
    return Metric(value=value, n=n, low=min(low, value), high=max(high, value))
