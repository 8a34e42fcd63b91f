"""The verb `solve` with a language model: search over an endpoint, every call journalled, within a budget."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import Field

from toolwise.catalog import CatalogFile, open_catalog
from toolwise.config import Config
from toolwise.corpus import read_tasks, write_rows
from toolwise.errors import ToolwiseError, UserError
from toolwise.llm.endpoint import EndpointConfig, EndpointModel
from toolwise.llm.pool import EndpointPool
from toolwise.llm.solver import ChatPolicy
from toolwise.pipelines.answered_once import AnsweredOnce
from toolwise.pipelines.assemble import Closer, build_world, close_all
from toolwise.pipelines.budget import Budget, BudgetMeter, BudgetSpentError
from toolwise.pipelines.context import Context
from toolwise.pipelines.journalled import JournalledModel, spent
from toolwise.pipelines.meter import Stopwatch
from toolwise.pipelines.worlds import WorldConfig, settings_of
from toolwise.ports import ChatModel, Policy, Progress, World
from toolwise.search import SearchConfig, search
from toolwise.store import Row, Rows, RowStatus
from toolwise.types import Json, StopReason, Task, Trajectory

SOLVE = "solve"
_COMMIT_EVERY_S = 0.02
"""How often records are written to disk, in seconds: what a kill loses at most, besides the calls in flight."""
_EVENT_EVERY = 20
"""Finished tasks between two events of progress."""


class ChatSettings(Config):
    """How a model is asked; part of what a run's results depend on."""

    temperature: float = Field(default=0.0, ge=0)
    max_tokens_per_call: int = Field(default=1024, ge=1)


@dataclass(frozen=True)
class Teacher:
    """A language model to solve with: where it is, how it is asked, and what it may cost."""

    endpoints: tuple[EndpointConfig, ...]
    chat: ChatSettings = field(default_factory=ChatSettings)
    budget: Budget = field(default_factory=Budget)
    world: WorldConfig = field(default_factory=WorldConfig)
    """Where the tools run."""
    in_flight: int = 0
    """Tasks at a time; 0 for somewhat more than the endpoints' requests."""

    @property
    def tasks_in_flight(self) -> int:
        return self.in_flight or 16 + int(1.5 * sum(endpoint.concurrency for endpoint in self.endpoints))

    @property
    def identity(self) -> dict[str, Json]:
        """What of this a run's results depend on: not addresses, limits, prices or the budget."""
        models = sorted({endpoint.model for endpoint in self.endpoints})
        return {"models": models, **self.chat.model_dump(mode="json"), **settings_of(self.world)}


@dataclass
class _Solving:
    """One session of a run."""

    context: Context
    rows: Rows
    catalog: CatalogFile
    policy: Policy
    search: SearchConfig
    meter: BudgetMeter
    world: World
    total: int
    done: int = 0
    reads_saved: int = 0
    stopped: ToolwiseError | None = None
    """Why the session ends before its tasks do."""
    watch: Stopwatch = field(default_factory=Stopwatch)

    async def run(self, tasks: Iterable[Task], workers: int) -> None:
        """Solve tasks, `workers` at a time, each taken from the stream only when there is room for it."""
        stream = iter(tasks)
        await asyncio.gather(*(self._work(stream) for _ in range(workers)))

    async def _work(self, stream: Iterator[Task]) -> None:
        for task in stream:
            if self.stopped is not None:
                return
            try:
                row = await self._solve(task)
            except UserError as error:  # the task stays pending
                self.stopped = self.stopped or error
                return
            self.rows.finish(row)
            self.done += 1
            if self.done % _EVENT_EVERY == 0 or self.done == self.total:
                self._report()

    async def _solve(self, task: Task) -> Row:
        world = AnsweredOnce(self.world, self.catalog)
        try:
            trajectory = await search(task, self.policy, world, self.catalog, self.search)
        except UserError:
            raise
        except (ToolwiseError, KeyError) as error:  # one broken task never stops the rest
            return Row(task.key, RowStatus.FAILED, {"error": str(error)}, reason=type(error).__name__)
        self.reads_saved += world.saved
        if self.stopped is not None and _failed(trajectory):
            raise self.stopped  # it failed because the endpoint did, and is to be tried again
        return _row(task, trajectory)

    def _report(self) -> None:
        used, seconds = self.meter.session, max(self.watch.seconds, 1e-9)
        note = f"{used.calls / seconds:,.0f} calls/s, {self.meter.used.tokens:,} tokens"
        if self.meter.used.cost is not None:
            note += f", cost {self.meter.used.cost:.4f}"
        values = {"calls": float(used.calls), "tokens": float(self.meter.used.tokens)}
        self.context.observer(Progress(SOLVE, self.done, self.total, note, values))


def _failed(trajectory: Trajectory) -> bool:
    ends = trajectory.ends.values()
    return trajectory.answer_leaf is None and StopReason.POLICY_ERROR in ends


def _row(task: Task, trajectory: Trajectory) -> Row:
    """Accepted with an answer, failed where the model could not be asked, rejected otherwise."""
    value = trajectory.model_dump(mode="json")
    if trajectory.answer_leaf is not None:
        return Row(task.key, RowStatus.DONE, value)
    if _failed(trajectory):
        return Row(task.key, RowStatus.FAILED, value, reason=StopReason.POLICY_ERROR.value)
    reasons = [why.value for why in trajectory.ends.values()]
    return Row(task.key, RowStatus.REJECTED, value, reason=max(set(reasons), key=lambda r: (reasons.count(r), r)))


def solve_with_model(context: Context, catalog: Path, tasks: Path, config: SearchConfig, teacher: Teacher) -> Json:
    """Write `trajectories.jsonl`, in the order of the tasks; those that failed are counted, not written.

    Raises UserError where no call can succeed and none has; where the session ends early for the budget or the
    endpoint, the summary's `stopped` says why, and the rest stays pending.
    """
    rows = context.run.rows(SOLVE)
    rows.add(task.key for task in read_tasks(tasks))
    meter = BudgetMeter(teacher.budget, spent(context.run.journal))
    summary = asyncio.run(_session(context, rows, open_catalog(catalog), tasks, (config, teacher, meter)))
    funnel = rows.funnel()
    count = write_rows(context.path("trajectories.jsonl"), _written(rows))
    return {
        "trajectories": count,
        "funnel": funnel.model_dump(mode="json"),
        "failed": _failures(rows),
        "pending": funnel.pending,
        **summary,
    }


async def _session(
    context: Context, rows: Rows, catalog: CatalogFile, tasks: Path, how: tuple[SearchConfig, Teacher, BudgetMeter]
) -> dict[str, Json]:
    config, teacher, meter = how
    pending = set(rows.pending())
    pool = EndpointPool([EndpointModel(endpoint, meter=meter) for endpoint in teacher.endpoints], meter)
    model = JournalledModel(pool, context.run.journal)
    policy = _policy(model, teacher.chat)
    closers: list[Closer] = [pool.close]
    world = build_world(teacher.world, catalog, closers)
    session = _Solving(context, rows, catalog, policy, config, meter, world, total=len(pending))
    try:
        wanted = (task for task in read_tasks(tasks) if task.key in pending)
        with _rare_collections(), context.run.grouped() as commit:
            writer = asyncio.ensure_future(_every(_COMMIT_EVERY_S, commit))
            await session.run(wanted, min(teacher.tasks_in_flight, max(1, len(pending))))
            writer.cancel()
    finally:
        await close_all(closers)
    if session.stopped is not None and not isinstance(session.stopped, BudgetSpentError) and not session.done:
        raise session.stopped
    return _summary(session, model, meter)


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Collect cycles rarely: a run makes millions of small objects, few of them in cycles, beside a large catalog that
    each full collection would walk through (a tenth of all CPU time)."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


async def _every(seconds: float, action: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(seconds)
        action()


def _policy(model: ChatModel, chat: ChatSettings) -> ChatPolicy:
    return ChatPolicy(model, temperature=chat.temperature, max_tokens=chat.max_tokens_per_call)


def _summary(session: _Solving, model: JournalledModel, meter: BudgetMeter) -> dict[str, Json]:
    used, share = meter.used, model.prefixes.share
    return {
        "usage": {
            "calls": used.calls,
            "prompt_tokens": used.prompt_tokens,
            "completion_tokens": used.completion_tokens,
            "cached_tokens": used.cached_tokens,
            "cost": None if used.cost is None else round(used.cost, 6),
        },
        "session": {
            "seconds": round(session.watch.seconds, 3),
            "calls": meter.session.calls,
            "recalled": model.asked - model.performed,
            "reads_answered_once": session.reads_saved,
            "shared_prefix": None if share is None else round(share, 4),
        },
        "notices": dict(sorted(meter.notices.items())),
        "stopped": None if session.stopped is None else str(session.stopped),
        "stopped_by": _stopped_by(session.stopped),
    }


def _stopped_by(error: ToolwiseError | None) -> str | None:
    if error is None:
        return None
    return "budget" if isinstance(error, BudgetSpentError) else "endpoint"


def _written(rows: Rows) -> Iterator[Trajectory]:
    for row in rows:
        if row.status in (RowStatus.DONE, RowStatus.REJECTED):
            yield Trajectory.model_validate(row.value)


def _failures(rows: Rows) -> dict[str, int]:
    failed: dict[str, int] = {}
    for row in rows:
        if row.status is RowStatus.FAILED:
            failed[row.reason] = failed.get(row.reason, 0) + 1
    return failed
