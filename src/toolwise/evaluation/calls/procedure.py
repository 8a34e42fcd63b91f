"""ToolAlpaca's procedure and response by rule (Tang et al., arXiv 2306.05301, section 4.2, its judge's guidelines)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import orjson

from toolwise.answers import scalars
from toolwise.evaluation.calls.placeholders import Placeholder
from toolwise.text import contains_fact, normalise
from toolwise.types import Json

LENIENT = frozenset({"getDetails", "retrievalDataFromFile"})
"""Helpers of ToolAlpaca's own: asking the user, and reading on in a long answer. Calling them is never wrong."""
_SHORTEST_FACT = 2
_FAILURES = ("status code: 4", "status code: 5", "error:", "input_parsing_error", "invalid")


@dataclass(frozen=True, slots=True)
class StepDone:
    """One call of a solution with what came back; no observation where nobody recorded it."""

    name: str
    arguments: dict[str, Json]
    observation: str | None = None

    @property
    def failed(self) -> bool:
        return self.observation is not None and self.observation.strip().lower().startswith(_FAILURES)


@dataclass(frozen=True, slots=True)
class Solution:
    """A solver's calls in order, and its final answer."""

    steps: tuple[StepDone, ...] = ()
    answer: str = ""


@dataclass(frozen=True, slots=True)
class ReferenceCall:
    """A call that the solution must make; arguments may be placeholders. None where the reference cannot be read."""

    name: str
    arguments: dict[str, Json] | None = field(default_factory=dict)


def check_procedure(reference: Sequence[ReferenceCall], solution: Solution, functions: Collection[str]) -> str:
    """Empty where the procedure is right, else what is wrong.

    Every reference call is made, each by a call of its own and after the calls whose responses it needs. A parameter
    of the reference has its value; an empty one may be left out; a placeholder has a value, which, where it comes from
    another call, occurs in what that call returned. Other parameters are free: the instruction does not fix them.
    Any further call must be one of a referenced function (a retry, the next page) or of `LENIENT`.
    """
    wanted = [call for call in reference if call.name in functions or call.name not in LENIENT]
    used: set[int] = set()
    for call in wanted:
        at = next(
            (i for i, step in enumerate(solution.steps) if i not in used and _fulfils(call, i, solution.steps)), None
        )
        if at is None:
            return f"{call.name} was not called as it should be"
        used.add(at)
    allowed = {call.name for call in reference} | LENIENT
    stray = next((step.name for step in solution.steps if step.name not in allowed), None)
    return "" if stray is None else f"{stray} was called, which the task does not need"


def _fulfils(call: ReferenceCall, at: int, steps: Sequence[StepDone]) -> bool:
    step = steps[at]
    if step.name != call.name or step.failed:
        return False
    if call.arguments is None:
        return True
    return all(_fits(value, step.arguments.get(name), steps[:at]) for name, value in call.arguments.items())


def _fits(wanted: Json, given: Json, before: Sequence[StepDone]) -> bool:
    if isinstance(wanted, Placeholder):
        if given in (None, "", [], {}):
            return False
        return not wanted.source or wanted.source in LENIENT or _flows(wanted.source, given, before)
    if wanted in ("", None, [], {}):
        return True
    if given is None:
        return False
    return same_value(wanted, given)


def _flows(source: str, given: Json, before: Sequence[StepDone]) -> bool:
    """Was the source called before, and did it return the value? Where nobody recorded answers, the call is enough."""
    calls = [step for step in before if step.name == source and not step.failed]
    values = list(scalars(given))
    return any(
        step.observation is None or all(contains_fact(step.observation, value) for value in values) for step in calls
    )


def same_value(wanted: Json, given: Json) -> bool:
    """Equal as a person would say: numbers and their texts, case and spacing of strings, lists without order."""
    if isinstance(wanted, dict) and isinstance(given, dict):
        return all(name in given and same_value(value, given[name]) for name, value in wanted.items())
    if isinstance(wanted, list) and isinstance(given, list):
        left = list(given)
        for value in wanted:
            match = next((i for i, other in enumerate(left) if same_value(value, other)), None)
            if match is None:
                return False
            del left[match]
        return not left
    if isinstance(wanted, dict | list) or isinstance(given, dict | list):
        return False
    return bool(_number(wanted) == _number(given))


def _number(value: Json) -> Json:
    """A scalar for comparison: numbers by value whether or not they are quoted, texts normalised."""
    text = normalise(str(value))
    try:
        return float(text)
    except ValueError:
        return text


def check_response(reference: Sequence[ReferenceCall], solution: Solution) -> str:
    """Empty where the final answer says something of what the referenced calls returned, else what is wrong.

    A rule can see that an answer is given and that it rests on the responses; whether it is well put is a judge's.
    """
    if not solution.answer.strip():
        return "there is no final answer"
    names = {call.name for call in reference}
    seen = [step for step in solution.steps if step.name in names and step.observation is not None]
    if not seen:
        return "" if all(step.observation is None for step in solution.steps) else "no needed call was answered"
    if all(step.failed for step in seen):
        return "every needed call failed"
    facts = {fact for step in seen if not step.failed for fact in facts_of(step.observation or "")}
    if facts and not any(contains_fact(solution.answer, fact) for fact in facts):
        return "the answer states nothing of what came back"
    return ""


def facts_of(observation: str) -> list[str]:
    """The scalars of a JSON answer, whatever stands around it; the text itself where there is no JSON."""
    start = min((at for at in (observation.find("{"), observation.find("[")) if at >= 0), default=-1)
    if start >= 0:
        try:
            body = orjson.loads(observation[start:].strip())
        except orjson.JSONDecodeError:
            words = observation[start:].replace('"', " ").split()
            return [word.strip(",:{}[]") for word in words if len(word.strip(",:{}[]")) > _SHORTEST_FACT]
        return [fact for fact in scalars(body) if len(fact) >= _SHORTEST_FACT]
    return []
