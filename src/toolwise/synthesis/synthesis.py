"""The embedded teacher: blueprints drawn, executed and worded, with every dropped draw counted."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass

from toolwise.ports import World
from toolwise.synthesis.config import SynthesisConfig
from toolwise.synthesis.drafts import Drafter, Draw
from toolwise.synthesis.negatives import Negatives
from toolwise.synthesis.plans import Pattern, Planner
from toolwise.synthesis.pool import Pool
from toolwise.types import Catalog, Funnel, RejectReason, Split, Task, Toolset
from toolwise.values import ValueGenerator

_SEEDS = 2**31


@dataclass(frozen=True, slots=True)
class Synthesis:
    """The tasks made from one pool, and what became of every draw."""

    tasks: tuple[Task, ...]
    funnel: Funnel


async def synthesise(
    pool: Catalog, world: World, config: SynthesisConfig, *, split: Split, count: int, seed: int
) -> Synthesis:
    """Up to `count` tasks from a pool of toolsets; relevant tools and distractors come from the pool alone.

    The toolsets take turns. Deterministic by all arguments. Fewer tasks come back where `config.attempts` draws per
    task were not enough. Draws for which the pool has no such shape (a chain in a toolset of one tool) are drawn
    again as single calls, and are no row of the funnel until then.
    """
    work = _Work(Pool(pool), world, config, split, seed)
    return await work.run(count)


class _Work:
    """One run over one pool."""

    def __init__(self, pool: Pool, world: World, config: SynthesisConfig, split: Split, seed: int) -> None:
        self._pool = pool
        self._config = config
        self._split = split
        self._origin = f"{config.seed}/{seed}/{split.value}"
        self._planner = Planner(pool, config)
        self._drafter = Drafter(pool, world, config, ValueGenerator(self._origin))
        self._negatives = Negatives(self._drafter)
        self._reasons: Counter[str] = Counter()
        self._tasks: dict[str, Task] = {}
        self._said: set[str] = set()

    async def run(self, count: int) -> Synthesis:
        toolsets = [toolset for toolset in self._pool.catalog.toolsets if toolset.tools]
        order = random.Random(f"{self._origin}/order")
        order.shuffle(toolsets)
        entered = 0
        for attempt in range(count * self._config.attempts if toolsets else 0):
            if len(self._tasks) >= count:
                break
            result = await self._attempt(toolsets[attempt % len(toolsets)], attempt)
            if result is not None:
                entered += 1
                self._count(result)
        rejected = sum(self._reasons.values())
        funnel = Funnel(entered=entered, accepted=len(self._tasks), rejected=rejected, reasons=dict(self._reasons))
        return Synthesis(tuple(self._tasks.values()), funnel)

    def _count(self, result: Task | RejectReason) -> None:
        if isinstance(result, RejectReason):
            self._reasons[result.value] += 1
        elif result.instruction in self._said:
            self._reasons[RejectReason.DUPLICATE.value] += 1
        else:
            self._said.add(result.instruction)
            self._tasks[result.key] = result

    async def _attempt(self, toolset: Toolset, attempt: int) -> Task | RejectReason | None:
        """One draw; none where the toolset has no tool from which a task can be made."""
        rng = random.Random(f"{self._origin}/{attempt}")
        draw = Draw(rng, rng.randrange(_SEEDS), self._split)
        if rng.random() < self._config.negatives:
            pattern = self._choose(rng, Pattern.NO_TOOL, Pattern.NO_FIT, Pattern.MISSING_VALUE)
            call = None if pattern is Pattern.NO_TOOL else self._planner.call(toolset, rng)
            if call is None and pattern is not Pattern.NO_TOOL:
                return None
            return self._negatives.task(pattern, call, draw)
        pattern = self._choose(rng, Pattern.SINGLE, Pattern.PARALLEL, Pattern.CHAIN, Pattern.MIXED)
        plan = self._planner.draw(toolset, pattern, rng) or self._planner.draw(toolset, Pattern.SINGLE, rng)
        return await self._drafter.task(plan, draw) if plan else None

    def _choose(self, rng: random.Random, *patterns: Pattern) -> Pattern:
        weights = [getattr(self._config, pattern.value) for pattern in patterns]
        return rng.choices(patterns, weights=weights)[0] if sum(weights) else patterns[0]
