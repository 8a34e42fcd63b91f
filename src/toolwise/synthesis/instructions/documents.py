"""Tools as a prompt documents them: in full, one line of JSON each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from toolwise.offers import compact_parameters
from toolwise.schemas import bundle
from toolwise.text import first_sentence
from toolwise.types import Tool, Toolset


def tool_line(tool: Tool, room: int) -> str:
    """The tool's documentation as JSON; its compact view where the full schema is longer than `room` characters.

    What it returns is shown as far as there is room.
    """
    document: dict[str, Any] = {"id": tool.id, "description": " ".join(tool.description.split())[:room]}
    full = bundle(tool.parameters, tool.definitions)
    document["parameters"] = full if len(_json(full)) <= room else compact_parameters(tool)
    if tool.returns is not None:
        returns = bundle(tool.returns, tool.definitions)
        if len(_json(document)) + len(_json(returns)) <= room:
            document["returns"] = returns
    return _json(document)


def documentation(tools: Iterable[tuple[Toolset, Tool]], room: int) -> str:
    """All tools under a line for each service."""
    return "\n".join(_lines(tools, room))


def _lines(tools: Iterable[tuple[Toolset, Tool]], room: int) -> Iterator[str]:
    service = ""
    for toolset, tool in tools:
        if toolset.name != service:
            service = toolset.name
            yield f"Service {toolset.title or toolset.name}: {first_sentence(toolset.description, 300)}"
        yield tool_line(tool, room)


def _json(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()
