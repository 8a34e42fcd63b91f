"""A toolset as ToolBench keeps RapidAPI's tools (arXiv 2307.16789; the folder `data/toolenv/tools`)."""

from __future__ import annotations

from typing import Any

from toolwise.catalog.documentation.losses import Loss, Losses
from toolwise.catalog.hints import http_hints
from toolwise.schemas import resolve, schema_type
from toolwise.types import HttpBinding, Json, Schema, Tool, Toolset

MAX_DEPTH = 4
"""Response templates nested deeper end."""
MAX_FIELDS = 24
"""Fields of one object in a response template."""
MAX_VALUES = 20
"""Values of an enumeration that the description lists."""

_TYPES = {"string": "STRING", "integer": "NUMBER", "number": "NUMBER", "boolean": "BOOLEAN", "array": "ARRAY"}
_PYTHON = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "NoneType"}
_PLAIN = frozenset({"type", "description", "default", "example", "enum", "readOnly", "title"})


def _type(schema: Schema) -> str:
    if isinstance(schema.get("enum"), list):
        return "ENUM"
    return _TYPES.get(schema_type(schema), "OBJECT" if schema_type(schema) == "object" else "STRING")


def _parameter(name: str, schema: Schema, tool: Tool) -> tuple[dict[str, Any], set[Loss]]:
    """The parameter in RapidAPI's four fields (and an enumeration's values), and what of its schema is lost.

    A required parameter's "default" is an example there: the value with which RapidAPI tests it.
    """
    schema = resolve(schema, tool.definitions)
    kind = schema_type(schema)
    lost: set[Loss] = set()
    if kind in ("object", "array") or {"anyOf", "allOf", "oneOf"} & set(schema):
        lost.add(Loss.NESTED_SCHEMA)
    elif kind in ("integer", "any") or isinstance(schema.get("type"), list) or set(schema) - _PLAIN:
        lost.add(Loss.CONSTRAINTS)
    value = schema.get("example" if name in tool.required else "default", schema.get("default", ""))
    made = {
        "name": name,
        "type": _type(schema),
        "description": str(schema.get("description") or ""),
        "default": "" if value is None else value,
    }
    if made["type"] == "ENUM":
        made["enum"] = schema["enum"]
    return made, lost


def _template(schema: Schema | None, tool: Tool, depth: int = 0) -> Json:
    """A response's skeleton with the types' names for values, as StableToolBench shows responses."""
    if schema is None:
        return {}
    schema = resolve(schema, tool.definitions)
    kind = schema_type(schema)
    if depth >= MAX_DEPTH and kind in ("array", "object"):
        return [] if kind == "array" else {}
    if kind == "array":
        items = schema.get("items")
        return [_template(items if isinstance(items, dict) else {}, tool, depth + 1)]
    properties = schema.get("properties")
    if kind == "object" and isinstance(properties, dict):
        return {name: _template(part, tool, depth + 1) for name, part in list(properties.items())[:MAX_FIELDS]}
    return {} if kind == "object" else _PYTHON.get(kind, "str")


def _api(tool: Tool, server: str, losses: Losses) -> dict[str, Any]:
    binding = tool.binding if isinstance(tool.binding, HttpBinding) else None
    required: list[dict[str, Any]] = []
    optional: list[dict[str, Any]] = []
    lost: set[Loss] = set()
    for name, schema in tool.properties.items():
        made, missing = _parameter(name, schema, tool)
        lost |= missing
        (required if name in tool.required else optional).append(made)
    if tool.binding is not None and (binding is None or _partly(binding)):
        lost.add(Loss.BINDING)
    method = binding.method if binding else _method(tool)
    if http_hints(method, tool.name) != tool.hints.model_dump(exclude_none=True):
        lost.add(Loss.HINTS)
    if tool.examples:
        lost.add(Loss.EXAMPLES)
    if tool.returns is not None:
        lost.add(Loss.RETURNS)
    losses.update(lost)
    return {
        "name": tool.name,
        "url": server.rstrip("/") + binding.path if binding else "",
        "description": tool.description,
        "method": method,
        "required_parameters": required,
        "optional_parameters": optional,
        "template_response": _template(tool.returns, tool),
    }


def _method(tool: Tool) -> str:
    """The method that says of a tool without an address what its hints say."""
    if tool.hints.read_only:
        return "GET"
    return "DELETE" if tool.hints.destructive else "POST"


def _partly(binding: HttpBinding) -> bool:
    """The format keeps method and address, not where each parameter goes."""
    return bool(binding.locations or binding.wire_names)


def toolbench_tool(toolset: Toolset, title: str, losses: Losses) -> dict[str, Any]:
    """The toolset as one RapidAPI tool; its category is also the name of the folder that it belongs in.

    ToolBench knows a tool by its title, so `title` must be no other's in the category.
    """
    server = toolset.servers[0] if toolset.servers else ""
    losses[Loss.TOOLSET_DETAILS] += bool(toolset.collections or toolset.auth or len(toolset.servers) > 1)
    return {
        "tool_name": title,
        "tool_description": toolset.description,
        "title": title,
        "standardized_name": toolset.name,
        "category_name": toolset.category,
        "name": toolset.name,
        "host": server.split("://")[-1].split("/")[0],
        "home_url": server,
        "pricing": "",
        "api_list": [_api(tool, server, losses) for tool in toolset.tools],
    }
