"""Seeded concrete values for JSON Schemas, as a person would say them."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Iterable, Mapping
from typing import Any

from toolwise.errors import CatalogError, ToolwiseError
from toolwise.schemas import Validator, merged, schema_type
from toolwise.types import Json, Schema, Tool
from toolwise.values.kinds import number_kind, text_kind
from toolwise.values.makers import RANGES, TEXT, arn_like, identifier, word
from toolwise.values.patterns import from_pattern
from toolwise.values.pools import NOUNS, below, between, pick
from toolwise.values.resource_names import resource_name

MAX_TEXT = 40
"""Free text is not longer than this, unless the schema demands it."""
_ATTEMPTS = 8
_MAX_DEPTH = 6
_MAX_BRANCHES = 16
_OPTIONAL_DEPTH = 3
"""Objects nested deeper get their required fields only."""
_MAX_LENGTH = 20_000
"""A schema that demands longer strings gets no value."""
_UNSET = re.compile(r"(?:^|_)(?:UNSPECIFIED|UNKNOWN|UNDEFINED|INVALID|UNRECOGNIZED)(?:_|$)", re.IGNORECASE)


class NoValueError(ToolwiseError):
    """No valid value could be made for a schema."""


class _DeadEndError(Exception):
    """This attempt cannot succeed (too deep, impossible bounds)."""


class ValueGenerator:
    """Makes values: example, enum or default; by name, format and description; by pattern; within bounds; validated.

    Equal seeds and equal sequences of calls give equal values.
    """

    def __init__(self, seed: int | str = 0) -> None:
        self._rng = random.Random(f"values:{seed}")
        self._validators: dict[tuple[int, int], tuple[Schema, Mapping[str, Schema], Validator | None]] = {}

    def value(self, schema: Schema, definitions: Mapping[str, Schema], name: str = "", *, depth: int = 0) -> Json:
        """A valid value; `name` is the parameter's. Raises NoValueError."""
        return self._valid(self._rng, schema, definitions, name, depth)

    def arguments(self, tool: Tool, rng: random.Random, names: Iterable[str]) -> dict[str, Json]:
        """Valid arguments for these parameters of a tool. Raises NoValueError naming the parameter."""
        return {
            name: self._valid(rng, tool.properties.get(name, {}), tool.definitions, name, 0, tool.examples)
            for name in names
        }

    def draw(
        self, rng: random.Random, schema: Schema, definitions: Mapping[str, Schema], name: str, depth: int = 0
    ) -> Json:
        """A value that is not validated; fast. Raises NoValueError where the schema leaves no way."""
        try:
            return _draw(rng, schema, definitions, name, depth)
        except _DeadEndError as error:
            raise NoValueError(f"no value for {name!r}: {error}") from None

    def _valid(
        self,
        rng: random.Random,
        schema: Schema,
        definitions: Mapping[str, Schema],
        name: str,
        depth: int,
        examples: tuple[dict[str, Json], ...] = (),
    ) -> Json:
        validator = self._validator(schema, definitions)
        if validator is None:
            raise NoValueError(f"no value for {name!r}: its schema is invalid")
        given = [example[name] for example in examples if name in example]
        if given and rng.random() < 0.3 and validator.is_valid(given[0]):
            return given[0]
        cause = "every attempt broke the schema"
        for _ in range(_ATTEMPTS):
            try:
                value = _draw(rng, schema, definitions, name, depth)
            except _DeadEndError as error:
                cause = str(error)
                continue
            if validator.is_valid(value):
                return value
        for value in given:
            if validator.is_valid(value):
                return value
        raise NoValueError(f"no value for {name!r}: {cause}")

    def _validator(self, schema: Schema, definitions: Mapping[str, Schema]) -> Validator | None:
        key = (id(schema), id(definitions))
        known = self._validators.get(key)
        if known is None:
            if len(self._validators) >= 8192:
                self._validators.clear()
            try:
                validator: Validator | None = Validator(schema, definitions)
            except CatalogError:
                validator = None
            known = self._validators[key] = (schema, definitions, validator)  # holds both, so ids stay theirs
        return known[2]


def _draw(rng: random.Random, schema: Schema, definitions: Mapping[str, Schema], name: str, depth: int) -> Json:
    whole = merged(schema, definitions)
    if "const" in whole or "enum" in whole:
        return _choose(rng, [whole["const"]] if "const" in whole else whole["enum"])
    if (given := _given(rng, whole)) is not None:
        return given
    branches = whole.get("oneOf") or whole.get("anyOf")
    if depth > _MAX_BRANCHES:
        raise _DeadEndError("its alternatives are nested too deeply")
    if isinstance(branches, list) and branches and "properties" not in whole and "items" not in whole:
        branch = branches[below(rng, len(branches))]
        rest = {key: value for key, value in whole.items() if key not in {"oneOf", "anyOf"}}
        return _draw(rng, _united(rest, branch, definitions), definitions, name, depth + 1)
    kind = schema_type(whole)
    if depth > _MAX_DEPTH and kind in {"object", "array"}:
        raise _DeadEndError("the schema is nested too deeply")
    if kind == "object":
        return _object(rng, whole, definitions, depth)
    if kind == "array":
        return _array(rng, whole, definitions, name, depth)
    return scalar(rng, whole, kind, name)


def _united(rest: Schema, branch: Any, definitions: Mapping[str, Schema]) -> Schema:
    if not isinstance(branch, dict):
        raise _DeadEndError("an alternative is no schema")
    return {**rest, **merged(branch, definitions)}


def _choose(rng: random.Random, enum: Any) -> Json:
    """A member of an enumeration; placeholders such as `STATE_UNSPECIFIED` and null only if there is nothing else."""
    if not isinstance(enum, list) or not enum:
        raise _DeadEndError("its enumeration is empty")
    real = [v for v in enum if v is not None and v != "" and not (isinstance(v, str) and _UNSET.search(v))]
    members = real or enum
    return members[below(rng, len(members))]


def _given(rng: random.Random, schema: Schema) -> Json:
    """The document's own example or default, now and then; none otherwise, or if it is not short and plain."""
    if "example" not in schema and "examples" not in schema and "default" not in schema:
        return None
    chance = rng.random()
    value: Json = None
    if chance < 0.25:
        examples = schema.get("examples")
        value = schema.get("example", examples[0] if isinstance(examples, list) and examples else None)
    elif chance < 0.3:
        value = schema.get("default")
    if isinstance(value, bool | int | float):
        return value
    return value if isinstance(value, str) and 0 < len(value) <= MAX_TEXT and value.isprintable() else None


def scalar(rng: random.Random, schema: Schema, kind: str, name: str) -> Json:
    """A string, number, boolean or null by a resolved schema."""
    if kind in {"string", "any"}:
        return text(rng, schema, name)
    if kind in {"integer", "number"}:
        return _number(rng, schema, kind, name)
    if kind == "boolean":
        return rng.random() < 0.5
    if kind == "null":
        return None
    raise _DeadEndError(f"unknown type {kind!r}")


def text(rng: random.Random, schema: Schema, name: str) -> str:
    """A string: a resource name by pattern or description, by kind, or by pattern; fitted to its length bounds."""
    pattern = schema.get("pattern")
    description = str(schema.get("description") or "")[:200]
    named = resource_name(rng, name, pattern if isinstance(pattern, str) else None, description)
    if named is not None:
        return named
    made = _by_kind(rng, schema, name, description)
    if isinstance(pattern, str):
        made = arn_like(rng, pattern) if "arn:" in pattern else made
        try:
            if re.search(pattern, made):
                return _fit(rng, made, schema)
        except re.error:
            pass  # ECMA syntax that Python does not know; our generator may
        low, high = _real(schema.get("minLength")), _real(schema.get("maxLength"))
        most = _MAX_LENGTH if high is None else min(int(high), _MAX_LENGTH)
        generated = from_pattern(pattern, rng, word, min(int(low or 0), _MAX_LENGTH), most)
        if generated is None:
            raise _DeadEndError("its pattern is not supported")
        return generated
    return _fit(rng, made, schema)


def _by_kind(rng: random.Random, schema: Schema, name: str, description: str) -> str:
    kind = text_kind(name, str(schema.get("format") or ""), description)
    if kind == "id":
        return identifier(rng, name)
    return TEXT[kind](rng)


def _fit(rng: random.Random, value: str, schema: Schema) -> str:
    low, high = schema.get("minLength"), schema.get("maxLength")
    if isinstance(low, int) and len(value) < low:
        if low > _MAX_LENGTH:
            raise _DeadEndError("a longer string is demanded than we make")
        while len(value) < low:
            value += "-" + pick(rng, NOUNS)
        value = value[: max(low, 1)] if isinstance(high, int) and len(value) > high else value
    if isinstance(high, int) and len(value) > high:
        short = [noun for noun in NOUNS if len(noun) <= high]
        value = pick(rng, tuple(short)) if short and high < 8 else value[:high].rstrip(" -_./")
    return value


def _number(rng: random.Random, schema: Schema, kind: str, name: str) -> int | float:
    description = str(schema.get("description") or "")[:120]
    low, high, decimals = RANGES[number_kind(name, str(schema.get("format") or ""), description)]
    least, most = _bounds(schema)
    if least is not None and (low < least or (most is None and high <= least)):
        low, high = least, max(high, least + 100)
    if most is not None and high > most:
        high, low = most, min(low, most) if least is not None else min(low, most - 1 if most > 0 else most - 100)
    low, high = (low if least is None else max(low, least)), (high if most is None else min(high, most))
    if low > high:
        raise _DeadEndError("its bounds leave no value")
    step = schema.get("multipleOf")
    if isinstance(step, int | float) and step > 0:
        first, last = math.ceil(low / step), math.floor(high / step)
        number = between(rng, first, max(first, last)) * step
        return int(number) if kind == "integer" else number
    if kind == "integer" or decimals == 0:
        first, last = math.ceil(low), math.floor(high)
        if first <= last:
            return between(rng, first, last)
        if kind == "integer":
            raise _DeadEndError("its bounds leave no whole number")
    return round(low + rng.random() * (high - low), max(decimals, 2))


def _bounds(schema: Schema) -> tuple[float | None, float | None]:
    """Inclusive bounds; an exclusive one is moved by a little (or by one where that is whole)."""
    least, most = _real(schema.get("minimum")), _real(schema.get("maximum"))
    above, under = _real(schema.get("exclusiveMinimum")), _real(schema.get("exclusiveMaximum"))
    if above is not None:
        least = max(least if least is not None else -math.inf, above + (1 if above == int(above) else 0.01))
    if under is not None:
        most = min(most if most is not None else math.inf, under - (1 if under == int(under) else 0.01))
    return least, most


def _real(value: Any) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _array(rng: random.Random, schema: Schema, definitions: Mapping[str, Schema], name: str, depth: int) -> list[Json]:
    items = schema.get("items")
    least = int(_real(schema.get("minItems")) or 0)
    limit = _real(schema.get("maxItems"))
    most = max(2, least) if limit is None else int(limit)
    if least > 64:
        raise _DeadEndError("too many items are demanded")
    count = min(max(least, 1 + below(rng, 2)), max(most, least))
    item_schema = items if isinstance(items, dict) else {}
    single = name[:-1] if name.endswith("s") and not name.endswith("ss") else name
    values: list[Json] = []
    for _ in range(count * 4):
        value = _draw(rng, item_schema, definitions, single, depth + 1)
        if value not in values:
            values.append(value)
        if len(values) >= count:
            break
    return values


def _object(rng: random.Random, schema: Schema, definitions: Mapping[str, Schema], depth: int) -> dict[str, Json]:
    properties = schema.get("properties")
    properties = properties if isinstance(properties, dict) else {}
    required = [name for name in schema.get("required") or () if isinstance(name, str)]
    names = list(required)
    least, most = _real(schema.get("minProperties")), _real(schema.get("maxProperties"))
    wanted = 1 + below(rng, 3) if depth < _OPTIONAL_DEPTH else 0
    wanted = max(wanted, 0 if least is None else int(least))
    wanted = min(wanted, len(properties) if most is None else int(most))
    optional = [name for name in properties if name not in required]
    while optional and len(names) < wanted:
        names.append(optional.pop(below(rng, len(optional))))
    made: dict[str, Json] = {}
    for name in [*(n for n in properties if n in names), *(n for n in required if n not in properties)]:
        try:
            made[name] = _draw(rng, properties.get(name, {}), definitions, name, depth + 1)
        except _DeadEndError:
            if name in required:
                raise
    extra = schema.get("additionalProperties")
    if "properties" not in schema and extra is not False and (depth < _OPTIONAL_DEPTH or least):
        made[pick(rng, NOUNS)] = _draw(rng, extra if isinstance(extra, dict) else {}, definitions, "value", depth + 1)
    return made
