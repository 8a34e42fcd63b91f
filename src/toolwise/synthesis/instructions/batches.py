"""ToolBench's sampling: which tools one model call writes instructions for (ToolLLM, section 2.2)."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from toolwise.synthesis.instructions.config import PER_CALL, TOOLS_EACH, TOOLSETS, InstructionsConfig
from toolwise.types import Split, TaskKind, content_key


class Sampled(Protocol):
    """What the sampling looks at of a toolset: an entry of a catalog's index has it."""

    @property
    def name(self) -> str: ...
    @property
    def category(self) -> str: ...
    @property
    def collections(self) -> tuple[str, ...]: ...
    @property
    def family(self) -> str: ...
    @property
    def tools(self) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True)
class Batch:
    """One model call: these tools, so many instructions."""

    kind: TaskKind
    group: str
    """The toolset, category or collection."""
    tools: tuple[str, ...]
    """Tool ids in the order shown; each of its tasks has them all as candidates."""
    wanted: int
    split: Split
    seed: int

    @property
    def key(self) -> str:
        return content_key("instructions", self.kind.value, self.group, list(self.tools), self.wanted, self.seed)


def plan_batches(toolsets: Iterable[Sampled], split_of: Mapping[str, Split], config: InstructionsConfig) -> list[Batch]:
    """All calls of a run, in order; deterministic, and no call mixes parts of the split.

    Single: each toolset in turn. Category and collection: for each group of at least two families, as many calls as
    its toolsets would get alone, each over 2 to 5 of them (never two versions of one API) with at most 3 tools each.
    """
    listed = [toolset for toolset in toolsets if toolset.tools]
    batches: list[Batch] = []
    for kind in config.kinds:
        if kind is TaskKind.SINGLE:
            for toolset in listed:
                batches.extend(_single(toolset, split_of[toolset.name], config))
            continue
        for (group, split), members in _groups(listed, split_of, kind).items():
            batches.extend(_grouped(kind, group, members, split, config))
    return batches


def _portions(total: int) -> Iterator[int]:
    while total > 0:
        yield min(PER_CALL, total)
        total -= PER_CALL


def _seed(config: InstructionsConfig, *parts: str | int) -> int:
    return int(content_key("batch", config.seed, *parts)[:8], 16)


def _single(toolset: Sampled, split: Split, config: InstructionsConfig) -> Iterator[Batch]:
    for index, wanted in enumerate(_portions(config.per_toolset)):
        seed = _seed(config, TaskKind.SINGLE.value, toolset.name, index)
        rng = random.Random(seed)
        names = rng.sample(toolset.tools, min(len(toolset.tools), config.most_tools))
        tools = tuple(f"{toolset.name}.{name}" for name in names)
        yield Batch(TaskKind.SINGLE, toolset.name, tools, wanted, split, seed)


def _groups(
    toolsets: Sequence[Sampled], split_of: Mapping[str, Split], kind: TaskKind
) -> dict[tuple[str, Split], list[Sampled]]:
    groups: dict[tuple[str, Split], list[Sampled]] = {}
    for toolset in toolsets:
        names = (toolset.category,) if kind is TaskKind.CATEGORY else toolset.collections
        for name in dict.fromkeys(names):
            if name:
                groups.setdefault((name, split_of[toolset.name]), []).append(toolset)
    return {key: groups[key] for key in sorted(groups)}


def _grouped(
    kind: TaskKind, group: str, members: Sequence[Sampled], split: Split, config: InstructionsConfig
) -> Iterator[Batch]:
    families: dict[str, list[Sampled]] = {}
    for toolset in members:
        families.setdefault(toolset.family or toolset.name, []).append(toolset)
    fewest, most = TOOLSETS
    if len(families) < fewest:
        return
    for index, wanted in enumerate(_portions(config.per_toolset * len(members))):
        seed = _seed(config, kind.value, group, split.value, index)
        rng = random.Random(seed)
        count = rng.randint(fewest, min(most, len(families)))
        tools: list[str] = []
        for family in rng.sample(sorted(families), count):
            toolset = rng.choice(families[family])
            names = rng.sample(toolset.tools, rng.randint(1, min(TOOLS_EACH, len(toolset.tools))))
            tools.extend(f"{toolset.name}.{name}" for name in names)
        yield Batch(kind, group, tuple(tools), wanted, split, seed)
