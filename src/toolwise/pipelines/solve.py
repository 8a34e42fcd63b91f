"""The verbs `solve` and `verify`: search with the embedded teacher, then replay and check everything."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeVar

from toolwise.catalog import CatalogFile, open_catalog
from toolwise.corpus import read_tasks, read_trajectories, write_rows
from toolwise.errors import RunError, ToolwiseError
from toolwise.pipelines.assemble import opened_world
from toolwise.pipelines.context import Context
from toolwise.pipelines.parallel import run_shards
from toolwise.pipelines.worlds import WorldConfig
from toolwise.ports import World
from toolwise.search import BlueprintPolicy, ErrorRates, SearchConfig, search
from toolwise.store import Rows, RowStatus
from toolwise.types import Json, Split, Task, Trajectory, Verdict, content_key
from toolwise.verification import Verifier, funnel_of

SOLVE = "solve"
VERIFY = "verify"
CHUNK = 200
"""Tasks a job: large enough to pay for the hand-over, small enough to lose little in a kill."""
_SIMULATED = WorldConfig()

ItemT = TypeVar("ItemT")
JobT = TypeVar("JobT", "SolveJob", "VerifyJob")


@dataclass(frozen=True)
class SolveJob:
    """Solve a chunk of tasks by the blueprint policy."""

    catalog: Path
    tasks: tuple[Task, ...]
    search: SearchConfig
    errors: ErrorRates
    seed: int
    world: WorldConfig = _SIMULATED

    @property
    def key(self) -> str:
        return content_key([task.key for task in self.tasks], self.seed)


@dataclass(frozen=True)
class VerifyJob:
    """Replay and check a chunk of trajectories."""

    catalog: Path
    pairs: tuple[tuple[Task, Trajectory], ...]
    world: WorldConfig = _SIMULATED

    @property
    def key(self) -> str:
        return content_key([task.key for task, _ in self.pairs])


def solve_chunk(job: SolveJob) -> Json:
    """Run one job (in a worker process). Only training tasks are solved with mistakes."""
    return asyncio.run(_in_world(job, _solve))


async def _in_world(job: JobT, work: Callable[[JobT, CatalogFile, World], Awaitable[list[Json]]]) -> list[Json]:
    tools = open_catalog(job.catalog)
    async with opened_world(job.world, tools) as world:
        return await work(job, tools, world)


async def _solve(job: SolveJob, tools: CatalogFile, world: World) -> list[Json]:
    erring = BlueprintPolicy(job.errors, job.seed)
    flawless = BlueprintPolicy(None, job.seed)
    results: list[Json] = []
    for task in job.tasks:
        policy = erring if task.provenance.split is Split.TRAIN else flawless
        try:
            trajectory = await search(task, policy, world, tools, job.search)
        except (ToolwiseError, KeyError) as error:  # one broken task never stops the rest
            results.append({"failed": type(error).__name__, "task_key": task.key})
        else:
            results.append(trajectory.model_dump(mode="json"))
    return results


def verify_chunk(job: VerifyJob) -> Json:
    """Run one job (in a worker process)."""
    return asyncio.run(_in_world(job, _verify))


async def _verify(job: VerifyJob, tools: CatalogFile, world: World) -> list[Json]:
    verifier = Verifier(world, tools)
    results: list[Json] = []
    for task, trajectory in job.pairs:
        try:
            verdict = await verifier.verify(task, trajectory)
        except (ToolwiseError, KeyError) as error:
            results.append({"failed": type(error).__name__, "task_key": task.key})
        else:
            results.append(verdict.model_dump(mode="json"))
    return results


def solve_tasks(
    context: Context,
    catalog: Path,
    tasks: Path,
    config: SearchConfig,
    errors: ErrorRates,
    world: WorldConfig = _SIMULATED,
) -> Json:
    """Write `trajectories.jsonl`, one search tree a task, in the order of the tasks."""
    jobs = [SolveJob(catalog, chunk, config, errors, config.seed, world) for chunk in _chunks(read_tasks(tasks))]
    rows = _run(context, SOLVE, {job.key: job for job in jobs}, solve_chunk)
    failed: dict[str, int] = {}
    results = map(Trajectory.model_validate, _results(rows, failed))
    count = write_rows(context.path("trajectories.jsonl"), results)
    return {"trajectories": count, "failed": failed}


def verify_trajectories(
    context: Context,
    catalog: Path,
    tasks: Path,
    trajectories: Path,
    failed: Mapping[str, int],
    world: WorldConfig = _SIMULATED,
) -> Json:
    """Write `verdicts.jsonl`; the summary is the funnel over all tasks, with those that could not be solved."""
    by_key = {task.key: task for task in read_tasks(tasks)}
    known = ((by_key[t.task_key], t) for t in read_trajectories(trajectories) if t.task_key in by_key)
    jobs = [VerifyJob(catalog, chunk, world) for chunk in _chunks(known)]
    rows = _run(context, VERIFY, {job.key: job for job in jobs}, verify_chunk)
    failures = dict(failed)
    verdicts = [Verdict.model_validate(verdict) for verdict in _results(rows, failures)]
    write_rows(context.path("verdicts.jsonl"), verdicts)
    return {"funnel": funnel_of(verdicts, failures).model_dump(mode="json")}


def _run(context: Context, stage: str, jobs: Mapping[str, JobT], function: Callable[[JobT], Json]) -> Rows:
    rows = context.run.rows(stage)
    run_shards(rows, jobs, function, stage=stage, workers=context.processes, observer=context.observer)
    return rows


def _results(rows: Rows, failed: dict[str, int]) -> Iterator[Json]:
    """The results of all jobs in order; those that failed are counted by their error's name."""
    for row in rows:
        if row.status is RowStatus.FAILED:
            raise RunError(f"a whole chunk failed: {row.value['error']}")
        for result in row.value:
            if "failed" in result:
                failed[result["failed"]] = failed.get(result["failed"], 0) + 1
            else:
                yield result


def _chunks(items: Iterable[ItemT]) -> Iterator[tuple[ItemT, ...]]:
    iterator = iter(items)
    while chunk := tuple(islice(iterator, CHUNK)):
        yield chunk
