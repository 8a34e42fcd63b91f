from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolwise.evaluation import NearestToolPolicy, NullPolicy, nearest_tools
from toolwise.evaluation.copying import Copier
from toolwise.ports import Turn
from toolwise.types import Message, Observation, Role, Task, Tool


def _tool(name: str, description: str = "", required: tuple[str, ...] = (), **properties: Any) -> Tool:
    parameters = {"type": "object", "properties": properties, "required": list(required)}
    return Tool(id=f"t.{name}", name=name, description=description, parameters=parameters)


SEND = _tool(
    "sendMessage",
    "Sends a message to a person.",
    ("recipient", "text"),
    recipient={"type": "string", "format": "email"},
    text={"type": "string"},
    priority={"type": "string", "enum": ["low", "high"]},
    retryCount={"type": "integer"},
)
DELETE = _tool("deleteFolder", "Deletes a folder.", ("folderId",), folderId={"type": "string"})
TOOLS = (DELETE, SEND)


def _turn(instruction: str, *, path: tuple[Message, ...] = (), siblings: int = 0) -> Turn:
    user = Message(role=Role.USER, content=instruction)
    task = Task(instruction=instruction, candidates=tuple(tool.id for tool in TOOLS), relevant=())
    return Turn(task=task, tools=TOOLS, path=(user, *path), siblings=((user,),) * siblings)


def _act(turn: Turn) -> Message:
    return asyncio.run(NearestToolPolicy().act(turn)).message


def test_the_null_policy_says_nothing() -> None:
    message = asyncio.run(NullPolicy().act(_turn("hello"))).message
    assert (message.content, message.tool_calls) == ("", ())


def test_the_nearest_tool_is_called_with_what_looks_like_its_values() -> None:
    message = _act(_turn('Send a message to ann@example.com with text "See you at 5" and high priority.'))
    (call,) = message.tool_calls
    assert call.name == "t.sendMessage"
    assert call.arguments == {"recipient": "ann@example.com", "text": "See you at 5", "priority": "high"}


def test_a_further_child_takes_the_next_tool() -> None:
    request = "Delete the folder of messages"
    assert [_act(_turn(request, siblings=n)).tool_calls[0].name for n in (0, 1, 2)] == [
        "t.deleteFolder",
        "t.sendMessage",
        "t.deleteFolder",
    ]


def test_without_a_common_word_it_declines() -> None:
    message = _act(_turn("zyx wvu"))
    assert not message.tool_calls
    assert "none of the available tools" in message.content


def test_after_an_observation_it_repeats_its_first_scalars() -> None:
    observation = Observation(status=200, body={"id": "f-1", "tags": [3, True], "none": None})
    path = (Message(role=Role.ASSISTANT), Message(role=Role.TOOL, content=observation.content))
    assert _act(_turn("Delete the folder", path=path)).content == "f-1, 3, true"


def test_rare_words_count_more_than_common_ones() -> None:
    tools = [_tool("getUserRecord", "Gets a record."), _tool("getInvoiceRecord", "Gets a record of an invoice.")]
    assert nearest_tools("get the record of invoice 7", tools)[0][1].name == "getInvoiceRecord"


@pytest.mark.parametrize(
    ("schema", "instruction", "expected"),
    [
        ({"type": "integer"}, "Set the page size to 25 now.", 25),
        ({"type": "number"}, "The page size is 2.5.", 2.5),
        ({"type": "integer"}, "Use 2.5 pages", None),
        ({"type": "string"}, "with page size = compact-view", "compact-view"),
        ({"type": "string"}, "Use 'two words' for it", "two words"),
        ({"type": "string", "format": "date"}, "On 2024-05-01 with page size big", "2024-05-01"),
        ({"type": "string", "enum": ["A4", "US_LETTER"]}, "print on us letter paper", "US_LETTER"),
        ({"type": "boolean"}, "Set page size to false", False),
        ({"type": "boolean"}, "Please do not use page size", False),
        ({"type": "boolean"}, "Use the page size", True),
        ({"type": "array", "items": {"type": "string"}}, 'page size "a", "b" and "c"', ["a", "b", "c"]),
        ({"type": "string", "default": "x"}, "nothing like a value", "x"),
        (
            {"type": "object", "properties": {"width": {"type": "integer"}}, "required": ["width"]},
            "7 wide",
            {"width": 7},
        ),
    ],
)
def test_values_are_copied_by_type_format_and_neighbouring_words(
    schema: dict[str, Any], instruction: str, expected: object
) -> None:
    found = Copier(instruction).arguments(_tool("x", "", ("pageSize",), pageSize=schema))
    assert found == ({} if expected is None else {"pageSize": expected})


def test_a_value_is_copied_once_and_named_parameters_choose_first() -> None:
    tool = _tool("x", "", ("left", "right"), left={"type": "string"}, right={"type": "string"})
    assert Copier('the right is "one", also "two"').arguments(tool) == {"right": "one", "left": "two"}


def test_a_list_goes_on_after_its_own_first_value() -> None:
    tool = _tool(
        "x", "", ("names", "code"), code={"type": "string"}, names={"type": "array", "items": {"type": "string"}}
    )
    found = Copier("names ann-1, bob-2 and eve-3, then code z-9").arguments(tool)
    assert found == {"code": "z-9", "names": ["ann-1", "bob-2", "eve-3"]}


def test_a_value_may_stand_before_its_parameter() -> None:
    tool = _tool("x", "", ("ownerId", "topic"), ownerId={"type": "string"}, topic={"type": "string"})
    assert Copier("using k-17 as the owner id and the topic is birds").arguments(tool) == {
        "ownerId": "k-17",
        "topic": "birds",
    }


def test_optional_parameters_need_their_words() -> None:
    tool = _tool("x", "", (), limit={"type": "integer"}, offset={"type": "integer"})
    assert Copier("limit 5, then 9").arguments(tool) == {"limit": 5}


@given(st.text(max_size=80))
@settings(deadline=None)
def test_any_instruction_gives_an_act(instruction: str) -> None:
    message = _act(_turn(f"send message {instruction}"))
    assert len(message.tool_calls) == 1 or message.content
