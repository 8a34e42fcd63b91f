"""Simulated responses: a few telling fields of the response schema, with what the world knows put in its place."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b

import orjson

from toolwise.schemas import merged, schema_type
from toolwise.text import identifier_words
from toolwise.types import Json, Schema
from toolwise.values import NoValueError, ValueGenerator
from toolwise.worlds.shapes import Shape, fits, is_paging, shape_of, without_noun

Definitions = Mapping[str, Schema]
Noun = tuple[str, ...]
_COUNTS = frozenset({"count", "total", "totalitems", "totalcount", "resultcount", "totalresults", "numberofresults"})
_FAILURES = frozenset({"error", "errors", "failed", "failure", "failures", "unprocessed", "unsuccessful", "rejected"})
_NOTHING: Mapping[str, Json] = {"string": "", "boolean": False, "integer": 0, "array": [], "object": {}}
"""What a list says about its next page where it must say something."""
_MAX_SHAPES = 16384


@dataclass(frozen=True, slots=True)
class ResponseLimits:
    """How much of a response is shown, so that a compact model can read it."""

    max_fields: int = 6
    """Fields of the response or record; required and echoed ones are shown beyond this."""
    max_nested: int = 3
    """Fields of an object inside it, required ones beyond this."""
    max_listed: int = 4
    """Fields of a record in a list."""
    max_items: int = 3
    """Items of a generated list; a list of records shows all that fit."""
    max_depth: int = 3
    max_echoed: int = 8
    """Fields shown only because the world knows their values."""
    max_characters: int = 1500
    """Of the body as JSON."""


@dataclass(frozen=True, slots=True)
class Form:
    """What an object is to look like."""

    schema: Schema
    definitions: Definitions
    noun: Noun = ()
    """The record's noun, singular; its fields may or may not repeat it."""


class SeededDraws(random.Random):
    """A generator that is cheap to seed: 64-bit linear congruential (Knuth's MMIX constants), high bits used.

    Seeding the standard generator costs more than all the draws of a field.
    """

    _state = 0

    def seed(self, a: object = None, version: int = 2) -> None:
        """Start from an integer; anything else is zero."""
        self._state = a if isinstance(a, int) else 0

    def random(self) -> float:
        """The next number in [0, 1)."""
        self._state = (self._state * 6364136223846793005 + 1442695040888963407) & 0xFFFFFFFFFFFFFFFF
        return (self._state >> 11) * (1.0 / 9007199254740992.0)

    def getrandbits(self, k: int, /) -> int:
        """The next `k` bits, at most 53."""
        return int(self.random() * (1 << min(k, 53)))


class ResponseWriter:
    """Writes bodies. A field's value depends on the seed text and the field's name alone."""

    def __init__(self, limits: ResponseLimits) -> None:
        self.limits = limits
        self._values = ValueGenerator()
        self._rng = SeededDraws(0)
        self._shapes: dict[int, Shape] = {}
        self._merged: dict[int, tuple[Schema, Schema]] = {}

    def shape(self, schema: Schema, definitions: Definitions) -> Shape:
        """The cached shape of an object schema."""
        shape = self._shapes.get(id(schema))
        if shape is None:
            if len(self._shapes) >= _MAX_SHAPES:
                self._shapes.clear()
            shape = self._shapes[id(schema)] = shape_of(schema, definitions)
        return shape

    def _folded(self, schema: Schema, definitions: Definitions) -> Schema:
        """`merged`, but the same object each time, so that what is known of it is found again."""
        known = self._merged.get(id(schema))
        if known is None:
            if len(self._merged) >= _MAX_SHAPES:
                self._merged.clear()
            known = self._merged[id(schema)] = (schema, merged(schema, definitions))  # holds it: ids stay its own
        return known[1]

    def seeded(self, *parts: str) -> random.Random:
        """The generator, seeded by text; valid until the next call."""
        digest = blake2b("\0".join(parts).encode(), digest_size=8).digest()
        self._rng.seed(int.from_bytes(digest, "big"))
        return self._rng

    def known(
        self, shape: Shape, values: Mapping[str, Json], definitions: Definitions, noun: Noun = ()
    ) -> dict[str, Json]:
        """The values that have a field of their name and type."""
        found: dict[str, Json] = {}
        for name, value in values.items():
            field = shape.field(name, noun)
            if field is None or field in found:
                continue
            schema = shape.properties[field]
            if fits(value, schema, definitions):
                found[field] = value
            elif schema_type(schema) == "integer" and isinstance(value, str) and value.isdigit():
                found[field] = int(value)
            elif schema_type(schema) == "string" and isinstance(value, int) and not isinstance(value, bool):
                found[field] = str(value)
        return found

    def record(self, form: Form, seed: str, known: Mapping[str, Json], limit: int) -> dict[str, Json]:
        """An object with up to `limit` fields and the known values that have a place in it.

        A field's generated value depends on the seed and on its name without the noun, so that `portalArn` in one
        response and `arn` in another agree.
        """
        schema, definitions, noun = form.schema, form.definitions, form.noun
        shape = self.shape(schema, definitions)
        if not shape.properties:
            return dict(known)
        given = self.known(shape, known, definitions, noun)
        names = self._chosen(shape, given, limit)
        made: dict[str, Json] = {}
        for name in names:
            if name in given:
                made[name] = given[name]
                continue
            rng = self.seeded(seed, *without_noun(name, noun))
            self._fill(made, name, rng, shape.properties[name], definitions)
        if len(shape.demanded) > len(shape.required):  # the way to a next page is left out, unless it is required
            for name, part in shape.properties.items():
                if name in shape.demanded and name not in made:
                    made[name] = _NOTHING.get(schema_type(part))
        return made

    def _fill(
        self, made: dict[str, Json], name: str, rng: random.Random, schema: Schema, definitions: Definitions
    ) -> None:
        """Put a generated field into an object, unless none can be made."""
        with suppress(NoValueError):
            made[name] = self._inner(rng, schema, definitions, name, 1)

    def _chosen(self, shape: Shape, given: Mapping[str, Json], limit: int) -> list[str]:
        chosen = {*shape.required, *list(given)[: self.limits.max_echoed]}
        for name in shape.plain:
            if len(chosen) >= limit:
                break
            chosen.add(name)
        return [name for name in shape.properties if name in chosen]

    def body(self, schema: Schema, definitions: Definitions, seed: str, known: Mapping[str, Json]) -> Json:
        """A whole response that holds no record: an object, a list or a scalar."""
        whole = self._folded(schema, definitions)
        if schema_type(whole) == "object" or "properties" in whole:
            return self.record(Form(schema, definitions), seed, known, self.limits.max_fields)
        try:
            return self._inner(self.seeded(seed, ""), whole, definitions, "", 0)
        except NoValueError:
            return {}

    def _inner(self, rng: random.Random, schema: Schema, definitions: Definitions, name: str, depth: int) -> Json:
        branches = schema.get("oneOf") or schema.get("anyOf")
        if isinstance(branches, list) and "properties" not in schema and depth <= self.limits.max_depth:
            branch = next((branch for branch in branches if isinstance(branch, dict)), {})
            return self._inner(rng, self._folded(branch, definitions), definitions, name, depth + 1)
        kind = schema_type(schema)
        if kind == "object" and "enum" not in schema and "const" not in schema:
            return self._object(rng, schema, definitions, depth)
        if kind == "array" and "enum" not in schema:
            return self._array(rng, schema, definitions, name, depth)
        return self._values.draw(rng, schema, definitions, name, depth + 3)

    def _object(self, rng: random.Random, schema: Schema, definitions: Definitions, depth: int) -> dict[str, Json]:
        if depth > self.limits.max_depth:
            return {}
        shape = self.shape(schema, definitions)
        if not shape.properties:
            extra = schema.get("additionalProperties")
            if isinstance(extra, dict) and depth < self.limits.max_depth:
                value = self._folded(extra, definitions)
                if schema_type(value) != "any":
                    key = str(self._values.draw(rng, {"type": "string"}, definitions, "word"))
                    return {key: self._inner(rng, value, definitions, "value", depth + 1)}
            return {}
        most = _count(schema.get("maxProperties"), self.limits.max_nested)
        wanted = max(0, min(self.limits.max_nested, most) - len(shape.required))
        chosen = {*shape.required, *[name for name in shape.plain if name not in shape.required][:wanted]}
        return {
            name: self._inner(rng, part, definitions, name, depth + 1)
            for name, part in shape.properties.items()
            if name in chosen and (name in shape.required or depth < self.limits.max_depth or _is_flat(part))
        }

    def _array(self, rng: random.Random, schema: Schema, definitions: Definitions, name: str, depth: int) -> list[Json]:
        items = schema.get("items")
        failed = not _FAILURES.isdisjoint(identifier_words(name))  # in an answer that says it went well
        if not isinstance(items, dict) or depth >= self.limits.max_depth or failed:
            return []
        item = self._folded(items, definitions)
        least = _count(schema.get("minItems"), 1)
        most = self.limits.max_items if depth == 0 else (2 if _is_flat(item) else 1)
        singular = name[:-1] if name.endswith("s") and not name.endswith("ss") else name
        made: list[Json] = []
        for _ in range(max(min(least, self.limits.max_items), 1 + int(rng.random() * most))):
            value = self._inner(rng, item, definitions, singular, depth + 1)
            if value not in made:
                made.append(value)
        return made

    def listing(
        self, schema: Schema, definitions: Definitions, seed: str, field: str, records: Sequence[Json]
    ) -> dict[str, Json]:
        """A list response with the records in `field`, true counts, and no next page."""
        shape = self.shape(schema, definitions)
        made: dict[str, Json] = {}
        kept = 0
        for name, part in shape.properties.items():
            kind = schema_type(part)
            if name == field:
                made[name] = list(records)
            elif is_paging(name):
                if name in shape.demanded:
                    made[name] = _NOTHING.get(kind)
            elif kind == "integer" and "".join(identifier_words(name)) in _COUNTS:
                made[name] = len(records)
            elif name in shape.required or (kept < 1 and name in shape.ranked[:4] and kind == "string"):
                kept += name not in shape.required
                self._fill(made, name, self.seeded(seed, name), part, definitions)
        made.setdefault(field, list(records))
        return made

    def shrink(self, body: Json, protected: frozenset[str] = frozenset()) -> Json:
        """The body cut to `max_characters`: fewer items first, then fewer fields, the protected ones last."""
        limit = self.limits.max_characters
        while len(orjson.dumps(body, option=orjson.OPT_NON_STR_KEYS)) > limit:
            smaller = _smaller(body, protected)
            if smaller is None:
                return body
            body = smaller
        return body


def _count(value: Json, default: int) -> int:
    return value if isinstance(value, int) else default


def _is_flat(schema: Schema) -> bool:
    return schema_type(schema) not in {"object", "array"}


def _size(value: Json) -> int:
    return len(orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS))


def _smaller(body: Json, protected: frozenset[str]) -> Json | None:
    """The body with some of its largest part removed; none if nothing can be."""
    if isinstance(body, str):
        return body[: len(body) // 2] if len(body) > 80 else None
    if isinstance(body, list) and body:
        if len(body) > 1:
            return body[:-1]
        smaller = _smaller(body[0], protected)
        return None if smaller is None else [smaller]
    if isinstance(body, dict):
        for name in sorted(body, key=lambda key: -_size(body[key])):
            smaller = _smaller(body[name], protected)
            if smaller is not None:
                return {**body, name: smaller}
            if name not in protected:
                return {key: value for key, value in body.items() if key != name}
    return None
