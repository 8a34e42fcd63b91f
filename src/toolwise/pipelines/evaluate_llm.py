"""Attempts by a language model behind an endpoint: many at a time, every call journalled, within a budget."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from toolwise.catalog import CatalogFile, open_catalog
from toolwise.errors import ModelError, UserError
from toolwise.llm.pricing import usage_of
from toolwise.llm.solver import ChatPolicy
from toolwise.pipelines.asking import Session
from toolwise.pipelines.assemble import build_world, transient_world
from toolwise.pipelines.context import Context
from toolwise.pipelines.evaluate_cells import Agent, Attempts, Cell, Conditions, UsageMeter, redrawing
from toolwise.pipelines.journalled_world import Effects
from toolwise.pipelines.teacher import Teacher
from toolwise.pipelines.worlds import WorldConfig
from toolwise.ports import ChatModel, ChatReply, ChatRequest, Step, Turn, World
from toolwise.search import Strategy
from toolwise.store import Row, RowStatus
from toolwise.types import Json, Task

STAGE = "evaluate-llm"


@dataclass(frozen=True, slots=True)
class _Job:
    cell: Cell
    repeat: int
    task: Task

    @property
    def key(self) -> str:
        return f"{self.cell.name}|{self.repeat}|{self.task.key}"


def attempt_with_model(
    context: Context,
    agent: Agent,
    conditions: Conditions,
    offers: Mapping[str, Sequence[Task]],
    catalog: Path,
    world: WorldConfig,
    teacher: Teacher,
) -> Json:
    """`predictions` by cell, and the `session`'s usage. Raises UserError where no call can succeed and none has."""
    jobs = list(_jobs(agent, conditions, offers))
    rows = context.run.rows(STAGE)
    rows.add(job.key for job in jobs)
    session: Session[_Job] = Session(context, STAGE, teacher)
    asyncio.run(_run(session, jobs, conditions, catalog, world))
    found: dict[str, list[Json]] = {}
    names = {job.key: job.cell.name for job in jobs}
    for row in rows:
        if row.status is RowStatus.DONE:
            found.setdefault(names[row.key], []).append(row.value)
    summary = session.summary()
    pending = rows.funnel().pending
    return {"predictions": found, "session": {**summary, "pending": pending}}


def _jobs(agent: Agent, conditions: Conditions, offers: Mapping[str, Sequence[Task]]) -> Iterator[_Job]:
    """Task by task, so that a session that is stopped early leaves strategies that can be compared."""
    for repeat in range(conditions.repeats):
        for place in range(max(map(len, offers.values()))):
            for label, tasks in offers.items():
                for rate in conditions.transient:
                    for strategy in conditions.strategies:
                        yield _Job(Cell(agent.name, strategy, label, rate), repeat, tasks[place])


async def _run(
    session: Session[_Job], jobs: Sequence[_Job], conditions: Conditions, catalog: Path, world: WorldConfig
) -> None:
    tools = open_catalog(catalog)
    rows = session.context.run.rows(STAGE)
    async with session as model:
        effects = Effects(session.context.run.journal, session.meter)
        built = build_world(world, tools, session.closers, effects=effects)
        asker = _Asker(session, built, tools, conditions)
        await session.run(rows, ((job.key, job) for job in jobs), asker.work, model)


@dataclass(frozen=True)
class _Asker:
    session: Session[_Job]
    world: World
    tools: CatalogFile
    conditions: Conditions

    async def work(self, job: _Job, model: ChatModel) -> Row:
        """One attempt; where the endpoint failed it, it stays to be tried again."""
        teacher, meter = self.session.teacher, UsageMeter()
        counted = _Counted(model, meter, job.task.key, teacher)
        most = teacher.chat.max_tokens_per_call
        first, again = (
            _Failing(ChatPolicy(counted, name=job.cell.agent, temperature=heat, max_tokens=most))
            for heat in (self.conditions.temperature, self.conditions.redraw_temperature)
        )
        policy = redrawing(first, again, Strategy(job.cell.strategy), self.conditions)
        world = transient_world(self.world, job.cell.transient, self.conditions.seed + job.repeat)
        search = self.conditions.search(job.cell.strategy, job.repeat)
        began = time.perf_counter()
        row = await Attempts(policy, world, self.tools, search).one(job.task, job.repeat, job.cell.transient)
        failure = first.failure or again.failure
        if isinstance(failure, UserError):
            raise failure  # the endpoint cannot be used, or the budget is spent: no fault of the agent's
        if failure is not None and self.session.stopped is not None:
            raise self.session.stopped  # it failed because the endpoint did, and is to be tried again
        spent = meter.spent.get(job.task.key, row.spent).model_copy(
            update={"model_calls": row.spent.model_calls, "seconds": round(time.perf_counter() - began, 6)}
        )
        return Row(job.key, RowStatus.DONE, row.model_copy(update={"spent": spent}).model_dump(mode="json"))


class _Failing:
    """A policy whose first failure is remembered: the search makes a branch's end of it."""

    def __init__(self, policy: ChatPolicy) -> None:
        self.name = policy.name
        self.failure: ModelError | UserError | None = None
        self._policy = policy

    async def act(self, turn: Turn) -> Step:
        try:
            return await self._policy.act(turn)
        except (ModelError, UserError) as error:
            self.failure = self.failure or error
            raise


class _Counted:
    """A model whose replies are counted for one attempt, the recalled ones too: they were paid for once."""

    def __init__(self, model: ChatModel, meter: UsageMeter, task: str, teacher: Teacher) -> None:
        self._model = model
        self._meter = meter
        self._task = task
        self._price = teacher.endpoints[0].price if len(teacher.endpoints) == 1 else None

    async def complete(self, request: ChatRequest) -> ChatReply:
        """Raises what the model raises."""
        reply = await self._model.complete(request)
        used = usage_of(self._price, reply.prompt_tokens, reply.completion_tokens)
        self._meter.add(self._task, reply.prompt_tokens, reply.completion_tokens, cost=used.cost)
        return reply
