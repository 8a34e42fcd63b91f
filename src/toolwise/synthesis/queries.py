"""Requests for single tools, with none or few values, for training retrievers."""

from __future__ import annotations

import random

from toolwise.synthesis.specs import described_label, writable
from toolwise.synthesis.wording.instruction import ClauseParts, write_instruction
from toolwise.synthesis.wording.phrases import Phrase, named_phrase, task_phrase
from toolwise.synthesis.wording.rules import names_tool
from toolwise.synthesis.wording.services import service_name
from toolwise.text import phrase
from toolwise.types import Tool, Toolset

_TRIES = 4
_BY_NAME = 0.25
"""How often a tool is asked for in the words of its name instead of its description's."""


def tool_queries(tool: Tool, toolset: Toolset, rng: random.Random, n: int) -> list[str]:
    """Up to `n` different requests for a tool, from a few key words to a full sentence.

    None holds the tool's name (see `wording.rules.names_tool`). Fewer come back where the documentation gives no
    more; none where it has no request at all.
    """
    request = task_phrase(tool)
    if request is None:
        return []
    named = named_phrase(tool.name) or request
    queries: list[str] = []
    for _ in range(n * _TRIES):
        if len(queries) == n:
            break
        query = _query(tool, toolset, named if rng.random() < _BY_NAME else request, rng)
        if query not in queries and not names_tool(query, [tool]):
            queries.append(query)
    return queries


def _query(tool: Tool, toolset: Toolset, request: Phrase, rng: random.Random) -> str:
    service = service_name(toolset, request) if rng.random() < 0.5 else ""
    style = rng.random()
    if style < 0.2:
        return " ".join(part for part in (service, request.text()) if part)
    if style < 0.35:
        return " ".join(part for part in (request.text(), service or toolset.category) if part)
    text = write_instruction([ClauseParts(request, (), service=service)], (), rng)
    if style < 0.65:
        return text
    labels = _labels(tool, rng)
    if not labels:
        return text
    listed = labels[0] if len(labels) == 1 else f"{', '.join(labels[:-1])} and {labels[-1]}"
    return text + rng.choice((f" I have the {listed}.", f" I know the {listed}.", f" It should go by {listed}."))


def _labels(tool: Tool, rng: random.Random) -> list[str]:
    """One to three of the tool's parameters in words, required ones first."""
    named = [name for name in tool.properties if name in tool.required or writable(name, tool.properties[name])]
    names = [name for name in named if name in tool.required] or named[:3]
    labels: list[str] = []
    for name in rng.sample(names, min(len(names), rng.randint(1, 3))):
        described = described_label(str(tool.properties[name].get("description") or ""), name)
        label = described if described and rng.random() < 0.4 else phrase(name)
        if label and label not in labels:
            labels.append(label)
    return labels
