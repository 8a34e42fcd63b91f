"""The verb `evaluate`: agents attempt held-out tasks; every attempt is verified by replay and counted."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from toolwise.catalog import CatalogFile, open_catalog
from toolwise.corpus import read_tasks
from toolwise.errors import RunError, ToolwiseError
from toolwise.evaluation import TaskResult, exact_call, passed, scoreboard, valid_call
from toolwise.evaluation.settings import EvaluationConfig
from toolwise.pipelines.assemble import baseline_policies, model_policy, opened_world
from toolwise.pipelines.context import Context
from toolwise.pipelines.parallel import run_shards
from toolwise.pipelines.worlds import WorldConfig
from toolwise.ports import Policy, Tools, World
from toolwise.search import SearchConfig, Strategy, search
from toolwise.store import Rows, RowStatus
from toolwise.types import Json, Message, Outcome, Role, Split, Task, ToolCall, Trajectory, Verdict
from toolwise.verification import Verifier

STAGE = "evaluate"
CANDIDATES = 4
"""Call accuracy is measured on single-call tasks with so many candidates."""
SINGLE = "single"
MOST_WORKERS = 3
"""Each process holds a model and a part of the catalog."""
HELD_OUT = (Split.SEEN_TOOLSET, Split.UNSEEN_TOOLSET, Split.UNSEEN_CATEGORY)


@dataclass(frozen=True)
class _Job:
    """An agent and the tasks of a split that it attempts together."""

    agent: str
    folder: Path | None
    """The model's folder; none for an agent that is no model."""
    split: Split
    start: int
    tasks: tuple[Task, ...]
    catalog: Path
    config: EvaluationConfig
    world: WorldConfig

    @property
    def key(self) -> str:
        return f"{self.agent}/{self.split.value}/{self.start}"


@dataclass(frozen=True)
class Attempt:
    """One agent's attempt on one task by one strategy; no verdict where it broke."""

    task: Task
    trajectory: Trajectory | None
    verdict: Verdict | None

    @property
    def passed(self) -> bool:
        if self.trajectory is None or self.verdict is None:
            return False
        return passed(self.task, self.trajectory, self.verdict)

    @property
    def first_calls(self) -> tuple[ToolCall, ...]:
        """The calls of the first turn that the agent took."""
        nodes = self.trajectory.nodes if self.trajectory else ()
        turn: Message | None = next((n.message for n in nodes if n.message.role is Role.ASSISTANT), None)
        return turn.tool_calls if turn else ()


async def attempt_all(
    tasks: Sequence[Task], policy: Policy, world: World, tools: Tools, config: SearchConfig, concurrency: int
) -> list[Attempt]:
    """Every task once, at most `concurrency` side by side; results in the order of the tasks."""
    gate = asyncio.Semaphore(concurrency)
    verifier = Verifier(world, tools)

    async def one(task: Task) -> Attempt:
        async with gate:
            try:
                trajectory = await search(task, policy, world, tools, config)
                return Attempt(task, trajectory, await verifier.verify(task, trajectory))
            except ToolwiseError:  # counted as not passed: the denominator is the number of tasks
                return Attempt(task, None, None)

    return list(await asyncio.gather(*(one(task) for task in tasks)))


def task_result(tools: Tools, react: Attempt, dfsdt: Attempt) -> TaskResult:
    """What the two attempts on one task say."""
    task = react.task
    single = (
        task.checks.outcome is Outcome.CALL and task.provenance.pattern == SINGLE and len(task.candidates) == CANDIDATES
    )
    calls = react.first_calls
    offered = [tools.tool(tool_id) for tool_id in task.candidates]
    return TaskResult(
        cluster=(task.relevant or task.candidates)[0].split(".", 1)[0],
        exact=exact_call(task, calls) if single else None,
        valid=all(valid_call(offered, call) for call in calls) if calls else None,
        passed_react=react.passed,
        passed_dfsdt=dfsdt.passed,
    )


def evaluate_agents(
    context: Context, catalog: Path, accepted: Path, config: EvaluationConfig, world: WorldConfig
) -> Json:
    """The trained model and every baseline on the held-out tasks: agent -> split -> metric name -> metric.

    What was finished before a kill is read from the run's rows, not attempted again.
    """
    jobs = {job.key: job for job in _jobs(catalog, accepted, context.path("model"), config, world)}
    rows = context.run.rows(STAGE)
    workers = min(MOST_WORKERS, context.processes)
    run_shards(rows, jobs, _attempt_part, stage=STAGE, workers=workers, observer=context.observer)
    return _collect(rows)


def _jobs(catalog: Path, accepted: Path, model: Path, config: EvaluationConfig, world: WorldConfig) -> Iterator[_Job]:
    """Every agent on every split in parts; the slowest agents first, so that no process is left alone at the end."""
    held = [task for task in read_tasks(accepted) if task.provenance.split in HELD_OUT]
    agents = {"model": model, "untrained": model / "untrained", **dict.fromkeys(baseline_policies())}
    for agent, folder in agents.items():
        for split in HELD_OUT:
            tasks = [task for task in held if task.provenance.split is split]
            tasks = tasks[: config.baseline_tasks if agent == "untrained" else None]
            for start in range(0, len(tasks), config.concurrency):
                part = tuple(tasks[start : start + config.concurrency])
                yield _Job(agent, folder, split, start, part, catalog, config, world)


def _collect(rows: Rows) -> Json:
    results: dict[str, dict[str, list[TaskResult]]] = {}
    samples: dict[tuple[str, str], list[Json]] = {}
    for row in rows:
        if row.status is RowStatus.FAILED:
            raise RunError(f"evaluating {row.key} failed: {row.value['error']}")
        name, split, _ = row.key.split("/")
        results.setdefault(name, {}).setdefault(split, []).extend(TaskResult(**r) for r in row.value["results"])
        samples.setdefault((name, split), []).extend(row.value["samples"])
    agents = {
        name: {
            split: {key: m.model_dump() for key, m in scoreboard(of_split).items()}
            for split, of_split in splits.items()
        }
        for name, splits in results.items()
    }
    shown = [{**sample, "agent": name, "split": split} for (name, split), of in samples.items() for sample in of]
    return {"agents": agents, "samples": shown}


def _attempt_part(job: _Job) -> Json:
    """One agent on some tasks of a split, in a process of its own."""
    policy = baseline_policies()[job.agent] if job.folder is None else model_policy(job.folder, job.agent, threads=1)
    return asyncio.run(_in_world(job, policy))


async def _in_world(job: _Job, policy: Policy) -> Json:
    tools = open_catalog(job.catalog)
    async with opened_world(job.world, tools) as world:
        return await _attempt(job, policy, tools, world)


async def _attempt(job: _Job, policy: Policy, tools: CatalogFile, world: World) -> Json:
    config = job.config
    attempts: dict[Strategy, list[Attempt]] = {}
    for strategy in (Strategy.REACT, Strategy.DFSDT):
        settings = SearchConfig(
            strategy=strategy,
            width=config.width,
            max_steps=config.max_steps,
            budget=config.budget,
            attempts=1,
            seed=config.seed,
        )
        attempts[strategy] = await attempt_all(job.tasks, policy, world, tools, settings, config.concurrency)
    pairs = list(zip(attempts[Strategy.REACT], attempts[Strategy.DFSDT], strict=True))
    shown = pairs[: config.samples] if job.start == 0 else []
    return {
        "results": [_fields(task_result(tools, react, dfsdt)) for react, dfsdt in pairs],
        "samples": [_sample(attempt) for pair in shown for attempt in pair],
    }


def _fields(result: TaskResult) -> Json:
    return {name: getattr(result, name) for name in TaskResult.__dataclass_fields__}


def _sample(attempt: Attempt) -> Json:
    return {
        "task": attempt.task.model_dump(mode="json"),
        "trajectory": attempt.trajectory.model_dump(mode="json") if attempt.trajectory else None,
        "verdict": attempt.verdict.model_dump(mode="json") if attempt.verdict else None,
    }
