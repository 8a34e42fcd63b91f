"""A served catalog used as a real service: what comes back through HTTP is what the world answers directly."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any

from serving_catalog import DEPOT, running

from toolwise.types import Catalog, HttpBinding, Task, ToolCall, WorldSpec
from toolwise.values import ValueGenerator
from toolwise.worlds import SimulatedWorld
from toolwise.worlds.http import HttpWorld, HttpWorldConfig

CATALOG = Catalog(toolsets=(DEPOT,))
TASK = Task(instruction="", candidates=(), relevant=(), world=WorldSpec(seed=5))
UNROUTED = "depot.get_crate_again"  # another tool has its method and path


def calls() -> list[ToolCall]:
    """Every tool, with all its parameters and with the required ones, and once with what it does not take."""
    values = ValueGenerator(0)
    made = []
    for tool in DEPOT.tools:
        if tool.id == UNROUTED or not isinstance(tool.binding, HttpBinding):
            continue
        for names in (tool.required, tuple(tool.properties)):
            made.append(ToolCall(name=tool.id, arguments=values.arguments(tool, random.Random(tool.id), names)))
    return made


def test_calls_through_http_answer_as_the_world_does(one: Path) -> None:
    async def use(address: str) -> list[tuple[ToolCall, Any, Any]]:
        world = HttpWorld(
            CATALOG,
            HttpWorldConfig(servers={"depot": address}, hosts=("127.0.0.1",), consent=True, calls_per_second=1000),
        )
        session, direct = world.open(TASK), SimulatedWorld(CATALOG).open(TASK)
        return [(call, await session.call(call), await direct.call(call)) for call in calls()]

    with running(one, "--as", "http", "--seed", 5) as about:
        compared = asyncio.run(use(about["address"]))
    assert len(compared) >= 20
    for call, through_http, directly in compared:
        assert through_http.body == directly.body, call
        assert through_http.status == directly.status, call
