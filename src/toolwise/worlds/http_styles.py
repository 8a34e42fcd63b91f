"""Values as text in a request: the styles of OpenAPI 3.1.1 ("Style Values") and RFC 6570."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

import orjson

from toolwise.types import Json, ParameterStyle

_EXPLODED_PATH = frozenset(
    {ParameterStyle.SIMPLE_EXPLODED, ParameterStyle.LABEL_EXPLODED, ParameterStyle.MATRIX_EXPLODED}
)
_SEPARATORS = {
    ParameterStyle.FORM: ",",
    ParameterStyle.SIMPLE: ",",
    ParameterStyle.SPACE_DELIMITED: " ",
    ParameterStyle.PIPE_DELIMITED: "|",
    ParameterStyle.TAB_DELIMITED: "\t",
}
_MAX_DEPTH = 8


def scalar(value: Json) -> str:
    """A single value: text as it is, numbers and truth values as JSON writes them, null as nothing."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()


def percent(text: str, safe: str = "") -> str:
    """Percent-encoded but for the unreserved characters (RFC 3986, section 2.3)."""
    return quote(text, safe=safe)


def pairs(name: str, value: Json, style: ParameterStyle = ParameterStyle.FORM_EXPLODED) -> list[tuple[str, str]]:
    """The fields of a query, a form or a cookie that carry one parameter, not yet encoded."""
    if style is ParameterStyle.JSON:
        return [(name, orjson.dumps(value).decode())]
    if style is ParameterStyle.DEEP_OBJECT and isinstance(value, dict | list):
        return list(_deep(name, value, 0))
    if not isinstance(value, Mapping | list | tuple):
        return [(name, scalar(value))]
    if style is ParameterStyle.FORM_EXPLODED:
        items = value.items() if isinstance(value, Mapping) else [(name, element) for element in value]
        return [(str(key), scalar(inner)) for key, inner in items]
    flat = [part for item in value.items() for part in item] if isinstance(value, Mapping) else value
    return [(name, _SEPARATORS.get(style, ",").join(map(scalar, flat)))]


def _deep(name: str, value: Json, depth: int) -> list[tuple[str, str]]:
    if depth < _MAX_DEPTH and isinstance(value, Mapping):
        return [pair for key, inner in value.items() for pair in _deep(f"{name}[{key}]", inner, depth + 1)]
    if depth < _MAX_DEPTH and isinstance(value, list | tuple):
        return [pair for at, inner in enumerate(value) for pair in _deep(f"{name}[{at}]", inner, depth + 1)]
    return [(name, scalar(value))]


def path_text(name: str, value: Json, style: ParameterStyle = ParameterStyle.SIMPLE) -> str:
    """A parameter in the path, encoded: a value's own slashes never become the path's, but for RESERVED."""
    if style is ParameterStyle.JSON:
        return percent(orjson.dumps(value).decode())
    if style is ParameterStyle.RESERVED:
        return percent(scalar(value), safe="/")
    exploded = style in _EXPLODED_PATH
    parts = _parts(value, exploded)
    if style in {ParameterStyle.LABEL, ParameterStyle.LABEL_EXPLODED}:
        return "." + ("." if exploded else ",").join(parts)
    if style is ParameterStyle.MATRIX:
        return f";{percent(name)}={','.join(parts)}"
    if style is ParameterStyle.MATRIX_EXPLODED:
        named = parts if isinstance(value, Mapping) else [f"{percent(name)}={part}" for part in parts]
        return "".join(f";{part}" for part in named)
    return ",".join(parts)


def header_text(value: Json, style: ParameterStyle = ParameterStyle.SIMPLE) -> str:
    """A parameter in a header."""
    if style is ParameterStyle.JSON:
        return orjson.dumps(value).decode()
    if isinstance(value, Mapping):
        if style is ParameterStyle.SIMPLE_EXPLODED:
            return ",".join(f"{key}={scalar(inner)}" for key, inner in value.items())
        return ",".join(part for item in value.items() for part in map(scalar, item))
    return ",".join(map(scalar, value)) if isinstance(value, list | tuple) else scalar(value)


def _parts(value: Json, exploded: bool) -> list[str]:
    """The encoded elements of an array, the names and values of an object, or the one value."""
    if isinstance(value, Mapping):
        if exploded:
            return [f"{percent(str(key))}={percent(scalar(inner))}" for key, inner in value.items()]
        return [percent(part) for item in value.items() for part in map(scalar, item)]
    if isinstance(value, list | tuple):
        return [percent(scalar(element)) for element in value]
    return [percent(scalar(value))]
