"""One session of asking a language model about many things: journalled, within a budget, resumed at will."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from toolwise.errors import ToolwiseError, UserError
from toolwise.llm.endpoint import EndpointModel
from toolwise.llm.pool import EndpointPool
from toolwise.pipelines.assemble import Closer, close_all
from toolwise.pipelines.budget import BudgetMeter, BudgetSpentError
from toolwise.pipelines.context import Context
from toolwise.pipelines.journalled import JournalledModel, spent
from toolwise.pipelines.meter import Stopwatch
from toolwise.pipelines.teacher import Teacher
from toolwise.ports import ChatModel, Progress
from toolwise.store import Row, Rows, RowStatus
from toolwise.types import Json

_COMMIT_EVERY_S = 0.02
_EVENT_EVERY = 10
JobT = TypeVar("JobT")
Work = Callable[[JobT, ChatModel], Awaitable[Row]]
"""One job's row. A ToolwiseError that is no UserError makes the row a failed one; a UserError stops the session."""


@dataclass
class Session(Generic[JobT]):
    """Asks for one stage's rows with one teacher."""

    context: Context
    stage: str
    teacher: Teacher
    closers: list[Closer] = field(default_factory=list)
    """Closed when the session ends, besides its own connections."""

    def __post_init__(self) -> None:
        self.meter = BudgetMeter(self.teacher.budget, spent(self.context.run.journal))
        self.watch = Stopwatch()
        self.stopped: ToolwiseError | None = None
        self._done = self._total = 0
        self._model: JournalledModel | None = None

    def open(self) -> JournalledModel:
        """The teacher's endpoints as one journalled model; to be called in the event loop that asks."""
        pool = EndpointPool(
            [EndpointModel(endpoint, meter=self.meter) for endpoint in self.teacher.endpoints], self.meter
        )
        self.closers.append(pool.close)
        self._model = JournalledModel(pool, self.context.run.journal)
        return self._model

    async def run(self, rows: Rows, jobs: Iterable[tuple[str, JobT]], work: Work[JobT], model: JournalledModel) -> None:
        """Finish the pending rows, each by its job; `jobs` are (row key, job) and may be a stream.

        Raises UserError where no call can succeed and none has.
        """
        pending = set(rows.pending())
        self._total = len(pending)
        wanted = iter([] if not pending else ((key, job) for key, job in jobs if key in pending))
        workers = min(self.teacher.tasks_in_flight, max(1, len(pending)))
        try:
            with self.context.run.grouped() as commit:
                writer = asyncio.ensure_future(_every(_COMMIT_EVERY_S, commit))
                try:
                    await asyncio.gather(*(self._worker(rows, wanted, work, model) for _ in range(workers)))
                finally:
                    writer.cancel()
        finally:
            await close_all(self.closers)
        if self.stopped is not None and not isinstance(self.stopped, BudgetSpentError) and not self._done:
            raise self.stopped

    async def _worker(self, rows: Rows, jobs: Iterator[tuple[str, JobT]], work: Work[JobT], model: ChatModel) -> None:
        for key, job in jobs:
            if self._is_over():
                return
            try:
                row = await work(job, model)
            except UserError as error:  # the row stays pending
                self.stopped = self.stopped or error
                return
            except (ToolwiseError, KeyError) as error:  # one broken row never stops the rest
                if self._is_over():
                    return  # it failed because the endpoint did, and is to be tried again
                row = Row(key, RowStatus.FAILED, {"error": str(error)}, reason=type(error).__name__)
            rows.finish(row)
            self._done += 1
            if self._done % _EVENT_EVERY == 0 or self._done == self._total:
                self._report()

    def _is_over(self) -> bool:
        return self.stopped is not None

    def _report(self) -> None:
        used, seconds = self.meter.session, max(self.watch.seconds, 1e-9)
        note = f"{used.calls / seconds:,.0f} calls/s, {self.meter.used.tokens:,} tokens"
        if self.meter.used.cost is not None:
            note += f", cost {self.meter.used.cost:.4f}"
        values = {"calls": float(used.calls), "tokens": float(self.meter.used.tokens)}
        self.context.observer(Progress(self.stage, self._done, self._total, note, values))

    def summary(self) -> dict[str, Json]:
        """Usage, this session's figures, notices, and why it stopped early, if it did."""
        used, model = self.meter.used, self._model
        share = model.prefixes.share if model else None
        return {
            "usage": {
                "calls": used.calls,
                "prompt_tokens": used.prompt_tokens,
                "completion_tokens": used.completion_tokens,
                "cached_tokens": used.cached_tokens,
                "cost": None if used.cost is None else round(used.cost, 6),
            },
            "session": {
                "seconds": round(self.watch.seconds, 3),
                "calls": self.meter.session.calls,
                "recalled": model.asked - model.performed if model else 0,
                "shared_prefix": None if share is None else round(share, 4),
            },
            "notices": dict(sorted(self.meter.notices.items())),
            "stopped": None if self.stopped is None else str(self.stopped),
            "stopped_by": self._stopped_by(),
        }

    def _stopped_by(self) -> str | None:
        if self.stopped is None:
            return None
        return "budget" if isinstance(self.stopped, BudgetSpentError) else "endpoint"


async def _every(seconds: float, action: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(seconds)
        action()
