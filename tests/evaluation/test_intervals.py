from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolwise.evaluation import difference_with_interval, mean_with_interval, wilson
from toolwise.evaluation.intervals import effective_size

RATES = st.lists(st.tuples(st.floats(0, 1), st.sampled_from([f"c{i}" for i in range(20)])), max_size=60)


def test_no_values_say_nothing() -> None:
    metric = mean_with_interval([])
    assert (metric.value, metric.n, metric.low, metric.high) == (0, 0, 0, 1)


@given(RATES)
@settings(max_examples=50, deadline=None)
def test_an_interval_holds_its_value_within_bounds_and_has_width(rows: list[tuple[float, str]]) -> None:
    metric = mean_with_interval([value for value, _ in rows], [cluster for _, cluster in rows])
    assert 0 <= metric.low <= metric.value <= metric.high <= 1
    assert metric.low < metric.high
    assert metric.n == len(rows)


def test_wilson_bounds_solve_their_defining_equation() -> None:
    # The bounds are the p at which |mean - p| is 1.96 standard errors of a rate p.
    for mean, n in ((0.3, 50), (0.0, 12), (1.0, 7), (0.5, 3)):
        for bound in wilson(mean, n):
            assert abs(mean - bound) == pytest.approx(1.959964 * math.sqrt(bound * (1 - bound) / n), abs=1e-6)


def test_all_right_is_wilsons_interval_on_the_number_of_clusters() -> None:
    metric = mean_with_interval([1.0] * 40, ["a"] * 20 + ["b"] * 20)
    assert (metric.low, metric.high) == (pytest.approx(wilson(1.0, 2)[0]), 1.0)
    assert mean_with_interval([1.0] * 40).low == pytest.approx(wilson(1.0, 40)[0])


def test_the_effective_size_is_between_clusters_and_values() -> None:
    same = [1.0] * 5 + [0.0] * 5
    assert effective_size(same, ["a"] * 5 + ["b"] * 5) == pytest.approx(2)
    assert effective_size([1.0, 0.0] * 5, [f"c{i // 2}" for i in range(10)]) == pytest.approx(10)


def test_the_same_seed_gives_the_same_interval_and_clusters_widen_it() -> None:
    rng = np.random.default_rng(3)
    values = [float(v) for v in np.repeat(rng.integers(0, 2, 40), 5)]
    clusters = [f"c{i // 5}" for i in range(200)]
    clustered = mean_with_interval(values, clusters, seed=1)
    assert clustered == mean_with_interval(values, clusters, seed=1)
    single = mean_with_interval(values, seed=1)
    assert clustered.high - clustered.low > 1.5 * (single.high - single.low)


def test_intervals_cover_the_truth_of_clustered_data() -> None:
    """Beta-binomial clusters: the truth is known, and the interval must hold it about 95 times in 100."""
    rng = np.random.default_rng(0)
    trials, covered, naive = 300, 0, 0
    for _ in range(trials):
        rates = rng.beta(2, 2, size=40)
        values = [float(v) for rate in rates for v in rng.random(8) < rate]
        clusters = [f"c{i // 8}" for i in range(320)]
        metric = mean_with_interval(values, clusters)
        covered += metric.low <= 0.5 <= metric.high
        low, high = wilson(metric.value, 320)
        naive += low <= 0.5 <= high
    assert 0.90 <= covered / trials <= 0.99
    assert naive < covered, "ignoring the clusters is too sure of itself"


def test_a_paired_difference_is_signed_and_narrower_than_two_rates() -> None:
    rng = np.random.default_rng(1)
    left = [float(v) for v in rng.random(200) < 0.6]
    right = [value if rng.random() < 0.9 else 0.0 for value in left]
    metric = difference_with_interval(left, right)
    assert metric.value == pytest.approx(np.mean(left) - np.mean(right))
    assert -1 <= metric.low <= metric.value <= metric.high <= 1
    rate = mean_with_interval(left)
    assert metric.high - metric.low < rate.high - rate.low
    assert difference_with_interval([], []).low == -1


@pytest.mark.parametrize("values", [[1.5], [-0.1], [float("nan")]])
def test_values_that_are_no_rates_are_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match="within"):
        mean_with_interval(values)


def test_clusters_must_match_values() -> None:
    with pytest.raises(ValueError, match="clusters"):
        mean_with_interval([1.0], ["a", "b"])
