"""The policy that knows the right calls, and errs as often and in the ways that it is told to."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from toolwise.answers import final_answer
from toolwise.blueprints import ExecutedCall, Fulfilment, executed_calls, fulfil, may_mutate, resolved_arguments
from toolwise.errors import ModelError
from toolwise.ports import Step, Turn
from toolwise.search.mistakes import ErrorRates, Mistake, spoil, wrong_tool
from toolwise.text import first_sentence
from toolwise.types import Blueprint, Json, Message, Observation, Outcome, Role, StopReason, ToolCall, canonical_json

_NO_BLUEPRINT = Blueprint(calls=())
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_TRIES = 3
"""Of a call whose failures may pass."""
_CALL_MISTAKES = (Mistake.MISSING_ARGUMENT, Mistake.WRONG_TOOL, Mistake.WRONG_ARGUMENT)


class BlueprintPolicy:
    """Solves a task from its blueprint: the embedded teacher's way to trees with real failures and recoveries.

    Everything it does follows from (seed, task, turn's seed). It reads its progress from the path: which of the
    blueprint's calls succeeded, and what they returned. Where the path holds an act that cannot be undone (a
    wrong call that succeeded and may have changed the world) it gives up, so that the search backtracks.
    """

    name = "blueprint"

    def __init__(self, rates: ErrorRates | None = None, seed: int = 0, *, thoughts: bool = True) -> None:
        self._rates = rates or ErrorRates()
        self._seed = seed
        self._thoughts = thoughts

    async def act(self, turn: Turn) -> Step:
        """Raises ModelError for a task that needs calls but has no blueprint."""
        task = turn.task
        if task.blueprint is None and task.checks.outcome is Outcome.CALL:
            raise ModelError(f"task {task.key} has no blueprint to follow")
        rng = random.Random(f"{self._seed}|{task.key}|{turn.seed}")
        tried = {_fingerprint(sibling[0]) for sibling in turn.siblings if sibling}
        for step in self._acts(_Situation(turn), turn, rng):
            if not tried or _fingerprint(step.message) not in tried:
                return step
        return _give_up("I have tried what I can here.")

    def _acts(self, situation: _Situation, turn: Turn, rng: random.Random) -> Iterator[Step]:
        """What to do, best first; later ones only serve where a sibling did the earlier ones."""
        if situation.hopeless:
            yield _give_up("This cannot be put right from here.")
            return
        if situation.just_erred:
            if rng.random() >= self._rates.recover:
                yield _give_up("That did not work; I would rather take another way.")
        elif (mistake := self._rates.draw(rng)) is not None:
            yield from self._err(mistake, situation, turn, rng)
        yield from self._right(situation, turn)
        for mistake in _CALL_MISTAKES:
            yield from self._err(mistake, situation, turn, rng)

    def _right(self, situation: _Situation, turn: Turn) -> Iterator[Step]:
        if situation.finished:
            answer = final_answer(turn.task, situation.responses)
            yield Step(Message(role=Role.ASSISTANT, content=answer))
            return
        yield self._calling(situation.ready, turn)
        if len(situation.ready) > 1:
            yield self._calling(situation.ready[:1], turn)

    def _err(self, mistake: Mistake, situation: _Situation, turn: Turn, rng: random.Random) -> Iterator[Step]:
        ready = situation.ready
        tempted = mistake is Mistake.WRONG_TOOL and turn.task.checks.outcome is not Outcome.CALL
        if mistake is Mistake.EARLY_GIVE_UP:
            if ready:
                yield _give_up("I do not see how to do this with these tools.")
        elif mistake is Mistake.EARLY_ANSWER:
            if ready:
                yield Step(Message(role=Role.ASSISTANT, content="That is done."))
        elif ready:
            at = rng.randrange(len(ready))
            if (wrong := spoil(mistake, ready[at], turn, rng)) is not None:
                yield self._calling((*ready[:at], wrong, *ready[at + 1 :]), turn)
        elif tempted and (wrong := wrong_tool(None, turn, rng)) is not None:
            yield self._calling((wrong,), turn)

    def _calling(self, calls: tuple[ToolCall, ...], turn: Turn) -> Step:
        thought = _thought(calls, turn) if self._thoughts else ""
        return Step(Message(role=Role.ASSISTANT, thought=thought, tool_calls=calls))


@dataclass(slots=True, init=False)
class _Situation:
    """Where the path stands with regard to the blueprint."""

    executed: list[ExecutedCall]
    fulfilment: Fulfilment
    responses: list[Observation]
    """What the blueprint's calls made so far returned, in the blueprint's order."""
    ready: tuple[ToolCall, ...]
    """The next calls that do not wait for one another, in the blueprint's order."""
    finished: bool
    hopeless: bool
    just_erred: bool

    def __init__(self, turn: Turn) -> None:
        blueprint = turn.task.blueprint or _NO_BLUEPRINT
        self.executed = executed_calls(turn.path)
        self.fulfilment = fulfil(blueprint, self.executed)
        made = self.fulfilment.made
        bodies = {index: self.executed[at].body for index, at in sorted(made.items())}
        self.responses = [Observation(status=200, body=body) for body in bodies.values()]
        self.ready = _ready(blueprint, bodies)
        self.finished = len(made) == len(blueprint.calls)
        self.just_erred = self._just_erred()
        self.hopeless = (not self.finished and not self.ready) or self._is_spoilt(turn) or self._is_stuck()

    def _just_erred(self) -> bool:
        if not self.executed:
            return False
        last = self.executed[-1].turn
        failed = (at for at in self.fulfilment.failed if not _may_pass(self.executed[at]))
        wrong = (*self.fulfilment.strays, *failed)
        return any(self.executed[at].turn == last for at in wrong)

    def _is_spoilt(self, turn: Turn) -> bool:
        if self.executed and turn.task.checks.outcome is not Outcome.CALL:
            return True  # the right behaviour was to call nothing
        strays = {self.executed[at].call.name for at in self.fulfilment.strays}
        return bool(strays) and any(may_mutate(tool) for tool in turn.tools if tool.id in strays)

    def _is_stuck(self) -> bool:
        """Has a call that is right failed already? Then the world will not have it, unless the failure may pass."""
        failed: dict[tuple[str, bytes], int] = {}
        for at in self.fulfilment.failed:
            key = _call_key(self.executed[at].call)
            failed[key] = failed.get(key, 0) + (1 if _may_pass(self.executed[at]) else _TRIES)
        return any(failed.get(_call_key(call), 0) >= _TRIES for call in self.ready)


def _may_pass(done: ExecutedCall) -> bool:
    """Does the failure's status say that the same call may succeed in a moment?"""
    return isinstance(done.body, dict) and done.body.get("status") in _PASSING


def _ready(blueprint: Blueprint, bodies: dict[int, Json]) -> tuple[ToolCall, ...]:
    """The unmade calls up to the first that must wait: never out of order, for a call may rest on another's effect."""
    ready: list[ToolCall] = []
    for index, call in enumerate(blueprint.calls):
        if index in bodies:
            continue
        arguments = resolved_arguments(call, bodies)
        if arguments is None:
            break
        ready.append(ToolCall(name=call.tool, arguments=arguments))
    return tuple(ready)


def _thought(calls: tuple[ToolCall, ...], turn: Turn) -> str:
    tools = {tool.id: tool for tool in turn.tools}
    purposes = [
        (first_sentence(tool.description) or tool.name) if (tool := tools.get(call.name)) else call.name
        for call in calls
    ]
    return f"Next: {'; then: '.join(dict.fromkeys(purposes))}."


def _give_up(why: str) -> Step:
    return Step(Message(role=Role.ASSISTANT, content=why), stop=StopReason.GAVE_UP)


def _call_key(call: ToolCall) -> tuple[str, bytes]:
    return call.name, canonical_json(call.arguments)


def _fingerprint(message: Message) -> tuple[object, ...]:
    """What makes two steps the same: their calls or, where there are none, their words."""
    return tuple(_call_key(call) for call in message.tool_calls) or (message.content,)
