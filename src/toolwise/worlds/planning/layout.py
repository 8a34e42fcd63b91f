"""What every exact world is made of: a layout (the part that never changes) and immutable, hashable states."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from toolwise.errors import DataError
from toolwise.types import Json

State = Any
"""Immutable and hashable; what it is else is each layout's own."""
Facts = tuple[tuple[str, ...], ...]
"""Ground facts such as `("on", "a", "b")`."""


class Wording(StrEnum):
    """How states, goals and calls read."""

    VARIED = "varied"
    """Sentences, drawn from several wordings and orders."""
    PLAIN = "plain"
    """The one short form that answers use, for models too small to learn ten ways of saying one thing."""


class InstanceError(DataError):
    """An instance is malformed, contradictory or unsolvable."""


@dataclass(frozen=True, slots=True)
class Operator:
    """One ground action: a tool with all its arguments. The masks are bit sets of facts, for STRIPS worlds only."""

    tool: str
    arguments: tuple[str, ...]
    """Values in the order of the tool's own parameters."""
    needs: int = 0
    adds: int = 0
    deletes: int = 0


class Layout(Protocol):
    """The dynamics of all instances that share their objects. States are immutable: keeping one is free."""

    @property
    def operators(self) -> Sequence[Operator]:
        """Every well-typed ground action, those that can never run included."""
        ...

    @property
    def family(self) -> str:
        """The objects, as text: no action changes it, so no state belongs to two families."""
        ...

    def find(self, tool: str, arguments: tuple[str, ...]) -> Operator | None:
        """The ground action of a call; none where an argument names nothing of the right kind."""
        ...

    def violated(self, state: State, operator: Operator) -> tuple[str, ...]:
        """The preconditions that do not hold, as sentences; empty where the action can run."""
        ...

    def successor(self, state: State, operator: Operator) -> State:
        """The state after an action that can run."""
        ...

    def runnable(self, state: State) -> Sequence[Operator]:
        """Every action that can run, in a fixed order."""
        ...

    def predecessors(self, state: State, operator: Operator) -> list[State]:
        """Every well-formed state from which the action gives `state`."""
        ...

    def load(self, data: Mapping[str, Json]) -> State:
        """A state from its JSON form. Raises InstanceError unless it is well-formed."""
        ...

    def dump(self, state: State) -> dict[str, Json]:
        """The state's JSON form; it names the objects too, and so stands alone."""
        ...

    def corrupted(self, state: State, rng: random.Random) -> tuple[State, str] | None:
        """A well-formed state that differs in one fact, and which fact; none if the draw gave none."""
        ...

    def satisfied(self, state: State, goal: Facts) -> bool:
        """Do all facts of the goal hold?"""
        ...

    def estimate(self, state: State, goal: Facts) -> int:
        """A lower bound of the number of actions to the goal (admissible)."""
        ...

    def contradiction(self, state: State, goal: Facts) -> str:
        """Why the goal can never be reached from the state, where that is seen without a search; else empty."""
        ...


class Domain(Protocol):
    """One exact world: its tools, its layouts, its instances."""

    name: str
    description: str
    tools: tuple[ToolText, ...]

    def layout(self, data: Mapping[str, Json]) -> Layout:
        """The layout of a state's JSON form. Raises InstanceError."""
        ...

    def generate(self, size: int, rng: random.Random) -> Instance:
        """A solvable instance; what `size` counts is each world's own."""
        ...

    def describe(self, data: Mapping[str, Json], rng: random.Random) -> str:
        """The state in words, in one of several wordings and orders."""
        ...

    def describe_goal(self, goal: Facts, rng: random.Random) -> str:
        """The goal in words."""
        ...

    def scene(self, data: Mapping[str, Json]) -> str:
        """What no action changes, in one short form; empty where the state says it all."""
        ...

    def write_goal(self, goal: Facts) -> str:
        """The goal in one short form, as states are written."""
        ...

    def write(self, data: Mapping[str, Json]) -> str:
        """The state in the one short form that answers use."""
        ...

    def read(self, text: str, like: Mapping[str, Json]) -> dict[str, Json] | None:
        """The inverse of `write`, in any order; `like` gives the objects. None for what cannot be read."""
        ...


@dataclass(frozen=True, slots=True)
class ToolText:
    """A tool as documents describe it; `{x}` in a description stands for the parameter x's name."""

    name: str
    description: str
    parameters: Mapping[str, str]
    """Parameter -> its description."""
    brief: str
    """The description in a few words, without the preconditions: for models that are to find those out."""


@dataclass(frozen=True, slots=True)
class Instance:
    """A start and a goal."""

    domain: str
    start: Mapping[str, Json]
    goal: Facts
    name: str = ""
