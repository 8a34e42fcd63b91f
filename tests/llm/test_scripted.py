import asyncio
from typing import Any

import pytest

from toolwise.errors import ModelError
from toolwise.llm.scripted import ScriptedModel, ScriptedPolicy
from toolwise.ports import ChatRequest, Turn
from toolwise.types import Message, Role, StopReason, Task

HELLO = ChatRequest((Message(role=Role.USER, content="hello"),))
TURN = Turn(Task(instruction="x", candidates=(), relevant=()), (), HELLO.messages)


def run(awaitable: Any) -> Any:
    return asyncio.run(awaitable)


def test_a_list_is_said_in_order_and_then_fails() -> None:
    model = ScriptedModel(["one", Message(role=Role.ASSISTANT, content="two")])
    assert [run(model.complete(HELLO)).message.content for _ in range(2)] == ["one", "two"]
    with pytest.raises(ModelError, match="only 2 replies"):
        run(model.complete(HELLO))
    assert len(model.requests) == 3


def test_a_function_sees_the_request() -> None:
    model = ScriptedModel(lambda request: request.messages[-1].content.upper())
    assert run(model.complete(HELLO)).message.content == "HELLO"


def test_a_policy_gives_up_at_the_end_of_its_list() -> None:
    policy = ScriptedPolicy(["done"])
    assert run(policy.act(TURN)).message.content == "done"
    assert run(policy.act(TURN)).stop is StopReason.GAVE_UP
    assert policy.turns == [TURN, TURN]
