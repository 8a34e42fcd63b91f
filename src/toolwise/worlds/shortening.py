"""JSON made shorter: always valid, what matters first, and every cut marked with `…`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import orjson

from toolwise.text import identifier_words
from toolwise.types import Json

MARK = "…"
_MARK_ROOM = 28
"""Bytes that a list or an object needs to say what it lacks."""
_LEAST_ROOM = 6
_MAX_DEPTH = 64
_BYTES_A_TOKEN = 16
"""No text that fits is longer than this many bytes a token, in practice; only a start for the search."""
_TELLING = frozenset({"id", "ids", "name", "title", "status", "state", "error", "message", "code", "total", "count"})

Rank = Callable[[tuple[str, ...]], int]
"""How early a field at a path is given room: smaller is earlier."""


@dataclass(slots=True)
class _Sized:
    """A JSON value with the length of its text in bytes, worked out once."""

    value: Json
    size: int
    items: list[_Sized] | None = None
    fields: dict[str, _Sized] | None = None


def telling_first(path: tuple[str, ...]) -> int:
    """Without a rule: what names a thing or says how it is, then the rest."""
    words = identifier_words(path[-1])
    return 0 if words and words[-1] in _TELLING else 1


def shortened(body: Json, render: Callable[[Json], str], fits: Callable[[str], bool], rank: Rank, limit: int) -> Json:
    """The longest of the body's shortened forms whose rendered text fits.

    `limit` is the size in tokens, from which the search for the right number of bytes starts.
    """
    whole = _measure(body, 0)
    best: Json = MARK
    low, high = 0, min(whole.size, limit * _BYTES_A_TOKEN)
    while low < high:
        room = (low + high + 1) // 2
        candidate = _fit(whole, room, (), rank)
        if fits(render(candidate)):
            best, low = candidate, room
        else:
            high = room - 1
    return best


def _measure(value: Json, depth: int) -> _Sized:
    if isinstance(value, dict | list) and depth >= _MAX_DEPTH:
        return _Sized(MARK, len(_text(MARK)))
    if isinstance(value, dict):
        fields = {str(key): _measure(inner, depth + 1) for key, inner in value.items()}
        size = 2 + sum(len(_text(key)) + 2 + inner.size for key, inner in fields.items())
        return _Sized({key: inner.value for key, inner in fields.items()}, size, fields=fields)
    if isinstance(value, list):
        items = [_measure(inner, depth + 1) for inner in value]
        return _Sized([inner.value for inner in items], 2 + sum(1 + inner.size for inner in items), items=items)
    try:
        return _Sized(value, len(_text(value)))
    except TypeError:  # integers beyond 64 bits, broken Unicode
        plain = str(value).encode("utf-8", "replace").decode()
        return _Sized(plain, len(_text(plain)))


def _text(value: Json) -> bytes:
    return orjson.dumps(value)


def _fit(node: _Sized, room: int, path: tuple[str, ...], rank: Rank) -> Json:
    """The node in at most `room` bytes, or as near as its form allows."""
    if node.size <= room:
        return node.value
    if node.fields is not None:
        return _fit_object(node.fields, room, path, rank)
    if node.items is not None:
        return _fit_list(node.items, room, path, rank)
    return _cut(node.value, room) if isinstance(node.value, str) else MARK


def _cut(text: str, room: int) -> str:
    """The text's beginning; escapes count as they are written."""
    keep = room - 2 - len(MARK.encode())
    while keep > 0:
        short = text.encode()[:keep].decode(errors="ignore") + MARK
        over = len(_text(short)) - room
        if over <= 0:
            return short
        keep -= max(1, over // 2)
    return MARK


def _fit_list(items: list[_Sized], room: int, path: tuple[str, ...], rank: Rank) -> list[Json]:
    """The first items that there is room for; the first of all shortened, if need be."""
    left = room - 2 - _MARK_ROOM
    kept: list[Json] = []
    for item in items:
        if item.size + 1 > left:
            break
        kept.append(item.value)
        left -= item.size + 1
    if not kept and items and left >= _LEAST_ROOM:
        kept.append(_fit(items[0], left, (*path, "*"), rank))
    missing = len(items) - len(kept)
    return [*kept, f"{MARK} {missing} more"] if missing else kept


def _fit_object(fields: Mapping[str, _Sized], room: int, path: tuple[str, ...], rank: Rank) -> dict[str, Json]:
    """Fields by rank, each whole if it is within its share of the room; what is left goes to the larger ones."""
    left = room - 2 - _MARK_ROOM
    order = sorted(fields, key=lambda name: rank((*path, name)))
    kept: dict[str, Json] = {}
    large: list[str] = []
    for at, name in enumerate(order):
        cost = len(_text(name)) + 2 + fields[name].size
        if cost <= left // max(1, (len(order) - at) // 2):
            kept[name] = fields[name].value
            left -= cost
        else:
            large.append(name)
    for at, name in enumerate(large):
        around = len(_text(name)) + 2
        share = left // (len(large) - at) - around
        if share < _LEAST_ROOM:
            continue
        kept[name] = _fit(fields[name], share, (*path, name), rank)
        left -= around + len(_text(kept[name]))
    short = {name: kept[name] for name in fields if name in kept}
    missing = len(fields) - len(short)
    return {**short, mark_key(fields): f"{missing} more"} if missing else short


def mark_key(fields: Mapping[str, object]) -> str:
    """A key for the mark that the object does not have."""
    key = MARK
    while key in fields:
        key += MARK
    return key
