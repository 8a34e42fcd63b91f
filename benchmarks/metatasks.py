"""Checked meta-task examples a second over the three exact worlds, on one core; every answer executed a second time.

    taskset -c 3 python benchmarks/metatasks.py [--n 10000] [--steps 2] [--renamed]

"Checked" means generated, executed again in a fresh session and encoded; "re-executed" is the separate verification
of all of them afterwards. CPU seconds and wall seconds are both shown: on a busy machine they differ.
"""

from __future__ import annotations

import argparse
import asyncio
import time

from toolwise.metatasks import MetaTaskConfig, Tally, check_example, generate
from toolwise.pipelines.metatasks import example_line
from toolwise.types import MetaTaskExample
from toolwise.worlds.planning import DOMAINS, PlanningSubject


async def write(subject: PlanningSubject, count: int, config: MetaTaskConfig) -> tuple[list[MetaTaskExample], Tally]:
    """The examples, each encoded as it would be written."""
    tally = Tally()
    examples = []
    async for example in generate(subject, count, config, tally):
        example_line(example)
        examples.append(example)
    return examples, tally


async def wrong(subject: PlanningSubject, examples: list[MetaTaskExample]) -> int:
    """How many answers a fresh world does not confirm."""
    return sum([bool(await check_example(subject, example)) for example in examples])


def main() -> None:
    """Print the rates."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=10_000, help="examples of each world")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--renamed", action="store_true", help="tools under made-up names")
    arguments = parser.parse_args()
    total, cpu, wall = 0, 0.0, 0.0
    for domain in DOMAINS:
        name = f"{domain}_7" if arguments.renamed else domain
        config = MetaTaskConfig(seed=arguments.seed, steps=arguments.steps)
        began, clock = time.process_time(), time.perf_counter()
        examples, tally = asyncio.run(write(PlanningSubject(name), arguments.n, config))
        spent, passed = time.process_time() - began, time.perf_counter() - clock
        again = time.process_time()
        errors = asyncio.run(wrong(PlanningSubject(name), examples))
        checking = time.process_time() - again
        total, cpu, wall = total + len(examples), cpu + spent, wall + passed
        balance = ", ".join(f"{kind} {share:.1%} yes" for kind, share in tally.balance().items())
        print(
            f"{name}: {len(examples)} in {spent:.2f} CPU s ({passed:.2f} s wall) = {len(examples) / spent:.0f}/s; "
            f"re-executed {len(examples) / checking:.0f}/s, {errors} wrong; {balance}"
        )
    print(f"all: {total} in {cpu:.2f} CPU s ({wall:.2f} s wall) = {total / cpu:.0f}/s CPU, {total / wall:.0f}/s wall")


if __name__ == "__main__":
    main()
