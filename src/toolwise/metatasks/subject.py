"""What the meta-tasks need to know of a world, beside being able to run calls in it."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Protocol

from toolwise.ports import Session, World
from toolwise.types import Json, Observation, Split, Task, ToolCall, WorldSpec


class Subject(Protocol):
    """A world, where to start in it, which calls to try, and how its states read. Methods are deterministic."""

    name: str
    form: str
    """The form of a state in an answer, with an example."""
    exact: bool
    """Does `runnable` name every call that can run? Otherwise questions offer the calls that they are about."""

    brief: bool
    """Are questions short: calls as `tool(name=value)`, and no word on the form of the answer?"""

    @property
    def world(self) -> World:
        """Where the calls run."""
        ...

    def start(self, seed: str) -> Task:
        """A start state, with a goal as its instruction where the world has goals."""
        ...

    def split(self, task: Task) -> Split:
        """Which split all examples of this start belong to."""
        ...

    def solution(self, task: Task) -> Sequence[ToolCall]:
        """A way to the goal; empty where there is none or no goal."""
        ...

    def runnable(self, task: Task, session: Session) -> Sequence[ToolCall]:
        """The calls that can run now (exact), or that are worth trying."""
        ...

    def near_misses(self, task: Task, session: Session, rng: random.Random) -> Sequence[ToolCall]:
        """Some calls that nearly run."""
        ...

    def predecessors(self, call: ToolCall, after: Mapping[str, Json]) -> list[Mapping[str, Json]] | None:
        """Every state from which the call leads to `after`; none where the world cannot say."""
        ...

    def corrupted(self, outcome: Json, rng: random.Random) -> tuple[Json, str] | None:
        """The outcome with one fact changed, and which; none if this draw gave none."""
        ...

    def outcome(self, before: Json, observation: Observation, after: Json) -> Json:
        """What a call brought about: the state after it, or what was observed where it changes no state."""
        ...

    def describe(self, outcome: Json, rng: random.Random) -> str:
        """An outcome in words, one of several wordings."""
        ...

    def write(self, outcome: Json) -> str:
        """An outcome in the one form of answers."""
        ...

    def read(self, text: str, like: Json) -> Json | None:
        """The inverse of `write`; `like` is an outcome with the same objects. None for what cannot be read."""
        ...


def started(subject: Subject, world: WorldSpec, tools: Sequence[str]) -> Session:
    """A fresh session of the subject's world in a given start state."""
    return subject.world.open(Task(instruction="", candidates=tuple(tools), relevant=(), world=world))


def near_miss_reason(observation: Observation) -> str:
    """Why a call failed, if for one reason alone; empty where it ran or where several things are wrong with it."""
    if observation.ok:
        return ""
    body = observation.body
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return str(observation.error)
    violated = error.get("violated")
    if isinstance(violated, list):
        return str(violated[0]) if len(violated) == 1 else ""
    return f"{error.get('code', observation.error)}: {error.get('field') or error.get('message', '')}"
