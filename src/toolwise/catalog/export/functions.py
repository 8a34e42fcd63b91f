"""Tools as MCP's `tools/list` shows them and as OpenAI's functions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from toolwise.catalog.documentation.losses import Loss, Losses
from toolwise.catalog.documentation.schemas import parameters, rooted
from toolwise.offers import function_names
from toolwise.text import phrase
from toolwise.types import Tool, Toolset

_HINTS = {"read_only": "readOnlyHint", "destructive": "destructiveHint", "idempotent": "idempotentHint"}


def mcp_tools(toolset: Toolset, losses: Losses) -> Iterator[dict[str, Any]]:
    """Each tool as MCP describes it (specification 2025-11-25, section "Tools").

    An output schema stands there only where it is an object's, which is what that version allows.
    """
    for tool in toolset.tools:
        made: dict[str, Any] = {"name": tool.name}
        if tool.description:  # a title says no more than the name, and importers take it for a missing description
            made["title"] = phrase(tool.name).capitalize()
        made["description"] = tool.description
        made["inputSchema"] = parameters(tool)
        if tool.returns is not None:
            returns = rooted(tool.returns, tool.definitions)
            if returns.get("type") == "object":
                made["outputSchema"] = returns
            else:
                losses[Loss.RETURNS] += 1
        if annotations := _annotations(tool):
            made["annotations"] = annotations
        losses[Loss.BINDING] += tool.binding is not None
        losses[Loss.EXAMPLES] += bool(tool.examples)
        yield made


def mcp_head(toolset: Toolset) -> dict[str, Any]:
    """What stands beside `tools`, since MCP's results are open objects: whose tools they are."""
    head = {"toolset": toolset.name, "toolset_description": toolset.description, "category": toolset.category}
    return {key: value for key, value in {**head, "collections": list(toolset.collections)}.items() if value}


def _annotations(tool: Tool) -> dict[str, bool]:
    hints = tool.hints.model_dump(exclude_none=True)
    return {_HINTS[name]: value for name, value in hints.items()}


def openai_functions(toolset: Toolset, losses: Losses) -> Iterator[dict[str, Any]]:
    """Each tool as an OpenAI function, with what OpenAI has no field for beside it: id, toolset, category, hints, ….

    Names are legal for OpenAI (`[a-zA-Z0-9_-]`, at most 64) and unique within the toolset; `id` keeps the tool's own.
    """
    losses[Loss.TOOLSET_DETAILS] += bool(toolset.servers or toolset.auth)
    for tool, name in zip(toolset.tools, function_names(toolset.tools), strict=True):
        losses[Loss.TOOL_NAME] += name != tool.name
        losses[Loss.BINDING] += tool.binding is not None
        function = {"name": name, "description": tool.description, "parameters": parameters(tool)}
        made = {"type": "function", "function": function, "id": tool.id, "toolset": toolset.name}
        beside = {
            "category": toolset.category,
            "collections": list(toolset.collections),
            "hints": tool.hints.model_dump(exclude_none=True),
            "returns": rooted(tool.returns, tool.definitions) if tool.returns is not None else None,
            "examples": list(tool.examples),
        }
        yield made | {key: value for key, value in beside.items() if value}
