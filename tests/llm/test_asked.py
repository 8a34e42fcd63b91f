import json
from typing import Any

import pytest

from toolwise.llm.asked import LEFT_OUT, UNFOUNDED, UNTOLD, Asked
from toolwise.types import Message, Role


def path(request: str, *responses: Any) -> list[Message]:
    said = Message(role=Role.USER, content=request)
    return [said, *(Message(role=Role.TOOL, content=json.dumps(body), tool_call_id="c") for body in responses)]


STREAM = {"createTime": "2024-12-08T22:30:00Z", "displayName": "Tiny desk", "name": "streams/a", "open": True}
REQUEST = "Show me the stream named streams/a. What are the create time and the display name?"


@pytest.mark.parametrize(
    ("answer", "doubt"),
    [
        ("The create time is 2024-12-08T22:30:00Z. The display name is Tiny desk.", 0),
        ("The create time is 2024-12-08T22:30:00Z.", LEFT_OUT),
        ("The create time is Tiny desk.", UNFOUNDED + LEFT_OUT),
        ("The create time is 2024-12-08T22:30:00Z. The display name isTiny desk.", UNFOUNDED),
        ("Done.", UNTOLD),
    ],
)
def test_an_answer_tells_what_was_asked_as_it_was_returned(answer: str, doubt: float) -> None:
    assert Asked(path(REQUEST, STREAM)).doubt(answer) == doubt


def test_what_the_user_gave_need_not_be_told() -> None:
    assert Asked(path("Delete the stream with the name streams/a.", STREAM)).doubt("Done.") == 0
    both = "Take the stream with the name streams/a and tell me its display name."
    assert Asked(path(both, STREAM)).doubt("The display name is Tiny desk.") == 0


def test_nothing_is_doubted_before_anything_was_returned() -> None:
    assert Asked(path(REQUEST)).doubt("Which name should I use?") == 0


def test_a_longer_name_is_not_its_part() -> None:
    body = {"id": "7", "workerId": "w-9"}
    asked = Asked(path("Tell me the worker id.", body))
    assert asked.doubt("The worker id is w-9.") == 0
    assert asked.doubt("The worker id is 7.") == UNFOUNDED


def test_fields_of_lists_and_flags_are_known_and_prose_is_not() -> None:
    body = {"ideas": [{"score": 3, "open": True}, {"score": 5, "open": False}]}
    asked = Asked([*path("Tell me the score and whether it is open.", body), Message(role=Role.TOOL, content="Sorry!")])
    assert asked.doubt("The score of the first idea is 3. It is open: true.") == 0
    assert asked.doubt("The score is 4, open: true.") == UNFOUNDED
