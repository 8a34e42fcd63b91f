"""The type names that people write (`str`, `List[int]`, `date`, `number, optional`) as JSON Schema."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from toolwise.types import Schema

_MAX_LENGTH = 400
_MAX_DEPTH = 8

_WORDS = {
    "string": "string str text char varchar unicode password enum secret literal",
    "integer": "integer int long short int32 int64 uint bigint smallint",
    "number": "number float double decimal numeric real num float32 float64 complex",
    "boolean": "boolean bool",
    "object": "object dict dictionary map mapping json hash hashmap struct record typeddict jsonobject",
    "array": "array list tuple set sequence iterable arraylist frozenset vector collection",
    "null": "null none nonetype",
}
_TYPES: dict[str, Schema] = {word: {"type": kind} for kind, words in _WORDS.items() for word in words.split()}
_FORMATS = {
    "date": "date",
    "datetime": "date-time",
    "date-time": "date-time",
    "uuid": "uuid",
    "guid": "uuid",
    "uri": "uri",
    "url": "uri",
    "email": "email",
    "bytes": "byte",
    "byte": "byte",
    "binary": "binary",
    "file": "binary",
    "base64": "byte",
}
_LISTS = frozenset(_WORDS["array"].split())
_MAPS = frozenset(_WORDS["object"].split())
_GENERIC = re.compile(r"(?:typing\.)?([a-z_-]+)\s*[\[<](.*)[\]>]\Z", re.DOTALL)
_OF = re.compile(r"(?:an? )?(array|list|set|tuple|sequence|collection)s? of (.+)\Z")
_NOTE = re.compile(r"\s*\([^()]*\)\s*\Z")
_OPTIONAL = re.compile(r"\s*,?\s*\(?\boptional\)?\s*\Z")


def says_optional(text: object) -> bool:
    """Does the type's name itself say that the parameter may be left away: `str, optional`, `Optional[int]`?"""
    if not isinstance(text, str):
        return False
    lowered = text[:_MAX_LENGTH].strip().lower()
    return bool(_OPTIONAL.search(lowered)) or lowered.startswith(("optional[", "typing.optional["))


def schema_of(name: str) -> Schema:
    """A type's name as a schema; the empty schema, which accepts anything, where it means nothing to us."""
    return dict(_schema_of(name)) if len(name) <= _MAX_LENGTH else {}


@lru_cache(maxsize=4096)
def _schema_of(name: str) -> Schema:
    return _read(name.strip(), 0)


def _split(text: str, separator: str) -> list[str]:
    """Split at a separator that stands outside all brackets."""
    parts, depth, start = [], 0, 0
    for position, character in enumerate(text):
        if character in "[<(":
            depth += 1
        elif character in "]>)":
            depth -= 1
        elif character == separator and depth == 0:
            parts.append(text[start:position])
            start = position + 1
    return [part.strip() for part in (*parts, text[start:])]


def _union(names: list[str], depth: int) -> Schema:
    options: list[Schema] = []
    for name in names:
        option = _read(name, depth + 1)
        if not option:
            return {}
        if option not in options:
            options.append(option)
    if len(options) == 1:
        return options[0]
    if all(set(option) == {"type"} for option in options):
        return {"type": [option["type"] for option in options]}
    return {"anyOf": options}


def _literal(parts: list[str]) -> Schema:
    values: list[Any] = []
    for part in parts:
        digits = part.removeprefix("-")
        values.append(int(part) if digits.isascii() and digits.isdigit() else part.strip("'\""))
    kinds = {type(value) for value in values}
    kind = {str: "string", int: "integer"}[kinds.pop()] if len(kinds) == 1 else None
    return {"type": kind, "enum": values} if kind else {"enum": values}


def _array(names: list[str], depth: int) -> Schema:
    items = _read(names[0], depth + 1) if len(set(names)) == 1 else {}
    return {"type": "array", "items": items} if items else {"type": "array"}


def _map(names: list[str], depth: int) -> Schema:
    values = _read(names[-1], depth + 1)
    return {"type": "object", "additionalProperties": values} if values else {"type": "object"}


def _generic(base: str, inside: str, depth: int) -> Schema:
    """`List[int]`, `Optional[str]`, `Literal['a', 'b']`."""
    parts = [part for part in _split(inside, ",") if part and part != "..."]
    if not parts:
        return dict(_TYPES.get(base, {}))
    if base in _LISTS:
        return _array(parts, depth)
    if base in _MAPS:
        return _map(parts, depth)
    if base in ("optional", "union"):
        return _union([*parts, *(["null"] if base == "optional" else [])], depth)
    if base == "literal":
        return _literal(parts)
    return _read(parts[0], depth + 1) if base == "annotated" else {}


def _composed(text: str, written: str, depth: int) -> Schema | None:
    """A type made of others; none if it is not."""
    if text.endswith("[]"):
        return _array([written[:-2]], depth)
    if match := _GENERIC.match(text):
        return _generic(match[1], written[match.start(2) : match.end(2)], depth)
    if match := _OF.match(text):
        return _array([match[2]], depth) if _read(match[2], depth + 1) else _array([match[2].rstrip("s")], depth)
    for separator in ("|", "/"):
        if len(parts := _split(written, separator)) > 1:
            return _union(parts, depth)
    return _union(written.split(" or "), depth) if " or " in written else None


def _read(written: str, depth: int) -> Schema:
    written = written.strip()
    text = written.lower()
    if depth > _MAX_DEPTH or not text:
        return {}
    if "[" not in text and (required := _OPTIONAL.sub("", text)) != text:
        return _read(required, depth + 1)
    bare = _NOTE.sub("", text)
    if bare in _TYPES:
        return dict(_TYPES[bare])
    if bare in _FORMATS:
        return {"type": "string", "format": _FORMATS[bare]}
    if (composed := _composed(text, written, depth)) is not None:
        return composed
    last = bare.rsplit(".", 1)[-1].strip()  # RapidAPI writes "DATE (YYYY-MM-DD)", Python "typing.Any"
    return _read(last, depth + 1) if last != text else {}
