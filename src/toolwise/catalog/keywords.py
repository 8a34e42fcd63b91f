"""The JSON Schema keywords that are kept, each with the check that its value is usable."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import jsonschema_rs

TYPES = frozenset({"string", "integer", "number", "boolean", "object", "array", "null"})
MAX_VALUE_DEPTH = 24
"""An example, default or constant nested deeper is dropped."""
MAX_VALUE_SIZE = 4000
"""Scalars in an example, default or constant beyond which it is dropped."""
_MAX_PATTERN = 2000
_INTEGER_LIMIT = 2**63


_REPEAT = re.compile(r"(?<!\\)\{(\d+)(?:(,)(\d*))?\}")
_WIDE = re.compile(r"\\[pPwWsSdD]|\.|\[\^|[^\x00-\x7f]|\\u")
_MAX_REPEAT = 1000
_MAX_WIDE_REPEAT = 50


def _relax(pattern: str) -> str:
    """Lift counts so high that compiling the pattern takes up to 0.1 s and megabytes, as `\\S{1,8192}` does.

    The relaxed pattern accepts all that the original one does, and its documents state the length apart.
    """
    limit = _MAX_WIDE_REPEAT if _WIDE.search(pattern) else _MAX_REPEAT

    def lift(match: re.Match[str]) -> str:
        low = int(match[1])
        high = int(match[3]) if match[3] else low
        if max(low, high) <= limit:
            return match[0]
        return {0: "*", 1: "+"}.get(low, f"{{{min(low, limit)},}}")

    return _REPEAT.sub(lift, pattern)


@lru_cache(maxsize=65536)
def usable_pattern(pattern: str) -> str | None:
    """The pattern, or one that accepts more and is cheap; none if the validator does not understand it.

    Real documents have regular expressions of many dialects, and some that no engine compiles in a sane time.
    """
    if len(pattern) > _MAX_PATTERN:
        return None
    pattern = _relax(pattern)
    try:
        jsonschema_rs.Draft202012Validator({"pattern": pattern})
    except (ValueError, jsonschema_rs.ValidationError):
        return None
    return pattern


def number(value: Any) -> bool:
    """A finite number that JSON writers agree on."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value) and (isinstance(value, float) or -_INTEGER_LIMIT <= value < _INTEGER_LIMIT)


def count(value: Any) -> bool:
    """A non-negative whole number."""
    return number(value) and value >= 0 and value == int(value)


def text(value: Any) -> bool:
    """A string that can be written as UTF-8."""
    if not isinstance(value, str):
        return False
    if value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


class _TooBigError(Exception):
    pass


def _copy(value: Any, depth: int, left: list[int]) -> Any:
    left[0] -= 1
    if depth > MAX_VALUE_DEPTH or left[0] < 0:
        raise _TooBigError
    if value is None or isinstance(value, bool) or text(value):
        return value
    if number(value):
        return value
    if isinstance(value, list):
        return [_copy(item, depth + 1, left) for item in value]
    if isinstance(value, dict):
        return {str(key): _copy(item, depth + 1, left) for key, item in value.items() if text(str(key))}
    raise _TooBigError


def json_value(value: Any, limit: int = MAX_VALUE_SIZE) -> tuple[bool, Any]:
    """Whether this is a JSON value of a reasonable size, and a copy of it."""
    try:
        return True, _copy(value, 0, [limit])
    except _TooBigError:
        return False, None


COPIED: tuple[tuple[str, Callable[[Any], bool]], ...] = (
    ("format", text),
    ("multipleOf", lambda v: number(v) and v > 0),
    ("minLength", count),
    ("maxLength", count),
    ("minItems", count),
    ("maxItems", count),
    ("minProperties", count),
    ("maxProperties", count),
    ("uniqueItems", lambda v: isinstance(v, bool)),
    ("readOnly", lambda v: v is True),
    ("writeOnly", lambda v: v is True),
)
"""Keywords that are copied as they are when their value passes the check."""
COUNTS = frozenset({"minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"})


_PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
    "null": (type(None),),
}


def fits(value: Any, kind: str | list[str] | None) -> bool:
    """Is this value of the schema's type?"""
    if kind is None:
        return True
    if isinstance(kind, list):
        return any(fits(value, one) for one in kind)
    if isinstance(value, bool):
        return kind == "boolean"
    return isinstance(value, _PYTHON_TYPES[kind]) or (kind == "integer" and number(value) and value == int(value))


def fitting(value: Any, kind: str | list[str] | None) -> Any:
    """An enumeration's value in the schema's type; none where it is of another (YAML reads `1` as a number)."""
    if value is None or fits(value, kind):
        return value
    kinds = [kind] if isinstance(kind, str) else kind or []
    if "string" in kinds and isinstance(value, bool | int | float):
        return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)
    if isinstance(value, str):
        for one, made in (("integer", int), ("number", float)):
            if one in kinds:
                try:
                    return made(value)
                except ValueError:
                    return None
    return None
