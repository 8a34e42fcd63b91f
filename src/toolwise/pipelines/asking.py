"""One session of asking a language model about many things: journalled, within a budget, resumed at will."""

from __future__ import annotations

import asyncio
import gc
import heapq
import os
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from toolwise.errors import ToolwiseError, UserError
from toolwise.llm.endpoint import EndpointModel
from toolwise.llm.pool import EndpointPool
from toolwise.llm.prefixes import PrefixMeter
from toolwise.llm.pricing import Usage
from toolwise.pipelines.assemble import Closer, close_all
from toolwise.pipelines.budget import BudgetMeter, BudgetSpentError
from toolwise.pipelines.context import Context
from toolwise.pipelines.events import Reject, SessionEvent
from toolwise.pipelines.journalled import JournalledModel, spent, usage_from, usage_json
from toolwise.pipelines.meter import Stopwatch
from toolwise.pipelines.teacher import Teacher
from toolwise.ports import ChatModel
from toolwise.store import Row, Rows, RowStatus
from toolwise.store.journal import scope
from toolwise.types import Funnel, Json

COMMIT_EVERY_S = 0.02
"""How often records are written to disk: what a kill loses at most, besides the calls in flight."""
_EVENT_EVERY_S = 0.25
_NOTE_EVERY_S = 1.0
_SHOWN_REJECTS = 5
_WINDOW = 512
"""Jobs among which the largest is begun first."""
USAGE, SESSION = "usage", "session"
"""Notes of a run folder: what all its calls used, and how its latest session stands."""

JobT = TypeVar("JobT")
Work = Callable[[JobT, ChatModel], Awaitable[Row]]
"""One job's row. A ToolwiseError that is no UserError makes the row a failed one; a UserError stops the session."""


@dataclass
class Session(Generic[JobT]):
    """Asks for one stage's rows with one teacher. An asynchronous context manager: it gives the model, and closes.

    What is finished, recorded and used reaches the disk together, every COMMIT_EVERY_S.
    """

    context: Context
    stage: str
    teacher: Teacher
    closers: list[Closer] = field(default_factory=list)
    """Closed when the session ends, besides its own connections."""

    def __post_init__(self) -> None:
        run = self.context.run
        noted = run.noted(USAGE)
        self.meter = BudgetMeter(self.teacher.budget, spent(run.journal) if noted is None else usage_from(noted))
        self.watch = Stopwatch()
        self.stopped: ToolwiseError | None = None
        """Why the session ends before its rows do."""
        self.in_flight: Callable[[], int] = lambda: 0
        self.recalled = 0
        """Answers that came from the journal, besides those of the session's own model."""
        self.prefixes = PrefixMeter()
        """Of models other than the session's own."""
        self._done = 0
        self._before = Funnel()
        self._counts = dict.fromkeys(RowStatus, 0)
        self._rejects: deque[Reject] = deque(maxlen=_SHOWN_REJECTS)
        self._model: JournalledModel | None = None
        self._noted_usage: Usage | None = None

    async def __aenter__(self) -> JournalledModel:
        """The teacher's endpoints as one journalled model, for the event loop that asks."""
        models = [EndpointModel(endpoint, meter=self.meter) for endpoint in self.teacher.endpoints]
        pool = EndpointPool(models, self.meter)
        self.closers.append(pool.close)
        self.in_flight = lambda: sum(model.limiter.concurrency.in_flight for model in models)
        self._model = JournalledModel(pool, self.context.run.journal)
        return self._model

    async def __aexit__(self, *_: object) -> None:
        await close_all(self.closers)

    async def run(
        self,
        rows: Rows,
        jobs: Iterable[tuple[str, JobT]],
        work: Work[JobT],
        model: ChatModel,
        size: Callable[[JobT], int] | None = None,
        finish: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Finish the pending rows, each by its job. `jobs` are (row key, job), may be a stream of any length, and
        stand in the order in which their rows were added; with `size`, large ones are begun before small ones.
        `finish` is awaited when all jobs are done, while records can still be made.

        Raises UserError where no call can succeed and none has, or where the records cannot be written.
        """
        self._before = rows.funnel()
        self.watch = Stopwatch()
        workers = min(self.teacher.tasks_in_flight, max(1, self._before.pending))
        wanted = pending_jobs(rows, jobs)
        if size is not None:
            wanted = largest_first(wanted, size)
        with rare_collections(), self.context.run.grouped() as commit:
            working = asyncio.ensure_future(self._working(workers, lambda: self._worker(rows, wanted, work, model)))
            ticking = asyncio.ensure_future(self._tick(commit))
            try:
                await _first(working, ticking)  # `ticking` only ends where the records cannot be written
                if finish is not None:
                    await finish()
            finally:
                await _cancelled(working, ticking)
                self._note_session(over=True)
                self._note_usage()
        if self.stopped is not None and not isinstance(self.stopped, BudgetSpentError) and not self._done:
            raise self.stopped
        self.context.observer(self.event(over=True))

    async def _working(self, count: int, worker: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """So many workers, begun one by one: the first requests are on their way while later ones are prepared."""
        begun: list[asyncio.Task[None]] = []
        try:
            for _ in range(count):
                begun.append(asyncio.create_task(worker()))
                await asyncio.sleep(0)
            await asyncio.gather(*begun)
        finally:
            for task in begun:
                task.cancel()

    async def _worker(self, rows: Rows, jobs: Iterator[tuple[str, JobT]], work: Work[JobT], model: ChatModel) -> None:
        for key, job in jobs:
            if self._is_over():
                return
            with scope(key):
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
            self._counts[row.status] += 1
            if row.status in (RowStatus.REJECTED, RowStatus.FAILED):
                self._rejects.append(Reject(key, row.status.value, row.reason))
            await asyncio.sleep(0)  # where nothing had to be asked, others must have their turn all the same

    def _is_over(self) -> bool:
        return self.stopped is not None

    async def _tick(self, commit: Callable[[], None]) -> None:
        reported = noted = 0.0
        while True:
            self._note_usage()
            now = time.monotonic()
            if now - noted >= _NOTE_EVERY_S:
                self._note_session(over=False)
                noted = now
            commit()
            if now - reported >= _EVENT_EVERY_S:
                self.context.observer(self.event())
                reported = now
            await asyncio.sleep(COMMIT_EVERY_S)

    def _note_usage(self) -> None:
        if self.meter.used is not self._noted_usage:
            self._noted_usage = self.meter.used
            self.context.run.note(USAGE, usage_json(self.meter.used))

    def _note_session(self, *, over: bool) -> None:
        about = {"stage": self.stage, "process": os.getpid(), "at": time.time(), **self.event(over=over).as_json()}
        about["stopped"] = None if self.stopped is None else str(self.stopped)
        about["budget"] = self.teacher.budget.model_dump(exclude_none=True)
        self.context.run.note(SESSION, about)

    def event(self, *, over: bool = False) -> SessionEvent:
        """How the session stands."""
        before, counts, used = self._before, self._counts, self.meter.used
        seconds = max(self.watch.seconds, 1e-9)
        pending = before.pending - self._done
        rate = self._done / seconds
        return SessionEvent(
            self.stage,
            self._done,
            before.pending,
            f"{self.meter.session.calls / seconds:,.0f} calls/s, {used.tokens:,} tokens",
            funnel={
                "in": before.entered,
                "accepted": before.accepted + counts[RowStatus.DONE],
                "rejected": before.rejected + counts[RowStatus.REJECTED],
                "failed": before.failed + counts[RowStatus.FAILED],
                "pending": pending,
            },
            calls=used.calls,
            prompt_tokens=used.prompt_tokens,
            completion_tokens=used.completion_tokens,
            cost=used.cost,
            in_flight=self.in_flight(),
            calls_per_s=self.meter.session.calls / seconds,
            rows_per_s=rate,
            seconds=seconds,
            seconds_left=pending / rate if rate else None,
            budget_left=self.meter.left(),
            rejects=tuple(self._rejects),
            over=over,
        )

    def summary(self) -> dict[str, Json]:
        """Usage, this session's figures, notices, and why it stopped early, if it did."""
        used, model = self.meter.used, self._model
        share = (model.prefixes if model else self.prefixes).share
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
                "recalled": self.recalled + (model.asked - model.performed if model else 0),
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


def pending_jobs(rows: Rows, jobs: Iterable[tuple[str, JobT]]) -> Iterator[tuple[str, JobT]]:
    """The jobs whose rows are pending, both read piece by piece in their common order."""
    stream = iter(jobs)
    for key in rows.still_pending():
        for found, job in stream:
            if found == key:
                yield found, job
                break


def largest_first(
    jobs: Iterable[tuple[str, JobT]], size: Callable[[JobT], int], window: int = _WINDOW
) -> Iterator[tuple[str, JobT]]:
    """The same jobs, of every `window` the largest first: what is begun last is soon over, and so few requests are
    in flight only for a short time at the end (Graham's longest processing time first, 1969)."""
    waiting: list[tuple[int, int, tuple[str, JobT]]] = []
    for number, job in enumerate(jobs):
        heapq.heappush(waiting, (-size(job[1]), number, job))
        if len(waiting) >= window:
            yield heapq.heappop(waiting)[2]
    while waiting:
        yield heapq.heappop(waiting)[2]


@contextmanager
def rare_collections() -> Iterator[None]:
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


async def _first(*futures: asyncio.Future[Any]) -> None:
    """Wait until one of them ends; raises what it raised."""
    done, _ = await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
    for future in done:
        future.result()


async def _cancelled(*futures: asyncio.Future[Any]) -> None:
    """Cancel what still runs, and wait for its end."""
    for future in futures:
        future.cancel()
        with suppress(asyncio.CancelledError, ToolwiseError):
            await future
