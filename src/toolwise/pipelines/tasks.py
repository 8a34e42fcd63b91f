"""The verb `tasks`: the embedded teacher writes tasks for each split, shard by shard."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from toolwise.catalog import CatalogFile, open_catalog
from toolwise.corpus import TaskGuard, tool_signature, write_rows
from toolwise.pipelines.assemble import opened_world
from toolwise.pipelines.context import Context
from toolwise.pipelines.funnels import reject
from toolwise.pipelines.parallel import run_shards
from toolwise.pipelines.settings import RunConfig
from toolwise.pipelines.worlds import WorldConfig
from toolwise.synthesis import Synthesis, SynthesisConfig, synthesise
from toolwise.types import Catalog, Funnel, Json, RejectReason, Split, Task, content_key

STAGE = "tasks"
_SIMULATED = WorldConfig()
_HOME = {Split.DEV: Split.TRAIN, Split.SEEN_TOOLSET: Split.TRAIN}
"""The part of the catalog that a split's tasks are made from, where it is not the split itself."""


@dataclass(frozen=True)
class ShardJob:
    """Write `count` tasks of one split over a few toolsets."""

    catalog: Path
    toolsets: tuple[str, ...]
    split: Split
    count: int
    seed: int
    config: SynthesisConfig
    world: WorldConfig = _SIMULATED

    @property
    def key(self) -> str:
        return content_key(self.split.value, list(self.toolsets), self.count, self.seed)


def plan_shards(catalog: Path, split_of: Mapping[str, Split], config: RunConfig) -> list[ShardJob]:
    """The jobs of a run, in the order of their tasks: deterministic, and independent of the workers."""
    summaries = sorted(open_catalog(catalog).summaries, key=lambda s: (s.category, s.name))
    jobs: list[ShardJob] = []
    for split in Split:
        home = _HOME.get(split, split)
        names = [summary.name for summary in summaries if split_of[summary.name] is home and summary.tools]
        total = config.tasks.of(split)
        for start in range(0, len(names), config.shard_toolsets):
            part = tuple(names[start : start + config.shard_toolsets])
            share = total * (start + len(part)) // len(names) - total * start // len(names)
            seed = int(content_key("shard", config.seed, split.value, list(part))[:8], 16)
            if share:
                jobs.append(ShardJob(catalog, part, split, share, seed, config.synthesis, config.world))
    return jobs


def synthesise_shard(job: ShardJob) -> Json:
    """Run one job (in a worker process)."""
    written = asyncio.run(_synthesise(job))
    return {
        "tasks": [task.model_dump(mode="json") for task in written.tasks],
        "funnel": written.funnel.model_dump(mode="json"),
    }


async def _synthesise(job: ShardJob) -> Synthesis:
    catalog = open_catalog(job.catalog)
    pool = Catalog(toolsets=tuple(catalog.toolset(name) for name in job.toolsets))
    async with opened_world(job.world, pool) as world:
        return await synthesise(pool, world, job.config, split=job.split, count=job.count, seed=job.seed)


def write_tasks(context: Context, catalog: Path, split_of: Mapping[str, Split], config: RunConfig) -> Json:
    """Write `tasks.jsonl`; the summary has the funnel of all that was tried and the counts of each split."""
    jobs = {job.key: job for job in plan_shards(catalog, split_of, config)}
    rows = context.run.rows(STAGE)
    run_shards(rows, jobs, synthesise_shard, stage=STAGE, workers=context.processes, observer=context.observer)
    funnel = Funnel()
    written: list[Task] = []
    for row in rows:
        if row.value and "tasks" in row.value:
            funnel = funnel + Funnel.model_validate(row.value["funnel"])
            written.extend(Task.model_validate(task) for task in row.value["tasks"])
    guard = _Guard(open_catalog(catalog), split_of)
    kept = list(guard.filter(written))
    write_rows(context.path("tasks.jsonl"), kept)
    counts = {split.value: sum(task.provenance.split is split for task in kept) for split in Split}
    return {
        "funnel": reject(funnel, guard.rejected).model_dump(mode="json"),
        "splits": counts,
        "failed_shards": sum(row.status.value == "failed" for row in rows),
    }


class _Guard:
    """Keeps repeats and leaks out; training tasks must come first."""

    def __init__(self, catalog: CatalogFile, split_of: Mapping[str, Split]) -> None:
        self._catalog = catalog
        trained = [name for name in catalog.names() if split_of[name] is Split.TRAIN]
        self._signatures = [tool_signature(tool) for name in trained for tool in catalog.toolset(name).tools]
        self.rejected: dict[str, int] = {}

    def filter(self, tasks: Sequence[Task]) -> Iterator[Task]:
        guard = TaskGuard((t for t in tasks if t.provenance.split is Split.TRAIN), self._signatures)
        seen: set[str] = set()
        for task in tasks:
            reason = RejectReason.DUPLICATE if task.key in seen else None
            if reason is None and task.provenance.split is not Split.TRAIN:
                reason = guard.leak(task, self._catalog)
            if reason is None:
                seen.add(task.key)
                yield task
            else:
                self.rejected[reason.value] = self.rejected.get(reason.value, 0) + 1
