"""Baselines that every result is shown beside: an agent that does nothing, and one that matches words and copies."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import islice

from toolwise.answers import DECLINED, scalars
from toolwise.evaluation.copying import Copier, singular
from toolwise.ports import Step, Turn
from toolwise.text import identifier_words
from toolwise.types import Message, Role, Tool, ToolCall, read_content

_FACTS = 8
"""So many scalars of the last observation are repeated as the answer."""
_K1, _B = 1.2, 0.75
_PLAIN = frozenset(
    "a an and are as at be by for from i in is it me my of on or please that the this to with you".split()
)


class NullPolicy:
    """Answers with the empty string at once. What it scores is what a benchmark gives away for nothing."""

    name = "null"

    async def act(self, turn: Turn) -> Step:
        return Step(Message(role=Role.ASSISTANT, content=""))


def _words(text: str) -> list[str]:
    return [singular(word) for word in identifier_words(text) if word not in _PLAIN]


def _tool_words(tool: Tool) -> list[str]:
    parameters = (
        f"{name} {schema.get('description') or ''}" if isinstance(schema, dict) else name
        for name, schema in tool.properties.items()
    )
    return _words(" ".join((tool.name, tool.description, *parameters)))


def nearest_tools(instruction: str, tools: Sequence[Tool]) -> list[tuple[float, Tool]]:
    """The candidates by BM25 of the instruction over their documents, best first, ties in the order shown.

    Document frequencies are those of the candidates alone; the idf is Lucene's, which is never negative.
    """
    documents = [Counter(_tool_words(tool)) for tool in tools]
    average = sum(document.total() for document in documents) / max(1, len(documents)) or 1.0
    query = dict.fromkeys(_words(instruction))
    frequency: Mapping[str, int] = {word: sum(word in document for document in documents) for word in query}

    def score(document: Counter[str]) -> float:
        length = _K1 * (1 - _B + _B * document.total() / average)
        return sum(
            math.log(1 + (len(documents) - frequency[word] + 0.5) / (frequency[word] + 0.5))
            * document[word]
            / (document[word] + length)
            for word in query
            if word in document
        )

    scored = [(score(document), tool) for document, tool in zip(documents, tools, strict=True)]
    return sorted(scored, key=lambda pair: -pair[0])


class NearestToolPolicy:
    """Calls the lexically nearest candidate with what looks like its values, then repeats what came back.

    It has no model and no training: what it scores is what word overlap alone can do. As a further child of a node it
    takes the next nearest tool. Where no word of the instruction is in any candidate, it declines.
    """

    name = "nearest_tool"

    async def act(self, turn: Turn) -> Step:
        last = turn.path[-1]
        if last.role is Role.TOOL:
            _, body = read_content(last.content)
            return _say(", ".join(islice(scalars(body), _FACTS)) or "Done.")
        ranked = [tool for score, tool in nearest_tools(turn.task.instruction, turn.tools) if score > 0]
        if not ranked:
            return _say(f"I cannot do this: {DECLINED} fits.")
        tool = ranked[len(turn.siblings) % len(ranked)]
        call = ToolCall(
            id=f"call_{len(turn.path)}", name=tool.id, arguments=Copier(turn.task.instruction).arguments(tool)
        )
        return Step(Message(role=Role.ASSISTANT, tool_calls=(call,)))


class RandomToolPolicy:
    """Calls candidates drawn by the turn's seed, with what looks like their values, then repeats what came back."""

    name = "random"

    async def act(self, turn: Turn) -> Step:
        last = turn.path[-1]
        if last.role is Role.TOOL or not turn.tools:
            _, body = read_content(last.content)
            return _say(", ".join(islice(scalars(body), _FACTS)) or "Done.")
        tool = random.Random(f"{turn.task.key}:{turn.seed}").choice(turn.tools)
        call = ToolCall(
            id=f"call_{len(turn.path)}", name=tool.id, arguments=Copier(turn.task.instruction).arguments(tool)
        )
        return Step(Message(role=Role.ASSISTANT, tool_calls=(call,)))


def _say(text: str) -> Step:
    return Step(Message(role=Role.ASSISTANT, content=text))
