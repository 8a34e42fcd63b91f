"""The verb `solve` with a language model: search over an endpoint, every call journalled, within a budget."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import orjson

from toolwise.catalog import CatalogFile, open_catalog
from toolwise.corpus import read_tasks
from toolwise.corpus.lines import line
from toolwise.errors import ConfigError, ModelError, ToolwiseError, UserError
from toolwise.files import write_lines
from toolwise.llm.faults import EndpointError
from toolwise.llm.solver import ChatPolicy
from toolwise.pipelines.answered_once import AnsweredOnce
from toolwise.pipelines.asking import Session
from toolwise.pipelines.assemble import build_world
from toolwise.pipelines.context import Context
from toolwise.pipelines.journalled_world import Effects
from toolwise.pipelines.teacher import Teacher
from toolwise.ports import ChatModel, Policy, Step, Turn, World
from toolwise.search import SearchConfig, search
from toolwise.store import Row, Rows, RowStatus
from toolwise.types import Json, StopReason, Task, Trajectory
from toolwise.values.pools import load_pools

SOLVE = "solve"


class Engine(StrEnum):
    """Where tasks are solved."""

    LOCAL = "local"
    """In this process, many at a time."""
    RAY = "ray"
    """By workers on a Ray cluster."""


@dataclass(frozen=True)
class ClusterConfig:
    """A Ray cluster, and how much of it to use."""

    workers: int = 0
    """Worker processes; 0 for one a core of the cluster."""
    address: str = ""
    """Of the cluster; empty for RAY_ADDRESS or, without that, one of our own on this machine."""


@dataclass(frozen=True)
class SolveJob:
    """All that a process needs to solve tasks."""

    catalog: Path
    search: SearchConfig
    teacher: Teacher


EngineFunction = Callable[[Session[Task], Rows, Path, SolveJob], Coroutine[Any, Any, Json]]
"""Finishes a session's rows, and returns what to add to its summary."""


@dataclass
class TaskSolver:
    """Solves tasks one by one with a policy that asks a model."""

    policy: Policy
    world: World
    catalog: CatalogFile
    search: SearchConfig
    reads_saved: int = 0
    _faults: dict[str, str] = field(default_factory=dict)
    """Why the model could not be asked, by task."""

    def __post_init__(self) -> None:
        self.name = self.policy.name

    async def solve(self, task: Task) -> Row:
        """The task's row; its value is the trajectory as it is written. Raises UserError where no task can be solved
        now."""
        world = AnsweredOnce(self.world, self.catalog)
        self._faults.pop(task.key, None)
        try:
            trajectory = await search(task, self, world, self.catalog, self.search)
        except UserError:
            raise
        except (ToolwiseError, KeyError) as error:  # one broken task never stops the rest
            return Row(task.key, RowStatus.FAILED, {"error": str(error)}, reason=type(error).__name__)
        finally:
            self.reads_saved += world.saved
        return _row(task, trajectory, self._faults.pop(task.key, ""))

    async def act(self, turn: Turn) -> Step:
        """The policy's step; why it failed is kept for the row."""
        try:
            return await self.policy.act(turn)
        except ModelError as error:
            kind = error.kind.value if isinstance(error, EndpointError) else type(error).__name__
            self._faults[turn.task.key] = kind
            raise


def _row(task: Task, trajectory: Trajectory, fault: str) -> Row:
    """Accepted with an answer, failed where the model could not be asked, rejected otherwise."""
    value = orjson.Fragment(line(trajectory).rstrip())
    if trajectory.answer_leaf is not None:
        return Row(task.key, RowStatus.DONE, value)
    reasons = [why.value for why in trajectory.ends.values()]
    if StopReason.POLICY_ERROR.value in reasons:
        return Row(task.key, RowStatus.FAILED, value, reason=f"{StopReason.POLICY_ERROR.value}: {fault}")
    return Row(task.key, RowStatus.REJECTED, value, reason=max(set(reasons), key=lambda r: (reasons.count(r), r)))


def engine_of(name: str) -> Engine:
    """Raises ConfigError."""
    try:
        return Engine(name)
    except ValueError as error:
        raise ConfigError(f"unknown --engine {name!r}; choose {' or '.join(Engine)}") from error


def steps(task: Task) -> int:
    """How many steps to expect of a task, compared with others."""
    return len(task.relevant)


def policy_of(model: ChatModel, teacher: Teacher) -> ChatPolicy:
    """The teacher's policy over a model."""
    return ChatPolicy(model, temperature=teacher.chat.temperature, max_tokens=teacher.chat.max_tokens_per_call)


def solve_with_model(
    context: Context,
    catalog: Path,
    tasks: Path,
    config: SearchConfig,
    teacher: Teacher,
    engine: EngineFunction | None = None,
) -> Json:
    """Write `trajectories.jsonl`, in the order of the tasks; those that failed are counted, not written.

    Raises UserError where no call can succeed and none has; where the session ends early for the budget or the
    endpoint, the summary's `stopped` says why, and the rest stays pending.
    """
    rows = context.run.rows(SOLVE)
    rows.add(task.key for task in read_tasks(tasks))
    session: Session[Task] = Session(context, SOLVE, teacher)
    found = asyncio.run((engine or solve_here)(session, rows, tasks, SolveJob(catalog, config, teacher)))
    funnel = rows.funnel()
    written = write_lines(context.path("trajectories.jsonl"), rows.written(RowStatus.DONE, RowStatus.REJECTED))
    summary = session.summary()
    return {
        "trajectories": written,
        "funnel": funnel.model_dump(mode="json"),
        "failed": rows.reasons(RowStatus.FAILED),
        "pending": funnel.pending,
        **summary,
        "session": {**summary["session"], **found},
    }


async def solve_here(session: Session[Task], rows: Rows, tasks: Path, job: SolveJob) -> Json:
    """Solve the pending tasks in this process; returns what to add to the session's summary."""
    catalog = open_catalog(job.catalog)
    async with session as model:
        effects = Effects(session.context.run.journal, session.meter)
        world = build_world(job.teacher.world, catalog, session.closers, effects=effects)
        solver = TaskSolver(policy_of(model, job.teacher), world, catalog, job.search)
        load_pools()

        async def work(task: Task, _: ChatModel) -> Row:
            row = await solver.solve(task)
            if row.status is RowStatus.FAILED and session.stopped is not None:
                raise session.stopped  # it failed because the endpoint did, and is to be tried again
            return row

        await session.run(rows, ((task.key, task) for task in read_tasks(tasks)), work, model, steps)
    return {"reads_answered_once": solver.reads_saved}
