from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from toolwise.retrieval.ranking import best, inner_products


@given(st.lists(st.sampled_from([0.0, 0.5, 1.0, 2.0]), min_size=1, max_size=40), st.integers(0, 50))
def test_best_is_a_stable_sort(scores: list[float], k: int) -> None:
    expected = sorted(range(len(scores)), key=lambda i: (-scores[i], i))[:k]
    assert best(np.array(scores, dtype=np.float32), k).tolist() == expected


@given(st.integers(0, 2**32 - 1), st.integers(1, 3000), st.integers(1, 12), st.sampled_from([3, 50, 100_000]))
def test_best_of_a_large_pool_is_a_stable_sort(seed: int, size: int, k: int, levels: int) -> None:
    scores = np.random.default_rng(seed).integers(-levels, levels, size).astype(np.float32)
    assert best(scores, k).tolist() == np.argsort(-scores, kind="stable")[:k].tolist()


@given(st.integers(1, 700), st.integers(1, 5))
def test_products_by_blocks_are_the_products(size: int, count: int) -> None:
    rng = np.random.default_rng(size)
    vectors, queries = (rng.normal(size=(rows, 16)).astype(np.float32) for rows in (size, count))
    np.testing.assert_allclose(inner_products(queries, vectors), queries @ vectors.T, atol=1e-5)
