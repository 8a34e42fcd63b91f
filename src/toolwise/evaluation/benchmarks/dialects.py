"""Other benchmarks' ways to describe parameters, as JSON Schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toolwise.types import Json, Schema

_TYPES: Mapping[str, str] = {
    "str": "string",
    "string": "string",
    "text": "string",
    "date": "string",
    "time": "string",
    "datetime": "string",
    "enum": "string",
    "char": "string",
    "int": "integer",
    "integer": "integer",
    "long": "integer",
    "float": "number",
    "double": "number",
    "number": "number",
    "bool": "boolean",
    "boolean": "boolean",
    "list": "array",
    "array": "array",
    "tuple": "array",
    "dict": "object",
    "object": "object",
}
_KEPT = ("description", "enum", "default", "format", "minimum", "maximum", "minItems", "maxItems", "pattern")


def schema_from(described: Json) -> Schema:
    """A parameter as JSON Schema; a type that is not known accepts any value."""
    if not isinstance(described, dict):
        return {}
    schema: Schema = {key: described[key] for key in _KEPT if key in described}
    if not isinstance(schema.get("enum", []), list):
        del schema["enum"]
    kind = _TYPES.get(str(described.get("type", "")).strip().lower())
    if kind is not None:
        schema["type"] = kind
    if isinstance(described.get("items"), dict):
        schema["items"] = schema_from(described["items"])
    if isinstance(described.get("properties"), dict):
        schema.update(_members(described))
    return schema


def parameters_from(described: Json) -> Schema:
    """A function's parameters: always an object's schema."""
    return {"type": "object", **_members(described if isinstance(described, dict) else {})}


def _members(described: Mapping[str, Any]) -> Schema:
    listed = described.get("properties")
    properties = {str(name): schema_from(part) for name, part in listed.items()} if isinstance(listed, dict) else {}
    required = described.get("required")
    names = [name for name in required if name in properties] if isinstance(required, list) else []
    return {"properties": properties, **({"required": names} if names else {})}
