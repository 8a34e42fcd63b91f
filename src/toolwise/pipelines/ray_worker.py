"""A worker of `--engine ray`: solves tasks, and tells the run's one writer all that happens. It needs no Ray itself.

The writer is the process that was started by the user. It reads what a worker says from the stream `outgoing`, and
answers by calling `settle_request`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson

from toolwise.catalog import open_catalog
from toolwise.errors import UserError
from toolwise.llm.endpoint import EndpointModel
from toolwise.llm.pool import EndpointPool
from toolwise.llm.pricing import Usage
from toolwise.pipelines.assemble import Closer, build_world, close_all
from toolwise.pipelines.budget import BudgetSpentError
from toolwise.pipelines.engine import SolveJob, TaskSolver, policy_of
from toolwise.pipelines.journalled import JournalledModel
from toolwise.pipelines.journalled_world import Effects
from toolwise.store import Row
from toolwise.store.journal import EffectKind, current_scope, scope
from toolwise.types import Json, Task

_SAY_EVERY_S = 0.02
_ALIVE_EVERY_S = 0.5


class Saying(StrEnum):
    """What a worker says."""

    RECORD = "record"
    """An effect: (row, kind, key, value as JSON)."""
    USED = "used"
    """A call has ended: (estimate, usage)."""
    NOTICE = "notice"
    """Something that the user should know: (text,)."""
    PREFIX = "prefix"
    """Prompt tokens so far: (in all, of them in shared prefixes)."""
    ADMIT = "admit"
    """May a call be made? (request number, estimate)."""
    FLUSH = "flush"
    """Is all that was recorded on disk? (request number,)."""


@dataclass(frozen=True, slots=True)
class Share:
    """What of an endpoint's limits one worker may use."""

    concurrency: int
    requests_per_minute: float
    tokens_per_minute: float


@dataclass(frozen=True, slots=True)
class Solved:
    """What became of a task."""

    row: Row | None
    """None where no task can be solved now."""
    value: bytes = b""
    """The row's value as JSON."""
    stopped: str = ""
    """Why no task can be solved now."""
    budget: bool = False
    """Is it for the budget?"""


class RayWorker:
    """Solves tasks in a process of its own, as many at a time as it is given."""

    def __init__(self, job: SolveJob, limited: bool) -> None:
        """`limited`: must every call be admitted by the writer, for a budget?"""
        self._job = job
        self._limited = limited
        self._line = _Line()
        self._closers: list[Closer] = []

    async def start(self, shares: Sequence[Share]) -> None:
        """Raises UserError: the catalog is not there, the world cannot be had."""
        job, line = self._job, self._line
        catalog = open_catalog(job.catalog)
        meter = _RemoteMeter(line, self._limited)
        self._log = _RemoteLog(line)
        self._models = [EndpointModel(endpoint, meter=meter) for endpoint in job.teacher.endpoints]
        pool = EndpointPool(self._models, meter)
        self._closers.append(pool.close)
        self._model = JournalledModel(pool, self._log)
        world = build_world(job.teacher.world, catalog, self._closers, effects=Effects(self._log, meter))
        self._solver = TaskSolver(policy_of(self._model, job.teacher), world, catalog, job.search)
        await self.share(shares)

    async def share(self, shares: Sequence[Share]) -> None:
        """Use so much of the endpoints' limits from now on."""
        for model, share in zip(self._models, shares, strict=True):
            model.limiter.resize(share.concurrency, share.requests_per_minute, share.tokens_per_minute)

    async def solve(self, task: Task, recorded: Mapping[str, bytes]) -> Solved:
        """Solve a task; `recorded` are effects of earlier attempts, by key."""
        self._log.known.update(recorded)
        try:
            with scope(task.key):
                row = await self._solver.solve(task)
        except UserError as error:
            return Solved(None, stopped=str(error), budget=isinstance(error, BudgetSpentError))
        finally:
            for key in recorded:
                self._log.known.pop(key, None)
        return Solved(Row(row.key, row.status, None, row.reason), orjson.dumps(row.value))

    async def outgoing(self) -> AsyncIterator[tuple[int, list[tuple[Saying, tuple[Any, ...]]]]]:
        """(Requests in flight, what is said), until `close`."""
        said_at = 0.0
        while not (self._line.closed and not self._line.said):
            said = self._line.take()
            if said or time.monotonic() - said_at > _ALIVE_EVERY_S:
                said_at = time.monotonic()
                said.append((Saying.PREFIX, self._model.prefixes.counted))
                yield sum(model.limiter.concurrency.in_flight for model in self._models), said
            await asyncio.sleep(_SAY_EVERY_S)

    async def settle_request(self, number: int, problem: str) -> None:
        """The writer's answer to an ADMIT or FLUSH; a problem forbids the call."""
        self._line.settle(number, problem)

    async def close(self) -> dict[str, int]:
        """End, when everything is said; returns what to add up over all workers."""
        await close_all(self._closers)
        self._line.closed = True
        model = self._model
        return {"reads_answered_once": self._solver.reads_saved, "recalled": model.asked - model.performed}


class _Line:
    """The line to the writer."""

    def __init__(self) -> None:
        self.said: list[tuple[Saying, tuple[Any, ...]]] = []
        self.closed = False
        self._requests: dict[int, asyncio.Future[None]] = {}
        self._number = 0

    def say(self, what: Saying, *values: Any) -> None:
        self.said.append((what, values))

    async def request(self, what: Saying, *values: Any) -> None:
        """Say something and wait for the answer. Raises BudgetSpentError for a problem."""
        self._number += 1
        number = self._number
        waiting = self._requests[number] = asyncio.get_running_loop().create_future()
        self.say(what, number, *values)
        try:
            await waiting
        finally:
            del self._requests[number]

    def settle(self, number: int, problem: str) -> None:
        waiting = self._requests.get(number)
        if waiting is None or waiting.done():
            return
        if problem:
            waiting.set_exception(BudgetSpentError(problem))
        else:
            waiting.set_result(None)

    def take(self) -> list[tuple[Saying, tuple[Any, ...]]]:
        said, self.said = self.said, []
        return said


class _RemoteLog:
    """An EffectLog whose records are the writer's to keep."""

    def __init__(self, line: _Line) -> None:
        self._line = line
        self.known: dict[str, bytes] = {}
        """What earlier attempts at the tasks in hand recorded."""

    def get(self, key: str) -> tuple[Json] | None:
        found = self.known.get(key)
        return None if found is None else (orjson.loads(found),)

    def record(self, kind: EffectKind, key: str, value: Json) -> None:
        self._line.say(Saying.RECORD, current_scope(), kind, key, orjson.dumps(value))

    async def flush(self) -> None:
        await self._line.request(Saying.FLUSH)


class _RemoteMeter:
    """A Meter that the writer keeps."""

    def __init__(self, line: _Line, limited: bool) -> None:
        self._line = line
        self._limited = limited

    async def admit(self, estimate: Usage) -> None:
        """Raises BudgetSpentError."""
        if self._limited:
            await self._line.request(Saying.ADMIT, estimate)

    def settle(self, estimate: Usage, used: Usage) -> None:
        if self._limited or used.calls:
            self._line.say(Saying.USED, estimate, used)

    def notice(self, text: str) -> None:
        self._line.say(Saying.NOTICE, text)
