"""ToolAlpaca's reference calls: arguments with `${animeId from searchAnime}` in them, mostly outside any quotes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from toolwise.corpus.formats.naming import standard
from toolwise.corpus.formats.reading import loose_json
from toolwise.schemas import resolve
from toolwise.text import identifier_words
from toolwise.types import Json, Reference, Schema, Tool

_MARK = "\ue000"
"""Starts a string that stands for a placeholder; no document uses this private character."""
_ENDS = frozenset('},"]\n')
_DEEPEST = 8


@dataclass(frozen=True)
class Placeholder:
    """A value that is not stated."""

    name: str
    """What it is: `animeId`, `start date`."""
    function: str = ""
    """The function whose response holds it; empty where the file names none."""


@dataclass(frozen=True)
class ReadArguments:
    """A reference call's arguments."""

    values: dict[str, Json]
    placeholders: Mapping[str, Placeholder]
    """Parameter name -> what stands in its value's place; `name` is empty where the value merely contains one."""


def read_reference(text: str) -> ReadArguments:
    """The values and placeholders of one call's input. Raises ValueError where it is no object even so."""
    given = loose_json(_quoted(text)) if text.strip() else {}
    if not isinstance(given, dict):
        raise ValueError("no JSON object")
    values: dict[str, Json] = {}
    held: dict[str, Placeholder] = {}
    for name, value in given.items():
        if (whole := _placeholder(value)) is not None:
            held[name] = whole
        elif _contains(value):
            held[name] = Placeholder("")
        else:
            values[name] = value
    return ReadArguments(values, held)


def _quoted(text: str) -> str:
    """The text with every bare placeholder as a marked string, also unclosed ones and those with a stray quote."""
    made: list[str] = []
    at, inside = 0, False
    while at < len(text):
        if not inside and text.startswith("${", at):
            end = at + 2
            while end < len(text) and text[end] not in _ENDS:
                end += 1
            made.append(f'"{_MARK}{text[at + 2 : end].strip()}"'.replace("\\", "/"))
            at = end + (text[end : end + 1] == "}")
            at += text[at : at + 1] == '"'
            continue
        if inside and text[at] == "\\":
            made.append(text[at : at + 2])
            at += 2
            continue
        inside ^= text[at] == '"'
        made.append(text[at])
        at += 1
    return "".join(made)


def _placeholder(value: Json) -> Placeholder | None:
    if not isinstance(value, str):
        return None
    if value.startswith(_MARK):
        return _named(value[len(_MARK) :])
    inside = value.removeprefix("$")
    named = inside.startswith("{") and inside.endswith("}") and inside[1:-1].strip()
    if named and not set(inside[1:-1]) & set('{}:"'):
        return _named(inside[1:-1])
    return None


def _named(text: str) -> Placeholder:
    name, _, function = text.partition(" from ")
    return Placeholder(name.strip() or "value", function.strip())


def _contains(value: Json) -> bool:
    if isinstance(value, dict):
        return any(_contains(item) for item in value.values())
    if isinstance(value, list):
        return any(_contains(item) for item in value)
    return isinstance(value, str) and (_placeholder(value) is not None or "${" in value)


def reference(
    placeholder: Placeholder, earlier: Sequence[str], tool: Tool | None, used: Counter[tuple[int, str]]
) -> tuple[Reference, bool] | None:
    """The data-flow edge of a placeholder, and whether the response's schema holds its field; none where it has none.

    `earlier` are the names of the functions called before, `tool` is the one that the placeholder names. The second
    call that takes the same field of a list takes it from the second item.
    """
    calls = [index for index, name in enumerate(earlier) if name == placeholder.function]
    if not calls:
        return None
    key = (calls[-1], standard(placeholder.name))
    item = used[key]
    used[key] += 1
    path = _find(placeholder.name, tool, item) if tool is not None and tool.returns is not None else None
    return Reference(call=calls[-1], path=path or (placeholder.name,)), path is not None


def _find(name: str, tool: Tool, item: int) -> tuple[str | int, ...] | None:
    """The shallowest field of that name in a tool's response; `animeId` may be called `id` there."""
    words = identifier_words(name)
    wanted = {"".join(words)} | ({"".join(words[:-1])} if len(words) > 1 and words[-1] == "name" else set())
    fields = list(_fields(tool.returns or {}, tool.definitions, item))
    for accepted in (wanted, {"id"} if words[-1:] == ("id",) else set[str]()):
        for path in fields:
            if "".join(identifier_words(str(path[-1]))) in accepted:
                return path
    return None


def _fields(schema: Schema, definitions: Mapping[str, Schema], item: int) -> Sequence[tuple[str | int, ...]]:
    """Paths to every property, the shallowest first; the first list on the way is read at `item`."""
    made: list[tuple[str | int, ...]] = []
    level: list[tuple[tuple[str | int, ...], Any]] = [((), schema)]
    for _ in range(_DEEPEST):
        below: list[tuple[tuple[str | int, ...], Any]] = []
        for path, unresolved in level:
            if not isinstance(unresolved, dict):
                continue
            part = resolve(unresolved, definitions)
            if isinstance(part.get("items"), dict):
                first = not any(isinstance(key, int) for key in path)
                below.append(((*path, item if first else 0), part["items"]))
            for name, inside in (part.get("properties") or {}).items():
                made.append((*path, name))
                below.append(((*path, name), inside))
        level = below
    return made
