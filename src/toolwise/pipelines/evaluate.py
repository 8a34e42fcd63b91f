"""The verb `evaluate`: agents attempt held-out tasks; every attempt is verified by replay and counted."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from toolwise.catalog import CatalogFile, open_catalog
from toolwise.corpus import read_tasks
from toolwise.errors import ToolwiseError
from toolwise.evaluation import TaskResult, exact_call, passed, scoreboard, valid_call
from toolwise.evaluation.settings import EvaluationConfig
from toolwise.pipelines.assemble import baseline_policies, model_policy, simulated_world
from toolwise.pipelines.context import Context
from toolwise.ports import Policy, Progress, Tools, World
from toolwise.search import SearchConfig, Strategy, search
from toolwise.store import Row, Rows, RowStatus
from toolwise.types import Json, Message, Outcome, Role, Split, Task, ToolCall, Trajectory, Verdict
from toolwise.verification import Verifier

STAGE = "evaluate"
CANDIDATES = 4
"""Call accuracy is measured on single-call tasks with so many candidates."""
SINGLE = "single"
HELD_OUT = (Split.SEEN_TOOLSET, Split.UNSEEN_TOOLSET, Split.UNSEEN_CATEGORY)


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


def evaluate_agents(context: Context, catalog: Path, accepted: Path, config: EvaluationConfig) -> Json:
    """The trained model and every baseline on the held-out tasks: agent -> split -> metric name -> metric.

    An agent's split that was finished before a kill is read from the run's rows, not attempted again.
    """
    held = [task for task in read_tasks(accepted) if task.provenance.split in HELD_OUT]
    by_split = {split: [task for task in held if task.provenance.split is split] for split in HELD_OUT}
    tools = open_catalog(catalog)
    agents = [("model", context.path("model")), ("untrained", context.path("model", "untrained"))]
    policies = [*baseline_policies(), *(model_policy(folder, name) for name, folder in agents)]
    rows = context.run.rows(STAGE)
    rows.add(f"{policy.name}/{split.value}" for policy in policies for split in HELD_OUT)
    pending = rows.pending()
    for done, key in enumerate(pending):
        context.observer(Progress(STAGE, done, len(pending), key))
        name, _, split = key.partition("/")
        policy = next(policy for policy in policies if policy.name == name)
        tasks = by_split[Split(split)][: config.baseline_tasks if name == "untrained" else None]
        rows.finish(Row(key, RowStatus.DONE, asyncio.run(_attempt_split(tasks, policy, tools, config))))
    context.observer(Progress(STAGE, len(pending), len(pending)))
    return _collect(rows)


def _collect(rows: Rows) -> Json:
    agents: dict[str, dict[str, Json]] = {}
    samples: list[Json] = []
    for row in rows:
        name, _, split = row.key.partition("/")
        scores = scoreboard([TaskResult(**result) for result in row.value["results"]])
        agents.setdefault(name, {})[split] = {key: metric.model_dump() for key, metric in scores.items()}
        samples += [{**sample, "agent": name, "split": split} for sample in row.value["samples"]]
    return {"agents": agents, "samples": samples}


async def _attempt_split(tasks: Sequence[Task], policy: Policy, tools: CatalogFile, config: EvaluationConfig) -> Json:
    world = simulated_world(tools)
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
        attempts[strategy] = await attempt_all(tasks, policy, world, tools, settings, config.concurrency)
    pairs = list(zip(attempts[Strategy.REACT], attempts[Strategy.DFSDT], strict=True))
    return {
        "results": [_fields(task_result(tools, react, dfsdt)) for react, dfsdt in pairs],
        "samples": [_sample(attempt) for react, dfsdt in pairs[: config.samples] for attempt in (react, dfsdt)],
    }


def _fields(result: TaskResult) -> Json:
    return {name: getattr(result, name) for name in TaskResult.__dataclass_fields__}


def _sample(attempt: Attempt) -> Json:
    return {
        "task": attempt.task.model_dump(mode="json"),
        "trajectory": attempt.trajectory.model_dump(mode="json") if attempt.trajectory else None,
        "verdict": attempt.verdict.model_dump(mode="json") if attempt.verdict else None,
    }
