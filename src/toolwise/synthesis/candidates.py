"""Candidates: the relevant tools among distractors that cannot do the same."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from toolwise.synthesis.pool import Pool
from toolwise.synthesis.wording.phrases import Phrase
from toolwise.synthesis.wording.verbs import canonical_verb
from toolwise.types import Tool, Toolset

_NEAR = 16
"""Lexically near tools considered."""
_SAME_TOOLSET = 60
"""Tools of the same toolset considered."""


@dataclass(frozen=True, slots=True)
class Need:
    """What an instruction asks of one tool."""

    tool: Tool
    phrase: Phrase
    given: frozenset[str]
    """Top-level parameters that are stated or referred to."""


def is_twin(other: Tool, need: Need, pool: Pool) -> bool:
    """Could `other` do what is asked of `need.tool`, as far as a reader of both can tell?

    Yes if it is the same tool in another version of the API; or if its shown description and name hold every
    meaning-bearing word of the request, and it accepts exactly the parameters that are given.
    """
    if other.id == need.tool.id:
        return True
    if other.name == need.tool.name and _family(other, pool) == _family(need.tool, pool):
        return True
    if not set(other.required) <= need.given or not need.given <= set(other.properties):
        return False
    return need.phrase.words <= pool.words(other)


def _family(tool: Tool, pool: Pool) -> str:
    toolset = pool.catalog.toolset(tool.toolset)
    return toolset.family or toolset.name


def choose_candidates(needs: Sequence[Need], count: int, pool: Pool, rng: random.Random) -> tuple[str, ...] | None:
    """The relevant tools and distractors, shuffled; none if two relevant tools are twins, or the pool is too small.

    About half of the distractors come from the relevant toolsets, those of the same resource first; the others are
    lexically near. At least two distractors are on offer, however many tools are relevant.
    """
    relevant = list(dict.fromkeys(need.tool.id for need in needs))
    for need in needs:
        others = [other for other in needs if other.tool.id != need.tool.id]
        if any(is_twin(other.tool, need, pool) for other in others):
            return None
    wanted = max(count - len(relevant), 2)
    chosen: dict[str, Tool] = {}
    for tool in _drawn(needs, pool, rng, wanted):
        if len(chosen) == wanted:
            break
        if tool.id in chosen or tool.id in relevant or any(is_twin(tool, need, pool) for need in needs):
            continue
        if any(_same_offer(tool, other, pool) for other in chosen.values()):
            continue
        chosen[tool.id] = tool
    if len(chosen) < wanted:
        return None
    ids = [*relevant, *chosen]
    rng.shuffle(ids)
    return tuple(ids)


def _same_offer(tool: Tool, other: Tool, pool: Pool) -> bool:
    """Would the two look alike to a reader? One of them is enough."""
    if tool.name == other.name and _family(tool, pool) == _family(other, pool):
        return True
    return pool.words(tool) == pool.words(other) and set(tool.properties) == set(other.properties)


def _drawn(needs: Sequence[Need], pool: Pool, rng: random.Random, wanted: int) -> Iterable[Tool]:
    """Distractors to try, in order: half siblings and half near tools, then anything."""
    need = rng.choice(needs)
    siblings = _siblings(need, pool, rng)
    words = need.phrase.words | pool.words(need.tool)
    near = [tool for tool in pool.near(words, _NEAR) if tool.id != need.tool.id]
    rng.shuffle(near)
    for _ in range(2 * wanted):
        first, second = (siblings, near) if rng.random() < 0.5 else (near, siblings)
        if first or second:
            yield (first or second).pop()
    yield from siblings[::-1]
    yield from near
    for _ in range(20 * wanted):
        yield rng.choice(pool.tools)


def _siblings(need: Need, pool: Pool, rng: random.Random) -> list[Tool]:
    """Tools of the same toolset, worst first: those of the same resource come last, to be popped first."""
    toolset: Toolset = pool.catalog.toolset(need.tool.toolset)
    tools = [tool for tool in toolset.tools if tool.id != need.tool.id]
    tools = rng.sample(tools, min(len(tools), _SAME_TOOLSET))
    mine = pool.operation(need.tool)
    if mine is not None:
        operations = pool.operations(toolset.name)
        tools.sort(
            key=lambda tool: (found := operations.get(tool.name)) is not None and found.resource == mine.resource
        )
    return tools


def unrelated_candidates(need: Need, count: int, pool: Pool, rng: random.Random) -> tuple[str, ...] | None:
    """Candidates none of which has anything to do with the request; none if the pool has too few such."""
    nouns = need.phrase.words - {canonical_verb(need.phrase.verb)}
    if not nouns:
        return None
    mine = pool.operation(need.tool)
    chosen: dict[str, Tool] = {}
    for _ in range(30 * count):
        tool = rng.choice(pool.tools)
        theirs = pool.operation(tool) if tool.toolset == need.tool.toolset else None
        same = mine is not None and theirs is not None and mine.resource == theirs.resource
        if same or nouns & pool.words(tool) or tool.id in chosen or tool.id == need.tool.id:
            continue
        if is_twin(tool, need, pool) or any(_same_offer(tool, other, pool) for other in chosen.values()):
            continue
        chosen[tool.id] = tool
        if len(chosen) == count:
            return tuple(chosen)
    return None
