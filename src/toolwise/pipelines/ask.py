"""The verb `ask`: retrieve tools, search with a model, answer (ToolLLM's open-domain use, section 3.3)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from toolwise.catalog import open_catalog
from toolwise.errors import ConfigError, DataError
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
    """The answer with the whole search tree. Raises ConfigError, CatalogError, DataError, ModelError,
    MissingExtraError.

    Tools run in `world`; in the simulated one where none is given, which has no records at the start: what a
    request wants to read must be created first.
    """
    if not instruction.strip():
        raise ConfigError("the instruction is empty; say what you want done")
    config = SearchConfig(strategy=parse_strategy(strategy))
    if not model.is_dir():
        raise DataError(f"there is no model in {model}; give a folder that `toolwise train sft` made, or --base-url")
    tools = open_catalog(catalog)
    began = time.perf_counter()
    hits = find_tools(instruction, catalog, k, retriever, observer)["hits"]
    found = time.perf_counter()
    policy = model_policy(model)
    loaded = time.perf_counter()
    task = asked_task(instruction, hits)

    async def attempt() -> Trajectory:
        async with opened_world(world or WorldConfig(), tools) as opened:
            return await search(task, policy, opened, tools, config)

    trajectory = asyncio.run(attempt())
    seconds = {"retrieval": found - began, "loading": loaded - found, "search": time.perf_counter() - loaded}
    return answer_document(hits, trajectory, seconds)


def asked_task(instruction: str, hits: Sequence[Json]) -> Task:
    """The task of answering an instruction with the tools that were found for it."""
    return Task(instruction=instruction, candidates=tuple(hit["tool"] for hit in hits), relevant=()).with_key()


def answer_document(hits: Sequence[Json], trajectory: Trajectory, seconds: Mapping[str, float]) -> dict[str, Json]:
    """What `ask` shows of a search."""
    return {
        "instruction": trajectory.nodes[0].message.content,
        "candidates": list(hits),
        "answer": trajectory.answer,
        "model_calls": trajectory.model_calls,
        "seconds": {name: round(taken, 3) for name, taken in seconds.items()},
        "tree": [_line(trajectory, index) for index in range(len(trajectory.nodes))],
        "trajectory": trajectory.model_dump(mode="json"),
    }


def _line(trajectory: Trajectory, index: int) -> Json:
    """One message of the tree, to be shown."""
    node = trajectory.nodes[index]
    return {
        "depth": len(trajectory.path(index)) - 1,
        "parent": node.parent,
        "role": node.message.role.value,
        "calls": len(node.message.tool_calls),
        "text": _text(node),
        "end": trajectory.ends[index].value if index in trajectory.ends else None,
    }


def _text(node: Node) -> str:
    calls = [f"{call.name}({canonical_json(call.arguments).decode()})" for call in node.message.tool_calls]
    thought = node.message.thought if not (calls or node.message.content) else ""
    return " ".join([*calls, node.message.content or thought]).strip()
