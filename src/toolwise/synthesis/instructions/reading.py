"""Re-reading: can the calls be recovered from the words alone?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import permutations
from typing import Any

import orjson

from toolwise.blueprints import same_json
from toolwise.ports import ChatRequest, Sampling
from toolwise.synthesis.instructions.documents import tool_line
from toolwise.synthesis.instructions.written import call_schema
from toolwise.types import Blueprint, BlueprintCall, Json, Message, Role, Schema, Tool

READING: Schema = {
    "title": "reading",
    "type": "object",
    "properties": {
        "calls": {
            "type": "array",
            "items": call_schema(
                referring={
                    "type": "object",
                    "description": "Parameter -> number of the call, from 1, whose result gives its value.",
                    "additionalProperties": {"type": "integer", "minimum": 1},
                }
            ),
        }
    },
    "required": ["calls"],
}
SYSTEM = """You read an instruction and say which calls carry it out, in order, using the tools below and no others.

- Give only arguments whose values the instruction states, in its own spelling.
- Where a value can only come from an earlier call's result, put the parameter under from_results with the number of \
that call (the first call is 1).
- Make no call that the instruction does not ask for."""
_MOST = 6
"""Calls whose order is tried out; a longer reading is compared as it stands."""


class ReadingFault(StrEnum):
    """How what was read differs from the blueprint."""

    NOT_READ = "not_read"
    """The reader gave no list of calls."""
    READ_FEWER_CALLS = "read_fewer_calls"
    """The words do not lead to all the calls."""
    READ_MORE_CALLS = "read_more_calls"
    """The words lead to calls that nobody made."""
    READ_OTHER_TOOL = "read_other_tool"
    """The words lead to another tool."""
    READ_OTHER_VALUE = "read_other_value"
    """A required argument is missing or other, or an optional one is other."""
    READ_OTHER_SOURCE = "read_other_source"
    """A value is taken from another call's result, or was taken from one and is not."""


@dataclass(frozen=True, slots=True)
class ReadCall:
    """A call as it was read from the words."""

    tool: str
    arguments: Mapping[str, Json] = field(default_factory=dict)
    sources: Mapping[str, int] = field(default_factory=dict)
    """Parameter -> index (from 0) of the call whose result gives the value."""


def reading_request(instruction: str, tools: Iterable[Tool], room: int, sampling: Sampling) -> ChatRequest:
    """The request to read an instruction; `tools` are the candidates, in the order shown."""
    lines = "\n".join(tool_line(tool, room) for tool in tools)
    document = orjson.dumps({"read": instruction}).decode()
    messages = (
        Message(role=Role.SYSTEM, content=f"{SYSTEM}\n\nThe tools:\n{lines}"),
        Message(role=Role.USER, content=document),
    )
    return ChatRequest(messages, sampling=sampling, answer_schema=READING)


def read_calls(content: str) -> list[ReadCall] | None:
    """The calls of a reply that fits READING; none for any other."""
    try:
        document: Any = orjson.loads(content)
    except orjson.JSONDecodeError:
        return None
    listed = document.get("calls") if isinstance(document, dict) else None
    if not isinstance(listed, list) or not all(isinstance(entry, dict) for entry in listed):
        return None
    return [_read_call(entry) for entry in listed]


def _read_call(entry: Mapping[str, Any]) -> ReadCall:
    arguments, later = entry.get("arguments"), entry.get("from_results")
    return ReadCall(
        str(entry.get("tool") or ""),
        arguments if isinstance(arguments, dict) else {},
        {name: at - 1 for name, at in later.items() if isinstance(at, int)} if isinstance(later, dict) else {},
    )


def difference(blueprint: Blueprint, read: Sequence[ReadCall] | None, tools: Mapping[str, Tool]) -> ReadingFault | None:
    """How the reading differs from the blueprint; none where they are equal.

    Equal means: the same calls, in any order that their references allow; the same required arguments; an optional
    argument may be missing on either side, but where both have it the values are equal; the same sources.
    """
    if read is None:
        return ReadingFault.NOT_READ
    calls = blueprint.calls
    if len(read) != len(calls):
        return ReadingFault.READ_FEWER_CALLS if len(read) < len(calls) else ReadingFault.READ_MORE_CALLS
    if sorted(call.tool for call in read) != sorted(call.tool for call in calls):
        return ReadingFault.READ_OTHER_TOOL
    orders = permutations(range(len(calls))) if len(calls) <= _MOST else iter([tuple(range(len(calls)))])
    found: ReadingFault | None = ReadingFault.READ_OTHER_VALUE
    for order in orders:
        if any(read[at].tool != call.tool for at, call in zip(order, calls, strict=True)):
            continue
        found = _compared(calls, [read[at] for at in order], order, tools)
        if found is None:
            return None
    return found


def _compared(
    calls: Sequence[BlueprintCall], read: Sequence[ReadCall], order: Sequence[int], tools: Mapping[str, Tool]
) -> ReadingFault | None:
    """`read[i]` stands for `calls[i]`, and was read as call number `order[i]`."""
    for call, own in zip(calls, read, strict=True):
        sources = {name: order[reference.call] for name, reference in call.references.items()}
        if dict(own.sources) != sources:
            return ReadingFault.READ_OTHER_SOURCE
        required = set(tools[call.tool].required) - set(sources)
        both = set(call.arguments) & set(own.arguments)
        lacking = required & (set(call.arguments) ^ set(own.arguments))
        if lacking or not all(same_json(call.arguments[name], own.arguments[name]) for name in both):
            return ReadingFault.READ_OTHER_VALUE
    return None
