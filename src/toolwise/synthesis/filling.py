"""Concrete values for the arguments that an instruction will state."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Mapping, Sequence

import orjson

from toolwise.schemas import merged
from toolwise.synthesis.specs import MAX_ITEMS, Leaf, ToolSpec
from toolwise.types import Json
from toolwise.values import NoValueError, ValueGenerator

MAX_TEXT = 110
"""Characters in a stated string."""
_TRIES = 5
_STATABLE = re.compile(r"[^\s\"'`“”<>{}\[\]\\|]+(?: [^\s\"'`“”<>{}\[\]\\|]+){0,7}")


class Unstatable(Exception):  # noqa: N818 - an outcome of a draw, counted as NO_VALUE, not an error
    """No value that an instruction can state was found."""


def value_text(value: Json) -> str:
    """A scalar as an instruction writes it: strings as they are, numbers and booleans as in JSON."""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def statable(value: Json) -> bool:
    """Can the value be written in a sentence so that exactly it can be read back?"""
    if isinstance(value, bool):
        return True
    if isinstance(value, int | float):
        return len(value_text(value)) <= 12 and "e" not in value_text(value)
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_TEXT or not value.isprintable():
        return False
    return _STATABLE.fullmatch(value) is not None and value[-1] not in ".,;:!?" and value[0] not in ".,;:!?"


class Filler:
    """Draws values for one task: no two alike, except where a parameter is shared between calls."""

    def __init__(self, generator: ValueGenerator, rng: random.Random) -> None:
        self._generator = generator
        self._rng = rng
        self._used: set[str] = set()
        self._shared: dict[tuple[str, str, str], Json] = {}

    def arguments(self, spec: ToolSpec, leaves: Sequence[Leaf], shared: Iterable[str] = ()) -> dict[str, Json]:
        """One call's stated arguments. Parameters in `shared` get the value that an earlier call of the toolset had.

        Raises Unstatable.
        """
        scope = set(shared)
        arguments: dict[str, Json] = {}
        for leaf in leaves:
            shape = merged(leaf.schema, spec.tool.definitions)
            key = (spec.tool.toolset, leaf.parameter, str(shape.get("pattern") or shape.get("enum") or ""))
            if len(leaf.path) == 1 and leaf.parameter in scope and key in self._shared:
                value = self._shared[key]
            else:
                value = self._value(leaf, spec)
            if len(leaf.path) == 1:
                self._shared.setdefault(key, value)
            holder = arguments
            for part in leaf.path[:-1]:
                holder = holder.setdefault(part, {})
            holder[leaf.path[-1]] = value
        return arguments

    def _value(self, leaf: Leaf, spec: ToolSpec) -> Json:
        definitions = spec.tool.definitions
        if leaf.kind != "array":
            return self._scalar(leaf.schema, definitions, leaf.path[-1])
        whole = merged(leaf.schema, definitions)
        low = max(1, int(whole.get("minItems") or 1))
        high = max(low, min(MAX_ITEMS, int(whole.get("maxItems") or MAX_ITEMS)))
        count = min(high, max(low, self._rng.choice((1, 1, 2, 2, 3))))
        items = []
        for _ in range(count):
            item = self._scalar(whole["items"], definitions, leaf.path[-1])
            if isinstance(item, bool) or (isinstance(item, str) and re.search(r"[,;]| and ", item)):
                raise Unstatable(f"an item of {leaf.label} would not read as one item")
            if item not in items:
                items.append(item)
        if len(items) < low:
            raise Unstatable(f"too few different items for {leaf.label}")
        return items

    def _scalar(self, schema: Json, definitions: Mapping[str, Json], name: str) -> Json:
        last: Json = None
        for _ in range(_TRIES):
            try:
                last = self._generator.value(schema, definitions, name)
            except NoValueError as error:
                raise Unstatable(str(error)) from error
            if statable(last) and (isinstance(last, bool) or value_text(last) not in self._used):
                self._used.add(value_text(last))
                return last
        closed = merged(schema, definitions)
        if statable(last) and ("enum" in closed or "const" in closed):
            return last
        raise Unstatable(f"no statable value for {name}")


def leaf_values(arguments: Mapping[str, Json], leaves: Sequence[Leaf]) -> list[tuple[Leaf, Json]]:
    """Each leaf with its value in the arguments."""
    pairs: list[tuple[Leaf, Json]] = []
    for leaf in leaves:
        value: Json = arguments
        for part in leaf.path:
            value = value[part]
        pairs.append((leaf, value))
    return pairs
