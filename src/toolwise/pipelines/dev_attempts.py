"""Development tasks for DPO and GRPO: toolsets that this training leaves out, attempted as `evaluate` would."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from toolwise.corpus import TaskGuard, tool_signature
from toolwise.evaluation.settings import EvaluationConfig
from toolwise.llm.hf import HfModel
from toolwise.llm.local import LocalModel
from toolwise.llm.policy import LocalPolicy
from toolwise.models.open_models import COMPACT
from toolwise.pipelines.evaluate import Attempt, attempt_all
from toolwise.pipelines.rollouts import Rollouts
from toolwise.ports import Tools
from toolwise.search import SearchConfig, Strategy
from toolwise.types import Json, Split, Task, content_key

MOST_HELD = 0.2
"""Of the training tasks, the most that are left out for the sake of development tasks."""


@dataclass(frozen=True)
class Parted:
    """A corpus's tasks in two: those to choose by, and those to learn from."""

    dev: tuple[Task, ...]
    train: tuple[Task, ...]
    """Tasks of the split `train` that, where possible, share no toolset and no tool that works alike with `dev`."""
    held: tuple[Task, ...]
    """Training tasks that do share one: nothing is learnt from them."""
    leaking: int
    """Development tasks left out, as training repeats their instruction or their calls."""

    def summary(self) -> Json:
        """Counts, as the training's summary shows them."""
        return {
            "tasks": len(self.dev),
            "toolsets": len(toolsets(self.dev)),
            "leaking_left_out": self.leaking,
            "training_tasks_left_out": len(self.held),
            "toolsets_shared": len(toolsets(self.dev) & toolsets(self.train)),
        }


def toolsets(tasks: Sequence[Task]) -> frozenset[str]:
    """Those of the tools that serve the tasks; what is merely offered beside them does not count."""
    return frozenset(tool_id.partition(".")[0] for task in tasks for tool_id in task.relevant)


def parted(tasks: Sequence[Task], tools: Tools, most: int) -> Parted:
    """At most `most` tasks of the split `dev`, and what may be learnt beside them. Decided before anything is drawn.

    Development tasks are taken as long as their toolsets cost no more than a part of the training tasks. Where even
    the first costs more (a catalog of few toolsets), they are taken as they are: other tasks of the same toolsets.
    Held-out splits are in neither part.
    """
    train = [task for task in tasks if task.provenance.split is Split.TRAIN]
    found = [task for task in tasks if task.provenance.split is Split.DEV] if most else []
    guard = TaskGuard(train, ())
    clean = [task for task in found if guard.leak(task, tools) is None]
    order = sorted(clean, key=lambda task: content_key("development", task.key))
    sharing: dict[str, set[int]] = {}
    for number, task in enumerate(train if order else ()):
        for mark in _marks(task, tools):
            sharing.setdefault(mark, set()).add(number)
    dev: list[Task] = []
    held: set[int] = set()
    for task in order:
        more = held.union(*(sharing.get(mark, set()) for mark in _marks(task, tools)))
        if len(dev) < most and len(more) <= MOST_HELD * len(train):
            dev, held = [*dev, task], more
    kept = tuple(task for number, task in enumerate(train) if number not in held)
    left_out = tuple(train[number] for number in sorted(held))
    return Parted(tuple(dev or order[:most]), kept, left_out, len(found) - len(clean))


def _marks(task: Task, tools: Tools) -> frozenset[str]:
    """What two tasks must not have in common: toolsets, and tools that work alike."""
    return toolsets([task]) | {tool_signature(tools.tool(tool_id)) for tool_id in task.relevant}


class DevAttempts:
    """The development tasks, attempted with a model as it is."""

    def __init__(self, rollouts: Rollouts, tasks: Sequence[Task]) -> None:
        self._rollouts, self._tasks = rollouts, tuple(tasks)

    @property
    def tasks(self) -> int:
        """How many are attempted."""
        return len(self._tasks)

    def passed(self, model: Any, tokenizer: Any) -> int:
        """How many are passed. Raises WorldError."""
        return sum(attempt.passed for attempt in attempted(self._rollouts, self._tasks, model, tokenizer))


def attempted(rollouts: Rollouts, tasks: Sequence[Task], model: Any, tokenizer: Any) -> list[Attempt]:
    """Every task once: one branch (ReAct), greedily, with the budget of `evaluate`."""
    compact = getattr(model.config, "model_type", "") == COMPACT
    # What a writer keeps of what it read is of the weights as they are, so that each time needs another.
    writer = LocalModel((model, tokenizer)) if compact else HfModel((model, tokenizer))
    policy = LocalPolicy(writer, name="start")
    budget = EvaluationConfig()
    search = SearchConfig(
        strategy=Strategy.REACT, max_steps=budget.max_steps, budget=budget.budget, attempts=1, seed=budget.seed
    )
    return rollouts.run(attempt_all(tasks, policy, rollouts.world, rollouts.tools, search, budget.concurrency))
