"""Which fields of a response schema are worth showing, decided once a schema."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from toolwise.schemas import merged, schema_type
from toolwise.text import identifier_words
from toolwise.types import Json, Schema


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_NOISE = frozenset(
    _words(
        "etag kind selflink self link links warning warnings metadata headers header debug request requestid "
        "fingerprint deprecated internal raw trace error errors failure failures reason"
    )
)
_PAGING = frozenset({"token", "cursor", "marker", "continuation"})
_TELLING = _words(
    "id name title displayname display_name status state email type summary description created_at createdat "
    "createtime creationtimestamp created amount price total currency url size count version"
)
_RANK = {name: rank for rank, name in enumerate(_TELLING)}
_TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "object": dict,
    "null": type(None),
}
_NOISE_RANK = 5
_WRONG = re.compile(
    r"fail|error|delet|invalid|cancel|reject|terminat|expired|unknown|unspecified|denied", re.IGNORECASE
)
_SCALARS = frozenset({"string", "integer", "number", "boolean"})


def is_paging(name: str) -> bool:
    """Does a field carry the way to a next page (which no simulated list has)?"""
    words = identifier_words(name)
    if not words:
        return False
    if words[0] in {"next", "previous", "prev"} or ("page" in words and words[-1] in _PAGING):
        return True
    return words[-1] in {"cursor", "marker", "continuation"} or words[-2:] in {("has", "more"), ("is", "truncated")}


@lru_cache(maxsize=65536)
def without_noun(name: str, noun: tuple[str, ...]) -> tuple[str, ...]:
    """A field's words without the record's noun before them: `portalName` of a portal -> name."""
    words = identifier_words(name)
    size = len(noun)
    return words[size:] if size and len(words) > size and words[:size] == noun else words


@dataclass(frozen=True, slots=True)
class Shape:
    """An object schema, its references followed one level deep."""

    schema: Schema
    """The schema as given; kept so that its identity stays its own."""
    properties: Mapping[str, Schema]
    required: tuple[str, ...]
    """Required fields but paging."""
    demanded: frozenset[str]
    """All required fields."""
    ranked: tuple[str, ...]
    """All fields but paging, the most telling first: required, then well-known names, then scalars, then the rest."""
    plain: tuple[str, ...]
    """The same without noise (links, tags, errors), unless there is nothing else."""
    by_words: Mapping[tuple[str, ...], str]
    """A field's words -> its name."""

    def field(self, name: str, noun: tuple[str, ...] = ()) -> str | None:
        """The field of that name, however it is spelt, with or without the record's noun (`portalName`, `name`)."""
        if name in self.properties:
            return name
        words = identifier_words(name)
        found = self.by_words.get(words)
        if found is None and noun:
            bare = without_noun(name, noun)
            found = self.by_words.get(bare) if bare != words else self.by_words.get((*noun, *words))
        return found


def _cheerful(name: str, schema: Schema) -> Schema:
    """A status field without the members that say something went wrong, which a successful answer seldom has."""
    enum = schema.get("enum")
    words = identifier_words(name)
    if not isinstance(enum, list) or not words or words[-1] not in {"status", "state"}:
        return schema
    fine = [member for member in enum if not (isinstance(member, str) and _WRONG.search(member))]
    return {**schema, "enum": fine} if fine and len(fine) < len(enum) else schema


def shape_of(schema: Schema, definitions: Mapping[str, Schema]) -> Shape:
    """Read an object schema."""
    whole = merged(schema, definitions)
    given = whole.get("properties")
    given = given if isinstance(given, dict) else {}
    properties = {name: _cheerful(name, merged(part, definitions)) for name, part in given.items()}
    demanded = frozenset(name for name in whole.get("required") or () if name in properties)
    required = tuple(name for name in properties if name in demanded and not is_paging(name))

    def rank(name: str) -> tuple[int, int]:
        if name in required:
            return (0, 0)
        scalar = schema_type(properties[name]) in _SCALARS
        if scalar and name.lower() in _RANK:
            return (1, _RANK[name.lower()])
        words = identifier_words(name)
        noise = any(word in _NOISE for word in words)
        if noise or not words:
            return (_NOISE_RANK, 0)
        if scalar and words[-1] in {"id", "name", "status", "state"}:
            return (2, 0)
        return (3 if scalar else 4, 0)

    ranked = tuple(sorted((name for name in properties if not is_paging(name)), key=rank))
    plain = tuple(name for name in ranked if rank(name)[0] < _NOISE_RANK) or ranked
    by_words = {identifier_words(name): name for name in reversed(list(properties))}
    return Shape(schema, properties, required, demanded, ranked, plain, by_words)


def fits(value: Json, schema: Schema, definitions: Mapping[str, Schema]) -> bool:
    """Is a value of the schema's type and, where it lists some, one of its values? Objects are not looked into."""
    kind = schema_type(schema)
    if kind == "any":
        return True
    enum = schema.get("enum")
    if isinstance(enum, list) and value not in enum:
        return False
    if kind == "array":
        items = schema.get("items")
        if not isinstance(value, list):
            return False
        inner = merged(items, definitions) if isinstance(items, dict) else {}
        return all(fits(element, inner, definitions) for element in value)
    expected = _TYPES.get(kind, object)
    return isinstance(value, expected) and (kind == "boolean" or not isinstance(value, bool))
