"""Practice on real tools: tasks drawn, executed, solved and verified in a live world, one after another.

A live world cannot be pickled into worker processes and cannot fork, so this runs in one process, with fresh sessions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from pydantic import Field

from toolwise.catalog import open_catalog
from toolwise.config import Config
from toolwise.corpus import write_rows
from toolwise.errors import ConfigError, ToolwiseError
from toolwise.pipelines.corpus import build_corpus
from toolwise.pipelines.funnels import followed_by
from toolwise.ports import Observer, Progress, Tools, World, silent
from toolwise.search import BlueprintPolicy, ErrorRates, SearchConfig, search
from toolwise.synthesis import SynthesisConfig, synthesise
from toolwise.types import Catalog, Funnel, Json, Schema, Split, Task, Tool, Toolset, Trajectory, Verdict
from toolwise.verification import Verifier, funnel_of
from toolwise.worlds import ToolsetSource

WorldOf = Callable[[ToolsetSource], World]

PRACTICE_RATES = ErrorRates(wrong_argument=0.05, missing_argument=0.05, early_give_up=0.03, recover=0.7)
"""Slips of the teacher that do no harm. It never calls another tool by mistake: these tools are real."""


class Practice(Config):
    """What is drawn, and from what."""

    count: int = Field(default=100, ge=1)
    """Tasks to write."""
    values: Mapping[str, tuple[Json, ...]] = Field(default_factory=dict)
    """What exists: a glob of `toolset.tool.parameter` -> the values that parameter may be given."""
    leave_out: tuple[str, ...] = ()
    """Globs of tool ids that no task is made from."""
    synthesis: SynthesisConfig = SynthesisConfig()
    search: SearchConfig = SearchConfig()
    rates: ErrorRates = PRACTICE_RATES
    seed: int = 0


def practise(catalog: Path, out: Path, world_of: WorldOf, practice: Practice, observer: Observer = silent) -> Json:
    """Write `tasks.jsonl`, `trajectories.jsonl`, `verdicts.jsonl` and `corpus/` into `out`.

    The summary has the funnel from the first draw to the corpus, and what was accepted by toolset. Every task's calls
    were executed before it was worded, and every trajectory is accepted only if fresh sessions answer its calls alike:
    what depends on the moment is rejected as `replay_differs`. Raises CatalogError, ConfigError, RunError.
    """
    tools = open_catalog(catalog)
    pool = drawn_from(Catalog(toolsets=tuple(tools.toolset(name) for name in tools.names())), practice)
    world = world_of(tools)
    tasks, drawn = asyncio.run(_draw(pool, world, practice))
    observer(Progress("tasks", len(tasks), practice.count))
    failed: dict[str, int] = {}
    solved = asyncio.run(_solve(tasks, world, tools, practice, failed, observer))
    verdicts = asyncio.run(_verify(tasks, solved, Verifier(world, tools), failed, observer))
    write_rows(out / "tasks.jsonl", tasks)
    write_rows(out / "trajectories.jsonl", solved)
    write_rows(out / "verdicts.jsonl", verdicts)
    funnel = followed_by(drawn, funnel_of(verdicts, failed))
    inputs = {name: out / f"{name}.jsonl" for name in ("tasks", "trajectories", "verdicts")}
    corpus = build_corpus(out / "corpus", inputs, catalog, dict.fromkeys(tools.names(), Split.TRAIN), funnel)
    return {
        "funnel": corpus["funnel"],
        "drawn": drawn.model_dump(mode="json"),
        "examples": corpus["examples"],
        "accepted": _accepted(tasks, verdicts),
    }


def drawn_from(pool: Catalog, practice: Practice) -> Catalog:
    """The catalog as tasks are drawn from it: without the tools left out, and with only values that exist.

    The narrowed schemas serve to draw values and nothing else: tasks refer to the tools of the catalog itself.
    Raises ConfigError for a glob that fits nothing.
    """
    unused = {*practice.values, *practice.leave_out}
    toolsets = tuple(_narrowed(toolset, practice, unused) for toolset in pool.toolsets)
    if unused:
        raise ConfigError(
            f"{sorted(unused)[0]!r} fits no tool or parameter of the catalog; see `toolwise catalog show`"
        )
    return Catalog(toolsets=tuple(toolset for toolset in toolsets if toolset.tools))


def _narrowed(toolset: Toolset, practice: Practice, unused: set[str]) -> Toolset:
    kept: list[Tool] = []
    for tool in toolset.tools:
        matches = [pattern for pattern in practice.leave_out if fnmatchcase(tool.id, pattern)]
        unused.difference_update(matches)
        if not matches:
            kept.append(tool.model_copy(update={"parameters": _narrow(tool, practice, unused)}))
    given = {name: getattr(toolset, name) for name in Toolset.model_fields}
    return Toolset(**{**given, "tools": tuple(kept)})


def _narrow(tool: Tool, practice: Practice, unused: set[str]) -> Schema:
    properties: dict[str, Any] = {}
    for name, schema in tool.properties.items():
        pattern = next((p for p in practice.values if fnmatchcase(f"{tool.id}.{name}", p)), None)
        properties[name] = schema
        if pattern is not None:
            unused.discard(pattern)
            values = list(practice.values[pattern])
            if schema.get("type") == "array":
                properties[name] = {**schema, "items": {**(schema.get("items") or {}), "enum": values}}
            else:
                properties[name] = {**schema, "enum": values}
    return {**tool.parameters, "properties": properties}


async def _draw(pool: Catalog, world: World, practice: Practice) -> tuple[tuple[Task, ...], Funnel]:
    written = await synthesise(
        pool, world, practice.synthesis, split=Split.TRAIN, count=practice.count, seed=practice.seed
    )
    return written.tasks, written.funnel


async def _solve(
    tasks: Sequence[Task], world: World, tools: Tools, practice: Practice, failed: dict[str, int], observer: Observer
) -> list[Trajectory]:
    policy = BlueprintPolicy(practice.rates, practice.seed)
    solved: list[Trajectory] = []
    for done, task in enumerate(tasks):
        observer(Progress("solve", done, len(tasks)))
        try:
            solved.append(await search(task, policy, world, tools, practice.search))
        except (ToolwiseError, KeyError) as error:  # one broken task never stops the rest
            failed[type(error).__name__] = failed.get(type(error).__name__, 0) + 1
    observer(Progress("solve", len(tasks), len(tasks)))
    return solved


async def _verify(
    tasks: Sequence[Task],
    solved: Sequence[Trajectory],
    verifier: Verifier,
    failed: dict[str, int],
    observer: Observer,
) -> list[Verdict]:
    """After everything is solved: a replay a moment after the run would let the time of day pass for a fact."""
    by_key = {task.key: task for task in tasks}
    verdicts: list[Verdict] = []
    for done, trajectory in enumerate(solved):
        observer(Progress("verify", done, len(solved)))
        try:
            verdicts.append(await verifier.verify(by_key[trajectory.task_key], trajectory))
        except (ToolwiseError, KeyError) as error:
            failed[type(error).__name__] = failed.get(type(error).__name__, 0) + 1
    observer(Progress("verify", len(solved), len(solved)))
    return verdicts


def _accepted(tasks: Sequence[Task], verdicts: Sequence[Verdict]) -> dict[str, int]:
    """Accepted trajectories by the toolset that solves them; `none` for tasks in which no call is right."""
    home = {task.key: task.relevant[0].partition(".")[0] if task.relevant else "none" for task in tasks}
    counts: dict[str, int] = {}
    for verdict in verdicts:
        if verdict.accepted:
            counts[home[verdict.key]] = counts.get(home[verdict.key], 0) + 1
    return dict(sorted(counts.items()))
