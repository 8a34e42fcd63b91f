"""The verb `evaluate settings`: held-out tasks of ToolLLM's six settings, from any catalog, with the leaks shown."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from toolwise.catalog import CatalogFile, ToolsetSummary, open_catalog
from toolwise.config import parse_config
from toolwise.corpus import SplitConfig, TaskGuard, split_catalog, write_rows
from toolwise.errors import DataError
from toolwise.evaluation.unseen import HOME
from toolwise.files import read_json, write_json
from toolwise.pipelines.assemble import simulated_world
from toolwise.pipelines.context import Context
from toolwise.pipelines.evaluate import attempt_all
from toolwise.pipelines.leak_checks import Trained, leak_row
from toolwise.pipelines.parallel import run_shards
from toolwise.pipelines.tasks import ShardJob, synthesise_shard
from toolwise.pipelines.verbs import INPUTS_FILE
from toolwise.ports import Observer, silent
from toolwise.search import BlueprintPolicy, SearchConfig, Strategy
from toolwise.store import RowStatus, RunFolder
from toolwise.store.run import CONFIG_FILE, read_config
from toolwise.synthesis import SynthesisConfig
from toolwise.types import Catalog, Json, Split, Task, TaskKind, content_key

STAGE = "settings"
_POOL = 16
"""Toolsets whose tasks are written together, and whose tools distract from each other's."""
_SURPLUS = {TaskKind.SINGLE: 2, TaskKind.CATEGORY: 4, TaskKind.COLLECTION: 4}
"""Tasks written for one that is wanted: tasks of several toolsets come out as either kind, and some fail a check."""
_PER_POOL = 6
"""Tasks wanted of one pool: few, so that many toolsets take part."""
_HOMES = {Split.SEEN_TOOLSET: Split.TRAIN}
_FLAWLESS = SearchConfig(strategy=Strategy.REACT)
_CONCURRENCY = 32

Home = tuple[Split, TaskKind]


@dataclass(frozen=True)
class Source:
    """A catalog with its split, and the tasks that were trained on."""

    catalog: Path
    split_of: Mapping[str, Split]
    trained: Path | None
    """None where nothing was trained yet."""


def open_settings_source(path: Path, seed: int = 0) -> Source:
    """A run folder, a folder of `toolwise tasks`, or a catalog (then split by the seed). Raises DataError."""
    if (path / INPUTS_FILE).is_file():
        inputs = read_json(path / INPUTS_FILE)
        split_of = {name: Split(split) for name, split in inputs.get("split", {}).items()}
        if split_of:
            return Source(Path(inputs["catalog"]), split_of, path / inputs["tasks"])
        raise DataError(f"{path} knows no split of its catalog; give a catalog, a run, or a folder of `toolwise tasks`")
    if (path / CONFIG_FILE).is_file() and (path / "catalog").is_dir():
        config = read_config(path)
        split = parse_config(SplitConfig, config.get("split") or {}, str(path / CONFIG_FILE))
        split = split.model_copy(update={"seed": config.get("seed", 0)})
        trained = path / "tasks.jsonl"
        return Source(path / "catalog", _placed(path / "catalog", split), trained if trained.is_file() else None)
    return Source(path, _placed(path, SplitConfig(seed=seed)), None)


def _placed(catalog: Path, config: SplitConfig) -> dict[str, Split]:
    return split_catalog(open_catalog(catalog).summaries, config)


@dataclass(frozen=True)
class SettingJob:
    """Write tasks of one split and kind from one pool of toolsets."""

    shard: ShardJob
    kind: TaskKind

    @property
    def key(self) -> str:
        return f"{self.shard.split.value}/{self.kind.value}/{self.shard.key}"


def write_part(job: SettingJob) -> Json:
    """Run one job (in a worker process): tasks of the kind that the blueprint solves, and what was dropped."""
    written = [Task.model_validate(task) for task in synthesise_shard(job.shard)["tasks"]]
    wanted = [task for task in written if task.kind is job.kind]
    tools = open_catalog(job.shard.catalog)
    pool = Catalog(toolsets=tuple(tools.toolset(name) for name in job.shard.toolsets))
    policy = BlueprintPolicy(None, job.shard.seed)
    attempts = asyncio.run(attempt_all(wanted, policy, simulated_world(pool), tools, _FLAWLESS, _CONCURRENCY))
    solved = [attempt.task for attempt in attempts if attempt.passed]
    return {
        "tasks": [task.model_dump(mode="json") for task in solved],
        "dropped": {"of another kind": len(written) - len(wanted), "not solved": len(wanted) - len(solved)},
    }


def make_settings(  # noqa: PLR0913 - a verb takes what its command takes
    source: Path,
    out: Path,
    per_setting: int | Mapping[str, int],
    *,
    homes: Mapping[str, Home] | None = None,
    seed: int = 0,
    resume: bool = False,
    workers: int = 0,
    observer: Observer = silent,
) -> Json:
    """Write up to `per_setting` tasks of each setting into `out`, as `toolwise tasks` writes them.

    `per_setting` may be a number for each setting by its name; `homes` are settings of one's own, name -> (split,
    kind). Raises DataError, CatalogError, RunError.
    """
    opened = open_settings_source(source, seed)
    wanted = homes or {setting.value: home for setting, home in HOME.items()}
    settings = {
        "verb": "evaluate settings",
        "source": str(source.resolve()),
        "per_setting": per_setting if isinstance(per_setting, int) else dict(per_setting),
        "seed": seed,
        "homes": {name: [split.value, kind.value] for name, (split, kind) in wanted.items()},
    }
    counts = {name: per_setting if isinstance(per_setting, int) else per_setting[name] for name in wanted}
    with RunFolder(out, settings, resume=resume) as folder:
        context = Context(folder, workers, observer)
        return context.stage(STAGE, partial(_make, context, opened, wanted, counts, seed))


def _make(context: Context, source: Source, homes: Mapping[str, Home], counts: Mapping[str, int], seed: int) -> Json:
    jobs = {job.key: job for name, home in homes.items() for job in _jobs(source, home, counts[name], seed)}
    rows = context.run.rows(STAGE)
    run_shards(rows, jobs, write_part, stage=STAGE, workers=context.processes, observer=context.observer)
    tools = open_catalog(source.catalog)
    trained = Trained.of(tools, source.split_of, source.trained)
    found: dict[Home, list[Task]] = {}
    dropped: dict[Home, Counter[str]] = {}
    for row in rows:
        job = jobs[row.key]
        home = (job.shard.split, job.kind)
        if row.status is RowStatus.DONE:
            found.setdefault(home, []).extend(Task.model_validate(task) for task in row.value["tasks"])
            dropped.setdefault(home, Counter()).update(row.value["dropped"])
    chosen: dict[str, list[Task]] = {}
    used: Counter[str] = Counter()
    for name, home in homes.items():
        kept = list(_unleaked(found.get(home, ()), trained.guard, tools, dropped.setdefault(home, Counter())))
        chosen[name] = spread(kept, counts[name], used)
    count = write_rows(context.path("tasks.jsonl"), (task for tasks in chosen.values() for task in tasks))
    summary = {
        "tasks": count,
        "settings": {
            name: {
                **leak_row(chosen[name], home[0], trained, tools),
                "dropped": {why: n for why, n in sorted(dropped[home].items()) if n},
            }
            for name, home in homes.items()
        },
    }
    inputs = {**_inputs(source), "tasks": str(context.path("tasks.jsonl").resolve()), "settings": summary["settings"]}
    write_json(context.path(INPUTS_FILE), inputs)
    return summary


def _inputs(source: Source) -> Json:
    return {
        "catalog": str(source.catalog.resolve()),
        "trained": str(source.trained.resolve()) if source.trained else None,
        "split": {name: split.value for name, split in source.split_of.items()},
    }


def _unleaked(tasks: Iterable[Task], guard: TaskGuard, tools: CatalogFile, dropped: Counter[str]) -> Iterator[Task]:
    seen: set[str] = set()
    for task in tasks:
        if task.key in seen:
            dropped["twice"] += 1
        elif guard.leak(task, tools) is not None:
            dropped["leak"] += 1
        else:
            seen.add(task.key)
            yield task


def spread(tasks: Sequence[Task], count: int, used: Counter[str]) -> list[Task]:
    """So many tasks, from as many toolsets as there are: one of each, then another one of each.

    `used` counts the tasks of each toolset in earlier settings, so that settings together take few of many toolsets.
    """
    by_toolset: dict[str, list[Task]] = {}
    for task in sorted(tasks, key=lambda task: task.key):
        by_toolset.setdefault(task.relevant[0].partition(".")[0], []).append(task)
    ranked = [(rank + used[name], task.key, task) for name, of in by_toolset.items() for rank, task in enumerate(of)]
    chosen = [task for _, _, task in sorted(ranked, key=lambda item: item[:2])[:count]]
    used.update(task.relevant[0].partition(".")[0] for task in chosen)
    return chosen


def _jobs(source: Source, home: Home, per_setting: int, seed: int) -> Iterator[SettingJob]:
    split, kind = home
    placed = _HOMES.get(split, split)
    tools = open_catalog(source.catalog)
    members = [s for s in tools.summaries if source.split_of.get(s.name) is placed and s.tools]
    pools = sorted(_pools(members, kind), key=lambda names: content_key("pool", seed, list(names)))
    pools = pools[: max(1, -(-per_setting // _PER_POOL))]
    for names in pools:
        share = -(-per_setting * _SURPLUS[kind] // len(pools))
        own = int(content_key("settings", seed, split.value, kind.value, list(names))[:8], 16)
        yield SettingJob(ShardJob(source.catalog, names, split, share, own, _synthesis(kind)), kind)


def _pools(members: Sequence[ToolsetSummary], kind: TaskKind) -> Iterator[tuple[str, ...]]:
    """Toolsets that can be in tasks of the kind together."""
    groups: dict[str, list[ToolsetSummary]] = {}
    for member in sorted(members, key=lambda member: (member.category, member.name)):
        labels = {TaskKind.SINGLE: ("",), TaskKind.CATEGORY: (member.category,)}.get(kind, member.collections)
        for label in labels:
            if label or kind is TaskKind.SINGLE:
                groups.setdefault(label, []).append(member)
    for group in groups.values():
        for start in range(0, len(group), _POOL):
            part = group[start : start + _POOL]
            if kind is TaskKind.SINGLE or len({member.family or member.name for member in part}) > 1:
                yield tuple(member.name for member in part)


def _synthesis(kind: TaskKind) -> SynthesisConfig:
    base = SynthesisConfig(negatives=0.0)
    if kind is TaskKind.SINGLE:
        return base.model_copy(update={"group": 0.0})
    return base.model_copy(update={"single": 0.0, "chain": 0.0, "parallel": 0.7, "mixed": 0.3, "group": 1.0})
