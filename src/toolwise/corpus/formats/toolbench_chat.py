"""The rows on which ToolLLaMA was trained: a conversation up to one assistant turn, which is the target.

Roles are system, user, assistant and function. An assistant's turn is a text of Thought, Action and Action Input; the
last one calls `Finish`. The standing instructions carry the functions.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from toolwise.corpus.formats.conversations import (
    Conversation,
    ConversationBuilder,
    arguments_of,
    functions_of,
    json_text,
)
from toolwise.corpus.formats.losses import CannotHoldError, LossReason
from toolwise.corpus.formats.naming import FINISH, schema_of, toolbench_parameters
from toolwise.corpus.formats.reading import DropReason, drop, loose_json, text_of
from toolwise.corpus.formats.toolbench_tree import final_answer
from toolwise.corpus.formats.toolbench_write import finish_arguments, finish_function
from toolwise.types import ChatMessage, Json, Role, StopReason

_MARK = "you have access to the following APIs: "
"""After this ToolBench's standing instructions list the functions."""
_SYSTEM = f"""You do what the user asks by calling functions, one at a time, and see what each of them returns.
Before each call you may say in a sentence or two what you know and what is missing. A reply has this form:
Thought: ...
Action: the function's name
Action Input: its arguments as JSON
End every attempt by calling {FINISH}: with give_answer and everything that the user asked for, or with \
give_up_and_restart if you cannot go on. Specifically, {_MARK}"""
_BEGIN = "\nBegin!\n"
_MOST = 200_000
"""Characters of a Python literal that are parsed."""


def chat_functions(tools: Iterable[Mapping[str, Any]]) -> list[Json]:
    """An example's functions in ToolBench's form, and `Finish`."""
    made: list[Json] = []
    for tool in tools:
        function = tool["function"]
        parameters = toolbench_parameters(function.get("parameters") or {})
        made.append({**function, "parameters": parameters})
    return [*made, finish_function()]


def training_messages(messages: Sequence[ChatMessage]) -> list[list[Json]]:
    """For each assistant turn the chat up to it, as under ToolBench's `train_messages`. Raises CannotHoldError."""
    chat: list[Json] = [{"role": "system", "content": _SYSTEM}]
    cuts: list[int] = []
    for message in _turns(messages):
        chat.append(message)
        if message["role"] == "assistant":
            cuts.append(len(chat))
    return [chat[:cut] for cut in cuts]


def conversation_rows(messages: Sequence[ChatMessage], tools: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Json]]:
    """One row for each assistant turn. Raises CannotHoldError."""
    listed = json_text(chat_functions(tools))
    query = next((m["content"] for m in messages if m["role"] == Role.USER.value), "")
    for chat in training_messages(messages):
        turns = [{"from": turn["role"], "value": _value(turn, listed)} for turn in chat]
        yield {"id": f"Step {len(chat) - 1}: {query}", "conversations": turns}


def _turns(messages: Sequence[ChatMessage]) -> Iterator[dict[str, Any]]:
    """The messages in ToolBench's roles; several calls of one message become turns of their own."""
    waiting: dict[str, dict[str, Any]] = {}
    if any(message["role"] == Role.USER.value for message in messages[1:]):
        raise CannotHoldError(LossReason.USER_TURNS)
    for position, message in enumerate(messages):
        role, content = message["role"], message["content"]
        if role == Role.USER.value:
            yield {"role": "user", "content": f"\n{content}{_BEGIN}"}
        elif role == Role.TOOL.value:
            turn = waiting.pop(message["tool_call_id"])
            yield turn
            yield {"role": "function", "name": turn["function_call"]["name"], "content": content}
        elif role == Role.ASSISTANT.value:
            said = message.get("reasoning_content", "")
            calls = message.get("tool_calls") or ()
            if not calls:
                if position < len(messages) - 1:
                    raise CannotHoldError(LossReason.ODD_TURNS)
                ended = {"name": FINISH, "arguments": finish_arguments(StopReason.ANSWERED, content)}
                yield {"role": "assistant", "content": said or None, "function_call": ended}
            said = "\n".join(filter(None, (said, content)))
            for call in calls:
                function = {**call["function"], "arguments": json_text(call["function"]["arguments"])}
                waiting[call["id"]] = {"role": "assistant", "content": said or None, "function_call": function}
                said = ""
        else:
            raise CannotHoldError(LossReason.ODD_TURNS)
    if waiting:
        raise CannotHoldError(LossReason.UNOBSERVED_CALL)


def _value(turn: Mapping[str, Any], listed: str) -> str:
    if turn["role"] == "system":
        return f"{turn['content']}{listed}"
    call = turn.get("function_call")
    if call is None:
        return str(turn["content"])
    return f"\nThought: {turn['content'] or ''}\nAction: {call['name']}\nAction Input: {call['arguments']}"


def read_conversation_row(row: Mapping[str, Any]) -> Conversation:
    """One row as a conversation; give-ups are no answer. Raises RowError."""
    turns = row.get("conversations")
    if not isinstance(turns, list) or not turns or not all(isinstance(turn, dict) for turn in turns):
        drop(DropReason.UNKNOWN_SHAPE, "it has no conversations")
    builder = ConversationBuilder()
    tools: tuple[dict[str, Any], ...] = ()
    for turn in turns:
        speaker, value = turn.get("from"), text_of(turn.get("value"))
        if speaker == "system":
            tools = _listed(value)
        elif speaker == "user":
            builder.say(Role.USER, value.removesuffix(_BEGIN).strip())
        elif speaker == "function":
            builder.observe(value)
        elif speaker == "assistant":
            _take_reply(builder, value)
        else:
            drop(DropReason.BROKEN_TURNS, f"nobody is called {str(speaker)[:40]!r}")
    if builder.messages and builder.messages[-1].get("tool_calls"):
        drop(DropReason.BROKEN_TURNS, "it ends with a call: an earlier step of a conversation")
    return builder.finish(tools)


def whole_conversations(rows: Iterable[Any]) -> Iterator[Any]:
    """Of rows that repeat one conversation up to each of its turns, the longest. Others pass as they are."""
    held: Any = None
    for row in rows:
        if held is not None and not _continues(held, row):
            yield held
        held = row
    if held is not None:
        yield held


def _continues(row: Any, other: Any) -> bool:
    if not isinstance(row, dict) or not isinstance(other, dict):
        return False
    before, after = row.get("conversations"), other.get("conversations")
    if not isinstance(before, list) or not isinstance(after, list):
        return False
    return 0 < len(before) < len(after) and before[:-1] == after[: len(before) - 1] and before[-1] in after


def _take_reply(builder: ConversationBuilder, value: str) -> None:
    head, acted, rest = value.partition("\nAction: ")
    thought = head.strip().removeprefix("Thought:").strip()
    name, given, written = rest.partition("\nAction Input: ")
    if not acted or not given:
        drop(DropReason.BROKEN_TURNS, "an assistant's turn has no Action with an Action Input")
    if name.strip() != FINISH:
        builder.call([(name.strip(), arguments_of(written))], "", thought)
        return
    builder.say(Role.ASSISTANT, final_answer(written), thought)


def _listed(text: str) -> tuple[dict[str, Any], ...]:
    """The functions in the standing instructions, as JSON or as Python prints it. Raises RowError."""
    _, marked, written = text.rpartition(_MARK)
    if not marked:
        drop(DropReason.NO_TOOLS, "the standing instructions list no functions")
    try:
        functions = loose_json(written)
    except ValueError:
        try:
            functions = ast.literal_eval(written.strip()) if len(written) <= _MOST else None
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            functions = None
    made = []
    for entry in functions_of(functions if functions is not None else ""):
        function = entry["function"]
        if function["name"] != FINISH:
            made.append(
                {"type": "function", "function": {**function, "parameters": schema_of(function.get("parameters"))}}
            )
    return tuple(made)
