"""What a model wrote: instructions, each with the calls that it says they need."""

from __future__ import annotations

from typing import Any

import orjson
from pydantic import Field

from toolwise.types import Frozen, Json, Schema


class WrittenCall(Frozen):
    """One call, as the model planned it."""

    tool: str
    arguments: dict[str, Json] = Field(default_factory=dict)
    from_results: tuple[str, ...] = ()
    """Parameters whose values earlier calls' results give."""


class Written(Frozen):
    """One instruction, as the model wrote it."""

    instruction: str
    calls: tuple[WrittenCall, ...] = ()


def call_schema(*, referring: Schema) -> Schema:
    """The schema of one call; `referring` is that of `from_results`."""
    return {
        "type": "object",
        "properties": {
            "tool": {"type": "string", "description": "The tool's id."},
            "arguments": {"type": "object", "description": "Parameter -> value."},
            "from_results": referring,
        },
        "required": ["tool", "arguments", "from_results"],
    }


def answer_schema(wanted: int) -> Schema:
    """The document that `wanted` instructions come in."""
    names = {"type": "array", "items": {"type": "string"}}
    item = {
        "type": "object",
        "properties": {
            "instruction": {"type": "string"},
            "calls": {"type": "array", "items": call_schema(referring=names)},
        },
        "required": ["instruction", "calls"],
    }
    listed = {"type": "array", "items": item, "minItems": 1, "maxItems": wanted}
    return {
        "title": "instructions",
        "type": "object",
        "properties": {"instructions": listed},
        "required": ["instructions"],
    }


def read_written(content: str) -> list[Written]:
    """The instructions of a reply that fits `answer_schema`. Raises ValueError for any other."""
    document: Any = orjson.loads(content)
    listed = document.get("instructions") if isinstance(document, dict) else None
    if not isinstance(listed, list):
        raise ValueError("the answer holds no list of instructions")
    return [_one(entry) for entry in listed]


def _one(entry: Any) -> Written:
    if not isinstance(entry, dict) or not isinstance(entry.get("instruction"), str):
        return Written(instruction="")
    calls = entry.get("calls")
    read = [_call(call) for call in calls] if isinstance(calls, list) else []
    return Written(instruction=entry["instruction"].strip(), calls=tuple(read))


def _call(entry: Any) -> WrittenCall:
    entry = entry if isinstance(entry, dict) else {}
    arguments, later = entry.get("arguments"), entry.get("from_results")
    return WrittenCall(
        tool=str(entry.get("tool") or ""),
        arguments=arguments if isinstance(arguments, dict) else {},
        from_results=tuple(name for name in later if isinstance(name, str)) if isinstance(later, list) else (),
    )
