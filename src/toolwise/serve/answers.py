"""What a served tool promises to answer: the shape that its document says, without what an echo may break."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from toolwise.errors import CatalogError
from toolwise.schemas import Validator, merged
from toolwise.types import Json, Observation, Schema, Tool, ToolErrorKind

_SHAPE = frozenset({"$ref", "type", "enum", "const", "title", "description"})
"""Keywords kept as they are. Bounds, patterns, formats and counts go: a simulated answer repeats what its caller gave
(a made-up id of five characters, say), and a client that validates answers would take that for a broken server."""
_INNER = ("items", "additionalProperties")
_BRANCHES = {"anyOf": "anyOf", "oneOf": "anyOf", "allOf": "allOf"}
_MAX_DEPTH = 64


def shape_of(schema: Schema, depth: int = 0) -> Schema:
    """The schema's shape: names, types, enumerations and nesting. References are kept."""
    if depth > _MAX_DEPTH:
        return {}
    made: Schema = {key: value for key, value in schema.items() if key in _SHAPE}
    properties = schema.get("properties")
    if isinstance(properties, dict):
        made["properties"] = {name: _inner(value, depth) for name, value in properties.items()}
    for key in _INNER:
        if isinstance(schema.get(key), dict):
            made[key] = shape_of(schema[key], depth + 1)
    for key, kept in _BRANCHES.items():
        if isinstance(schema.get(key), list):
            made[kept] = [_inner(branch, depth) for branch in schema[key]]
    return made


def _inner(value: Any, depth: int) -> Any:
    return shape_of(value, depth + 1) if isinstance(value, dict) else value


class Promise:
    """The answer schema of one tool as it is published, and a check that an answer keeps to it."""

    def __init__(self, tool: Tool) -> None:
        self.definitions = shapes(tool.definitions)
        """What the schema refers to."""
        self.schema = _promised(tool)
        """In the catalog's form: references point to `#/$defs/<name>`; none where nothing is known."""

    @cached_property
    def _validator(self) -> Validator | None:
        """Compiled at the first answer: listing thousands of tools must not compile thousands of schemas."""
        if self.schema is None:
            return None
        try:
            return Validator(self.schema, self.definitions)
        except CatalogError:
            return None

    def kept(self, seen: Observation) -> Observation:
        """The observation, or a typed failure instead of a success that breaks the promise."""
        if not seen.ok or self._validator is None or self._validator.is_valid(seen.body):
            return seen
        message = "The answer does not have the form that the tool's document promises."
        error: Json = {"error": {"code": ToolErrorKind.MALFORMED.value, "message": message}}
        return Observation(status=502, body=error, error=ToolErrorKind.MALFORMED, source=seen.source)


def _promised(tool: Tool) -> Schema | None:
    if tool.returns is None:
        return None
    whole = merged(tool.returns, tool.definitions)
    schema = shape_of(whole)
    required = whole.get("required")
    if isinstance(required, list) and required:  # of the outermost object alone: worlds keep to that
        schema["required"] = required
    return schema


class Shapes(Mapping[str, Schema]):
    """Definitions reduced to their shapes, each on first use."""

    def __init__(self, definitions: Mapping[str, Schema]) -> None:
        self._definitions = definitions
        self._made: dict[str, Schema] = {}

    def __getitem__(self, name: str) -> Schema:
        if name not in self._made:
            self._made[name] = shape_of(self._definitions[name])
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._definitions)

    def __len__(self) -> int:
        return len(self._definitions)


def shapes(definitions: Mapping[str, Schema]) -> Mapping[str, Schema]:
    """The definitions' shapes."""
    return Shapes(definitions)
