"""Writes balanced, checked examples of all meta-tasks, instance by instance, and says what it dropped and why."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field

from pydantic import Field

from toolwise.config import Config
from toolwise.errors import ConfigError, ToolwiseError
from toolwise.metatasks.checking import check_example
from toolwise.metatasks.drafts import (
    BOUNDARIES,
    EXTENSIONS,
    MAKERS,
    SIX,
    Draft,
    Ground,
    example_key,
    worded,
)
from toolwise.metatasks.explorer import Exploration, Explorer, Walk
from toolwise.metatasks.subject import Subject, started
from toolwise.types import Json, MetaTaskExample, MetaTaskKind, Split, ToolCall, canonical_json

_PATIENCE = 8
"""A meta-task that gives nothing in this many attempts for each example of the others is passed over for a while."""
_MAX_IDLE = 300
"""Starts in a row that gave nothing new, after which the world has no more."""
_NONDETERMINISTIC = "not deterministic"


class MetaTaskConfig(Config):
    """What to write."""

    seed: int = 0
    steps: int = Field(default=2, ge=1, le=6)
    """Output boundary: the most calls allowed (k)."""
    walk: int = Field(default=12, ge=1, le=200)
    """Calls of a random or coverage-guided walk."""
    per_instance: int = Field(default=60, ge=1)
    """Examples from one start."""
    extensions: bool = False
    """Also ask for the error kind and the violated precondition (not in MetaTool)."""
    max_question: int = Field(default=6000, ge=200)
    """Longer questions are dropped, in characters."""


@dataclass
class Tally:
    """What came of it."""

    counts: Counter[MetaTaskKind] = field(default_factory=Counter)
    splits: Counter[Split] = field(default_factory=Counter)
    yes: Counter[MetaTaskKind] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    """Reason -> drafts dropped."""
    excluded: dict[str, str] = field(default_factory=dict)
    """Tool or start -> why nothing was made from it."""
    instances: int = 0

    def balance(self) -> dict[str, float]:
        """Boundary task -> share of yes."""
        return {k.value: self.yes[k] / self.counts[k] for k in BOUNDARIES if self.counts[k]}


async def generate(
    subject: Subject, count: int, config: MetaTaskConfig, tally: Tally | None = None
) -> AsyncIterator[MetaTaskExample]:
    """Up to `count` checked examples, spread evenly over the meta-tasks; fewer where the world has no more.

    Raises ConfigError for a world that cannot snapshot.
    """
    if not subject.world.can_fork:
        raise ConfigError(
            f"the world {subject.world.name!r} cannot snapshot, and meta-tasks must go back to a state; "
            "use an exact world, or the simulated one"
        )
    run = _Run(subject, config, tally if tally is not None else Tally())
    for index in range(max(20, 4 * count)):
        made = 0
        async for example in run.instance(f"{config.seed}:{index}", count):
            made += 1
            yield example
        if run.written >= count:
            return
        run.idle = 0 if made else run.idle + 1
        if run.idle >= _MAX_IDLE:
            return


class _Run:
    def __init__(self, subject: Subject, config: MetaTaskConfig, tally: Tally) -> None:
        self._subject, self._config, self._tally = subject, config, tally
        self._kinds = (*SIX, *EXTENSIONS) if config.extensions else SIX
        self._keys: set[str] = set()
        self._questions: set[str] = set()
        self._split_of: dict[bytes, Split] = {}
        self._failed: Counter[MetaTaskKind] = Counter()
        self._seen: Counter[str] = Counter()
        self.written = 0
        self.idle = 0

    async def instance(self, seed: str, count: int) -> AsyncIterator[MetaTaskExample]:
        """The examples of one start."""
        rng = random.Random(f"metatasks:{seed}")
        try:
            task = self._subject.start(seed)
            explorer = Explorer(self._subject, task, self._seen)
            walks = await self._walks(explorer, rng)
        except ToolwiseError as error:  # one broken toolset or instance never stops the rest
            self._tally.dropped["start"] += 1
            self._tally.excluded.setdefault(f"start {seed}", str(error))
            return
        self._tally.instances += 1
        ground = Ground(self._subject, explorer, walks, self._config.steps, rng)
        split = self._subject.split(task)
        made = 0
        for _ in range(2 * self._config.per_instance):
            if made >= self._config.per_instance or self.written >= count:
                return
            example = await self._one(ground, split)
            if example is not None:
                made += 1
                yield example

    async def _walks(self, explorer: Explorer, rng: random.Random) -> list[Walk]:
        walks = [await explorer.walk(how, self._config.walk, rng) for how in Exploration]
        for walk in walks:
            await self._repeat(explorer, walk)
        bad = self._tally.excluded
        return [walk if not bad else _without(walk, bad) for walk in walks]

    async def _repeat(self, explorer: Explorer, walk: Walk) -> None:
        """Execute a walk again in a fresh session; a tool that answers otherwise is excluded."""
        session = started(self._subject, explorer.task.world, explorer.task.candidates)
        for edge in walk.edges:
            observation = await session.call(edge.call)
            if observation != edge.observation or session.state() != edge.target.state:
                self._tally.excluded[edge.call.name] = _NONDETERMINISTIC
                return

    async def _one(self, ground: Ground, split: Split) -> MetaTaskExample | None:
        """The next example: of the meta-task that has the fewest, with the label that has the fewer."""
        kind = min(self._kinds, key=lambda k: max(self._tally.counts[k], self._failed[k] // _PATIENCE))
        yes = self._tally.yes[kind]
        draft = await MAKERS[kind](ground, 2 * yes <= self._tally.counts[kind])
        if draft is None:
            self._failed[kind] += 1
            return None
        key = example_key(ground, draft)
        states = _states(draft)
        why = self._known(draft, key, split, states)
        if not why:
            example = worded(ground, draft, split, key)
            why = await self._unfit(example)
            if not why:
                self._keep(example, states)
                return example
        self._tally.dropped[why] += 1
        self._failed[kind] += 1
        return None

    def _known(self, draft: Draft, key: str, split: Split, states: Sequence[bytes]) -> str:
        """Why a draft is dropped before it is worded; empty for a good one."""
        if key in self._keys:
            return "duplicate"
        if any(call.name in self._tally.excluded for call in _calls(draft)):
            return _NONDETERMINISTIC
        if any(self._split_of.get(state, split) is not split for state in states):
            return "leak"
        return ""

    async def _unfit(self, example: MetaTaskExample) -> str:
        if example.question in self._questions:
            return "duplicate"
        if len(example.question) > self._config.max_question:
            return "too long"
        if not self._subject.exact and not _knowable(example):
            return "unknowable"
        return await check_example(self._subject, example)

    def _keep(self, example: MetaTaskExample, states: Sequence[bytes]) -> None:
        self._keys.add(example.key)
        self._questions.add(example.question)
        for state in states:
            self._split_of[state] = example.split
        self._tally.counts[example.kind] += 1
        self._tally.splits[example.split] += 1
        self._tally.yes[example.kind] += bool(example.positive)
        self.written += 1


def _without(walk: Walk, excluded: dict[str, str]) -> Walk:
    """The walk up to its first excluded tool."""
    for index, edge in enumerate(walk.edges):
        if edge.call.name in excluded:
            return Walk(walk.how, walk.edges[:index])
    return walk


def _knowable(example: MetaTaskExample) -> bool:
    """Does every value of the state asked for stand in the question? (What a world makes up cannot be foreseen.)"""
    asked = {
        MetaTaskKind.EFFECT: example.after,
        MetaTaskKind.REVERSION: example.world.start,
        MetaTaskKind.COUNTERFACT: example.otherwise,
    }.get(example.kind)
    if not asked or "status" in asked:
        return True
    return all(_json_text(leaf) in example.question for leaf in _leaves(asked.get("records", {})))


def _json_text(leaf: Json) -> str:
    return canonical_json(leaf).decode().strip('"')


def _leaves(value: Json) -> Iterator[Json]:
    if isinstance(value, dict):
        for part in value.values():
            yield from _leaves(part)
    elif isinstance(value, list):
        for part in value:
            yield from _leaves(part)
    else:
        yield value


def _calls(draft: Draft) -> list[ToolCall]:
    instead = draft.fields.get("instead")
    return [*draft.fields.get("calls", ()), *([instead] if instead is not None else [])]


def _states(draft: Draft) -> list[bytes]:
    """What must not be in two splits: every state that the question or its answer holds, empty ones aside."""
    fields = draft.fields
    states = (draft.start, fields.get("after"), fields.get("otherwise"))
    return [canonical_json(state) for state in states if state]
