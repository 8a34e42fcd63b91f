from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from box_world import chain_task, look, make_task, pack
from toolwise.blueprints import ExecutedCall, executed_calls, follow, fulfil, resolved_arguments, same_json
from toolwise.types import (
    Blueprint,
    BlueprintCall,
    Message,
    Observation,
    Reference,
    Role,
    ToolCall,
    ToolErrorKind,
    read_content,
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=8,
)


@given(json_values, json_values)
def test_same_json_is_an_equivalence(left: object, right: object) -> None:
    assert same_json(left, left)
    assert same_json(left, right) == same_json(right, left)


def test_same_json_knows_json_and_not_python() -> None:
    assert same_json({"a": 1, "b": [1.0]}, {"b": [1], "a": 1.0})
    assert not same_json(True, 1)
    assert not same_json([0], [False])
    assert not same_json({"a": 1}, {"a": 1, "b": None})
    assert not same_json([1], [1, 1])


@given(json_values)
def test_content_is_read_back(body: object) -> None:
    ok, back = read_content(Observation(status=200, body=body).content)
    assert ok
    assert same_json(back, body) or body is None


def test_errors_keep_their_status_and_cause() -> None:
    bare = Observation(status=404, error=ToolErrorKind.NOT_FOUND)
    said = Observation(status=400, error=ToolErrorKind.INVALID_ARGUMENTS, body={"error": "id is missing"})
    assert bare.content == '{"status":404,"error":"not_found"}'
    assert said.content == '{"status":400,"error":"id is missing"}'
    assert read_content(bare.content) == (False, {"status": 404, "error": "not_found"})
    assert read_content("<html>") == (True, "<html>")
    assert Observation(status=204).content == '{"status":204}'


def test_follow() -> None:
    body = {"items": [{"id": "x"}]}
    assert follow(Reference(call=0, path=("items", 0, "id")), body) == "x"
    for path in (("items", 3), ("items", "id"), ("no",), ("items", 0, "id", "more")):
        with pytest.raises(LookupError):
            follow(Reference(call=0, path=path), body)


def test_arguments_wait_for_what_they_refer_to() -> None:
    call = BlueprintCall(tool="t", arguments={"a": 1}, references={"b": Reference(call=0, path=("id",))})
    assert resolved_arguments(call, {}) is None
    assert resolved_arguments(call, {0: {"name": 1}}) is None
    assert resolved_arguments(call, {0: {"id": 7}}) == {"a": 1, "b": 7}


def _executed(name: str, ok: bool = True, body: object = None, **arguments: object) -> ExecutedCall:
    return ExecutedCall(ToolCall(name=name, arguments=arguments), ok, body, 1)


def test_fulfil_matches_each_call_once() -> None:
    blueprint = chain_task().blueprint
    assert blueprint is not None
    right = _executed("box.pack", body={"id": 2}, label="blue", text="a map")
    failed = _executed("box.pack", ok=False, label="blue", text="a map")
    result = fulfil(blueprint, [failed, right, _executed("box.look", id=3), _executed("box.look", id=2), right])
    assert result.made == {0: 1, 1: 3}
    assert result.strays == (2, 4)
    assert result.failed == (0,)


@given(st.permutations(range(4)))
def test_fulfil_ignores_order(order: list[int]) -> None:
    calls = (look(1), pack("a", "b"), look(2), look(1))
    blueprint = make_task(*calls).blueprint
    assert blueprint is not None
    done = [_executed(calls[i].tool, **calls[i].arguments) for i in order]
    assert len(fulfil(blueprint, done).made) == 4
    assert fulfil(Blueprint(calls=()), done).strays == (0, 1, 2, 3)


def test_executed_calls_pair_by_id() -> None:
    calls = (ToolCall(id="a", name="x"), ToolCall(id="b", name="y"))
    messages = [
        Message(role=Role.USER, content="do"),
        Message(role=Role.ASSISTANT, tool_calls=calls),
        Message(role=Role.TOOL, content='{"status":500,"error":"server"}', tool_call_id="b"),
        Message(role=Role.TOOL, content="[1]", tool_call_id="a"),
    ]
    assert [(done.call.name, done.ok, done.turn) for done in executed_calls(messages)] == [
        ("y", False, 1),
        ("x", True, 1),
    ]
