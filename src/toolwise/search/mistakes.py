"""The configured ways in which the blueprint policy errs."""

from __future__ import annotations

import random
from collections.abc import Iterator
from enum import StrEnum

from pydantic import Field, model_validator

from toolwise.config import Config
from toolwise.ports import Turn
from toolwise.schemas import resolve, schema_type
from toolwise.types import Json, Schema, Tool, ToolCall


class Mistake(StrEnum):
    """What a step can get wrong."""

    WRONG_TOOL = "wrong_tool"
    """Another candidate is called, with plausible arguments."""
    WRONG_ARGUMENT = "wrong_argument"
    """One argument's value is another."""
    MISSING_ARGUMENT = "missing_argument"
    """One argument, a required one if there is any, is left out."""
    EARLY_ANSWER = "early_answer"
    """A final answer before all calls are made."""
    EARLY_GIVE_UP = "early_give_up"
    """Giving up before all calls are made, although the task can be done from here."""


class ErrorRates(Config):
    """How often a step errs, and in which way: probabilities that sum to at most 1."""

    wrong_tool: float = Field(default=0.0, ge=0, le=1)
    wrong_argument: float = Field(default=0.0, ge=0, le=1)
    missing_argument: float = Field(default=0.0, ge=0, le=1)
    early_answer: float = Field(default=0.0, ge=0, le=1)
    early_give_up: float = Field(default=0.0, ge=0, le=1)
    recover: float = Field(default=0.5, ge=0, le=1)
    """After a mistake that did no harm: go on with the right step in the same branch, rather than give up."""

    @model_validator(mode="after")
    def _at_most_one(self) -> ErrorRates:
        if (total := sum(self._rates())) > 1 + 1e-9:
            raise ValueError(f"the five error rates sum to {total:g}, which is more than 1")
        return self

    def _rates(self) -> list[float]:
        return [float(getattr(self, mistake.value)) for mistake in Mistake]

    def draw(self, rng: random.Random) -> Mistake | None:
        """At most one mistake for a step."""
        point = rng.random()
        for mistake, rate in zip(Mistake, self._rates(), strict=True):
            if point < rate:
                return mistake
            point -= rate
        return None


TEACHER_RATES = ErrorRates(
    wrong_tool=0.05, wrong_argument=0.07, missing_argument=0.05, early_answer=0.01, early_give_up=0.03
)
"""For training tasks: on real catalogs about one tree in seven branches, and one task in forty ends without a
right answer at width 2."""


def spoil(mistake: Mistake, call: ToolCall, turn: Turn, rng: random.Random) -> ToolCall | None:
    """The right call gone wrong in one of the first three ways; none where it cannot go wrong that way."""
    tool = next((tool for tool in turn.tools if tool.id == call.name), None)
    if mistake is Mistake.WRONG_TOOL:
        return wrong_tool(call, turn, rng)
    if tool is None:
        return None
    if mistake is Mistake.WRONG_ARGUMENT:
        return wrong_argument(call, tool, rng)
    return missing_argument(call, tool, rng) if mistake is Mistake.MISSING_ARGUMENT else None


def wrong_tool(call: ToolCall | None, turn: Turn, rng: random.Random) -> ToolCall | None:
    """A call of a candidate that the task does not need, its required arguments filled as well as may be."""
    others = [tool for tool in turn.tools if tool.id not in turn.task.relevant]
    if not others:
        return None
    tool = rng.choice(others)
    known = call.arguments if call else {}
    arguments = {name: _plausible(name, tool, known) for name in tool.required}
    return ToolCall(name=tool.id, arguments=arguments)


def wrong_argument(call: ToolCall, tool: Tool, rng: random.Random) -> ToolCall | None:
    """The call with one value altered."""
    names = list(call.arguments)
    rng.shuffle(names)
    for name in names:
        for value in _alterations(name, call, tool, rng):
            if value != call.arguments[name] or type(value) is not type(call.arguments[name]):
                return ToolCall(name=call.name, arguments={**call.arguments, name: value})
    return None


def missing_argument(call: ToolCall, tool: Tool, rng: random.Random) -> ToolCall | None:
    """The call with one argument left out."""
    names = [name for name in call.arguments if name in tool.required] or list(call.arguments)
    if not names:
        return None
    left_out = rng.choice(names)
    arguments = {name: value for name, value in call.arguments.items() if name != left_out}
    return ToolCall(name=call.name, arguments=arguments)


def _alterations(name: str, call: ToolCall, tool: Tool, rng: random.Random) -> Iterator[Json]:
    value = call.arguments[name]
    enum = resolve(tool.properties.get(name, {}), tool.definitions).get("enum")
    if isinstance(enum, list):
        yield from rng.sample(enum, len(enum))
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield value + rng.choice((-1, 1, 10))
    elif isinstance(value, float):
        yield value + rng.choice((-1.0, 0.5, 10.0))
    elif isinstance(value, str):
        yield from (other for key, other in call.arguments.items() if key != name and isinstance(other, str))
        yield value[:-1] if len(value) > 2 else f"{value}{rng.randrange(10)}"
    elif isinstance(value, list) and value:
        yield value[:-1]
    elif isinstance(value, dict) and value:
        yield dict(list(value.items())[:-1])


_STAND_INS: dict[str, Json] = {"integer": 1, "number": 1.0, "boolean": True, "array": [], "object": {}}


def _plausible(name: str, tool: Tool, known: dict[str, Json]) -> Json:
    """A value for a parameter of the wrong tool: the same-named one at hand, the schema's own, or one of its type."""
    if name in known:
        return known[name]
    schema = resolve(tool.properties.get(name, {}), tool.definitions)
    own = _own_value(schema)
    if own is not None:
        return own
    kind = schema_type(schema)
    if kind in _STAND_INS:
        return _STAND_INS[kind]
    return next((value for value in known.values() if isinstance(value, str)), name)


def _own_value(schema: Schema) -> Json:
    for key in ("example", "default"):
        if schema.get(key) is not None:
            return schema[key]
    for key in ("examples", "enum"):
        if isinstance(schema.get(key), list) and schema[key]:
            return schema[key][0]
    return schema.get("const")
