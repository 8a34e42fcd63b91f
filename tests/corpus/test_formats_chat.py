from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolwise.corpus.formats import (
    CannotHoldError,
    Conversation,
    DropReason,
    LossReason,
    Note,
    Reading,
    RowError,
    ToolNames,
    conversation_row,
    conversation_rows,
    openai_row,
    read_chat,
    read_conversation_row,
    read_openai_row,
    read_sharegpt_row,
    sharegpt_row,
    whole_conversations,
)
from toolwise.corpus.formats.huggingface import read_dataset, read_dataset_row, write_dataset
from toolwise.types import ChatMessage, FunctionTool, SFTExample, Split, StopReason, ToolErrorKind


def _tool(name: str, **properties: Any) -> FunctionTool:
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return {"type": "function", "function": {"name": name, "description": f"Do {name}.", "parameters": schema}}


TOOLS = (_tool("find", word={"type": "string", "example": "tea"}), _tool("buy", id={"type": "integer"}))


def _calls(*calls: tuple[str, str, dict[str, Any]], content: str = "", **more: str) -> ChatMessage:
    made = [{"id": i, "type": "function", "function": {"name": name, "arguments": given}} for i, name, given in calls]
    return {"role": "assistant", "content": content, **more, "tool_calls": made}


def _got(identity: str, content: str) -> ChatMessage:
    return {"role": "tool", "content": content, "tool_call_id": identity}


SINGLE: tuple[ChatMessage, ...] = (
    {"role": "user", "content": "Buy téa."},
    _calls(("call_1", "find", {"word": "téa"})),
    _got("call_1", '[{"id":1}]'),
    _calls(("call_2", "buy", {"id": 1, "note": None})),
    _got("call_2", ""),
    {"role": "assistant", "content": "Done."},
)
PARALLEL: tuple[ChatMessage, ...] = (
    {"role": "user", "content": "Find both."},
    _calls(("call_1", "find", {"word": "a"}), ("call_2", "find", {"word": "b"})),
    _got("call_1", "[1]"),
    _got("call_2", "two"),
    {"role": "assistant", "content": "Both."},
)
TURNS: tuple[ChatMessage, ...] = (
    {"role": "user", "content": "Buy."},
    {"role": "assistant", "content": "What?"},
    {"role": "user", "content": "Tea."},
    _calls(("call_1", "buy", {"id": 1})),
    _got("call_1", "ok"),
    {"role": "assistant", "content": "Bought."},
)
THOUGHTFUL: tuple[ChatMessage, ...] = (
    {"role": "user", "content": "Buy tea."},
    _calls(("call_1", "buy", {"id": 1}), reasoning_content="It is 1."),
    _got("call_1", "ok"),
    {"role": "assistant", "content": "Done.", "reasoning_content": "All done."},
)


def _example(messages: tuple[ChatMessage, ...], key: str = "k") -> SFTExample:
    return SFTExample(key=key, task_key="t", split=Split.TRAIN, messages=messages, tools=TOOLS)


def _json(value: Any) -> Any:
    return json.loads(json.dumps(value))


@pytest.mark.parametrize("messages", [SINGLE, PARALLEL, TURNS])
def test_openai_and_sharegpt_rows_come_back_as_they_went(messages: tuple[ChatMessage, ...]) -> None:
    expected = Conversation(messages, TOOLS)
    row = _json(openai_row(messages, TOOLS))
    assert all(isinstance(c["function"]["arguments"], str) for m in row["messages"] for c in m.get("tool_calls", ()))
    assert read_openai_row(row) == expected
    assert read_sharegpt_row(_json(sharegpt_row("k", messages, TOOLS))) == expected


def test_thoughts_have_no_place_in_openai_and_sharegpt_rows() -> None:
    without = tuple({key: value for key, value in m.items() if key != "reasoning_content"} for m in THOUGHTFUL)
    assert read_openai_row(openai_row(THOUGHTFUL, TOOLS)).messages == without
    assert read_sharegpt_row(sharegpt_row("k", THOUGHTFUL, TOOLS)).messages == without


def test_words_beside_a_call_have_no_place_in_sharegpt() -> None:
    messages = (SINGLE[0], _calls(("call_1", "find", {}), content="Wait."), _got("call_1", "x"), SINGLE[-1])
    assert read_openai_row(openai_row(messages, TOOLS)).messages == messages
    assert read_sharegpt_row(sharegpt_row("k", messages, TOOLS)).messages[1]["content"] == ""


def test_sharegpt_speakers_take_turns() -> None:
    turns = sharegpt_row("k", PARALLEL, TOOLS)["conversations"]
    assert [turn["from"] for turn in turns] == ["human", "function_call", "observation", "gpt"]
    assert json.loads(turns[2]["value"]) == ["[1]", "two"]
    for messages, reason in (
        ((SINGLE[0], SINGLE[-1], SINGLE[-1]), LossReason.ODD_TURNS),
        ((SINGLE[0], SINGLE[1], SINGLE[-1]), LossReason.UNOBSERVED_CALL),
        (PARALLEL[:3], LossReason.UNOBSERVED_CALL),
    ):
        with pytest.raises(CannotHoldError) as caught:
            sharegpt_row("k", messages, TOOLS)
        assert caught.value.reason is reason


@pytest.mark.parametrize("messages", [SINGLE, THOUGHTFUL])
def test_toolllama_rows_come_back_as_they_went(messages: tuple[ChatMessage, ...]) -> None:
    rows = _json(list(conversation_rows(messages, TOOLS)))
    assert len(rows) == sum(message["role"] == "assistant" for message in messages)
    assert [row["conversations"][-1]["from"] for row in rows] == ["assistant"] * len(rows)
    assert [read_conversation_row(row) for row in whole_conversations(rows)] == [Conversation(messages, TOOLS)]
    with pytest.raises(RowError):
        read_conversation_row(rows[0])


def test_toolllama_rows_split_parallel_calls_and_hold_one_instruction() -> None:
    (row,) = whole_conversations(_json(list(conversation_rows(PARALLEL, TOOLS))))
    read = read_conversation_row(row).messages
    assert [message["role"] for message in read] == ["user", "assistant", "tool", "assistant", "tool", "assistant"]
    with pytest.raises(CannotHoldError) as caught:
        list(conversation_rows(TURNS, TOOLS))
    assert caught.value.reason is LossReason.USER_TURNS


def test_neighbouring_conversations_are_kept_apart() -> None:
    rows = [
        *conversation_rows(SINGLE, TOOLS),
        *conversation_rows(THOUGHTFUL, TOOLS),
        3,
        *conversation_rows(SINGLE, TOOLS),
    ]
    kept = list(whole_conversations(_json(rows)))
    assert len(kept) == 4 and kept[2] == 3


def test_functions_are_read_as_python_prints_them() -> None:
    functions = [
        {"name": "find", "parameters": {"type": "object", "properties": {}, "optional": []}, "x": True},
        {"name": "Finish"},
    ]
    value = f"You are a model.\nSpecifically, you have access to the following APIs: {functions}"
    reply = '\nThought: \nAction: Finish\nAction Input: {"return_type": "give_answer", "final_answer": "yes"}'
    turns = [("system", value), ("user", "\nIs it?\nBegin!\n"), ("assistant", reply)]
    read = read_conversation_row({"conversations": [{"from": who, "value": said} for who, said in turns]})
    assert [tool["function"]["name"] for tool in read.tools] == ["find"]
    assert read.messages == ({"role": "user", "content": "Is it?"}, {"role": "assistant", "content": "yes"})


def test_parquet_rows_hold_no_null_and_no_other_rows_keys(tmp_path: Path) -> None:
    """Arrow merges structs: arguments and tools of different shapes would get each other's keys as nulls."""
    examples = [
        _example(messages, str(number)) for number, messages in enumerate((SINGLE, PARALLEL, TURNS, THOUGHTFUL))
    ]
    path = tmp_path / "train.parquet"
    assert write_dataset(path, examples) == 4
    rows = pq.read_table(path).to_pylist()
    assert all(isinstance(row["tools"], str) and json.loads(row["tools"]) == list(TOOLS) for row in rows)
    assert _nulls(rows) == 0
    calls = [call for row in rows for message in row["messages"] for call in message["tool_calls"]]
    arguments = [json.loads(call["function"]["arguments"]) for call in calls]
    assert {"word": "téa"} in arguments and {"id": 1, "note": None} in arguments  # a null of the caller's own stays
    read = [read_dataset_row(row) for row in read_dataset(path)]
    assert read == [Conversation(example.messages, example.tools) for example in examples]


def test_datasets_reads_the_parquet_without_nulls(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    path = tmp_path / "train.parquet"
    write_dataset(path, [_example(SINGLE), _example(TURNS)])
    loaded = datasets.load_dataset("parquet", data_files=str(path), cache_dir=str(tmp_path / "cache"))
    assert _nulls(list(loaded["train"])) == 0


def _nulls(value: Any) -> int:
    if isinstance(value, dict):
        return sum(map(_nulls, value.values()))
    return sum(map(_nulls, value)) if isinstance(value, list) else int(value is None)


def test_a_conversation_becomes_a_task_with_one_branch() -> None:
    reading = Reading()
    system: ChatMessage = {"role": "system", "content": "Be nice."}
    failed = _got("call_1", '{"status":404,"error":"none"}')
    talk = Conversation((system, *SINGLE[:2], failed, *SINGLE[3:]), TOOLS)
    row = conversation_row(talk, "my data", ToolNames(["shop.buy"]), reading, source="openai")
    assert row.task.candidates == ("my_data.find", "shop.buy")
    assert [tool.id for tool in row.tools] == ["my_data.find"]
    assert row.trajectory is not None
    assert row.trajectory.ends == {5: StopReason.ANSWERED}
    assert row.trajectory.nodes[2].error is ToolErrorKind.NOT_FOUND
    assert row.trajectory.nodes[1].message.tool_calls[0].name == "my_data.find"
    assert reading.notes == {Note.SYSTEM_PROMPT.value: 1}


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ([], DropReason.UNKNOWN_SHAPE),
        ([{"role": "narrator", "content": "x"}], DropReason.BROKEN_TURNS),
        ([{"role": "assistant", "content": "x"}], DropReason.NO_INSTRUCTION),
        ([SINGLE[0], SINGLE[1], SINGLE[-1]], DropReason.BROKEN_TURNS),
        ([SINGLE[0], SINGLE[2]], DropReason.BROKEN_TURNS),
        ([SINGLE[0], SINGLE[1], _got("other", "x")], DropReason.BROKEN_TURNS),
        ([SINGLE[0], _calls(("a", "find", "[1]"))], DropReason.BROKEN_TURNS),  # type: ignore[arg-type]
        ([{"role": "user", "content": [{"type": "image_url"}]}], DropReason.BROKEN_TURNS),
    ],
)
def test_broken_chats_are_refused_with_the_reason(messages: Any, reason: DropReason) -> None:
    with pytest.raises(RowError) as caught:
        read_chat(messages, list(TOOLS))
    assert caught.value.reason is reason


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
_ARGUMENTS = st.dictionaries(st.text(min_size=1, max_size=5), _VALUES, max_size=3)


@given(
    st.lists(st.tuples(_ARGUMENTS, st.text(max_size=8)), max_size=3), st.text(min_size=1).filter(str.strip), st.text()
)
def test_any_values_come_back_from_every_chat_format(steps: Any, asked: str, answer: str) -> None:
    messages: list[ChatMessage] = [{"role": "user", "content": asked}]
    for number, (arguments, observed) in enumerate(steps, 1):
        messages += [_calls((f"call_{number}", "find", arguments)), _got(f"call_{number}", observed)]
    messages.append({"role": "assistant", "content": answer})
    expected = Conversation(tuple(messages), TOOLS)
    assert read_openai_row(_json(openai_row(messages, TOOLS))) == expected
    assert read_sharegpt_row(_json(sharegpt_row("k", messages, TOOLS))) == expected


@given(_VALUES)
def test_any_row_is_read_or_dropped(value: Any) -> None:
    reading = Reading()
    for read in (read_openai_row, read_sharegpt_row, read_conversation_row):
        for row in (value, {"messages": value, "conversations": value, "tools": value}):
            reading.guard("x", lambda read=read, row=row: read(row))  # type: ignore[misc]
    assert reading.rows == 6 == reading.kept + sum(reading.dropped.values())
