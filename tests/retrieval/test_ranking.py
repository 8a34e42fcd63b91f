from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from toolwise.retrieval.ranking import best


@given(st.lists(st.sampled_from([0.0, 0.5, 1.0, 2.0]), min_size=1, max_size=40), st.integers(0, 50))
def test_best_is_a_stable_sort(scores: list[float], k: int) -> None:
    expected = sorted(range(len(scores)), key=lambda i: (-scores[i], i))[:k]
    assert best(np.array(scores, dtype=np.float32), k).tolist() == expected
