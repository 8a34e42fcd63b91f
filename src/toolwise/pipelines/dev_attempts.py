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


@dataclass(frozen=True)
class Parted:
    """A corpus's tasks in two: those to choose by, and those to learn from."""

    dev: tuple[Task, ...]
    train: tuple[Task, ...]
    """Tasks of the split `train` that share with `dev` neither a toolset nor a tool that works alike."""
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
        }


def toolsets(tasks: Sequence[Task]) -> frozenset[str]:
    """Those of the tools that serve the tasks; what is merely offered beside them does not count."""
    return frozenset(tool_id.partition(".")[0] for task in tasks for tool_id in task.relevant)


def parted(tasks: Sequence[Task], tools: Tools, most: int) -> Parted:
    """At most `most` tasks of the split `dev`, and what may be learnt beside them. Decided before anything is drawn.

    Held-out splits are in neither part.
    """
    train = [task for task in tasks if task.provenance.split is Split.TRAIN]
    found = [task for task in tasks if task.provenance.split is Split.DEV]
    guard = TaskGuard(train, ())
    clean = [task for task in found if guard.leak(task, tools) is None]
    dev = sorted(clean, key=lambda task: content_key("development", task.key))[:most]
    taken = toolsets(dev) | _signatures(dev, tools)
    held = [task for task in train if taken and not taken.isdisjoint(toolsets([task]) | _signatures([task], tools))]
    names = {task.key for task in held}
    kept = tuple(task for task in train if task.key not in names)
    return Parted(tuple(dev), kept, tuple(held), len(found) - len(clean))


def _signatures(tasks: Sequence[Task], tools: Tools) -> frozenset[str]:
    return frozenset(tool_signature(tools.tool(tool_id)) for task in tasks for tool_id in task.relevant)


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
