"""A conversation's script: what the user wants, knows, keeps back and changes, with calls that were executed."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from toolwise.ports import World
from toolwise.synthesis.candidates import Need, choose_candidates
from toolwise.synthesis.config import SynthesisConfig
from toolwise.synthesis.conversations.config import ConversationConfig
from toolwise.synthesis.execution import execute
from toolwise.synthesis.filling import Filler, Unstatable, leaf_values
from toolwise.synthesis.plans import Pattern, PlannedCall, Planner
from toolwise.synthesis.pool import Pool
from toolwise.synthesis.specs import Leaf
from toolwise.synthesis.wording.verbs import canonical_verb
from toolwise.text import phrase
from toolwise.types import (
    Blueprint,
    BlueprintCall,
    Checks,
    Json,
    Provenance,
    Reference,
    RejectReason,
    Split,
    Task,
    ToolCall,
    Toolset,
    WorldSpec,
)
from toolwise.values import ValueGenerator

_FINAL = frozenset({"create", "delete", "send", "copy", "start", "stop"})
"""Of such an act nobody changes a value afterwards: it would have to be done again."""
_TWO_OR_MORE = (Pattern.PARALLEL, Pattern.CHAIN)


class Style(StrEnum):
    """How the user's first message is written (ToolAlpaca's two instruction styles)."""

    QUESTION = "question"
    """One or two sentences that ask."""
    IMPERATIVE = "imperative"
    """One or two sentences that order."""
    SCENARIO = "scenario"
    """Up to five sentences that tell a situation."""


class Act(StrEnum):
    """What a message of the user's does."""

    OPEN = "open"
    """States the first request."""
    ANSWER = "answer"
    """Answers a question of the assistant's."""
    CHANGE = "change"
    """Changes a value of the request that was just served."""
    ADD = "add"
    """Adds a request."""


@dataclass(frozen=True, slots=True)
class Stated:
    """A value that the user knows."""

    call: int
    """Index of the blueprint's call that takes it."""
    path: tuple[str, ...]
    label: str
    value: Json


@dataclass(frozen=True, slots=True)
class Request:
    """One thing that the user wants: some of the blueprint's calls."""

    act: Act
    calls: tuple[int, ...]
    values: tuple[Stated, ...]
    withheld: Stated | None = None
    """Not said before it is asked for."""
    changed: Stated | None = None
    """The new value, where the act is CHANGE."""


@dataclass(frozen=True, slots=True)
class Script:
    """Everything that is decided before anybody speaks."""

    style: Style
    requests: tuple[Request, ...]
    task: Task
    """Without its instruction, which is the user's first message; its key is the script's."""
    wishes: tuple[str, ...]
    """For each of the blueprint's calls, what is wanted."""
    sources: tuple[Mapping[str, str], ...] = field(default=())
    """For each call: parameter's words -> where its value comes from."""


class ScriptWriter:
    """Draws scripts from a pool of toolsets."""

    def __init__(self, pool: Pool, world: World, config: ConversationConfig, *, executes: bool) -> None:
        """`executes`: run the calls before a word is said; only where the world is a simulation."""
        self._pool = pool
        self._world = world
        self._config = config
        self._executes = executes
        self._planner = Planner(pool, SynthesisConfig(max_calls=3, group=0))

    async def write(self, toolset: Toolset, seed: int, split: Split) -> Script | RejectReason:
        """A script that starts from a tool of `toolset`, or why the last of several draws was none."""
        result: Script | RejectReason = RejectReason.NO_VALUE
        for attempt in range(self._config.attempts):
            rng = random.Random(f"script:{seed}:{attempt}")
            try:
                result = await self._draw(toolset, rng, seed, split)
            except Unstatable:
                result = RejectReason.NO_VALUE
            if isinstance(result, Script):
                return result
        return result

    async def _draw(self, toolset: Toolset, rng: random.Random, seed: int, split: Split) -> Script | RejectReason:
        config = self._config
        calls = self._first(toolset, rng)
        if not calls:
            return RejectReason.NO_VALUE
        opening = len(calls)
        if rng.random() < config.add:
            following = self._planner.call(toolset, rng, [call.spec.tool.id for call in calls])
            calls += [replace(following, shared=())] if following else []
        filler = Filler(ValueGenerator(f"script:{seed}:{rng.random()}"), rng)
        made = [
            BlueprintCall(
                tool=call.spec.tool.id,
                arguments=filler.arguments(call.spec, call.leaves, call.shared),
                references=call.references,
            )
            for call in calls
        ]
        requests = [self._request(Act.OPEN, range(opening), calls, made, rng)]
        if rng.random() < config.change and (change := self._change(calls, made, opening - 1, filler, rng)):
            calls, made, changed = change
            requests.append(Request(Act.CHANGE, (opening,), self._values(opening, calls, made), changed=changed))
        if len(calls) > opening and len(calls) > opening + len(requests) - 1:
            requests.append(self._request(Act.ADD, [len(calls) - 1], calls, made, rng))
        return await self._script(calls, made, requests, rng, (seed, split))

    def _first(self, toolset: Toolset, rng: random.Random) -> list[PlannedCall]:
        if rng.random() < self._config.multi_call:
            plan = self._planner.draw(toolset, rng.choice(_TWO_OR_MORE), rng)
            if plan is not None:
                return list(plan.calls)
        call = self._planner.call(toolset, rng)
        return [call] if call else []

    def _values(self, index: int, calls: Sequence[PlannedCall], made: Sequence[BlueprintCall]) -> tuple[Stated, ...]:
        pairs = leaf_values(made[index].arguments, calls[index].leaves)
        labels = [leaf.label for leaf, _ in pairs]
        return tuple(Stated(index, leaf.path, _label(leaf, labels), value) for leaf, value in pairs)

    def _request(
        self,
        act: Act,
        indices: Sequence[int],
        calls: Sequence[PlannedCall],
        made: Sequence[BlueprintCall],
        rng: random.Random,
    ) -> Request:
        values = tuple(value for index in indices for value in self._values(index, calls, made))
        request = Request(act, tuple(indices), values)
        if rng.random() >= self._config.withhold:
            return request
        said = [str(other.value) for other in values]
        open_to = [
            value
            for value in values
            if len(value.path) == 1
            and value.path[0] in calls[value.call].spec.required
            and not isinstance(value.value, bool | list)
            and len(str(value.value)) > 1
            and said.count(str(value.value)) == 1
        ]
        return replace(request, withheld=rng.choice(open_to)) if open_to else request

    def _change(
        self,
        calls: Sequence[PlannedCall],
        made: Sequence[BlueprintCall],
        index: int,
        filler: Filler,
        rng: random.Random,
    ) -> tuple[list[PlannedCall], list[BlueprintCall], Stated] | None:
        """The calls with the one at `index` made once more, with another value; none where that makes no sense."""
        call = calls[index]
        if call.references or canonical_verb(call.spec.phrase.verb.strip(",")) in _FINAL:
            return None
        again = filler.arguments(call.spec, call.leaves)
        repeated = made[index].model_copy(update={"arguments": again})
        fresh = self._values(0, [call], [repeated])
        old = {value.path: value.value for value in self._values(0, [call], [made[index]])}
        open_to = [value for value in fresh if value.value != old[value.path] and not isinstance(value.value, bool)]
        if not open_to:
            return None
        chosen = rng.choice(open_to)
        arguments = _with(made[index].arguments, chosen.path, chosen.value)
        at = index + 1
        grown = [*made[:at], repeated.model_copy(update={"arguments": arguments}), *made[at:]]
        planned = [*calls[:at], replace(call, references={}), *calls[at:]]
        return planned, grown, replace(chosen, call=at)

    async def _script(
        self,
        calls: Sequence[PlannedCall],
        made: Sequence[BlueprintCall],
        requests: Sequence[Request],
        rng: random.Random,
        origin: tuple[int, Split],
    ) -> Script | RejectReason:
        seed, split = origin
        needs = [
            Need(call.spec.tool, call.spec.phrase, frozenset({*own.arguments, *own.references}))
            for call, own in zip(calls, made, strict=True)
        ]
        unique = list({need.tool.id: need for need in needs}.values())
        candidates = choose_candidates(unique, self._config.candidates, self._pool, rng)
        if candidates is None:
            return RejectReason.AMBIGUOUS
        blueprint = Blueprint(calls=tuple(made))
        started = await self._started(blueprint, candidates, seed)
        if started is None:
            return RejectReason.CALL_FAILED
        world, final_state = started
        task = Task(
            instruction="",
            candidates=candidates,
            relevant=tuple(need.tool.id for need in unique),
            world=world,
            blueprint=blueprint,
            checks=Checks(final_state=final_state),
            provenance=Provenance(teacher="llm", split=split, seed=seed, pattern="conversation"),
        ).with_key()
        wishes = tuple(call.spec.phrase.text() for call in calls)
        sources = tuple(
            {phrase(name): _source(reference) for name, reference in call.references.items()} for call in made
        )
        return Script(self._style(rng), tuple(requests), task, wishes, sources)

    async def _started(
        self, blueprint: Blueprint, candidates: Sequence[str], seed: int
    ) -> tuple[WorldSpec, str | None] | None:
        """The world in which the calls work, and the state that they lead to, where that is known."""
        if self._executes:
            execution = await execute(blueprint, self._world, seed)
            return None if execution is None else (execution.world, execution.final_state)
        spec = WorldSpec(name=self._world.name, seed=seed)
        session = self._world.open(Task(instruction="", candidates=tuple(candidates), relevant=(), world=spec))
        for index, call in enumerate(blueprint.calls):
            if not call.references:
                session.prepare(ToolCall(id=f"call_{index}", name=call.tool, arguments=call.arguments))
        return spec.model_copy(update={"start": session.state()}), None

    def _style(self, rng: random.Random) -> Style:
        if rng.random() < self._config.scenario:
            return Style.SCENARIO
        return Style.QUESTION if rng.random() < self._config.question else Style.IMPERATIVE


def _label(leaf: Leaf, labels: Sequence[str]) -> str:
    return leaf.label if labels.count(leaf.label) == 1 else " ".join(phrase(part) for part in leaf.path)


def _source(reference: Reference) -> str:
    words = ["the first item" if part == 0 else phrase(str(part)) for part in reversed(reference.path)]
    return f"{' of '.join(words)} in the result of step {reference.call + 1}"


def _with(arguments: Mapping[str, Json], path: Sequence[str], value: Json) -> dict[str, Json]:
    """A copy with one value changed."""
    first, *rest = path
    return {**arguments, first: _with(arguments[first], rest, value) if rest else value}
