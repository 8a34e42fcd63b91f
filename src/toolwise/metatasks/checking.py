"""Answers are checked by executing them, in a fresh session, apart from the generator's search."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from toolwise.errors import UserError
from toolwise.metatasks.subject import Subject, near_miss_reason
from toolwise.metatasks.wording import NO, YES, read_call
from toolwise.ports import Session
from toolwise.types import Json, MetaTaskExample, MetaTaskKind, Observation, Task, ToolCall, WorldSpec

Problem = str
"""Why an example is wrong; empty for a right one."""


async def check_example(subject: Subject, example: MetaTaskExample) -> Problem:
    """Execute the example's answer. Raises UserError or WorldError where its world cannot be opened."""
    problem = await _CHECKS[example.kind](subject, example)
    if problem or example.kind in _EXECUTED:
        return problem
    return "" if await score_answer(subject, example, example.answer) else "its own answer does not score"


async def score_answer(subject: Subject, example: MetaTaskExample, answer: str) -> bool:
    """Is an answer right? States and calls are executed or compared as states: any right one counts."""
    if example.kind is MetaTaskKind.DECISION:
        call = read_call(answer, example.tools)
        return call is not None and await _leads(subject, example, call)
    if example.kind is MetaTaskKind.REVERSION:
        start = subject.read(answer, example.world.start)
        return start is not None and await _leads(subject, example, example.calls[0], start)
    if example.kind in (MetaTaskKind.EFFECT, MetaTaskKind.COUNTERFACT):
        wanted = example.after if example.kind is MetaTaskKind.EFFECT else example.otherwise
        return bool(subject.read(answer, wanted) == wanted)
    return answer.strip().rstrip(".").casefold() == example.answer.casefold()


async def _leads(
    subject: Subject, example: MetaTaskExample, call: ToolCall, start: Mapping[str, Json] | None = None
) -> bool:
    try:
        session = _open(subject, example, start)
    except UserError:  # an answer may be no state at all
        return False
    observation, outcome = await _once(subject, session, call)
    return observation.ok and bool(outcome == example.after)


def _task(example: MetaTaskExample, start: Mapping[str, Json] | None = None) -> Task:
    world = example.world
    if start is not None:
        world = WorldSpec(name=world.name, seed=world.seed, start=start)
    return Task(instruction="", candidates=example.tools, relevant=(), world=world)


def _open(subject: Subject, example: MetaTaskExample, start: Mapping[str, Json] | None = None) -> Session:
    return subject.world.open(_task(example, start))


async def _once(subject: Subject, session: Session, call: ToolCall) -> tuple[Observation, Json]:
    before = session.state()
    observation = await session.call(call)
    return observation, subject.outcome(before, observation, session.state())


async def _check_transition(subject: Subject, example: MetaTaskExample) -> Problem:
    observation, outcome = await _once(subject, _open(subject, example), example.calls[0])
    if not observation.ok:
        return "the call fails"
    return "" if outcome == example.after else "the call has another outcome"


async def _check_reversion(subject: Subject, example: MetaTaskExample) -> Problem:
    return ""  # scoring it executes the call from the answer's state


async def _check_input(subject: Subject, example: MetaTaskExample) -> Problem:
    observation = await _open(subject, example).call(example.calls[0])
    if observation.ok is not example.positive or example.answer != (YES if example.positive else NO):
        return "the label is wrong"
    return "" if near_miss_reason(observation) == example.reason else "it fails for another reason"


async def _check_output(subject: Subject, example: MetaTaskExample) -> Problem:
    if example.answer != (YES if example.positive else NO):
        return "the label is wrong"
    session = _open(subject, example)
    if not example.positive:
        offered = None if subject.exact else example.calls
        search = _Search(subject, _task(example), session, offered)
        reached = await search.reaches(example.after, example.steps)
        return "the candidate can be reached" if reached else ""
    if not 0 < len(example.calls) <= example.steps:
        return "the way is too long"
    for call in example.calls:
        if not (await session.call(call)).ok:
            return "a call of the way fails"
    return "" if session.state() == example.after else "the way leads elsewhere"


@dataclass(frozen=True)
class _Search:
    """Depth first, without a memory of states: slower than the generator's search, and independent of it."""

    subject: Subject
    task: Task
    session: Session
    offered: Sequence[ToolCall] | None
    """The calls allowed; none for all that can run."""

    async def reaches(self, target: Json, steps: int) -> bool:
        """Can the session's state become the target within so many calls?"""
        if self.session.state() == target:
            return True
        if steps == 0:
            return False
        here = self.session.snapshot()
        calls = self.subject.runnable(self.task, self.session) if self.offered is None else self.offered
        for call in calls:
            if (await self.session.call(call)).ok and await self.reaches(target, steps - 1):
                return True
            self.session.restore(here)
        return False


async def _check_counterfact(subject: Subject, example: MetaTaskExample) -> Problem:
    if example.changed is None or example.instead is None or not 0 <= example.changed < len(example.calls):
        return "no call is replaced"
    session = _open(subject, example)
    before: Json = None
    for index, call in enumerate(example.calls):
        if index == example.changed:
            before = session.snapshot()
        if not (await session.call(call)).ok:
            return "an observed call fails"
    if session.state() != example.after:
        return "the observed outcome is another"
    rest = (example.instead, *example.calls[example.changed + 1 :])
    observed = session.snapshot()
    session.restore(before)
    otherwise = await _after(session, rest)
    session.restore(observed)
    if otherwise == example.after or otherwise == await _after(session, rest):
        return "the outcome shown, or a plain effect on it, is the answer"
    if otherwise != example.otherwise:
        return "the other outcome is wrong"
    return await _check_hidden(subject, example)


async def _after(session: Session, calls: Sequence[ToolCall]) -> Json:
    for call in calls:
        await session.call(call)
    return session.state()


async def _check_hidden(subject: Subject, example: MetaTaskExample) -> Problem:
    """Every start that agrees with what is shown must give the answer; walked back depth first."""
    replaced = list(example.calls)
    if example.changed is not None and example.instead is not None:
        replaced[example.changed] = example.instead
    open_ends: list[tuple[Json, int]] = [(example.after, len(example.calls))]
    while open_ends:
        state, left = open_ends.pop()
        if left:
            found = subject.predecessors(example.calls[left - 1], state)
            if found is None:
                return ""  # this world cannot say; the generator looked as far as it explored
            open_ends.extend((before, left - 1) for before in found)
        elif await _after(_open(subject, example, state), replaced) != example.otherwise:
            return "another start that agrees with what is shown gives another outcome"
    return ""


async def _check_failure(subject: Subject, example: MetaTaskExample) -> Problem:
    observation = await _open(subject, example).call(example.calls[0])
    if observation.ok or observation.error is None:
        return "the call does not fail"
    kind, reason = observation.error.value, near_miss_reason(observation)
    right = kind if example.kind is MetaTaskKind.ERROR_KIND else reason
    return "" if example.answer == right else "it fails for another reason"


_CHECKS: Mapping[MetaTaskKind, Callable[[Subject, MetaTaskExample], Awaitable[Problem]]] = {
    MetaTaskKind.EFFECT: _check_transition,
    MetaTaskKind.DECISION: _check_transition,
    MetaTaskKind.REVERSION: _check_reversion,
    MetaTaskKind.INPUT_BOUNDARY: _check_input,
    MetaTaskKind.OUTPUT_BOUNDARY: _check_output,
    MetaTaskKind.COUNTERFACT: _check_counterfact,
    MetaTaskKind.ERROR_KIND: _check_failure,
    MetaTaskKind.VIOLATED_PRECONDITION: _check_failure,
}
_EXECUTED = frozenset(
    {
        MetaTaskKind.INPUT_BOUNDARY, MetaTaskKind.OUTPUT_BOUNDARY, MetaTaskKind.ERROR_KIND,
        MetaTaskKind.VIOLATED_PRECONDITION,
    }
)  # fmt: skip
"""Kinds whose check has already compared the answer itself."""
