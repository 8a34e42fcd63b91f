"""The diversity experiment's data: nested draws of toolsets, as many instances for each, one fixed set of tests."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from toolwise.catalog import CatalogFile, open_catalog, write_catalog
from toolwise.corpus import (
    SplitConfig,
    TaskGuard,
    check_leaks,
    read_sft,
    read_tasks,
    split_catalog,
    tool_signature,
    write_rows,
)
from toolwise.errors import ConfigError, RunError
from toolwise.pipelines.context import Context
from toolwise.pipelines.corpus import ACCEPTED_TASKS, build_corpus
from toolwise.pipelines.reproduce.diversity_settings import DiversityExperiment
from toolwise.pipelines.settings import RunConfig, TaskCounts
from toolwise.pipelines.solve import solve_tasks, verify_trajectories
from toolwise.pipelines.tasks import write_tasks
from toolwise.search import ErrorRates, SearchConfig
from toolwise.store import RunFolder
from toolwise.types import Funnel, Json, RejectReason, SFTExample, Split, Task, content_key

TEST = "held out"
TESTS_FILE = "tests.jsonl"
_FLAWLESS = ErrorRates()


@dataclass(frozen=True)
class Drawn:
    """Which toolsets are trained on, and which are held out; at most one of a family (the versions of one API)."""

    test: tuple[str, ...]
    train: Mapping[int, tuple[str, ...]]
    """Seed -> training toolsets in the order drawn: the first 10, the first 40, and so on."""


def draw(catalog: CatalogFile, config: DiversityExperiment) -> Drawn:
    """Raises ConfigError if the catalog has too few toolsets for the experiment."""
    usable = [summary for summary in catalog.summaries if len(summary.tools) >= config.least_tools]
    placed = split_catalog(usable, SplitConfig(seed=config.data_seed))
    families: dict[bool, dict[str, list[str]]] = {True: {}, False: {}}
    for summary in usable:
        trained = placed[summary.name] is Split.TRAIN
        families[trained].setdefault(summary.family or summary.name, []).append(summary.name)
    most = max(config.toolsets)
    if len(families[True]) < most:
        raise ConfigError(
            f"{catalog.folder} has {len(families[True])} toolset families of {config.least_tools} tools and more to "
            f"train on, and the experiment needs {most}; give a larger catalog, or fewer --toolsets"
        )
    if not families[False]:
        raise ConfigError(f"{catalog.folder} has too few toolsets to hold any out; give a larger catalog")
    train = {}
    for seed in config.seeds:
        rng = random.Random(f"toolsets:{config.data_seed}:{seed}")
        order = rng.sample(sorted(families[True]), most)
        train[seed] = tuple(rng.choice(families[True][family]) for family in order)
    rng = random.Random(f"tests:{config.data_seed}")
    test = tuple(rng.choice(names) for _, names in sorted(families[False].items()))
    return Drawn(test, train)


@dataclass(frozen=True)
class DataJob:
    """Write, solve and verify tasks over some toolsets."""

    folder: Path
    catalog: Path
    toolsets: tuple[str, ...]
    split: Split
    count: int
    seed: int
    config: DiversityExperiment

    @property
    def key(self) -> str:
        return TEST if self.split is not Split.TRAIN else f"{len(self.toolsets)}/{self.seed}"


def data_jobs(folder: Path, catalog: Path, drawn: Drawn, config: DiversityExperiment) -> dict[str, DataJob]:
    """The held-out tasks, and for each draw and number of toolsets as many tasks."""
    count = round(config.instances * config.surplus)
    jobs = [DataJob(folder / "data" / "test", catalog, drawn.test, Split.UNSEEN_TOOLSET, config.tested, 0, config)]
    for seed, order in drawn.train.items():
        for number in config.toolsets:
            part = folder / "data" / f"{number}-{seed}"
            jobs.append(DataJob(part, catalog, order[:number], Split.TRAIN, count, seed, config))
    return {job.key: job for job in jobs}


def write_data(job: DataJob) -> Json:
    """The chain from tools to verified conversations, over the job's toolsets alone. Goes on where it was stopped."""
    counts = {"train": job.count, "unseen_toolset": job.count}
    held = dict.fromkeys(("dev", "seen_toolset", "unseen_category"), 1)
    seed = int(content_key("diversity", job.config.data_seed, job.key)[:8], 16)
    config = RunConfig(seed=seed, tasks=TaskCounts(**counts, **held), synthesis=job.config.synthesis)
    opened = open_catalog(job.catalog)
    placed = dict.fromkeys(job.toolsets, job.split)
    settings = {"verb": "diversity data", "toolsets": list(job.toolsets), **config.model_dump(mode="json")}
    with RunFolder(job.folder, settings, resume=True) as run:
        context = Context(run, 1)
        part = context.path("catalog")
        context.stage("catalog", lambda: write_catalog(map(opened.toolset, sorted(job.toolsets)), part))
        written = context.stage("tasks", lambda: write_tasks(context, part, placed, config))
        tasks, search = context.path("tasks.jsonl"), SearchConfig(seed=seed)
        solved = context.stage("solve", lambda: solve_tasks(context, part, tasks, search, _FLAWLESS))
        rows = {name: context.path(f"{name}.jsonl") for name in ("tasks", "trajectories", "verdicts")}
        context.stage(
            "verify", lambda: verify_trajectories(context, part, tasks, rows["trajectories"], solved["failed"])
        )
        funnel = Funnel.model_validate(written["funnel"])
        made = context.stage("corpus", lambda: build_corpus(context.path("corpus"), rows, part, placed, funnel))
    return {"examples": made["examples"]["sft"], "toolsets": len(job.toolsets)}


def fix_tests(jobs: Mapping[str, DataJob], folder: Path) -> Json:
    """Keep the held-out tasks that no model of any draw could have met; the same tasks for every model."""
    catalog, trained = _trained_signatures(jobs.values())
    test = jobs[TEST]
    tasks = list(read_tasks(test.folder / "corpus" / ACCEPTED_TASKS))
    training = [task for job in jobs.values() if job is not test for task in _training_tasks(job)]
    guard = TaskGuard(training, trained)
    kept = [task for task in tasks if guard.leak(task, catalog) is None]
    if not kept:
        raise RunError("no held-out task is left after the leak checks; give a larger catalog")
    write_rows(folder / TESTS_FILE, kept)
    return {
        "written": len(tasks),
        RejectReason.LEAK.value: len(tasks) - len(kept),
        "kept": len(kept),
        "toolsets": len({cluster(task) for task in kept}),
    }


def leaks_of(job: DataJob, tests: Sequence[Task]) -> Json:
    """Checked again on what one model reads: tools, instructions and blueprints on both sides of the split."""
    catalog, trained = _trained_signatures([job])
    relevant = dict.fromkeys(tool_id for task in tests for tool_id in task.relevant)
    guard = TaskGuard(_training_tasks(job), trained)
    return {
        "toolsets": len({cluster(task) for task in tests} & set(job.toolsets)),
        "tools": check_leaks(trained, map(catalog.tool, relevant)).leaked_tools,
        "tasks": sum(guard.leak(task, catalog) is not None for task in tests),
    }


def cluster(task: Task) -> str:
    """The toolset of a task, whose tasks resemble each other."""
    return task.relevant[0].partition(".")[0]


def _training_tasks(job: DataJob) -> list[Task]:
    return list(read_tasks(job.folder / "corpus" / ACCEPTED_TASKS))


def _trained_signatures(jobs: Iterable[DataJob]) -> tuple[CatalogFile, list[str]]:
    """Signatures of every tool of the training toolsets, used in a task or not."""
    listed = list(jobs)
    catalog = open_catalog(listed[0].catalog)
    names = dict.fromkeys(name for job in listed if job.split is Split.TRAIN for name in job.toolsets)
    return catalog, [tool_signature(tool) for name in names for tool in catalog.toolset(name).tools]


def balanced(examples: Sequence[SFTExample], toolset_of: Mapping[str, str], count: int, seed: str) -> list[SFTExample]:
    """`count` examples, as evenly over the toolsets as these allow."""
    rng = random.Random(seed)
    queues: dict[str, list[SFTExample]] = {}
    for example in rng.sample(list(examples), len(examples)):
        queues.setdefault(toolset_of[example.task_key], []).append(example)
    chosen: list[SFTExample] = []
    while len(chosen) < count and any(queues.values()):
        for queue in queues.values():
            if queue and len(chosen) < count:
                chosen.append(queue.pop())
    return chosen


def conversations(job: DataJob) -> tuple[list[SFTExample], dict[str, str]]:
    """A job's training conversations, and the toolset of each by the key of its task."""
    toolset_of = {task.key: cluster(task) for task in _training_tasks(job)}
    path = job.folder / "corpus" / "sft" / f"{Split.TRAIN.value}.jsonl"
    return list(read_sft(path)) if path.exists() else [], toolset_of
