import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolwise.pipelines.reproduce.two_way import two_way


def test_the_wider_interval_is_taken_of_models_and_tasks() -> None:
    models = two_way([[1.0] * 50, [0.0] * 50, [0.5] * 50])  # the models differ, the tasks do not
    assert models.value == 0.5
    assert (models.low, models.high) == (0.0, 1.0)
    tasks = two_way([[0.0, 1.0] * 50] * 3)  # the tasks differ, the models do not
    reach = 1.984 * math.sqrt(0.25 * 100 / 99) / 10  # Student's t with 99 degrees
    assert tasks.high - tasks.value == pytest.approx(reach, rel=1e-3)
    assert tasks.n == 300


def test_no_difference_anywhere_is_as_good_as_none_of_so_many_tasks() -> None:
    none = two_way([[0.0] * 60] * 3, lowest=-1.0)
    assert none.value == 0
    assert -0.07 < none.low < -0.05
    assert 0.05 < none.high < 0.07
    assert two_way([[1.0] * 60] * 3).low > 0.93


def test_nothing_measured_says_nothing() -> None:
    nothing = two_way([], lowest=-1.0)
    assert (nothing.n, nothing.low, nothing.high) == (0, -1.0, 1.0)
    assert two_way([[]]).n == 0


@given(st.lists(st.lists(st.sampled_from([-1.0, 0.0, 1.0]), min_size=5, max_size=5), min_size=1, max_size=5))
def test_the_interval_holds_the_mean_and_keeps_within_the_range(values: list[list[float]]) -> None:
    metric = two_way(values, lowest=-1.0)
    assert -1 <= metric.low <= metric.value + 1e-12
    assert metric.value - 1e-12 <= metric.high <= 1
