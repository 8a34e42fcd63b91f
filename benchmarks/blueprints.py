"""Blueprints executed and verified per second on one core, over real toolsets.

    python benchmarks/blueprints.py CATALOG [--shards 12] [--tasks 160]

Writing (drawing, executing and wording) and solving with verification are timed apart, and together.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import time
from pathlib import Path

from toolwise.catalog import open_catalog
from toolwise.search import BlueprintPolicy, SearchConfig, search
from toolwise.synthesis import SynthesisConfig, synthesise
from toolwise.types import Catalog, Split
from toolwise.verification import Verifier
from toolwise.worlds import SimulatedWorld

SHARD = 16


async def measure(pool: Catalog, tasks: int, seed: int) -> tuple[int, int, float, float]:
    """(drawn, accepted by verification, seconds of writing, seconds of solving and verifying)."""
    world = SimulatedWorld(pool)
    began = time.process_time()
    written = await synthesise(pool, world, SynthesisConfig(), split=Split.TRAIN, count=tasks, seed=seed)
    between = time.process_time()
    fresh = SimulatedWorld(pool)
    policy, verifier, config = BlueprintPolicy(), Verifier(fresh, pool), SearchConfig()
    accepted = 0
    for task in written.tasks:
        trajectory = await search(task, policy, fresh, pool, config)
        accepted += (await verifier.verify(task, trajectory)).accepted
    return written.funnel.entered, accepted, between - began, time.process_time() - between


def main() -> None:
    """Print the rates."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("catalog", type=Path)
    parser.add_argument("--shards", type=int, default=12)
    parser.add_argument("--tasks", type=int, default=160, help="tasks aimed for in each shard of 16 toolsets")
    arguments = parser.parse_args()
    catalog = open_catalog(arguments.catalog)
    names = [summary.name for summary in catalog.summaries if summary.tools]
    random.Random(0).shuffle(names)
    drawn = accepted = 0
    writing = checking = 0.0
    for shard in range(arguments.shards):
        chosen = names[shard * SHARD : (shard + 1) * SHARD]
        pool = Catalog(toolsets=tuple(catalog.toolset(name) for name in chosen))
        counts = asyncio.run(measure(pool, arguments.tasks, shard))
        drawn, accepted = drawn + counts[0], accepted + counts[1]
        writing, checking = writing + counts[2], checking + counts[3]
    print(f"drawn, executed and worded: {drawn} in {writing:.1f} CPU s = {drawn / writing:.0f}/s")
    print(f"solved and verified: {accepted} in {checking:.1f} CPU s = {accepted / checking:.0f}/s")
    print(f"end to end: {accepted / (writing + checking):.0f} accepted tasks/s on one core")


if __name__ == "__main__":
    main()
