"""From an HTTP request to a tool's arguments: each parameter from its place, text turned into what its schema says."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from toolwise.schemas import merged, schema_type
from toolwise.types import HttpBinding, Json, ParameterLocation, Schema, Tool

JSON_TYPE = "application/json"
FORM_TYPE = "application/x-www-form-urlencoded"
MULTIPART_TYPE = "multipart/form-data"
_INTEGER = re.compile(r"-?\d{1,300}", re.ASCII)
_NUMBER = re.compile(r"-?\d{1,300}(\.\d{0,300})?([eE][+-]?\d{1,3})?", re.ASCII)
_WORDS: Mapping[str, Json] = {"true": True, "false": False, "null": None}
_MAX_BRANCHES = 16
_BIGGEST = 2**63


class RequestError(Exception):
    """A request that never reaches the tool."""

    def __init__(self, status: int, code: str, message: str, field: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.field = field


@dataclass(frozen=True, slots=True)
class Sent:
    """A request's parts, decoded from their encodings and nothing more."""

    query: Sequence[tuple[str, str]]
    headers: Mapping[str, str]
    """By lower-case name."""
    cookies: Mapping[str, str]
    content_type: str
    """The media type alone, lower-case; empty without one."""
    body: bytes
    form: Sequence[tuple[str, str]] = ()
    """Fields of a form or multipart body."""


def is_json(media_type: str) -> bool:
    """`application/json`, or a type that is built on it."""
    return media_type == JSON_TYPE or media_type.endswith("+json")


def is_form(media_type: str) -> bool:
    """A body of named text fields."""
    return media_type in (FORM_TYPE, MULTIPART_TYPE)


def read_json(body: bytes) -> Json:
    """A JSON body. Raises RequestError (400)."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RequestError(400, "malformed_json", f"The body is not JSON: {error}") from error


def locations_of(tool: Tool, binding: HttpBinding) -> dict[str, ParameterLocation]:
    """Where each parameter goes; one that the binding does not place goes into the query, or the body if there is one.

    Placeholders of the path are found by the template and need no place.
    """
    bodiless = binding.method.upper() in ("GET", "HEAD", "DELETE", "OPTIONS")
    default = ParameterLocation.QUERY if bodiless else ParameterLocation.BODY
    return {
        name: binding.locations.get(name, ParameterLocation.PATH if f"{{{name}}}" in binding.path else default)
        for name in tool.properties
    }


def arguments_of(tool: Tool, binding: HttpBinding, path: Mapping[str, str], sent: Sent) -> dict[str, Json]:
    """The tool's arguments as the request gives them; the tool itself judges them. Raises RequestError."""
    reader = _Reader(tool, binding, sent)
    for name, value in path.items():
        reader.give(name, from_text(value, reader.schema(name)))
    reader.query()
    reader.headers()
    reader.cookies()
    reader.body()
    return reader.made


class _Reader:
    def __init__(self, tool: Tool, binding: HttpBinding, sent: Sent) -> None:
        self._tool = tool
        self._binding = binding
        self._sent = sent
        self._names: dict[ParameterLocation, dict[str, str]] = {}
        for name, location in locations_of(tool, binding).items():
            self._names.setdefault(location, {})[binding.wire_names.get(name, name)] = name
        self.made: dict[str, Json] = {}

    def schema(self, name: str) -> Schema:
        found = self._tool.properties.get(name)
        return merged(found, self._tool.definitions) if isinstance(found, dict) else {}

    def give(self, name: str, value: Json) -> None:
        self.made[name] = value

    def _at(self, location: ParameterLocation) -> dict[str, str]:
        """Wire name -> parameter."""
        return self._names.get(location, {})

    def query(self) -> None:
        """Repeated fields make a list; a field that no parameter has is refused."""
        known = self._at(ParameterLocation.QUERY)
        for wire, values in _grouped(self._sent.query).items():
            name = known.get(wire)
            if name is None:
                raise _unknown(wire, "query")
            self.give(name, from_fields(values, self.schema(name)))

    def headers(self) -> None:
        for wire, name in self._at(ParameterLocation.HEADER).items():
            value = self._sent.headers.get(wire.lower())
            if value is not None:
                self.give(name, from_text(value, self.schema(name)))

    def cookies(self) -> None:
        for wire, name in self._at(ParameterLocation.COOKIE).items():
            if wire in self._sent.cookies:
                self.give(name, from_text(self._sent.cookies[wire], self.schema(name)))

    def body(self) -> None:
        """The body's fields, or the body as one parameter; where a tool takes none, a body is not looked at."""
        whole = next(iter(self._at(ParameterLocation.WHOLE_BODY).values()), None)
        fields = self._at(ParameterLocation.BODY)
        if (whole is None and not fields) or not (self._sent.body or self._sent.form):
            return
        media_type = self._sent.content_type or JSON_TYPE
        accepted = self._binding.media_type or JSON_TYPE
        if is_form(media_type) and (is_form(accepted) or fields):
            self._form(whole, fields)
        elif is_json(media_type):
            self._json(whole, fields)
        elif whole is not None and media_type == accepted.partition(";")[0].strip().lower():
            self.give(whole, self._sent.body.decode(errors="replace"))
        else:
            raise RequestError(415, "unsupported_media_type", f"Send the body as {accepted}, not as {media_type}.")

    def _json(self, whole: str | None, fields: Mapping[str, str]) -> None:
        value = read_json(self._sent.body)
        if whole is not None:
            self.give(whole, value)
            return
        if not isinstance(value, dict):
            raise RequestError(400, "invalid_arguments", "The body must be a JSON object.")
        self._fields(value, fields)

    def _form(self, whole: str | None, fields: Mapping[str, str]) -> None:
        grouped = _grouped(self._sent.form)
        if whole is not None:
            inner = self.schema(whole).get("properties") or {}
            self.give(whole, {name: from_fields(values, inner.get(name, {})) for name, values in grouped.items()})
            return
        self._fields({n: from_fields(v, self.schema(fields.get(n, n))) for n, v in grouped.items()}, fields)

    def _fields(self, given: Mapping[str, Json], fields: Mapping[str, str]) -> None:
        """A field that no parameter has goes to the tool as it is, unless it would pass for another parameter."""
        for wire, value in given.items():
            name = fields.get(wire)
            if name is None and wire in self._tool.properties:
                raise _unknown(wire, "body")
            self.give(name or wire, value)


def _unknown(wire: str, where: str) -> RequestError:
    return RequestError(400, "invalid_arguments", f"Unknown field '{wire[:200]}' in the {where}.", wire[:200])


def _grouped(fields: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for name, value in fields:
        grouped.setdefault(name, []).append(value)
    return grouped


def from_fields(values: Sequence[str], schema: Schema) -> Json:
    """A query or form field's values: a list of all for an array, else the last one."""
    if schema_type(schema) == "array":
        items = schema.get("items")
        return [from_text(value, items if isinstance(items, dict) else {}) for value in values]
    return from_text(values[-1], schema)


def from_text(text: str, schema: Schema) -> Json:
    """Text as the schema's type; text that cannot be that stays text, and the tool will say what is wrong.

    A list is its items between commas (OpenAPI's style `simple`), an object is JSON.
    """
    for kind in _types(schema):
        if kind == "array":
            items = schema.get("items")
            inner = items if isinstance(items, dict) else {}
            return [from_text(part, inner) for part in text.split(",")] if text else []
        found, value = _read(text, kind)
        if found:
            return value
    return text


def _types(schema: Schema) -> list[str]:
    """The schema's possible types, the narrowest first and text last."""
    kind = schema.get("type")
    kinds = [str(one) for one in kind] if isinstance(kind, list) else []
    if isinstance(kind, str):
        kinds = [kind]
    for key in ("anyOf", "oneOf"):
        branches = schema.get(key)
        if not kinds and isinstance(branches, list):
            kinds = [schema_type(branch) for branch in branches[:_MAX_BRANCHES] if isinstance(branch, dict)]
    if not kinds:
        values = schema.get("enum")
        kinds = sorted({_type_of(value) for value in values}) if isinstance(values, list) else [schema_type(schema)]
    order = ("null", "boolean", "integer", "number", "object", "array", "string")
    return sorted((kind for kind in kinds if kind in order), key=order.index)


def _type_of(value: Any) -> str:
    return {bool: "boolean", int: "integer", float: "number", str: "string"}.get(type(value), "null")


def _read(text: str, kind: str) -> tuple[bool, Json]:
    """(is it of that type, its value)."""
    if kind in ("integer", "number") and _INTEGER.fullmatch(text):
        value = int(text)
        return True, value if -_BIGGEST <= value < _BIGGEST else float(text)  # as JSON's reader does
    if kind == "number" and _NUMBER.fullmatch(text) and math.isfinite(float(text)):
        return True, float(text)
    if kind in ("boolean", "null"):
        word = _WORDS.get(text, text)
        return (isinstance(word, bool) if kind == "boolean" else word is None), word
    if kind == "object" and text[:1] == "{":
        try:
            return True, orjson.loads(text)
        except orjson.JSONDecodeError:
            return False, text
    return kind == "string", text
