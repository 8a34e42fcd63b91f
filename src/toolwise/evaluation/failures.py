"""Why an attempt failed: one kind out of a closed set, decided from the calls and not from anybody's reading."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from toolwise.blueprints import ExecutedCall, fulfil, resolved_arguments, same_json
from toolwise.evaluation.pass_rate import passed
from toolwise.text import contains_fact
from toolwise.types import (
    Blueprint,
    BlueprintCall,
    Json,
    Node,
    Outcome,
    RejectReason,
    Role,
    StopReason,
    Task,
    ToolCall,
    Trajectory,
    Verdict,
    read_content,
)
from toolwise.types.base import canonical_json

REPEATS = 3
"""The same call so many times on one branch is a loop, unless the reference asks for it as often."""
_DETAIL = 240


class FailureKind(StrEnum):
    """What went wrong; the members are in the order in which they are looked for."""

    NO_ATTEMPT = "no_attempt"
    """There is no trajectory: the prediction is missing, or the attempt broke."""
    UNREADABLE = "unreadable"
    """The policy failed, or wrote nothing that can be read as a turn."""
    LOOP = "loop"
    """It made the same call three times or more and got no further."""
    ERROR_NOT_RECOVERED = "error_not_recovered"
    """It tried the right tool, the call failed, and no later call set it right."""
    WRONG_ARGUMENT = "wrong_argument"
    """It called the right tool, the tool accepted the call, and an argument is not the right one."""
    HALLUCINATED_TOOL = "hallucinated_tool"
    """It called a tool that is not on offer."""
    WRONG_TOOL = "wrong_tool"
    """It called another tool on offer, and never the right one."""
    OUT_OF_BUDGET = "out_of_budget"
    """It ran out of steps or model calls before the right calls were made, without any of the above."""
    PREMATURE_END = "premature_end"
    """It gave up, or ended without an answer, before the work was done."""
    MISSING_CALL = "missing_call"
    """It answered as if all was done, without a call that was needed."""
    UNNEEDED_CALL = "unneeded_call"
    """Every right call was made, and then one that nobody asked for; or a call where none was right."""
    WRONG_ANSWER = "wrong_answer"
    """The calls are right; the answer lacks a required fact, or states what no tool returned."""
    OTHER = "other"
    """The verdict says no, and nothing above explains it: a judge, or a world that answered otherwise on replay."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed attempt's kind with its evidence."""

    kind: FailureKind
    detail: str = ""
    """One line that names what was done and what was right."""
    node: int | None = None
    """The node of the trajectory that shows it."""


@dataclass(frozen=True, slots=True)
class _Call:
    """A call of the branch with the node that made it and the one that answers it."""

    call: ToolCall
    at: int
    answer: Node | None

    @property
    def ok(self) -> bool:
        return self.answer is not None and not self.answer.failed


def diagnose(
    task: Task, reference: Sequence[BlueprintCall], trajectory: Trajectory | None, verdict: Verdict | None
) -> Failure | None:
    """Why the attempt failed; none where it passed.

    `reference` holds the right calls, in any order that their references allow (a task's own are its blueprint's);
    where it is empty and the task wants calls, its relevant tools stand in for them. Judged is the branch that
    answered, else the one that ended last. The first kind that fits is given, in the order of `FailureKind`: what
    happened to the first right call that was not made, then what else was wrong. Nothing here depends on chance.
    Raises DataError if trajectory and task do not belong together.
    """
    if trajectory is None or not trajectory.nodes or verdict is None:
        return Failure(FailureKind.NO_ATTEMPT, "no trajectory" if verdict is not None else "no trajectory or verdict")
    if passed(task, trajectory, verdict):
        return None
    path = _branch(trajectory)
    end = trajectory.ends.get(path[-1]) if path else None
    if end in (StopReason.POLICY_ERROR, StopReason.UNPARSABLE):
        return Failure(FailureKind.UNREADABLE, f"the branch ended: {end.value.replace('_', ' ')}", path[-1])
    calls = _calls(trajectory, path)
    open_calls = [] if _calls_were_right(verdict) else _open(task, reference, calls)
    if open_calls or end is not StopReason.ANSWERED:
        found = _loop(reference, calls)
        if found is None and open_calls:
            found = _first_open(task, open_calls[0], calls)
        return found or _ended(end, path, open_calls)
    return _done_yet_wrong(task, reference, trajectory, verdict, calls)


def _branch(trajectory: Trajectory) -> list[int]:
    """Root-to-leaf node indices of the branch that counts; a parent that is not smaller than its node is none."""
    leaf = trajectory.answer_leaf
    if leaf is None or not 0 <= leaf < len(trajectory.nodes):
        ended = [at for at in trajectory.ends if 0 <= at < len(trajectory.nodes)]
        leaf = max(ended, default=len(trajectory.nodes) - 1)
    path = [leaf]
    while (parent := trajectory.nodes[path[-1]].parent) is not None and 0 <= parent < path[-1]:
        path.append(parent)
    return path[::-1]


def _calls(trajectory: Trajectory, path: Sequence[int]) -> list[_Call]:
    """The branch's calls, each with its answer: by id, else by place."""
    found: list[_Call] = []
    for place, at in enumerate(path):
        calls = trajectory.nodes[at].message.tool_calls
        answers: list[Node] = []
        for later in path[place + 1 :]:
            node = trajectory.nodes[later]
            if node.message.role is not Role.TOOL:
                break
            answers.append(node)
        by_id = {node.message.tool_call_id: node for node in answers if node.message.tool_call_id}
        for i, call in enumerate(calls):
            node_here = answers[i] if i < len(answers) and not by_id else None
            found.append(_Call(call, at, by_id.get(call.id, node_here)))
    return found


def _calls_were_right(verdict: Verdict) -> bool:
    return any(check.name == "calls" and check.passed for check in verdict.checks)


def _open(task: Task, reference: Sequence[BlueprintCall], calls: Sequence[_Call]) -> list[BlueprintCall]:
    """Right calls that were not made, with the values of earlier responses filled in where those are known."""
    if not reference:
        wanted = task.relevant if task.checks.outcome is Outcome.CALL else ()
        done = {one.call.name for one in calls if one.ok}
        return [BlueprintCall(tool=tool) for tool in wanted if tool not in done]
    executed = [ExecutedCall(one.call, one.ok, _body(one), one.at) for one in calls if one.answer is not None]
    made = fulfil(Blueprint(calls=tuple(reference)), executed).made
    bodies = {index: executed[at].body for index, at in made.items()}
    left: list[BlueprintCall] = []
    for index, call in enumerate(reference):
        if index not in made:
            full = resolved_arguments(call, bodies)
            known = call.arguments if full is None else full
            left.append(
                BlueprintCall(tool=call.tool, arguments=known, references=call.references if full is None else {})
            )
    return left


def _body(one: _Call) -> Json:
    return read_content(one.answer.message.content)[1] if one.answer is not None else None


def _loop(reference: Sequence[BlueprintCall], calls: Sequence[_Call]) -> Failure | None:
    counts = Counter(_signature(one.call) for one in calls)
    asked = Counter(call.tool for call in reference)
    for one in calls:
        count = counts[_signature(one.call)]
        if count >= REPEATS and count > asked[one.call.name]:
            last = next(c for c in reversed(calls) if _signature(c.call) == _signature(one.call))
            return Failure(FailureKind.LOOP, f"{_short(one.call.name)} was called {count} times alike", last.at)
    return None


def _signature(call: ToolCall) -> tuple[str, bytes]:
    return call.name, canonical_json(call.arguments)


def _first_open(task: Task, wanted: BlueprintCall, calls: Sequence[_Call]) -> Failure | None:
    """What was done in place of the first right call that is missing; none if nothing was."""
    tries = [one for one in calls if one.call.name == wanted.tool]
    if tries:
        last = tries[-1]
        said = differing(wanted, last.call) or f"{_short(wanted.tool)} was called as it should be"
        if not last.ok:
            why = last.answer.error.value.replace("_", " ") if last.answer and last.answer.error else "no answer"
            return Failure(FailureKind.ERROR_NOT_RECOVERED, _line(f"{_short(wanted.tool)}: {why}; {said}"), last.at)
        return Failure(FailureKind.WRONG_ARGUMENT, _line(said), last.at)
    for one in calls:
        if one.call.name not in task.candidates:
            return Failure(FailureKind.HALLUCINATED_TOOL, _line(f"{one.call.name} is not on offer"), one.at)
    right = set(task.relevant)
    for one in calls:
        if one.call.name not in right:
            said = f"{_short(one.call.name)} was called, {_short(wanted.tool)} is right"
            return Failure(FailureKind.WRONG_TOOL, _line(said), one.at)
    return None


def _ended(end: StopReason | None, path: Sequence[int], open_calls: Sequence[BlueprintCall]) -> Failure:
    """The branch stopped with nothing wrong in it but what is missing."""
    left = f"{_short(open_calls[0].tool)} was not called" if open_calls else "every right call was made"
    at = path[-1]
    if end in (StopReason.STEP_LIMIT, StopReason.BUDGET):
        return Failure(FailureKind.OUT_OF_BUDGET, _line(f"{end.value.replace('_', ' ')}: {left}"), at)
    if end is StopReason.ANSWERED:
        return Failure(FailureKind.MISSING_CALL, _line(f"answered, but {left}"), at)
    how = "gave up" if end is StopReason.GAVE_UP else "no answer"
    return Failure(FailureKind.PREMATURE_END, _line(f"{how}: {left}"), at)


def _done_yet_wrong(
    task: Task,
    reference: Sequence[BlueprintCall],
    trajectory: Trajectory,
    verdict: Verdict,
    calls: Sequence[_Call],
) -> Failure:
    """Answered, every right call made, and the verdict says no."""
    answer = trajectory.answer.strip()
    leaf = trajectory.answer_leaf
    if not answer:
        return Failure(FailureKind.PREMATURE_END, "the answer is empty", leaf)
    for one in calls:
        if one.call.name not in task.candidates:
            return Failure(FailureKind.HALLUCINATED_TOOL, _line(f"{one.call.name} is not on offer"), one.at)
    detail = next((check.detail for check in verdict.checks if not check.passed), "")
    wanted = task.checks.outcome is Outcome.CALL
    if calls and not wanted:
        said = f"{_short(calls[0].call.name)} was called; {task.checks.outcome.value} was right"
        return Failure(FailureKind.UNNEEDED_CALL, _line(said), calls[0].at)
    if verdict.reason in (RejectReason.WRONG_STATE, RejectReason.WRONG_CALLS) and len(calls) > len(reference):
        extra = _strays(reference, calls) or calls[-1:]
        said = f"{_short(extra[0].call.name)} was called beside the right calls"
        return Failure(FailureKind.UNNEEDED_CALL, _line(said), extra[0].at)
    missing = next((fact for fact in task.checks.facts if not contains_fact(answer, fact)), None)
    if missing is not None:
        return Failure(FailureKind.WRONG_ANSWER, _line(f"the answer does not state {missing!r}"), leaf)
    kind = _BY_REASON.get(verdict.reason) if verdict.reason else None
    return Failure(kind or FailureKind.OTHER, _line(detail), leaf)


_BY_REASON = {
    RejectReason.MALFORMED: FailureKind.UNREADABLE,
    RejectReason.INVALID_ARGUMENTS: FailureKind.WRONG_ARGUMENT,
    RejectReason.CALL_FAILED: FailureKind.ERROR_NOT_RECOVERED,
    RejectReason.UNGROUNDED: FailureKind.WRONG_ANSWER,
}
"""What a verdict's reason says where the calls themselves show nothing wrong."""


def _strays(reference: Sequence[BlueprintCall], calls: Sequence[_Call]) -> list[_Call]:
    answered = [one for one in calls if one.answer is not None]
    executed = [ExecutedCall(one.call, one.ok, _body(one), one.at) for one in answered]
    return [answered[at] for at in fulfil(Blueprint(calls=tuple(reference)), executed).strays]


def differing(wanted: BlueprintCall, call: ToolCall) -> str:
    """The arguments that are not the right ones, in words; empty where all are, as far as the values are known."""
    found = []
    for name in [*wanted.arguments, *(n for n in call.arguments if n not in wanted.arguments)]:
        if name in wanted.references and name in call.arguments:
            continue
        if name not in call.arguments:
            found.append(f"{name} is left out, right is {_value(wanted.arguments[name])}")
        elif name not in wanted.arguments:
            found.append(f"{name} is {_value(call.arguments[name])}, and should not be given")
        elif not same_json(wanted.arguments[name], call.arguments[name]):
            found.append(f"{name} is {_value(call.arguments[name])}, right is {_value(wanted.arguments[name])}")
    found += [f"{name} is left out" for name in wanted.references if name not in call.arguments]
    return "; ".join(found)


def _value(value: Json) -> str:
    text = canonical_json(value).decode()
    return text if len(text) <= 60 else text[:57] + "…"


def _short(tool: str) -> str:
    return tool if len(tool) <= 80 else "…" + tool[-79:]


def _line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _DETAIL else line[: _DETAIL - 1] + "…"
