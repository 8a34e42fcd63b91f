from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolwise.evaluation import exact_call, json_equal
from toolwise.types import Blueprint, BlueprintCall, Reference, Task, ToolCall

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from([0.5, 1.0, 2.0]) | st.sampled_from(["", "a", "1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xyz"), inner, max_size=3),
    max_leaves=6,
)


def _canonical(value: Any) -> Any:
    """A form whose equality is that of JSON values."""
    if isinstance(value, bool) or value is None:
        return ("constant", repr(value))
    if isinstance(value, int | float):
        return ("number", float(value))
    if isinstance(value, list):
        return ("list", *map(_canonical, value))
    if isinstance(value, dict):
        return ("object", *sorted((key, _canonical(inner)) for key, inner in value.items()))
    return ("string", value)


@given(JSON, JSON)
def test_json_equality_agrees_with_a_canonical_form(left: Any, right: Any) -> None:
    assert json_equal(left, right) == (_canonical(left) == _canonical(right))
    assert json_equal(left, left)


@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [(1, 1.0, True), (True, 1, False), (0, False, False), ("1", 1, False), ("a", "A", False), (None, False, False)],
)
def test_json_equality_of_scalars(left: Any, right: Any, equal: bool) -> None:
    assert json_equal(left, right) is equal
    assert json_equal({"k": [left]}, {"k": [right]}) is equal


def _task(*calls: BlueprintCall) -> Task:
    return Task(instruction="do", candidates=("t.a", "t.b"), relevant=(), blueprint=Blueprint(calls=calls))


ONE = _task(BlueprintCall(tool="t.a", arguments={"n": 1, "s": "x"}))


@pytest.mark.parametrize(
    ("calls", "exact"),
    [
        ([ToolCall(name="t.a", arguments={"s": "x", "n": 1.0})], True),
        ([ToolCall(name="t.b", arguments={"s": "x", "n": 1})], False),
        ([ToolCall(name="t.a", arguments={"s": "x"})], False),
        ([ToolCall(name="t.a", arguments={"s": "x", "n": 1, "m": None})], False),
        ([ToolCall(name="t.a", arguments={"s": "x", "n": "1"})], False),
        ([], False),
        ([ToolCall(name="t.a", arguments={"s": "x", "n": 1})] * 2, False),
    ],
)
def test_a_task_with_one_call_needs_exactly_that_call(calls: list[ToolCall], exact: bool) -> None:
    assert exact_call(ONE, calls) is exact


def test_a_first_turn_may_make_any_calls_that_wait_for_nothing() -> None:
    waits = BlueprintCall(tool="t.b", references={"id": Reference(call=0, path=("id",))})
    task = _task(BlueprintCall(tool="t.a", arguments={"n": 1}), BlueprintCall(tool="t.a", arguments={"n": 2}), waits)
    first, second = (ToolCall(name="t.a", arguments={"n": n}) for n in (1, 2))
    assert exact_call(task, [second])
    assert exact_call(task, [second, first])
    assert not exact_call(task, [first, first])
    assert not exact_call(task, [first, ToolCall(name="t.b")])


def test_where_no_call_is_right_none_must_be_made() -> None:
    task = Task(instruction="hello", candidates=("t.a",), relevant=())
    assert exact_call(task, [])
    assert not exact_call(task, [ToolCall(name="t.a")])
