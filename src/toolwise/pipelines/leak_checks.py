"""What held-out tasks share with training: toolsets, categories, tools, instructions and blueprints, counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from toolwise.catalog import CatalogFile
from toolwise.corpus import TaskGuard, read_tasks, tool_signature
from toolwise.types import Json, Split, Task

_UNSEEN = frozenset({Split.UNSEEN_TOOLSET, Split.UNSEEN_CATEGORY})


@dataclass(frozen=True)
class Trained:
    """What a model has seen, or may have."""

    toolsets: frozenset[str]
    categories: frozenset[str]
    signatures: frozenset[str]
    """Of the tools of all training toolsets, whether or not a task uses them."""
    guard: TaskGuard
    tasks: int
    """Training tasks whose instructions and blueprints are known."""

    @classmethod
    def of(cls, tools: CatalogFile, split_of: Mapping[str, Split], tasks: Path | None) -> Trained:
        """From the catalog's split and, where there is one, the file of the training tasks."""
        names = [name for name in tools.names() if split_of.get(name) is Split.TRAIN]
        known = frozenset(names)
        signatures = frozenset(tool_signature(tool) for name in names for tool in tools.toolset(name).tools)
        trained = [task for task in read_tasks(tasks) if task.provenance.split is Split.TRAIN] if tasks else []
        categories = frozenset(summary.category for summary in tools.summaries if summary.name in known)
        return cls(known, categories, signatures, TaskGuard(trained, signatures), len(trained))


def leak_row(tasks: Sequence[Task], split: Split, trained: Trained, tools: CatalogFile) -> Json:
    """The checks of one setting; `clean` where what is meant to be unseen is.

    The relevant tools count, and so do the toolsets and categories that they come from: distractors may be known.
    """
    category_of = {summary.name: summary.category for summary in tools.summaries}
    toolsets = {tool_id.partition(".")[0] for task in tasks for tool_id in task.relevant}
    relevant = sorted({tool_id for task in tasks for tool_id in task.relevant})
    seen_tools = sum(tool_signature(tools.tool(tool_id)) in trained.signatures for tool_id in relevant)
    seen_toolsets = len(toolsets & trained.toolsets)
    categories = {category_of.get(name, "") for name in toolsets}
    seen_categories = len(categories & trained.categories)
    repeated = sum(trained.guard.leak(task, tools) is not None for task in tasks)
    clean = not repeated
    if split in _UNSEEN:
        clean = clean and not seen_toolsets and not seen_tools
    if split is Split.UNSEEN_CATEGORY:
        clean = clean and not seen_categories
    return {
        "split": split.value,
        "tasks": len(tasks),
        "toolsets": len(toolsets),
        "toolsets_in_training": seen_toolsets,
        "categories": len(categories),
        "categories_in_training": seen_categories,
        "tools": len(relevant),
        "tools_in_training": seen_tools,
        "tasks_in_training": repeated,
        "training_tasks_known": trained.tasks,
        "clean": clean,
    }
