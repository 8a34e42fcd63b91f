"""The funnel: a row's way through all checks, and the counts over many rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from toolwise.ports import Tools, World
from toolwise.types import Check, Funnel, RejectReason, Task, Trajectory, Verdict
from toolwise.verification.attempt import Attempt, passed, rejected
from toolwise.verification.calls import check_calls
from toolwise.verification.execution import check_execution
from toolwise.verification.form import check_format
from toolwise.verification.grounding import check_grounding
from toolwise.verification.schema import SchemaCheck
from toolwise.verification.state import check_state

STAGES = ("format", "schema", "execution", "state", "calls", "grounding", "judge")
"""Cheapest first, as in APIGen's funnel (arXiv 2406.18518); the judge only where there is one."""


class Judge(Protocol):
    """Says whether a solved task is well solved, where rules cannot."""

    async def judge(self, task: Task, trajectory: Trajectory) -> tuple[bool, str]:
        """(accepted, why)."""
        ...


class Verifier:
    """Verifies many rows against one world and catalog; schemas are compiled once."""

    def __init__(self, world: World, tools: Tools, judge: Judge | None = None) -> None:
        self._world = world
        self._tools = tools
        self._schema = SchemaCheck(tools)
        self._judge = judge

    async def verify(self, task: Task, trajectory: Trajectory) -> Verdict:
        """The branch that answered, checked stage by stage up to the first that drops it.

        Raises WorldError where the world itself breaks.
        """
        attempt = Attempt(task, trajectory)
        checks: list[Check] = []

        def drops(check: Check) -> bool:
            checks.append(check)
            return not check.passed

        if not drops(check_format(attempt)) and not drops(self._schema(attempt)):
            session = self._world.open(task)
            _ = (
                drops(await check_execution(attempt, session))
                or drops(check_state(attempt, session))
                or drops(check_calls(attempt, self._tools))
                or drops(check_grounding(attempt, self._tools))
                or (self._judge is not None and drops(await _judge(attempt, self._judge)))
            )
        return Verdict(key=trajectory.task_key, checks=tuple(checks))


async def verify(task: Task, trajectory: Trajectory, world: World, tools: Tools) -> Verdict:
    """One row through the funnel; for many rows make one `Verifier`."""
    return await Verifier(world, tools).verify(task, trajectory)


async def _judge(attempt: Attempt, judge: Judge) -> Check:
    accepted, why = await judge.judge(attempt.task, attempt.trajectory)
    return passed("judge") if accepted else rejected("judge", RejectReason.JUDGE, why)


def funnel_of(verdicts: Iterable[Verdict], failed: Mapping[str, int] | None = None, pending: int = 0) -> Funnel:
    """Count verdicts. `failed` counts rows that broke before they had a verdict, by error name; `pending` the rest."""
    accepted = 0
    reasons: dict[str, int] = {}
    for verdict in verdicts:
        if verdict.accepted:
            accepted += 1
        else:
            name = (verdict.reason or RejectReason.MALFORMED).value
            reasons[name] = reasons.get(name, 0) + 1
    rejected_rows = sum(reasons.values())
    broken = dict(failed or {})
    for name, count in broken.items():
        reasons[name] = reasons.get(name, 0) + count
    broken_rows = sum(broken.values())
    return Funnel(
        entered=accepted + rejected_rows + broken_rows + pending,
        accepted=accepted,
        rejected=rejected_rows,
        failed=broken_rows,
        pending=pending,
        reasons=dict(sorted(reasons.items())),
    )


def dropped_by_stage(verdicts: Iterable[Verdict]) -> dict[str, int]:
    """Stage -> rows that it dropped, in the funnel's order."""
    counts = dict.fromkeys(STAGES, 0)
    for verdict in verdicts:
        failure = next((check for check in verdict.checks if not check.passed), None)
        if failure is not None:
            counts[failure.name] = counts.get(failure.name, 0) + 1
    return counts
