"""What is compared in an evaluation: agents, strategies, candidates and refusals; and one agent's attempts on tasks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field, model_validator

from toolwise.catalog import CatalogFile, open_catalog
from toolwise.config import Config
from toolwise.errors import ToolwiseError
from toolwise.evaluation.unseen import group_of
from toolwise.pipelines.assemble import opened_world, plain_policy, transient_world, turn_writer
from toolwise.pipelines.predictions import Prediction, Spent, prediction_of
from toolwise.pipelines.worlds import WorldConfig
from toolwise.ports import Policy, Turn, World
from toolwise.search import SearchConfig, Strategy, search
from toolwise.search.again import RedrawingPolicy
from toolwise.types import Json, Task

if TYPE_CHECKING:
    from toolwise.llm.policy import StepCost, TurnWriter

GIVEN = "given"
BLUEPRINT, LLM = "blueprint", "llm"
PART = 16
"""Tasks that one process attempts together, so that a model answers them in batches."""


class Conditions(Config):
    """How attempts are made: the same for every agent and strategy of an evaluation."""

    strategies: tuple[Strategy, ...] = (Strategy.REACT,)
    budget: int = Field(default=10, ge=1)
    """The most model calls of one attempt, whatever the strategy."""
    max_steps: int = Field(default=7, ge=1)
    """The most steps of one branch."""
    width: int = Field(default=2, ge=1)
    """DFSDT: the most children of one node."""
    attempts: int = Field(default=4, ge=1)
    """ReAct@N: the most chains."""
    temperature: float = Field(default=0.0, ge=0)
    redraw_temperature: float = Field(default=0.7, ge=0)
    """At temperature 0, of a turn that is asked for again in the same situation, as ReAct@N's further chains do."""
    turn_tokens: int = Field(default=400, ge=1)
    """A local model's turn that is longer is none: only a model that babbles writes so much."""
    repeats: int = Field(default=1, ge=1)
    """Attempts on each task, with seeds of their own."""
    transient: tuple[float, ...] = (0.0,)
    """Shares of the calls that are refused for the moment; each is a condition of its own."""
    seed: int = 0

    @model_validator(mode="after")
    def _makes_sense(self) -> Conditions:
        if not self.strategies or not self.transient:
            raise ValueError("name at least one strategy and one rate of refusals")
        if any(not 0 <= rate < 1 for rate in self.transient):
            raise ValueError("a rate of refusals is below 0, or 1 and more")
        return self

    def search(self, strategy: Strategy, repeat: int) -> SearchConfig:
        return SearchConfig(
            strategy=strategy,
            width=self.width,
            max_steps=self.max_steps,
            budget=self.budget,
            attempts=self.attempts,
            seed=self.seed + repeat,
        )

    @property
    def limits(self) -> Json:
        """The budget as it is reported."""
        names = ("budget", "max_steps", "width", "attempts", "temperature", "redraw_temperature", "turn_tokens")
        return {"model_calls": self.budget, **{name: getattr(self, name) for name in names[1:]}}


@dataclass(frozen=True)
class Agent:
    """Who attempts the tasks."""

    name: str
    policy: str
    """`llm`, `blueprint`, `null`, `nearest_tool` or `random`; for a model the word `model`."""
    folder: Path | None = None
    """Of the model."""


@dataclass(frozen=True)
class Cell:
    """One agent in one condition: a row of every table."""

    agent: str
    strategy: Strategy
    candidates: str = GIVEN
    transient: float = 0.0

    @property
    def name(self) -> str:
        refused = f"+refused-{self.transient * 100:g}" if self.transient else ""
        return f"{self.agent}+{self.strategy.value}+{self.candidates.replace(':', '-')}{refused}"


@dataclass(frozen=True)
class AttemptJob:
    """An agent's attempts on some tasks, by all strategies in turn: steps that they share are decided once."""

    agent: Agent
    candidates: str
    transient: float
    repeat: int
    start: int
    tasks: tuple[Task, ...]
    """With the candidates on offer."""
    strategies: tuple[Strategy, ...]
    catalog: Path
    world: WorldConfig
    conditions: Conditions

    @property
    def key(self) -> str:
        strategies = ",".join(self.strategies)
        return f"{self.agent.name}|{strategies}|{self.candidates}|{self.transient:g}|{self.repeat}|{self.start}"

    def cell(self, strategy: Strategy) -> Cell:
        return Cell(self.agent.name, strategy, self.candidates, self.transient)


@dataclass
class UsageMeter:
    """What each task's attempt has taken so far."""

    spent: dict[str, Spent] = field(default_factory=dict)

    def step(self, turn: Turn, cost: StepCost) -> None:
        """Count one step of a local model."""
        self.add(turn.task.key, cost.prompt_tokens, cost.completion_tokens, cost.seconds)

    def add(self, task: str, prompt: int, completion: int, seconds: float = 0.0, cost: float | None = 0.0) -> None:
        """Count a model call."""
        before = self.spent.get(task, Spent())
        money = None if before.cost is None or cost is None else before.cost + cost
        self.spent[task] = Spent(
            prompt_tokens=before.prompt_tokens + prompt,
            completion_tokens=before.completion_tokens + completion,
            seconds=before.seconds + seconds,
            cost=money,
        )


PolicyMaker = Callable[[Strategy], Policy]
"""A policy for one search of each task by a strategy."""


@lru_cache(maxsize=2)
def _writer(folder: Path) -> TurnWriter:
    return turn_writer(folder, threads=1)


@lru_cache(maxsize=1)
def _catalog(folder: Path) -> CatalogFile:
    return open_catalog(folder)


def attempt_part(job: AttemptJob) -> Json:
    """The predictions of one job, by cell (in a worker process)."""
    return asyncio.run(_attempt(job))


async def _attempt(job: AttemptJob) -> Json:
    tools = _catalog(job.catalog)
    meter = UsageMeter()
    policy_for = local_policies(job.agent, job.conditions, meter)
    found: dict[str, Json] = {}
    async with opened_world(job.world, tools) as world:
        for strategy in job.strategies:
            meter.spent = {}
            here = transient_world(world, job.transient, job.conditions.seed + job.repeat)
            attempts = Attempts(policy_for(strategy), here, tools, job.conditions.search(strategy, job.repeat))
            rows = await asyncio.gather(*(attempts.one(task, job.repeat, job.transient) for task in job.tasks))
            metered = job.agent.folder is not None
            found[job.cell(strategy).name] = [
                _metered(row, meter if metered else None).model_dump(mode="json") for row in rows
            ]
    return found


def local_policies(agent: Agent, conditions: Conditions, meter: UsageMeter) -> PolicyMaker:
    """The policies of an agent in this process. Raises ConfigError, MissingExtraError, DataError."""
    if agent.folder is None:
        plain = plain_policy(agent.policy, conditions.seed)
        return lambda strategy: plain
    writer = _writer(agent.folder)
    from toolwise.llm.policy import LocalPolicy

    first, again = (
        LocalPolicy(
            writer, name=agent.name, max_tokens=conditions.turn_tokens, temperature=temperature, meter=meter.step
        )
        for temperature in (conditions.temperature, conditions.redraw_temperature)
    )
    return lambda strategy: redrawing(first, again, strategy, conditions)


def redrawing(first: Policy, again: Policy, strategy: Strategy, conditions: Conditions) -> Policy:
    """ReAct@N at temperature 0 would make the same chain N times: its further chains are drawn."""
    if strategy is not Strategy.REACT_N or conditions.temperature or not conditions.redraw_temperature:
        return first
    return RedrawingPolicy(first, again)


def _metered(row: Prediction, meter: UsageMeter | None) -> Prediction:
    if meter is None:
        return row
    found = meter.spent.get(row.id, Spent())
    return row.model_copy(update={"spent": found.model_copy(update={"model_calls": row.spent.model_calls})})


@dataclass(frozen=True)
class Attempts:
    """One policy's searches in one world, one of each task."""

    policy: Policy
    world: World
    tools: CatalogFile
    config: SearchConfig

    async def one(self, task: Task, repeat: int, transient: float = 0.0) -> Prediction:
        """An attempt that breaks is a row too: the denominator is the number of tasks."""
        began = time.perf_counter()
        group = group_of(task)
        try:
            trajectory = await search(task, self.policy, self.world, self.tools, self.config)
        except (ToolwiseError, KeyError) as error:
            return Prediction(
                id=task.key,
                repeat=repeat,
                group=group,
                policy=self.policy.name,
                strategy=self.config.strategy.value,
                candidates=task.candidates,
                error=type(error).__name__,
            )
        spent = Spent(model_calls=trajectory.model_calls, seconds=round(time.perf_counter() - began, 6))
        row = prediction_of(task, trajectory, group, repeat, spent)
        return row.model_copy(update={"transient": transient > 0})


def job_parts(tasks: Sequence[Task], size: int = PART) -> list[tuple[int, tuple[Task, ...]]]:
    """Where each part begins, and its tasks."""
    return [(start, tuple(tasks[start : start + size])) for start in range(0, len(tasks), size)]
