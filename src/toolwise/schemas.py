"""JSON Schema as Toolwise uses it: local references, self-contained bundles, fast validation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import jsonschema_rs

from toolwise.errors import CatalogError
from toolwise.types import Json, Schema

REFERENCE = "#/$defs/"
_MAX_HOPS = 32


def reference_name(schema: Schema) -> str | None:
    """The definition that a schema points to, if it is a reference."""
    target = schema.get("$ref")
    return target.removeprefix(REFERENCE) if isinstance(target, str) else None


def resolve(schema: Schema, definitions: Mapping[str, Schema]) -> Schema:
    """Follow references until a schema that is not one; keywords beside a `$ref` are kept.

    A dangling or endless reference resolves to the empty schema, which accepts anything: real documents
    have both, and losing one constraint is better than losing the tool.
    """
    seen = 0
    while (name := reference_name(schema)) is not None:
        seen += 1
        target = definitions.get(name)
        if target is None or seen > _MAX_HOPS:
            return {}
        beside = {key: value for key, value in schema.items() if key != "$ref"}
        schema = {**target, **beside} if beside else target
    return schema


def merged(schema: Schema, definitions: Mapping[str, Schema], depth: int = 0) -> Schema:
    """A resolved schema whose `allOf` parts are folded into it: properties and requirements are united.

    Of other keywords the first to name one wins. Where nothing is to be folded the resolved schema itself comes back.
    """
    schema = resolve(schema, definitions)
    parts = schema.get("allOf")
    if not isinstance(parts, list) or depth >= _MAX_HOPS:
        return schema
    whole: Schema = {key: value for key, value in schema.items() if key != "allOf"}
    properties: dict[str, Any] = dict(whole.get("properties") or {})
    required: list[str] = list(whole.get("required") or ())
    for part in parts:
        if not isinstance(part, dict):
            continue
        folded = merged(part, definitions, depth + 1)
        for key, value in (folded.get("properties") or {}).items():
            properties.setdefault(key, value)
        required.extend(name for name in folded.get("required") or () if name not in required)
        for key, value in folded.items():
            whole.setdefault(key, value)
    if properties:
        whole["properties"] = properties
    if required:
        whole["required"] = required
    return whole


def _references(schema: Any, found: list[str]) -> None:
    if isinstance(schema, dict):
        target = schema.get("$ref")
        if isinstance(target, str):
            found.append(target.removeprefix(REFERENCE))
        for value in schema.values():
            _references(value, found)
    elif isinstance(schema, list):
        for value in schema:
            _references(value, found)


def bundle(schema: Schema, definitions: Mapping[str, Schema]) -> Schema:
    """The schema with a `$defs` that holds everything it can reach, and so stands alone."""
    reached: dict[str, Schema] = {}
    open_names: list[str] = []
    _references(schema, open_names)
    while open_names:
        name = open_names.pop()
        if name in reached:
            continue
        reached[name] = definitions.get(name, {})
        _references(reached[name], open_names)
    return {**schema, "$defs": reached} if reached else schema


def schema_type(schema: Schema) -> str:
    """The one type to treat a resolved schema as; the first non-null of several, `any` where unknown."""
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((k for k in kind if k != "null"), None)
    if isinstance(kind, str):
        return kind
    if "properties" in schema:
        return "object"
    if "items" in schema:
        return "array"
    if isinstance(schema.get("enum"), list) and all(isinstance(v, str) for v in schema["enum"]):
        return "string"
    return "any"


@dataclass(frozen=True, slots=True)
class Violation:
    """One way in which a value breaks a schema."""

    path: tuple[str | int, ...]
    """Where in the value; the offending field's own name is last, also for missing and unknown ones."""
    keyword: str
    """The JSON Schema keyword that was broken: `required`, `type`, `enum`, `maximum`, …"""
    message: str


def _refuse(uri: str) -> NoReturn:
    raise ValueError(f"remote reference refused: {uri}")


class Validator:
    """A compiled schema. References are local; a remote one is refused, never fetched."""

    def __init__(self, schema: Schema, definitions: Mapping[str, Schema]) -> None:
        """Raises CatalogError if the schema itself is invalid."""
        try:
            self._validator = jsonschema_rs.Draft202012Validator(
                bundle(schema, definitions), validate_formats=True, retriever=_refuse
            )
        except (ValueError, jsonschema_rs.ValidationError) as error:
            first_line = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise CatalogError(f"invalid JSON Schema: {first_line}") from error

    def is_valid(self, value: Json) -> bool:
        return self._validator.is_valid(value)

    def violations(self, value: Json) -> list[Violation]:
        """All violations, in the validator's order; empty for a valid value."""
        if self._validator.is_valid(value):
            return []
        return [_violation(error) for error in self._validator.iter_errors(value)]


def _violation(error: jsonschema_rs.ValidationError) -> Violation:
    path = list(error.instance_path)
    kind = error.kind
    keyword = str(error.schema_path[-1]) if error.schema_path else ""
    if isinstance(kind, jsonschema_rs.ValidationErrorKind.Required):
        keyword = "required"
        path.append(str(kind.property))
    elif isinstance(kind, jsonschema_rs.ValidationErrorKind.AdditionalProperties):
        keyword = "additionalProperties"
        path.append(str(kind.unexpected[0]))
    return Violation(path=tuple(path), keyword=keyword, message=error.message)
