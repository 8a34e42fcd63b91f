"""The verb `ask`: retrieve tools, search with a model, answer (ToolLLM's open-domain use, section 3.3)."""

from __future__ import annotations

import asyncio
from pathlib import Path

from toolwise.catalog import open_catalog
from toolwise.pipelines.assemble import model_policy, opened_world
from toolwise.pipelines.retrieve import find_tools
from toolwise.pipelines.settings import parse_strategy
from toolwise.pipelines.worlds import WorldConfig
from toolwise.ports import Observer, silent
from toolwise.search import SearchConfig, search
from toolwise.types import Json, Node, Task, Trajectory, canonical_json


def answer(  # noqa: PLR0913 - a verb takes what its command takes
    instruction: str,
    catalog: Path,
    model: Path,
    *,
    k: int = 4,
    retriever: str = "auto",
    strategy: str = "dfsdt",
    world: WorldConfig | None = None,
    observer: Observer = silent,
) -> Json:
    """The answer with the whole search tree. Raises ConfigError, CatalogError, ModelError, MissingExtraError.

    Tools run in `world`; in the simulated one where none is given, which has no records at the start: what a
    request wants to read must be created first.
    """
    config = SearchConfig(strategy=parse_strategy(strategy))
    policy = model_policy(model)
    hits = find_tools(instruction, catalog, k, retriever, observer)["hits"]
    candidates = tuple(hit["tool"] for hit in hits)
    task = Task(instruction=instruction, candidates=candidates, relevant=()).with_key()
    tools = open_catalog(catalog)

    async def attempt() -> Trajectory:
        async with opened_world(world or WorldConfig(), tools) as opened:
            return await search(task, policy, opened, tools, config)

    trajectory = asyncio.run(attempt())
    return {
        "instruction": instruction,
        "candidates": hits,
        "answer": trajectory.answer,
        "model_calls": trajectory.model_calls,
        "tree": [_line(trajectory, index) for index in range(len(trajectory.nodes))],
        "trajectory": trajectory.model_dump(mode="json"),
    }


def _line(trajectory: Trajectory, index: int) -> Json:
    node = trajectory.nodes[index]
    text = _text(node)
    if index in trajectory.ends:
        text += f"  [{trajectory.ends[index].value}]"
    return {"depth": len(trajectory.path(index)) - 1, "role": node.message.role.value, "text": text}


def _text(node: Node) -> str:
    calls = [f"{call.name}({canonical_json(call.arguments).decode()})" for call in node.message.tool_calls]
    return f"{node.message.role.value}: {' '.join([*calls, node.message.content]).strip()}"
