"""`${…}` in reference calls: a value that an earlier call returns, or one that the solver may choose."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import orjson

from toolwise.types import Json

_HOLE = re.compile(r'"?\$\{(?P<closed>[^{}"]*)\}"?|"?\$\{(?P<open>[^{}",]*)(?=[,}\]])|"\{(?P<bare>[^{}":]*)\}"')
_FROM = re.compile(r"(?P<field>.*?)\s+from\s+(?P<source>[\w.-]+)\s*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A value that the reference does not know."""

    field: str
    """What it is, in the reference's words."""
    source: str = ""
    """The function that returns it; empty where the solver chooses."""


def read_arguments(text: str) -> dict[str, Json] | None:
    """Reference arguments, JSON but for placeholders, which are strings afterwards; none where it is beyond repair.

    Placeholders stand there without quotes, with half of them, or without their closing brace.
    """
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        try:
            value = orjson.loads(_HOLE.sub(_marked, text))
        except orjson.JSONDecodeError:
            return None
    return _holes(value) if isinstance(value, dict) else None


def _marked(match: re.Match[str]) -> str:
    inside = next(part for part in match.groups() if part is not None)
    return orjson.dumps(f"${{{inside}}}").decode()


def _holes(value: dict[str, Json]) -> dict[str, Json]:
    return {name: placeholder_of(part) or part for name, part in value.items()}


def placeholder_of(value: Json) -> Placeholder | None:
    """The placeholder that a value is: the whole of a string, or the only element of a list."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, str):
        return None
    match = re.fullmatch(r"\$\{(.*?)\}?|\{([^{}]*)\}", value, re.DOTALL)
    if match is None:
        return None
    inside = (match[1] if match[1] is not None else match[2]).strip()
    origin = _FROM.fullmatch(inside)
    return Placeholder(origin["field"], origin["source"]) if origin else Placeholder(inside)


def sources(arguments: dict[str, Json]) -> Iterator[str]:
    """The functions whose responses the arguments need."""
    for value in arguments.values():
        if isinstance(value, Placeholder) and value.source:
            yield value.source
