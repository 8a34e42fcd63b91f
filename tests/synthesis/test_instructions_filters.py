"""What is dropped of what a model wrote, and what re-reading finds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolwise.synthesis.instructions import (
    InstructionFault,
    InstructionFilter,
    InstructionsConfig,
    ReadCall,
    ReadingFault,
    WordingFault,
    Written,
    WrittenCall,
    difference,
    is_language,
    read_calls,
    read_written,
    wording_fault,
)
from toolwise.synthesis.instructions.mentions import mentions_tool
from toolwise.types import Blueprint, BlueprintCall, Checks, Reference, Task, Tool

BOOK = Tool(
    id="ferry.book_crossing",
    name="book_crossing",
    description="Books a crossing.",
    parameters={
        "type": "object",
        "properties": {
            "crossing_id": {"type": "string"},
            "seats": {"type": "integer", "minimum": 1},
            "note": {"type": "string"},
        },
        "required": ["crossing_id", "seats"],
    },
)
FIND = Tool(
    id="ferry.find_crossings",
    name="find_crossings",
    parameters={"type": "object", "properties": {"harbour": {"type": "string"}}, "required": ["harbour"]},
)
TOOLS = {BOOK.id: BOOK, FIND.id: FIND}
GOOD = "Please book the crossing X-17 for me, with 3 seats."


def written(text: str, *calls: tuple[str, Mapping[str, Any]] | WrittenCall) -> Written:
    made = [c if isinstance(c, WrittenCall) else WrittenCall(tool=c[0], arguments=dict(c[1])) for c in calls]
    return Written(instruction=text, calls=tuple(made))


RIGHT = (BOOK.id, {"crossing_id": "X-17", "seats": 3})


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        (written(GOOD, RIGHT), None),
        (written("   ", RIGHT), InstructionFault.EMPTY),
        (written(GOOD + " Please." * 400, RIGHT), InstructionFault.TOO_LONG),
        (written(GOOD), InstructionFault.UNRELATED_TOOL),
        (written(GOOD, RIGHT, ("web.search", {})), InstructionFault.UNRELATED_TOOL),
        (written(GOOD + " Use bookCrossing.", RIGHT), InstructionFault.NAMES_TOOL),
        (written("Bitte buche mir die Überfahrt X-17 mit 3 Plätzen und sage mir, ob das geht.", RIGHT), "language"),
        (written(GOOD, (BOOK.id, {"crossing_id": "X-17"})), InstructionFault.MISSING_VALUE),
        (written(GOOD, (BOOK.id, {"crossing_id": "X-18", "seats": 3})), InstructionFault.MISSING_VALUE),
        (written(GOOD, (BOOK.id, {"crossing_id": "X-17", "seats": 30})), InstructionFault.MISSING_VALUE),
        (written(GOOD, (BOOK.id, {"crossing_id": "X-17", "seats": "3"})), InstructionFault.INVALID_VALUE),
        (written(GOOD, (BOOK.id, {"crossing_id": "X-17", "seats": 3, "deck": "me"})), InstructionFault.INVALID_VALUE),
    ],
)
def test_each_fault_is_found(entry: Written, fault: InstructionFault | None) -> None:
    assert InstructionFilter(InstructionsConfig()).fault(entry, TOOLS) == fault


def test_a_later_call_may_take_a_required_value_from_an_earlier_result_and_the_first_may_not() -> None:
    text = "Find crossings from Wick, and book the first of them for me, with 3 seats."
    find = WrittenCall(tool=FIND.id, arguments={"harbour": "Wick"})
    book = WrittenCall(tool=BOOK.id, arguments={"seats": 3}, from_results=("crossing_id",))
    check = InstructionFilter(InstructionsConfig())
    assert check.fault(written(text, find, book), TOOLS) is None
    assert check.fault(written(text, book, find), TOOLS) is InstructionFault.MISSING_VALUE


@pytest.mark.parametrize(
    "spelling", ["book_crossing", "bookCrossing", "BOOK-CROSSING", "ferry.book_crossing", "Book.Crossing"]
)
def test_a_tools_name_is_found_in_any_spelling(spelling: str) -> None:
    assert mentions_tool(f"Please use {spelling}, quickly.", [BOOK])
    assert mentions_tool("Call the book crossing function for me.", [BOOK])
    assert not mentions_tool("Please book crossing X-17 for me.", [BOOK])


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("What is the weather in the valley, and should I take my coat?", "en"),
        ("Bitte zeige mir die Termine, die nicht bestätigt sind, und storniere den letzten.", "de"),
        ("Je voudrais savoir si le train est en retard, et combien de places il reste.", "fr"),
        ("Quiero reservar una mesa para dos personas en el restaurante del puerto, por favor.", "es"),
        ("Пожалуйста, покажи мне все заказы клиента A-17.", "ru"),
        ("請告訴我明天高雄的天氣如何。", "zh"),
        ("明日の東京の天気を教えてください。", "ja"),
    ],
)
def test_languages_are_told_apart(text: str, language: str) -> None:
    assert is_language(text, language)
    others = {"en", "de", "fr", "es", "ru", "zh", "ko", "ar"} - {language} - ({"zh"} if language == "ja" else set())
    assert [other for other in sorted(others) if is_language(text, other)] == []


def test_what_a_model_wrote_is_read_entry_by_entry() -> None:
    entries = read_written('{"instructions": [{"instruction": " a ", "calls": [{"tool": "t", "arguments": 3}]}, 7]}')
    assert [entry.instruction for entry in entries] == ["a", ""]
    assert entries[0].calls[0].arguments == {}
    with pytest.raises(ValueError, match="no list"):
        read_written('{"instructions": {}}')


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_reading_never_breaks_on_foreign_documents(value: Any) -> None:
    import orjson

    try:
        content = orjson.dumps({"instructions": [value], "calls": [value]}).decode()
    except TypeError:  # an integer beyond 64 bits
        return
    assert len(read_written(content)) == 1
    assert read_calls(content) is None or isinstance(value, dict)


CHAIN = Blueprint(
    calls=(
        BlueprintCall(tool=FIND.id, arguments={"harbour": "Wick"}),
        BlueprintCall(
            tool=BOOK.id,
            arguments={"seats": 3, "note": "aft"},
            references={"crossing_id": Reference(call=0, path=("id",))},
        ),
    )
)
FIRST = ReadCall(FIND.id, {"harbour": "Wick"})
SECOND = ReadCall(BOOK.id, {"seats": 3}, {"crossing_id": 0})


@pytest.mark.parametrize(
    ("read", "fault"),
    [
        ([FIRST, SECOND], None),
        ([FIRST, ReadCall(BOOK.id, {"seats": 3.0, "note": "aft"}, {"crossing_id": 0})], None),
        ([ReadCall(BOOK.id, {"seats": 3}, {"crossing_id": 1}), FIRST], None),
        (None, ReadingFault.NOT_READ),
        ([FIRST], ReadingFault.READ_FEWER_CALLS),
        ([FIRST, SECOND, FIRST], ReadingFault.READ_MORE_CALLS),
        ([FIRST, FIRST], ReadingFault.READ_OTHER_TOOL),
        ([FIRST, ReadCall(BOOK.id, {"seats": 4}, {"crossing_id": 0})], ReadingFault.READ_OTHER_VALUE),
        ([FIRST, ReadCall(BOOK.id, {}, {"crossing_id": 0})], ReadingFault.READ_OTHER_VALUE),
        ([FIRST, ReadCall(BOOK.id, {"seats": 3, "note": "fore"}, {"crossing_id": 0})], ReadingFault.READ_OTHER_VALUE),
        ([FIRST, ReadCall(BOOK.id, {"seats": 3, "crossing_id": "X"})], ReadingFault.READ_OTHER_SOURCE),
    ],
)
def test_a_reading_is_the_blueprint_up_to_optional_arguments(
    read: list[ReadCall] | None, fault: ReadingFault | None
) -> None:
    assert difference(CHAIN, read, TOOLS) == fault


def test_two_calls_of_one_tool_may_be_read_in_either_order() -> None:
    calls = [BlueprintCall(tool=FIND.id, arguments={"harbour": name}) for name in ("Wick", "Sorrel")]
    read = [ReadCall(FIND.id, {"harbour": name}) for name in ("Sorrel", "Wick")]
    assert difference(Blueprint(calls=tuple(calls)), read, TOOLS) is None


def test_a_wording_must_state_the_values_and_ask_for_the_facts() -> None:
    blueprint = Blueprint(calls=(BlueprintCall(tool=BOOK.id, arguments={"crossing_id": "X-17", "seats": 3}),))
    task = Task(
        instruction="",
        candidates=tuple(TOOLS),
        relevant=(BOOK.id,),
        blueprint=blueprint,
        checks=Checks(labels=("deck",), facts=("A",)),
    )
    tools = list(TOOLS.values())
    asking = GOOD + " On which deck is it?"
    assert wording_fault(asking, task, tools, "en", 500) is None
    assert wording_fault(GOOD, task, tools, "en", 500) is WordingFault.FACT_NOT_ASKED
    assert wording_fault(asking.replace("X-17", "X-18"), task, tools, "en", 500) is WordingFault.MISSING_VALUE
    assert wording_fault("", task, tools, "en", 500) is WordingFault.EMPTY
    assert wording_fault(asking, task, tools, "en", 20) is WordingFault.TOO_LONG
