"""The data of one world: training solutions and meta-tasks, held-out questions, test sets, one tokenizer for all."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from toolwise.corpus import read_rows, write_rows
from toolwise.files import read_json, write_json
from toolwise.metatasks import (
    SIX,
    Goals,
    MetaTaskConfig,
    Solution,
    SolutionConfig,
    Tally,
    generate,
    metatask_conversation,
    solutions,
)
from toolwise.models.chat import render
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
_PER_INSTANCE = 20
"""Meta-tasks from one start: few, so that there are many starts."""
_SOLUTIONS, _METATASKS, _QUESTIONS = "solutions.jsonl", "metatasks.jsonl", "questions.jsonl"
_TOKENIZER, _COUNTS = "tokenizer", "tokens.json"


class ToolTable:
    """The tools of several variants of a world, by id."""

    def __init__(self, subjects: Sequence[tuple[Goals, Sequence[Tool]]]) -> None:
        self._tools = {tool.id: tool for _, tools in subjects for tool in tools}

    def tool(self, tool_id: str) -> Tool:
        return self._tools[tool_id]


def _text(example: SFTExample) -> str:
    """A conversation as it is read."""
    from toolwise.training.batching import in_schema_order

    return "".join(segment.text for segment in render(in_schema_order(example), example.tools))


TestSets = dict[str, list[tuple[Goals, list[Solution]]]]
"""Name -> subjects with their tasks."""


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
        from toolwise.models.tokenizer import train_tokenizer
        from toolwise.training.batching import count_tokens

        subjects = self.subjects()
        solved = asyncio.run(self._solutions(subjects))
        asked, held = asyncio.run(self._questions(subjects))
        table = ToolTable(subjects)
        conversations = [metatask_conversation(example, table) for example in asked]
        read = [*solved, *conversations[: 4 * len(solved)], *conversations[-4 * len(solved) :]]
        tokenizer = train_tokenizer(map(_text, read), self.config.vocabulary)
        tokenizer.save_pretrained(self.folder / _TOKENIZER)
        counts = {"solutions": count_tokens(solved, tokenizer), "metatasks": count_tokens(conversations, tokenizer)}
        write_rows(self.folder / _SOLUTIONS, solved)
        write_rows(self.folder / _METATASKS, conversations)
        write_rows(self.folder / _QUESTIONS, held)
        write_json(self.folder / _COUNTS, {**counts, "kinds": [example.kind.value for example in asked]})
        return {
            "solutions": len(solved),
            "solution_tokens": sum(counts["solutions"]),
            "metatasks": len(asked),
            "metatask_tokens": sum(counts["metatasks"]),
            "questions": len(held),
            "vocabulary": len(tokenizer),
        }

    def _shares(self, total: int, parts: int) -> list[int]:
        """The plain tools' share, the rest as evenly as whole examples allow."""
        if parts == 1:
            return [total]
        plain = round(total * self.config.plain)
        each, over = divmod(total - plain, parts - 1)
        return [plain, *(each + (place < over) for place in range(parts - 1))]

    async def _solutions(self, subjects: Sequence[tuple[Goals, Sequence[Tool]]]) -> list[SFTExample]:
        found: list[SFTExample] = []
        for place, count in enumerate(self._shares(self.config.solutions, len(subjects))):
            subject, tools = subjects[place]
            made = self._solution_config(f"{place}", self.sizes.longest)
            found += [s.example async for s in solutions(subject, tools, count, made, (Split.TRAIN,))]
        return found

    def _solution_config(self, what: str, longest: int) -> SolutionConfig:
        seed = random.Random(f"{self.config.data_seed}:{self.world}:{what}").randrange(1 << 30)
        return SolutionConfig(
            seed=seed,
            calls_per_turn=self.config.calls_per_turn,
            longest=longest,
            closing=False,
        )

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

    def tests(self) -> TestSets:
        """The test sets: their subjects and tasks; none of their starts' objects occur in training."""
        return _drawn(self.folder, self.world, self.config.model_dump_json())

    def draw_tests(self) -> TestSets:
        """The same, drawn anew."""
        sizes = self.sizes
        renamed = [f"{self.world}_{number}" for number in _UNSEEN]
        sets = {HELD_OUT: ([self.world], sizes.trained), LARGER: ([self.world], sizes.larger)}
        sets[RENAMED] = (renamed, sizes.trained)

        async def draw(name: str, place: int, count: int, subject: Goals, tools: Sequence[Tool]) -> list[Solution]:
            longest = sizes.longest_larger if name == LARGER else sizes.longest
            made = self._solution_config(f"{name}:{place}:test", longest)
            return [s async for s in solutions(subject, tools, count, made, (Split.SEEN_TOOLSET,))]

        drawn: TestSets = {}
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
        counts = read_json(self.folder / _COUNTS)
        solved = read_rows(self.folder / _SOLUTIONS, SFTExample)
        asked = zip(read_rows(self.folder / _METATASKS, SFTExample), counts["metatasks"], counts["kinds"], strict=True)
        return (
            [Counted(example, tokens) for example, tokens in zip(solved, counts["solutions"], strict=True)],
            [Counted(example, tokens) for example, tokens, kind in asked if left_out is None or kind != left_out.value],
        )

    def questions(self) -> list[MetaTaskExample]:
        """The held-out questions."""
        return list(read_rows(self.folder / _QUESTIONS, MetaTaskExample))


@lru_cache(maxsize=4)
def _drawn(folder: Path, world: str, settings: str) -> TestSets:
    """A process scores many models on the same tasks, and optimal plans take a while."""
    return WorldData(folder, MetaTaskExperiment.model_validate_json(settings), world).draw_tests()
