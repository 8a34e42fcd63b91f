"""The data of one world: training solutions and meta-tasks, held-out questions, test sets, one tokenizer for all."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from toolwise.corpus import read_rows, write_rows
from toolwise.metatasks import (
    SIX,
    Goals,
    MetaTaskConfig,
    Solution,
    SolutionConfig,
    Tally,
    generate,
    joined,
    one_conversation,
    solutions,
)
from toolwise.pipelines.assemble import goal_subject, require_training
from toolwise.pipelines.mixing import Counted
from toolwise.pipelines.reproduce.settings import MetaTaskExperiment, WorldSizes
from toolwise.types import Json, MetaTaskExample, MetaTaskKind, SFTExample, Split, Tool

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

HELD_OUT, LARGER, RENAMED = "held-out", "larger", "renamed"
SETS = (HELD_OUT, LARGER, RENAMED)
_UNSEEN = range(1001, 1011)
"""The renamings of the test set, so that no one lucky name decides it; training uses 1, 2, …"""
_ANY = 40
"""Calls of the longest plans of all."""
_PER_INSTANCE = 20
"""Meta-tasks from one start: few, so that there are many starts."""
_SOLUTIONS, _METATASKS, _QUESTIONS = "solutions.jsonl", "metatasks.jsonl", "questions.jsonl"
_TOKENIZER = "tokenizer"


class ToolTable:
    """The tools of several variants of a world, by id."""

    def __init__(self, subjects: Sequence[tuple[Goals, Sequence[Tool]]]) -> None:
        self._tools = {tool.id: tool for _, tools in subjects for tool in tools}

    def tool(self, tool_id: str) -> Tool:
        return self._tools[tool_id]


T = TypeVar("T")


def _parts(items: list[T], size: int) -> Iterator[list[T]]:
    """So many at a time, and what is left."""
    for first in range(0, len(items), size):
        yield items[first : first + size]


@dataclass(frozen=True)
class WorldData:
    """What was prepared for one world."""

    folder: Path
    config: MetaTaskExperiment
    world: str

    @property
    def sizes(self) -> WorldSizes:
        """The sizes of its instances."""
        return self.config.worlds[self.world]

    @property
    def names(self) -> list[str]:
        """The training variants of the tools, the plain one first."""
        return [self.world, *(f"{self.world}_{i}" for i in range(1, self.config.renamings + 1))]

    def subjects(self) -> list[tuple[Goals, Sequence[Tool]]]:
        """The training variants with their tools."""
        return [goal_subject(name, self.sizes.trained, self.config.wording) for name in self.names]

    def prepare(self) -> Json:
        """Make everything and write it; the summary has counts."""
        require_training("the experiment")
        from toolwise.training.batching import count_tokens
        from toolwise.training.sft import corpus_tokenizer

        subjects = self.subjects()
        solved = asyncio.run(self._solutions(subjects))
        asked, held = asyncio.run(self._questions(subjects))
        table = ToolTable(subjects)
        conversations = [joined(part, table) for part in self._grouped(asked)]
        tokenizer = corpus_tokenizer([*solved, *conversations[::2]], self.config.vocabulary)
        tokenizer.save_pretrained(self.folder / _TOKENIZER)
        write_rows(self.folder / _SOLUTIONS, solved)
        write_rows(self.folder / _METATASKS, asked)
        write_rows(self.folder / _QUESTIONS, held)
        counts = {"solutions": count_tokens(solved, tokenizer), "metatasks": count_tokens(conversations, tokenizer)}
        return {
            "solutions": len(solved),
            "solution_tokens": sum(counts["solutions"]),
            "metatasks": len(asked),
            "metatask_tokens": sum(counts["metatasks"]),
            "questions": len(held),
            "vocabulary": len(tokenizer),
        }

    def _shares(self, total: int, parts: int) -> list[int]:
        """The plain tools' share, the rest evenly."""
        if parts == 1:
            return [total]
        plain = round(total * self.config.plain)
        return [plain, *([(total - plain) // (parts - 1)] * (parts - 1))]

    async def _solutions(self, subjects: Sequence[tuple[Goals, Sequence[Tool]]]) -> list[SFTExample]:
        found: list[SFTExample] = []
        for place, count in enumerate(self._shares(self.config.solutions, len(subjects))):
            subject, tools = subjects[place]
            made = self._solution_config(f"{place}", self.sizes.longest)
            solved = [s.example async for s in solutions(subject, tools, count, made, (Split.TRAIN,))]
            found += [one_conversation(part) for part in _parts(solved, self.sizes.together)]
        return found

    def _solution_config(self, what: str, longest: int) -> SolutionConfig:
        seed = random.Random(f"{self.config.data_seed}:{self.world}:{what}").randrange(1 << 30)
        return SolutionConfig(seed=seed, calls_per_turn=self.config.calls_per_turn, longest=longest)

    async def _questions(
        self, subjects: Sequence[tuple[Goals, Sequence[Tool]]]
    ) -> tuple[list[MetaTaskExample], list[MetaTaskExample]]:
        """Training examples, and held-out ones in the plain tools, evenly over the kinds."""
        asked: list[MetaTaskExample] = []
        held: list[MetaTaskExample] = []
        room = dict.fromkeys(SIX, -(-self.config.questions // len(SIX)))
        for place, count in enumerate(self._shares(self.config.metatasks, len(subjects))):
            seed = random.Random(f"{self.config.data_seed}:{self.world}:meta:{place}").randrange(1 << 30)
            async for example in generate(
                subjects[place][0], count, MetaTaskConfig(seed=seed, per_instance=_PER_INSTANCE), Tally()
            ):
                if example.split is Split.TRAIN:
                    asked.append(example)
                elif place == 0 and example.split is Split.SEEN_TOOLSET and room[example.kind]:
                    room[example.kind] -= 1
                    held.append(example)
        return asked, held

    def tests(self) -> Mapping[str, list[tuple[Goals, list[Solution]]]]:
        """The test sets: their subjects and tasks; none of their starts' objects occur in training."""
        sizes = self.sizes
        renamed = [f"{self.world}_{number}" for number in _UNSEEN]
        sets = {HELD_OUT: ([self.world], sizes.trained), LARGER: ([self.world], sizes.larger)}
        sets[RENAMED] = (renamed, sizes.trained)

        async def draw(name: str, place: int, count: int, subject: Goals, tools: Sequence[Tool]) -> list[Solution]:
            longest = _ANY if name == LARGER else sizes.longest
            made = self._solution_config(f"{name}:{place}:test", longest)
            return [s async for s in solutions(subject, tools, count, made, (Split.SEEN_TOOLSET,))]

        drawn: dict[str, list[tuple[Goals, list[Solution]]]] = {}
        for name, (variants, size) in sets.items():
            drawn[name] = []
            for place, variant in enumerate(variants):
                subject, tools = goal_subject(variant, size, self.config.wording)
                count = -(-self.config.tested // len(variants))
                drawn[name].append((subject, asyncio.run(draw(name, place, count, subject, tools))))
        return drawn

    def tokenizer(self) -> PreTrainedTokenizerFast:
        """The one tokenizer of the world's models."""
        from transformers import PreTrainedTokenizerFast

        loaded: PreTrainedTokenizerFast = PreTrainedTokenizerFast.from_pretrained(self.folder / _TOKENIZER)
        return loaded

    def pools(self, left_out: MetaTaskKind | None) -> tuple[list[Counted], list[Counted]]:
        """Training solutions and meta-tasks with their tokens; one meta-task may be left out."""
        from toolwise.training.batching import count_tokens

        table, tokenizer = ToolTable(self.subjects()), self.tokenizer()
        solved = list(read_rows(self.folder / _SOLUTIONS, SFTExample))
        kept = [one for one in read_rows(self.folder / _METATASKS, MetaTaskExample) if one.kind is not left_out]
        asked = [joined(part, table) for part in self._grouped(kept)]
        return tuple(  # type: ignore[return-value]
            [Counted(example, tokens) for example, tokens in zip(part, count_tokens(part, tokenizer), strict=True)]
            for part in (solved, asked)
        )

    def _grouped(self, asked: Sequence[MetaTaskExample]) -> Iterator[list[MetaTaskExample]]:
        """Questions about the same tools, `together` at a time."""
        by_tools: dict[tuple[str, ...], list[MetaTaskExample]] = {}
        for example in asked:
            by_tools.setdefault(tuple(example.tools), []).append(example)
        for group in by_tools.values():
            random.Random(f"together:{group[0].key}").shuffle(group)
            yield from _parts(group, self.sizes.together)

    def questions(self) -> list[MetaTaskExample]:
        """The held-out questions."""
        return list(read_rows(self.folder / _QUESTIONS, MetaTaskExample))
