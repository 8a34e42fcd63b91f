"""From an HTTP request to a tool's arguments: each parameter from its place, text turned into what its schema says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import orjson

from toolwise.serve.http_styles import Reader
from toolwise.types import HttpBinding, Json, ParameterLocation, ParameterStyle, Schema, Tool

JSON_TYPE = "application/json"
FORM_TYPE = "application/x-www-form-urlencoded"
MULTIPART_TYPE = "multipart/form-data"


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
    reader.path(path)
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
        self._values = Reader(tool.definitions)
        self._names: dict[ParameterLocation, dict[str, str]] = {}
        for name, location in locations_of(tool, binding).items():
            self._names.setdefault(location, {})[binding.wire_names.get(name, name)] = name
        self.made: dict[str, Json] = {}

    def _at(self, location: ParameterLocation) -> dict[str, str]:
        """Wire name -> parameter."""
        return self._names.get(location, {})

    def _schema(self, name: str) -> Schema:
        found = self._tool.properties.get(name)
        return found if isinstance(found, dict) else {}

    def _styled(self, name: str, text: str, default: ParameterStyle) -> None:
        wire = self._binding.wire_names.get(name, name)
        style = self._binding.styles.get(name, default)
        self.made[name] = self._values.styled(text, wire, self._schema(name), style)

    def path(self, path: Mapping[str, str]) -> None:
        for name, text in path.items():
            self._styled(name, text, ParameterStyle.SIMPLE)

    def query(self) -> None:
        """A field that no parameter has is refused."""
        fields = _grouped(self._sent.query)
        left = set(fields)
        for wire, name in self._at(ParameterLocation.QUERY).items():
            left -= self._take(wire, name, fields)
        if left:
            raise _unknown(min(left), "query")

    def _take(self, wire: str, name: str, fields: Mapping[str, Sequence[str]]) -> frozenset[str]:
        """Read a parameter from the fields that carry it; their names."""
        style = self._binding.styles.get(name, ParameterStyle.FORM_EXPLODED)
        value, taken = self._values.field(wire, fields, self._schema(name), style)
        if taken:
            self.made[name] = value
        return taken

    def headers(self) -> None:
        for wire, name in self._at(ParameterLocation.HEADER).items():
            value = self._sent.headers.get(wire.lower())
            if value is not None:
                self._styled(name, value, ParameterStyle.SIMPLE)

    def cookies(self) -> None:
        for wire, name in self._at(ParameterLocation.COOKIE).items():
            if wire in self._sent.cookies:
                self._styled(name, self._sent.cookies[wire], ParameterStyle.FORM)

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
            self.made[whole] = self._sent.body.decode(errors="replace")
        else:
            raise RequestError(415, "unsupported_media_type", f"Send the body as {accepted}, not as {media_type}.")

    def _json(self, whole: str | None, fields: Mapping[str, str]) -> None:
        value = read_json(self._sent.body)
        if whole is not None:
            self.made[whole] = value
            return
        if not isinstance(value, dict):
            raise RequestError(400, "invalid_arguments", "The body must be a JSON object.")
        self._fields(value, fields)

    def _form(self, whole: str | None, fields: Mapping[str, str]) -> None:
        grouped = _grouped(self._sent.form)
        if whole is not None:
            properties = self._values.whole(self._schema(whole)).get("properties") or {}
            style = ParameterStyle.FORM_EXPLODED
            self.made[whole] = {
                name: self._values.field(name, grouped, properties.get(name, {}), style)[0] for name in grouped
            }
            return
        left = set(grouped)
        for wire, name in fields.items():
            left -= self._take(wire, name, grouped)
        self._fields({wire: grouped[wire][-1] for wire in sorted(left)}, {})

    def _fields(self, given: Mapping[str, Json], fields: Mapping[str, str]) -> None:
        """A field that no parameter has goes to the tool as it is, unless it would pass for another parameter."""
        for wire, value in given.items():
            name = fields.get(wire)
            if name is None and wire in self._tool.properties:
                raise _unknown(wire, "body")
            self.made[name or wire] = value


def _unknown(wire: str, where: str) -> RequestError:
    return RequestError(400, "invalid_arguments", f"Unknown field '{wire[:200]}' in the {where}.", wire[:200])


def _grouped(fields: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for name, value in fields:
        grouped.setdefault(name, []).append(value)
    return grouped
