"""ShareGPT with tools, as LLaMA-Factory reads it: `conversations` of from and value, `system`, and `tools` as a string.

The speakers are human, function_call, observation and gpt. Several calls of one message are one JSON list, and their
observations one JSON list of strings, because speakers must take turns. Words beside a call and thoughts have no place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from toolwise.corpus.formats.conversations import (
    Conversation,
    ConversationBuilder,
    arguments_of,
    functions_of,
    json_text,
)
from toolwise.corpus.formats.losses import CannotHoldError, LossReason
from toolwise.corpus.formats.reading import DropReason, drop, loose_json, text_of
from toolwise.types import ChatMessage, FunctionTool, Json, Role

_HUMAN, _GPT, _CALL, _OBSERVATION = "human", "gpt", "function_call", "observation"

_SPEAKERS = {
    _HUMAN: Role.USER,
    "user": Role.USER,
    _GPT: Role.ASSISTANT,
    "assistant": Role.ASSISTANT,
    "system": Role.SYSTEM,
}


def sharegpt_row(key: str, messages: Sequence[ChatMessage], tools: Sequence[FunctionTool]) -> dict[str, Json]:
    """Raises CannotHoldError."""
    turns: list[dict[str, Json]] = []
    system = ""
    waiting: list[str] = []
    observed: list[str] = []
    for message in messages:
        role, content, calls = message["role"], message["content"], message.get("tool_calls") or ()
        if role == Role.TOOL.value:
            if not waiting or waiting.pop(0) != message["tool_call_id"]:
                raise CannotHoldError(LossReason.ODD_TURNS)
            observed.append(content)
            if not waiting:
                turns.append(
                    {"from": _OBSERVATION, "value": observed[0] if len(observed) == 1 else json_text(observed)}
                )
                observed = []
        elif waiting:
            raise CannotHoldError(LossReason.UNOBSERVED_CALL)
        elif role == Role.SYSTEM.value:
            system = content
        elif calls:
            made = [{"name": c["function"]["name"], "arguments": c["function"]["arguments"]} for c in calls]
            turns.append({"from": _CALL, "value": json_text(made[0] if len(made) == 1 else made)})
            waiting = [call["id"] for call in calls]
        else:
            turns.append({"from": _HUMAN if role == Role.USER.value else _GPT, "value": content})
    if waiting:
        raise CannotHoldError(LossReason.UNOBSERVED_CALL)
    if not _alternates(turns):
        raise CannotHoldError(LossReason.ODD_TURNS)
    functions = json_text([tool["function"] for tool in tools])
    return {"id": key, "conversations": turns, "system": system, "tools": functions}


def _alternates(turns: Sequence[Mapping[str, Json]]) -> bool:
    """The user's side speaks first, then the sides take turns."""
    asking = [turn["from"] in (_HUMAN, _OBSERVATION) for turn in turns]
    return all(side == (position % 2 == 0) for position, side in enumerate(asking))


def read_sharegpt_row(row: Mapping[str, Any]) -> Conversation:
    """Raises RowError."""
    turns = row.get("conversations")
    if not isinstance(turns, list) or not turns or not all(isinstance(turn, dict) for turn in turns):
        drop(DropReason.UNKNOWN_SHAPE, "it has no conversations")
    builder = ConversationBuilder()
    if system := text_of(row.get("system")):
        builder.say(Role.SYSTEM, system)
    calls = 0
    for turn in turns:
        speaker, value = turn.get("from"), turn.get("value")
        if not isinstance(value, str):
            drop(DropReason.BROKEN_TURNS, "a turn has no text")
        if speaker in _SPEAKERS:
            builder.say(_SPEAKERS[speaker], value)
        elif speaker == _CALL:
            calls = _take_calls(builder, value)
        elif speaker in (_OBSERVATION, "tool"):
            for observation in [value] if calls == 1 else _several(value, calls):
                builder.observe(observation)
        else:
            drop(DropReason.BROKEN_TURNS, f"nobody is called {str(speaker)[:40]!r}")
    return builder.finish(functions_of(row.get("tools")))


def _take_calls(builder: ConversationBuilder, value: str) -> int:
    try:
        written = loose_json(value)
    except ValueError as error:
        drop(DropReason.BROKEN_TURNS, f"a function_call is no JSON: {error}")
    listed = written if isinstance(written, list) else [written]
    if not listed or not all(isinstance(call, dict) and text_of(call.get("name")) for call in listed):
        drop(DropReason.BROKEN_TURNS, "a function_call names no function")
    builder.call([(call["name"], arguments_of(call.get("arguments"))) for call in listed])
    return len(listed)


def _several(value: str, calls: int) -> list[str]:
    try:
        observed = loose_json(value)
    except ValueError:
        observed = None
    if not isinstance(observed, list) or len(observed) != calls:
        drop(DropReason.BROKEN_TURNS, f"one observation for {calls} calls")
    return [one if isinstance(one, str) else json_text(one) for one in observed]
