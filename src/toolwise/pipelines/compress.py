"""The verb `catalog compress`: write, for each tool, which keys of a long answer to keep."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Iterator
from pathlib import Path

import orjson

from toolwise.catalog import CatalogFile, open_catalog
from toolwise.errors import ModelError, ToolwiseError
from toolwise.files import write_lines
from toolwise.pipelines.assemble import simulated_world
from toolwise.pipelines.catalog_teacher import ask_for_catalog
from toolwise.pipelines.teacher import Teacher
from toolwise.ports import ChatModel, Observer, Progress, silent
from toolwise.types import Catalog, Json, Task, Tool, ToolCall, Toolset, WorldSpec
from toolwise.values import ValueGenerator
from toolwise.worlds.compression import RULES_FILE, CompressionRule, RuleSource
from toolwise.worlds.compression_rules import schema_rule, taken_by, teacher_rule

STAGE = "compress"
_AT_A_TIME = 8


def compress_catalog(catalog: Path, observer: Observer = silent) -> Json:
    """Write `compress.jsonl` into the catalog's folder, by rules over the schemas. Raises CatalogError, RunError."""
    opened = open_catalog(catalog)
    return _write(opened, _schema_rules(opened, observer), {})


def compress_with_teacher(catalog: Path, teacher: Teacher, *, seed: int = 0, observer: Observer = silent) -> Json:
    """As `compress_catalog`, the keys chosen by a teacher. Raises ConfigError and BudgetSpentError besides."""

    def work(model: ChatModel) -> Awaitable[Json]:
        return compress_catalog_with(catalog, model, seed=seed, observer=observer)

    return ask_for_catalog(open_catalog(catalog).folder, teacher, work)


async def compress_catalog_with(catalog: Path, model: ChatModel, *, seed: int = 0, observer: Observer = silent) -> Json:
    """As `compress_catalog`, the keys chosen by a chat model that sees a simulated answer of each tool.

    Where its reply cannot be used, or the tool has no answer to show, the rule over the schema takes its place; the
    summary counts why. Raises CatalogError, RunError.
    """
    opened = open_catalog(catalog)
    instead: dict[str, int] = {}
    rules = [rule async for rule in _teacher_rules(opened, model, seed, instead, observer)]
    return _write(opened, iter(rules), instead)


def _write(catalog: CatalogFile, rules: Iterator[CompressionRule], instead: dict[str, int]) -> Json:
    counts = dict.fromkeys((source.value for source in RuleSource), 0)
    keys = 0

    def lines() -> Iterator[bytes]:
        nonlocal keys
        for rule in rules:
            counts[rule.source.value] += 1
            keys += len(rule.keep)
            yield orjson.dumps(rule.model_dump(mode="json"))

    path = catalog.folder / RULES_FILE
    written = write_lines(path, lines())
    return {
        "tools": len(catalog),
        "rules": written,
        "without_rule": len(catalog) - written,
        "keys": keys,
        "by": counts,
        "schema_instead_of_teacher": dict(sorted(instead.items())),
        "file": str(path),
    }


def _schema_rules(catalog: CatalogFile, observer: Observer) -> Iterator[CompressionRule]:
    for number, toolset in enumerate(catalog, start=1):
        taken = taken_by(toolset)
        for tool in toolset.tools:
            if (rule := schema_rule(tool, taken)) is not None:
                yield rule
        observer(Progress(STAGE, number, len(catalog.summaries), toolset.name))


async def _teacher_rules(
    catalog: CatalogFile, model: ChatModel, seed: int, instead: dict[str, int], observer: Observer
) -> AsyncIterator[CompressionRule]:
    for number, toolset in enumerate(catalog, start=1):
        taken = taken_by(toolset)
        gate = asyncio.Semaphore(_AT_A_TIME)
        asked = (_ask(tool, toolset, model, seed, gate) for tool in toolset.tools)
        for tool, (rule, why) in zip(toolset.tools, await asyncio.gather(*asked), strict=True):
            if why:
                instead[why] = instead.get(why, 0) + 1
            chosen = rule or schema_rule(tool, taken)
            if chosen is not None:
                yield chosen
        observer(Progress(STAGE, number, len(catalog.summaries), toolset.name))


async def _ask(
    tool: Tool, toolset: Toolset, model: ChatModel, seed: int, gate: asyncio.Semaphore
) -> tuple[CompressionRule | None, str]:
    """(the model's rule, why there is none)."""
    async with gate:
        example = await _example(tool, toolset, seed)
        if not isinstance(example, dict | list) or not example:
            return None, "no_example_answer"
        try:
            rule = await teacher_rule(tool, example, model, seed)
        except ModelError:
            return None, "model_failed"
        return rule, "" if rule else "reply_names_no_field"


async def _example(tool: Tool, toolset: Toolset, seed: int) -> Json:
    """What the simulated world answers to generated arguments; none where there are none."""
    rng = random.Random(f"compress:{seed}:{tool.id}")
    try:
        arguments = ValueGenerator(seed).arguments(tool, rng, tool.required)
    except ToolwiseError:
        return None
    task = Task(instruction="", candidates=(tool.id,), relevant=(), world=WorldSpec(seed=seed))
    session = simulated_world(Catalog(toolsets=(toolset,))).open(task)
    call = ToolCall(name=tool.id, arguments=arguments)
    session.prepare(call)
    seen = await session.call(call)
    return seen.body if seen.ok else None
