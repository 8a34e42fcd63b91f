"""Do 95% intervals hold the truth 95 times in 100? The benchmark asks with more trials and designs."""

from __future__ import annotations

import numpy as np
import pytest

from toolwise.evaluation.intervals import resampled_interval


@pytest.mark.parametrize(("groups", "rate", "correlation"), [(12, 0.5, 0.2), (20, 0.2, 0.2), (40, 0.9, 0.3)])
def test_intervals_cover_known_clusters(groups: int, rate: float, correlation: float) -> None:
    rng, covered, trials = np.random.default_rng(11), 0, 800
    spread = 1 / correlation - 1
    for trial in range(trials):
        sizes = rng.integers(2, 20, size=groups).astype(np.float64)
        rates = rng.beta(rate * spread, (1 - rate) * spread, groups)
        right = rng.binomial(sizes.astype(int), rates).astype(np.float64)
        low, high = resampled_interval(right, sizes, seed=trial, resamples=500)
        covered += low <= rate <= high
    assert 0.92 <= covered / trials <= 0.98  # 93 to 97%, and three standard errors of so few trials
