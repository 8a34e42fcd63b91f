"""Checking a call's arguments against the tool's whole schema, and saying what is wrong with which field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from toolwise.errors import CatalogError
from toolwise.schemas import Validator, Violation, merged, schema_type
from toolwise.types import Json, Schema, Tool

_MAX_VALUES = 12
_OPEN = ("additionalProperties", "patternProperties", "unevaluatedProperties", "oneOf", "anyOf", "allOf", "not", "if")
_MAX_DEPTH = 8


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with which field."""

    field: str
    """Dotted, as in `size.width` or `items.0.name`."""
    message: str


class ArgumentChecker:
    """The compiled schema of one tool. A schema that is itself invalid is checked for names and required fields."""

    def __init__(self, tool: Tool) -> None:
        self._tool = tool
        self._schema: Schema = {**tool.parameters, "type": "object"}
        try:
            self._validator: Validator | None = Validator(self._schema, tool.definitions)
        except CatalogError:
            self._validator = None
        self._closed = not any(key in self._schema for key in _OPEN) or (
            self._schema.get("additionalProperties") is False
        )
        self._known = frozenset(tool.properties)

    def problem(self, arguments: Mapping[str, Json]) -> Problem | None:
        """The first problem: an unknown field, then whatever breaks the schema; none for valid arguments."""
        if self._closed:
            for name in arguments:
                if name not in self._known:
                    return Problem(name, f"Unknown field '{name}'.")
        if self._validator is None:
            missing = next((name for name in self._tool.required if name not in arguments), None)
            return None if missing is None else Problem(missing, f"Missing required field '{missing}'.")
        plain = arguments if isinstance(arguments, dict) else dict(arguments)
        if not self._validator.is_valid(plain):
            violations = self._validator.violations(plain)
            return _explain(violations[0], self._tool, plain)
        return self._unknown_inside(plain)

    def _unknown_inside(self, arguments: Mapping[str, Json]) -> Problem | None:
        for name, value in arguments.items():
            if isinstance(value, dict | list):
                path = _unknown(value, self._tool.properties.get(name, {}), self._tool.definitions, (name,))
                if path is not None:
                    field = ".".join(path)
                    return Problem(field, f"Unknown field '{field}'.")
        return None


def _unknown(
    value: Json, schema: Schema, definitions: Mapping[str, Schema], path: tuple[str, ...]
) -> tuple[str, ...] | None:
    """The path of a nested field that a closed object schema does not have; open schemas allow anything."""
    if not isinstance(value, dict | list) or len(path) > _MAX_DEPTH:
        return None
    whole = merged(schema, definitions)
    inner: Iterator[tuple[str, Json, Any]]
    if isinstance(value, list):
        inner = ((str(i), element, whole.get("items")) for i, element in enumerate(value))
    else:
        properties = whole.get("properties")
        if (
            not isinstance(properties, dict)
            or not properties
            or any(whole.get(key) not in (None, False) for key in _OPEN)
        ):
            return None
        stray = next((name for name in value if name not in properties), None)
        if stray is not None:
            return (*path, stray)
        inner = ((name, part, properties[name]) for name, part in value.items())
    found = (
        _unknown(part, part_schema, definitions, (*path, name))
        for name, part, part_schema in inner
        if isinstance(part_schema, dict)
    )
    return next((deeper for deeper in found if deeper is not None), None)


def _explain(violation: Violation, tool: Tool, arguments: Mapping[str, Json]) -> Problem:
    field = ".".join(str(part) for part in violation.path)
    schema = _schema_at(violation.path, tool)
    limit: Any = schema.get(violation.keyword)
    keyword = violation.keyword
    if keyword == "required":
        return Problem(field, f"Missing required field '{field}'.")
    if keyword == "additionalProperties":
        return Problem(field, f"Unknown field '{field}'.")
    if keyword == "type":
        return Problem(field, f"Field '{field}' must be of type {_type_name(schema)}.")
    if keyword == "enum" and isinstance(limit, list):
        values = ", ".join(str(value) for value in limit[:_MAX_VALUES]) + (", …" if len(limit) > _MAX_VALUES else "")
        return Problem(field, f"Field '{field}' must be one of: {values}.")
    wording = {
        "minimum": "must be at least",
        "maximum": "must be at most",
        "exclusiveMinimum": "must be greater than",
        "exclusiveMaximum": "must be less than",
        "minLength": "must have a length of at least",
        "maxLength": "must have a length of at most",
        "minItems": "must have at least this many items:",
        "maxItems": "must have at most this many items:",
        "format": "must have the format",
        "pattern": "must match the pattern",
        "const": "must be",
        "multipleOf": "must be a multiple of",
    }.get(keyword)
    if wording is not None and limit is not None:
        return Problem(field, f"Field '{field}' {wording} {limit}.")
    return Problem(field, f"Field '{field}' is invalid: {violation.message[:120]}")


def _type_name(schema: Schema) -> str:
    kind = schema.get("type")
    return " or ".join(map(str, kind)) if isinstance(kind, list) else schema_type(schema)


def _schema_at(path: tuple[str | int, ...], tool: Tool) -> Schema:
    """The schema of the field at a path; empty where alternatives hide it."""
    schema: Schema = tool.parameters
    for part in path:
        whole = merged(schema, tool.definitions)
        inner = whole.get("items") if isinstance(part, int) else (whole.get("properties") or {}).get(part)
        if not isinstance(inner, dict):
            return {}
        schema = inner
    return merged(schema, tool.definitions)
