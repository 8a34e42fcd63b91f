"""Offers: how candidate tools are shown to a model, and how a model's words map back to tools.

A document can have hundreds of nested parameters; a compact model reads a *compact view*: every required
parameter, then optional ones (scalars first, in document order) up to a limit. The view depends on the tool
alone, never on the task, so it cannot give an answer away.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from toolwise.schemas import resolve, schema_type
from toolwise.text import first_sentence
from toolwise.types import FunctionTool, Schema, Tool, content_key

MAX_PARAMETERS = 6
"""Optional parameters are shown up to this many in all; required ones always."""
MAX_NESTED = 3
"""The same limit inside a nested object."""
MAX_DEPTH = 2
"""Objects nested deeper than this are shown as plain objects."""
MAX_ENUM = 6
"""A longer enumeration is shown as its type alone."""
MAX_NAME = 64
"""OpenAI's limit on function names."""

_MARKED = re.compile(r"^(?:(?:required|optional|immutable|identifier|input only|output only)\s*[.:]\s*)+", re.I)
"""Leads of providers' descriptions that the schema says already; without them the first sentence says something."""
_ILLEGAL = re.compile(r"[^A-Za-z0-9_-]+")
_KEPT = ("format", "minimum", "maximum", "minLength", "maxLength", "pattern", "default", "example")
_SCALARS = frozenset({"string", "integer", "number", "boolean"})


def _legal(name: str) -> str:
    legal = _ILLEGAL.sub("_", name).strip("_") or "tool"
    if len(legal) <= MAX_NAME:
        return legal
    return f"{legal[: MAX_NAME - 9]}_{content_key(name)[:8]}"


def function_names(tools: Sequence[Tool]) -> list[str]:
    """An OpenAI-legal function name for each tool: its name, with the toolset before it if two collide."""
    short = [_legal(tool.name) for tool in tools]
    names: list[str] = []
    for tool, name in zip(tools, short, strict=True):
        chosen = _legal(f"{tool.toolset}_{tool.name}") if short.count(name) > 1 else name
        names.append(_legal(f"{chosen}_{content_key(tool.id)[:8]}") if chosen in names else chosen)
    return names


def _compact(schema: Schema, tool: Tool, depth: int, limit: int) -> Schema:
    resolved = resolve(schema, tool.definitions)
    kind = schema_type(resolved)
    view: dict[str, Any] = {} if kind == "any" else {"type": kind}
    if description := first_sentence(_MARKED.sub("", str(resolved.get("description") or "").lstrip()), 80):
        view["description"] = description
    enum = resolved.get("enum")
    if isinstance(enum, list) and len(enum) <= MAX_ENUM:
        view["enum"] = enum
    view.update({key: resolved[key] for key in _KEPT if key in resolved})
    if kind == "object" and depth < MAX_DEPTH:
        view.update(_compact_object(resolved, tool, depth, limit))
    elif kind == "array" and depth < MAX_DEPTH and isinstance(resolved.get("items"), dict):
        view["items"] = _compact(resolved["items"], tool, depth + 1, MAX_NESTED)
    return view


def _compact_object(schema: Schema, tool: Tool, depth: int, limit: int) -> Schema:
    properties = schema.get("properties")
    if not isinstance(properties, dict) or not properties:
        return {}
    required = [name for name in schema.get("required") or () if name in properties]

    def is_scalar(name: str) -> bool:
        return schema_type(resolve(properties[name], tool.definitions)) in _SCALARS

    optional = [name for name in properties if name not in required]
    optional.sort(key=lambda name: not is_scalar(name))  # stable: document order within each group
    kept = set(required) | set(optional[: max(0, limit - len(required))])
    view: Schema = {
        "properties": {
            name: _compact(properties[name], tool, depth + 1, MAX_NESTED) for name in properties if name in kept
        }
    }
    if required:
        view["required"] = required
    return view


def compact_parameters(tool: Tool) -> Schema:
    """The tool's parameters as a compact model is shown them (self-contained, no references)."""
    return _compact({**tool.parameters, "type": "object"}, tool, 0, MAX_PARAMETERS)


class Offer:
    """The candidates of one task as functions."""

    def __init__(self, tools: Sequence[Tool]) -> None:
        self.tools = tuple(tools)
        names = function_names(self.tools)
        self._name_of = {tool.id: name for tool, name in zip(self.tools, names, strict=True)}
        self._id_of = {name: tool_id for tool_id, name in self._name_of.items()}

    def name(self, tool_id: str) -> str:
        """A tool's function name; an unknown id is its own name."""
        return self._name_of.get(tool_id, tool_id)

    def tool_id(self, name: str) -> str:
        """A function name's tool id; a made-up name stays as it is."""
        return self._id_of.get(name, name)

    def functions(self) -> tuple[FunctionTool, ...]:
        """The candidates in OpenAI's shape, with compact parameters."""
        return self._functions

    @cached_property
    def _functions(self) -> tuple[FunctionTool, ...]:
        return tuple(
            {
                "type": "function",
                "function": {
                    "name": self._name_of[tool.id],
                    "description": first_sentence(tool.description),
                    "parameters": compact_parameters(tool),
                },
            }
            for tool in self.tools
        )
