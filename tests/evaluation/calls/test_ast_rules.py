from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bfcl_rows import ANSWER, FUNCTION, OTHER
from toolwise.evaluation.calls.ast_rules import Mismatch, check_calls

RIGHT: dict[str, Any] = {"item": "Green-Tea", "count": 2}


def verdict(arguments: dict[str, Any], name: str = "shop.order") -> Mismatch | None:
    fault = check_calls([FUNCTION], [ANSWER], [(name, arguments)])
    return fault.mismatch if fault else None


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, None),
        ({"item": "tea green"}, None),
        ({"item": "black tea"}, Mismatch.VALUE),
        ({"count": 2.0}, Mismatch.TYPE),
        ({"count": True}, Mismatch.TYPE),
        ({"count": "2"}, Mismatch.TYPE),
        ({"price": 5}, None),
        ({"price": 6}, Mismatch.VALUE),
        ({"tags": ["hot", "FRESH"]}, None),
        ({"tags": ["fresh", "hot"]}, Mismatch.VALUE),
        ({"tags": []}, None),
        ({"tags": ("hot", "fresh")}, Mismatch.TYPE),
        ({"address": {"city": "bern"}}, None),
        ({"address": {"city": "bern", "zip": "3000"}}, None),
        ({"address": {"zip": "3000"}}, Mismatch.VALUE),
        ({"address": {"city": "bern", "street": "x"}}, Mismatch.VALUE),
        ({"corner": (1, 2)}, None),
        ({"corner": [1, 2]}, None),
        ({"colour": "red"}, Mismatch.UNEXPECTED),
        ({"item": None}, Mismatch.TYPE),
    ],
)
def test_values_are_compared_by_the_rules(change: dict[str, Any], expected: Mismatch | None) -> None:
    assert verdict({**RIGHT, **change}) is expected


def test_required_parameters_and_names_must_be_there() -> None:
    assert verdict({"item": "green tea"}) is Mismatch.MISSING
    assert verdict(RIGHT, "shop_order") is Mismatch.FUNCTION
    assert check_calls([FUNCTION], [ANSWER], []).mismatch is Mismatch.COUNT  # type: ignore[union-attr]


def test_parallel_calls_match_in_any_order_one_to_one() -> None:
    tea, milk = ("shop.order", RIGHT), ("shop.order", {"item": "milk", "count": 1})
    assert check_calls([FUNCTION], [ANSWER, OTHER], [milk, tea]) is None
    assert check_calls([FUNCTION], [ANSWER, OTHER], [tea, tea]) is not None
    assert check_calls([FUNCTION], [ANSWER, OTHER], [tea, milk, milk]) is not None


def test_a_call_that_fits_two_answers_goes_to_the_one_that_needs_it() -> None:
    loose = {"shop.order": {"item": ["milk", "green tea"], "count": [1, 2]}}
    calls = [("shop.order", {"item": "milk", "count": 1}), ("shop.order", RIGHT)]
    assert check_calls([FUNCTION], [loose, OTHER], calls) is None
    assert check_calls([FUNCTION], [loose, OTHER], calls[::-1]) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from([*FUNCTION["parameters"]["properties"], "x"]), JSON, max_size=5))
def test_no_prediction_makes_it_raise(arguments: dict[str, Any]) -> None:
    check_calls([FUNCTION], [ANSWER], [("shop.order", arguments)])


@given(st.permutations(range(4)))
def test_the_verdict_does_not_depend_on_the_order_of_calls(order: list[int]) -> None:
    answers = [{"f": {"a": [1, 2, ""]}}, {"f": {"a": [2, 3]}}, {"f": {"a": [3]}}, {"f": {"a": [1, ""]}}]
    functions = [{"name": "f", "parameters": {"properties": {"a": {"type": "integer"}}, "required": []}}]
    calls = [("f", {"a": 1}), ("f", {"a": 2}), ("f", {"a": 3}), ("f", {})]
    assert check_calls(functions, answers, [calls[i] for i in order]) is None
