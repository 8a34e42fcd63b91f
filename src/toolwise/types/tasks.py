"""Task: an instruction, the tools on offer, and what counts as right."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from pydantic import Field

from toolwise.types.base import Frozen, Json, content_key


class TaskKind(StrEnum):
    """How a task's tools were drawn (ToolLLM, section 2.2: I1, I2, I3)."""

    SINGLE = "single"
    """I1: the tools of one toolset."""
    CATEGORY = "category"
    """I2: tools of several toolsets of one category."""
    COLLECTION = "collection"
    """I3: tools of several toolsets of one collection."""


class Outcome(StrEnum):
    """What the right behaviour is."""

    CALL = "call"
    """Call the blueprint's tools and report."""
    ANSWER = "answer"
    """No tool is needed: answer directly."""
    DECLINE = "decline"
    """No candidate fits: say so."""
    ASK = "ask"
    """A required value is missing: ask for it."""


class Split(StrEnum):
    """Which part of the catalog a task was made from; decided before anything is generated."""

    TRAIN = "train"
    """Toolsets and tasks that models learn from."""
    DEV = "dev"
    """Other tasks of training toolsets, for choosing checkpoints."""
    SEEN_TOOLSET = "seen_toolset"
    """New tasks of training toolsets."""
    UNSEEN_TOOLSET = "unseen_toolset"
    """New toolsets of training categories."""
    UNSEEN_CATEGORY = "unseen_category"
    """New toolsets of new categories."""


class Reference(Frozen):
    """An argument's value is taken from an earlier call's response."""

    call: int
    """Index of the earlier call in the blueprint."""
    path: tuple[str | int, ...]
    """Keys and indices into that call's response body."""


class BlueprintCall(Frozen):
    """One call of a blueprint, with concrete values."""

    tool: str
    """A tool id."""
    arguments: dict[str, Json] = Field(default_factory=dict)
    """Values that the instruction states; referenced arguments are absent here."""
    references: Mapping[str, Reference] = Field(default_factory=dict)
    """Top-level parameter name -> where its value comes from."""


class Blueprint(Frozen):
    """A DAG of calls: an edge wherever a reference points to an earlier call."""

    calls: tuple[BlueprintCall, ...]


class WorldSpec(Frozen):
    """Which world runs the task, and from where it starts."""

    name: str = "simulated"
    seed: int = 0
    start: Mapping[str, Json] = Field(default_factory=dict)
    """The start state, as the world's `Session.state()` gives it."""


class Checks(Frozen):
    """What must hold at the end."""

    outcome: Outcome = Outcome.CALL
    final_state: str | None = None
    """`content_key` of the world's final state; none where the state says nothing."""
    facts: tuple[str, ...] = ()
    """Strings that the final answer must contain, compared as `toolwise.text.contains_fact` does."""
    labels: tuple[str, ...] = ()
    """What the instruction calls each fact, parallel to `facts`; empty where the facts have no names."""


class Provenance(Frozen):
    """Who made the task, from what."""

    teacher: str = "embedded"
    split: Split = Split.TRAIN
    seed: int = 0
    """The seed of the draw that made this task."""
    pattern: str = ""
    """`single`, `parallel`, `chain`, or a negative's name; for tables only."""


class Task(Frozen):
    """An instruction with its candidates and everything needed to check an attempt."""

    key: str = ""
    """Content hash of all other fields but `provenance`; see `with_key`."""
    instruction: str
    kind: TaskKind = TaskKind.SINGLE
    candidates: tuple[str, ...]
    """Tool ids on offer, in the order in which they are shown."""
    relevant: tuple[str, ...]
    """Tool ids that solve the task; empty where no call is right."""
    world: WorldSpec = WorldSpec()
    blueprint: Blueprint | None = None
    checks: Checks = Checks()
    provenance: Provenance = Provenance()

    def with_key(self) -> Task:
        """This task, named by its content."""
        content = self.model_dump(mode="json", exclude={"key", "provenance"})
        return self.model_copy(update={"key": content_key("task", content)})
