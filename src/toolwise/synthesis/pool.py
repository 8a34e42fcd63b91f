"""Everything the teacher looks up while it works on one pool of toolsets; built once, most of it on demand."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Sequence

from toolwise.resources import Operation, recognise
from toolwise.synthesis.graph import ToolGraph, response_fields
from toolwise.synthesis.specs import ToolSpec, describe_tool
from toolwise.synthesis.wording.phrases import meaning_words
from toolwise.text import first_sentence
from toolwise.types import Catalog, Tool, Toolset

MAX_POSTINGS = 400
"""A word that more tools than this have says too little to find near ones by."""
_MAX_PROMISED = 120


class Pool:
    """A small catalog with its specs, operations, graphs and a word index. Nothing outside it is ever used."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.tools: tuple[Tool, ...] = tuple(catalog.tools())
        self._specs: dict[str, ToolSpec | None] = {}
        self._operations: dict[str, dict[str, Operation]] = {}
        self._graphs: dict[tuple[str, ...], ToolGraph] = {}
        self._groups: dict[str, list[list[Tool]]] = {}
        self._promised: dict[str, frozenset[str]] = {}
        self._words: dict[str, frozenset[str]] = {}
        self._postings: dict[str, list[int]] | None = None

    def spec(self, tool: Tool) -> ToolSpec | None:
        """The tool's spec; none if no task can be made from it."""
        if tool.id not in self._specs:
            self._specs[tool.id] = describe_tool(tool)
        return self._specs[tool.id]

    def operations(self, toolset: str) -> dict[str, Operation]:
        """Tool name -> operation, for one toolset."""
        found = self._operations.get(toolset)
        if found is None:
            found = self._operations[toolset] = recognise(self.catalog.toolset(toolset))
        return found

    def operation(self, tool: Tool) -> Operation | None:
        """What a tool does to which resource, if that is known."""
        return self.operations(tool.toolset).get(tool.name)

    def graph(self, names: Sequence[str]) -> ToolGraph:
        """The tool graph over these toolsets."""
        key = tuple(names)
        if key not in self._graphs:
            toolsets = [self.catalog.toolset(name) for name in key]
            self._graphs[key] = ToolGraph(toolsets, {name: self.operations(name) for name in key})
        return self._graphs[key]

    def groups(self, toolset: Toolset) -> list[list[Tool]]:
        """A toolset's tools, those with one description and the same required parameters together.

        Sampling a group first keeps the many copies of one method (`operations.get`) from filling the corpus.
        """
        if toolset.name not in self._groups:
            groups: dict[tuple[str, tuple[str, ...]], list[Tool]] = {}
            for tool in toolset.tools:
                key = (first_sentence(tool.description) or tool.name, tuple(sorted(tool.required)))
                groups.setdefault(key, []).append(tool)
            self._groups[toolset.name] = list(groups.values())
        return self._groups[toolset.name]

    def promised(self, tool: Tool) -> frozenset[str]:
        """The names of the fields that a tool's response schema promises, on all levels."""
        found = self._promised.get(tool.id)
        if found is None:
            fields = response_fields(tool, limit=_MAX_PROMISED)
            names = (part for field in fields for part in field.path if isinstance(part, str))
            found = self._promised[tool.id] = frozenset(names)
        return found

    def words(self, tool: Tool) -> frozenset[str]:
        """The meaning-bearing words of what a model is shown of a tool, parameters aside."""
        found = self._words.get(tool.id)
        if found is None:
            text = f"{first_sentence(tool.description)} {tool.name.rsplit('.', 1)[-1]}"
            found = self._words[tool.id] = meaning_words(text)
        return found

    def near(self, words: Iterable[str], limit: int) -> list[Tool]:
        """The tools that share the rarest words with `words`, best first; ties in catalog order."""
        if self._postings is None:
            self._postings = {}
            for index, tool in enumerate(self.tools):
                for word in sorted(self.words(tool)):
                    self._postings.setdefault(word, []).append(index)
        scores: dict[int, float] = {}
        for word in sorted(words):
            postings = self._postings.get(word, [])
            if 0 < len(postings) <= max(MAX_POSTINGS, len(self.tools) // 4):
                weight = math.log(1 + len(self.tools) / len(postings))
                for index in postings[:MAX_POSTINGS]:
                    scores[index] = scores.get(index, 0.0) + weight
        best = heapq.nsmallest(limit, scores.items(), key=lambda item: (-item[1], item[0]))
        return [self.tools[index] for index, _ in best]
