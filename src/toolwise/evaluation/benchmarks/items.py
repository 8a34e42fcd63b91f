"""What every benchmark becomes: items with a task, its tools and a reference, and a score for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from toolwise.evaluation.calls.attempts import Attempted
from toolwise.types import Catalog, Json, Task, Tool, Toolset


@dataclass(frozen=True, slots=True)
class Item:
    """One task of somebody's benchmark."""

    id: str
    group: str
    """The benchmark's own category."""
    cluster: str
    """Items of one cluster share their tools, so their results resemble each other."""
    task: Task
    toolsets: tuple[Toolset, ...]
    """Every toolset of which a tool is on offer."""
    reference: Json
    """What is right, in the benchmark's own form."""

    @property
    def tools(self) -> tuple[Tool, ...]:
        known = {toolset.name: toolset.by_name for toolset in self.toolsets}
        pairs = (tool_id.split(".", 1) for tool_id in self.task.candidates)
        return tuple(known[toolset][name] for toolset, name in pairs)


@dataclass(frozen=True, slots=True)
class Score:
    """What one prediction is worth: every value in [0, 1]."""

    attempted: Attempted
    values: Mapping[str, float]
    counts: Mapping[str, int] = field(default_factory=dict)
    """For scores that are pooled over items (precision, recall): what is summed."""
    reason: str = ""
    detail: str = ""


Scorer = Callable[[Item, Json | None], Score]
"""Scores an item's output in the benchmark's own form; none where there is no prediction. Raises nothing."""


@dataclass(frozen=True, slots=True)
class Benchmark:
    """Somebody's benchmark: its items, how they are scored, and what could not be read."""

    name: str
    items: tuple[Item, ...]
    scorer: Scorer
    main: str
    """The score that the benchmark is known by."""
    pooled: Mapping[str, str] = field(default_factory=dict)
    """Score -> the prefix of its counts: `<prefix>_correct`, `<prefix>_predicted`, `<prefix>_gold`."""
    broken: Mapping[str, int] = field(default_factory=dict)
    """Why rows of the benchmark's own files were left out -> how many."""

    @property
    def catalog(self) -> Catalog:
        """All toolsets, once each; of two with one name the tools are united."""
        found: dict[str, Toolset] = {}
        for toolset in (toolset for item in self.items for toolset in item.toolsets):
            known = found.get(toolset.name)
            if known is None:
                found[toolset.name] = toolset
            elif known is not toolset:
                tools = {**known.by_name, **toolset.by_name}
                fields = {name: getattr(known, name) for name in Toolset.model_fields}  # no look-ups made before
                found[toolset.name] = Toolset(**{**fields, "tools": tuple(tools.values())})
        return Catalog(toolsets=tuple(found.values()))
