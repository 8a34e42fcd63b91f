"""`solve --engine ray`: tasks go to workers on a Ray cluster, and everything that happens comes back to one writer.

A worker is a Ray actor. It asks the endpoints itself, within its share of their limits; the shares of all workers
never exceed the whole. What it records reaches this process every 20 ms, so that a worker that dies takes nothing
along but its calls in flight: its tasks go to another one together with what was recorded for them.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from toolwise.corpus import read_tasks
from toolwise.errors import MissingExtraError, RunError, UserError
from toolwise.llm.endpoint import EndpointConfig
from toolwise.llm.faults import EndpointUnusableError
from toolwise.llm.pricing import Usage
from toolwise.pipelines.asking import Session
from toolwise.pipelines.budget import BudgetSpentError
from toolwise.pipelines.engine import SOLVE, ClusterConfig, SolveJob, steps
from toolwise.pipelines.parallel import default_workers
from toolwise.pipelines.ray_worker import RayWorker, Saying, Share, Solved
from toolwise.ports import ChatModel
from toolwise.store import Row, Rows, RowStatus
from toolwise.store.journal import EffectKind, scope
from toolwise.types import Json, Task

_STORE_BYTES = 100 * 1024 * 1024
"""For a cluster of our own: what is passed around is small."""
_DEATHS_A_TASK = 3
"""A task during which so many workers died is given up."""
_START_S = 120.0


async def solve_on_ray(session: Session[Task], rows: Rows, tasks: Path, job: SolveJob, cluster: ClusterConfig) -> Json:
    """Solve the pending tasks by workers on a cluster; returns what to add to the session's summary.

    Raises MissingExtraError, RunError where there is no such cluster or no room on it.
    """
    with _connected(cluster):
        async with _Team(session, job, _size(cluster, job.teacher.endpoints)).at_work() as team:
            for row, key, value in session.context.run.journal.of_pending(SOLVE):
                team.recorded.setdefault(row, {})[key] = orjson.dumps(value)

            async def work(task: Task, _: ChatModel) -> Row:
                return await team.solve(task)

            session.in_flight = lambda: sum(worker.in_flight for worker in team.workers)
            stream = ((task.key, task) for task in read_tasks(tasks))
            await session.run(rows, stream, work, _Nobody(), steps, finish=team.rest)
        return {"reads_answered_once": team.reads_answered_once, "workers": team.size, "workers_lost": team.lost}


def shares(endpoints: tuple[EndpointConfig, ...], workers: int) -> list[tuple[Share, ...]]:
    """The endpoints' limits divided among so many workers; no limit's shares add up to more than the limit."""
    divided = []
    for number in range(workers):
        own = []
        for endpoint in endpoints:
            places = endpoint.concurrency // workers + (number < endpoint.concurrency % workers)
            own.append(Share(places, endpoint.requests_per_minute / workers, endpoint.tokens_per_minute / workers))
        divided.append(tuple(own))
    return divided


def _size(cluster: ClusterConfig, endpoints: tuple[EndpointConfig, ...]) -> int:
    """Workers: as many as asked for, or one a core, but each has a place at every endpoint."""
    import ray

    available = int(ray.cluster_resources().get("CPU", 1))  # type: ignore[no-untyped-call]
    return max(1, min(cluster.workers or available, *(endpoint.concurrency for endpoint in endpoints)))


@contextmanager
def _connected(cluster: ClusterConfig) -> Iterator[None]:
    """Connect to a cluster, or start one here and end it. A connection that is there already is used, and stays."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is reported to anybody
    address = cluster.address or os.environ.get("RAY_ADDRESS", "")
    if not address:
        # What Ray does where firewalls ask: nothing of a cluster of our own listens beyond this machine.
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    try:
        import ray
    except ImportError as error:
        raise MissingExtraError("--engine ray", "ray") from error
    if ray.is_initialized():
        yield
        return
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    try:
        if address:
            ray.init(address=address, **quiet)
        else:
            ray.init(
                num_cpus=cluster.workers or default_workers(),
                include_dashboard=False,
                object_store_memory=_STORE_BYTES,
                _node_ip_address="127.0.0.1",
                **quiet,
            )
    except (ConnectionError, RuntimeError, ValueError) as error:
        where = f"at {address}" if address else "on this machine"
        cause = " ".join(str(error).split())[:160]
        raise RunError(
            f"no Ray cluster {where}: {cause}; start one with `ray start --head`, see docs/ray.md"
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


@dataclass
class _Member:
    """A worker as the writer sees it."""

    actor: Any
    place: int
    """Which of the shares it has."""
    listening: asyncio.Task[None] | None = None
    tasks: int = 0
    in_flight: int = 0
    prefix: tuple[float, float] = (0.0, 0.0)
    admitted: list[Usage] = field(default_factory=list)
    alive: bool = True


class _Team:
    """The workers of one session, those that took the place of dead ones among them."""

    def __init__(self, session: Session[Task], job: SolveJob, size: int) -> None:
        self.size = size
        self.workers: list[_Member] = []
        self.recorded: dict[str, dict[str, bytes]] = {}
        """By task, what was recorded for tasks that are not finished."""
        self.reads_answered_once = 0
        self.lost = 0
        self._session = session
        self._job = job
        self._limited = bool(job.teacher.budget.model_dump(exclude_none=True))
        self._shares = shares(job.teacher.endpoints, size)
        self._replacing = asyncio.Lock()
        self._asides: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[_Team]:
        """Start the workers, and end them."""
        import ray

        try:
            self.workers = list(await asyncio.gather(*(self._hired(place) for place in range(self.size))))
            yield self
        finally:
            for worker in self.workers:
                if worker.listening is not None:
                    worker.listening.cancel()
                with suppress(Exception):  # it may be dead, and is to be
                    ray.kill(worker.actor)

    async def solve(self, task: Task) -> Row:
        """Have a task solved by whoever has least to do. Raises UserError where no task can be solved now."""
        from ray.exceptions import RayActorError

        for _ in range(_DEATHS_A_TASK):
            worker = min((each for each in self.workers if each.alive), key=lambda each: (each.tasks, each.place))
            worker.tasks += 1
            try:
                solved: Solved = await worker.actor.solve.remote(task, self.recorded.get(task.key, {}))
            except RayActorError:
                await self._replace(worker)
                continue
            finally:
                worker.tasks -= 1
            return self._row(solved, task)
        return Row(task.key, RowStatus.FAILED, {"error": "its workers died"}, reason="worker_died")

    def _row(self, solved: Solved, task: Task) -> Row:
        session = self._session
        if solved.row is None:
            raise (BudgetSpentError if solved.budget else EndpointUnusableError)(solved.stopped)
        row = solved.row
        if row.status is RowStatus.FAILED and session.stopped is not None:
            raise session.stopped  # it failed because the endpoint did, and is to be tried again
        self.recorded.pop(task.key, None)
        return Row(row.key, row.status, orjson.Fragment(solved.value), row.reason)

    async def rest(self) -> None:
        """Let the workers end in good order, and hear all that they have to say."""
        from ray.exceptions import RayError

        for worker in self.workers:
            if not worker.alive:
                continue
            with suppress(RayError):
                found: dict[str, int] = await worker.actor.close.remote()
                self.reads_answered_once += found["reads_answered_once"]
                self._session.recalled += found["recalled"]
            if worker.listening is not None:
                await worker.listening
            self._session.prefixes.add(*worker.prefix)
        await asyncio.gather(*self._asides)

    async def _hired(self, place: int) -> _Member:
        """Raises RunError where the cluster has no room, UserError where the worker cannot work."""
        import ray

        remote = ray.remote(RayWorker).options(num_cpus=1, max_concurrency=10_000, scheduling_strategy="SPREAD")
        member = _Member(remote.remote(self._job, self._limited), place)
        try:
            await asyncio.wait_for(_awaited(member.actor.start.remote(self._shares[place])), _START_S)
        except TimeoutError:
            raise RunError(
                f"the Ray cluster had no room for worker {place + 1} within {_START_S:g} s; give fewer --workers, or "
                "add hosts"
            ) from None
        except ray.exceptions.RayTaskError as error:
            raise UserError(f"a Ray worker cannot work: {error.cause}") from error
        except ray.exceptions.RayActorError as error:
            raise RunError(f"a Ray worker did not start: {_first_line(error)}; see docs/ray.md") from error
        member.listening = asyncio.ensure_future(self._listen(member))
        return member

    async def _replace(self, dead: _Member) -> None:
        """Put another worker into the place of a dead one, once."""
        async with self._replacing:
            if not dead.alive:
                return
            dead.alive = False
            dead.in_flight = 0
            self.lost += 1
            if dead.listening is not None:
                await dead.listening
            for estimate in dead.admitted:  # nobody will say what these used
                self._session.meter.settle(estimate, Usage())
            self._session.prefixes.add(*dead.prefix)
            self._session.meter.notice("a Ray worker died, and another took its tasks")
            self.workers[self.workers.index(dead)] = await self._hired(dead.place)

    async def _listen(self, worker: _Member) -> None:
        """Hear what a worker says until it ends or dies."""
        from ray.exceptions import RayError

        try:
            async for said in worker.actor.outgoing.options(num_returns="streaming").remote():
                worker.in_flight, sayings = await said
                for what, values in sayings:
                    self._hear(worker, what, values)
        except RayError:
            return  # whoever waits for its tasks sees to it

    def _hear(self, worker: _Member, what: Saying, values: tuple[Any, ...]) -> None:
        session = self._session
        match what:
            case Saying.RECORD:
                self._record(*values)
            case Saying.USED:
                estimate, used = values
                if estimate in worker.admitted:
                    worker.admitted.remove(estimate)
                session.meter.settle(estimate, used)
            case Saying.NOTICE:
                session.meter.notice(values[0])
            case Saying.PREFIX:
                worker.prefix = values[0], values[1]
            case Saying.ADMIT:
                self._aside(self._admit(worker, *values))
            case Saying.FLUSH:
                self._aside(self._flush(worker, values[0]))

    def _record(self, row: str, kind: EffectKind, key: str, value: bytes) -> None:
        self.recorded.setdefault(row, {})[key] = value
        with scope(row):
            self._session.context.run.journal.record(kind, key, orjson.Fragment(value))

    async def _admit(self, worker: _Member, number: int, estimate: Usage) -> None:
        problem = ""
        try:
            await self._session.meter.admit(estimate)
            worker.admitted.append(estimate)
        except UserError as error:
            problem = str(error)
        await worker.actor.settle_request.remote(number, problem)

    async def _flush(self, worker: _Member, number: int) -> None:
        await self._session.context.run.journal.flush()
        await worker.actor.settle_request.remote(number, "")

    def _aside(self, work: Any) -> None:
        """Do something while listening goes on. Where the worker dies meanwhile, nobody waits for it."""

        async def done() -> None:
            from ray.exceptions import RayError

            with suppress(RayError):
                await work

        task = asyncio.ensure_future(done())
        self._asides.add(task)
        task.add_done_callback(self._asides.discard)


class _Nobody:
    """The model of a process that asks none."""

    async def complete(self, request: Any) -> Any:
        raise AssertionError("the workers ask")


async def _awaited(reference: Any) -> Any:
    return await reference


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
