from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolwise.evaluation import pass_power_k


@given(st.lists(st.booleans(), min_size=1, max_size=7), st.data())
def test_it_is_the_share_of_samples_in_which_all_pass(attempts: list[bool], data: st.DataObject) -> None:
    k = data.draw(st.integers(1, len(attempts)))
    samples = list(itertools.combinations(attempts, k))
    expected = sum(all(sample) for sample in samples) / len(samples)
    assert pass_power_k(sum(attempts), len(attempts), k) == pytest.approx(expected)


@pytest.mark.parametrize(("passed", "attempts", "k"), [(1, 2, 3), (1, 2, 0), (3, 2, 1), (-1, 2, 1)])
def test_what_is_undefined_is_refused(passed: int, attempts: int, k: int) -> None:
    with pytest.raises(ValueError, match="undefined"):
        pass_power_k(passed, attempts, k)
