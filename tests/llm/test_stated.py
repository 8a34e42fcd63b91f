from typing import Any

import pytest

from toolwise.llm.stated import REPEATED, UNSAID, UNUSED, Stated, literals
from toolwise.types import Message, Role, ToolCall


def user(text: Any) -> Any:
    return Message(role=Role.USER, content=text)


def call(**arguments: Any) -> Any:
    return ToolCall(id="c", name="box.get", arguments=arguments)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("List the files in folder.", []),
        ("Get file usr8xzt of project-831146, please.", ["usr8xzt", "project-831146"]),
        ('Make a folder named "blue sky" in /reports/2024.', ["blue sky", "/reports/2024"]),
        ("Don't use Bob's account.", []),
        ("Send it to ann.lee@example.org (mode = FAST).", ["ann.lee@example.org", "FAST"]),
        ("Start at 2027-10-04T17:45:00Z with 3 tries.", ["2027-10-04T17:45:00Z"]),
    ],
)
def test_literals_are_what_is_quoted_and_what_is_no_word(text: Any, expected: Any) -> None:
    assert literals(text) == expected


def test_a_call_that_uses_each_stated_value_once_is_not_doubted() -> None:
    stated = Stated([user("Copy a-17 to b-18.")], [])
    assert stated.doubt([call(source="a-17", target="b-18")]) == 0


def test_using_a_value_twice_is_doubted_unless_it_was_said_twice() -> None:
    assert Stated([user("Copy cedar to b-18.")], []).doubt([call(a="cedar", b={"c": ["cedar", "b-18"]})]) == REPEATED
    assert Stated([user("Copy cedar to cedar.")], []).doubt([call(a="cedar", b="cedar")]) == 0


def test_a_string_that_nobody_said_is_doubted() -> None:
    function = {"type": "function", "function": {"name": "get", "parameters": {"enum": ["LARGE"]}}}
    stated = Stated([user("Copy cedar.")], [function])
    assert stated.doubt([call(source="cedar", size="LARGE", count=7)]) == 0
    assert stated.doubt([call(source="cedar...")]) == UNSAID


def test_a_sentence_ends_without_being_part_of_its_last_value() -> None:
    assert Stated([user("Copy from 6462.")], []).doubt([call(source="6462.")]) == UNSAID
    assert Stated([user('Say "See you."')], []).doubt([call(text="See you.")]) == 0


def test_a_choice_that_was_said_is_a_value_though_the_tools_name_it() -> None:
    size = {"type": "string", "enum": ["VERY_LARGE", "SMALL"]}
    function = {"type": "function", "function": {"name": "get", "parameters": {"properties": {"size": size}}}}
    stated = Stated([user("Get a VERY_LARGE one.")], [function])
    assert stated.doubt([call(size="VERY_LARGE")]) == 0
    assert stated.doubt([call(colour=1)]) == UNUSED


def test_flags_and_single_characters_may_repeat() -> None:
    assert Stated([user("Do it.")], []).doubt([call(a=True, b=True, c=1, d=1, e="x", f="x")]) == 0


def test_a_literal_left_out_is_doubted() -> None:
    path = [user("Copy a-17 to b-18.")]
    assert Stated(path, []).doubt([call(source="a-17")]) == UNUSED
    assert Stated(path, []).doubt([call(source="a-17", target="b")]) == UNUSED


def test_what_an_earlier_call_used_need_not_be_used_again() -> None:
    made = Message(role=Role.ASSISTANT, tool_calls=(call(source="a-17"),))
    assert Stated([user("Find a-17, then delete it from b-18."), made], []).doubt([call(target="b-18")]) == 0


def test_words_of_the_tools_are_no_values() -> None:
    function = {"type": "function", "function": {"name": "get", "description": "Reads S3 and FsX.", "parameters": {}}}
    assert Stated([user("Read from S3.")], [function]).doubt([call(a=1)]) == 0


def test_a_turn_without_calls_is_not_doubted() -> None:
    assert Stated([user("Copy a-17.")], []).doubt([]) == 0
