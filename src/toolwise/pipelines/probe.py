"""The verb `catalog probe`: call every safe tool once, record how it answers, and drop what does not work."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import orjson
from pydantic import Field, ValidationError

from toolwise.catalog import CatalogFile, LeftOut, LeftOutReason, open_catalog, write_catalog
from toolwise.config import Config
from toolwise.connections.pace import Pace
from toolwise.errors import CatalogError, ToolwiseError
from toolwise.files import append_line
from toolwise.pipelines.assemble import opened_world
from toolwise.pipelines.probing import Answered, Probed, ProbeOutcome, body_size, outcome_of
from toolwise.pipelines.worlds import WorldConfig
from toolwise.ports import Observer, Progress, World, silent
from toolwise.types import HttpBinding, Json, Task, Tool, ToolCall, Toolset, WorldSpec, content_key
from toolwise.values import ValueGenerator
from toolwise.worlds.arguments import ArgumentChecker

STAGE = "probe"
PROBE_FILE = "probe.jsonl"
"""In the catalog's folder, or beside it under another name; append-only."""


_UNPACED = 1e6


class ProbeConfig(Config):
    """How gently, and how patiently."""

    slow_s: float = Field(default=10.0, gt=0)
    """Seconds from which on an answer is too slow."""
    per_second: float = Field(default=5.0, gt=0)
    """Calls a second to one host."""
    concurrency: int = Field(default=8, ge=1)
    """Calls at a time, over all hosts."""
    seed: int = 0
    """Of the arguments that are made where the document has no example."""


def probe_catalog(
    catalog: Path,
    world: WorldConfig,
    config: ProbeConfig | None = None,
    *,
    apply: Path | None = None,
    observer: Observer = silent,
) -> Json:
    """Probe what is not probed yet; write a catalog without the dropped tools to `apply`.

    Raises CatalogError, ConfigError, MissingExtraError.
    """
    opened = open_catalog(catalog)
    settings = config or ProbeConfig()
    results = asyncio.run(_probe(opened, world, settings, observer))
    summary = _summary(opened, results)
    if apply is not None:
        _write_kept(opened, results, apply)
        summary["applied"] = str(apply)
    return summary


async def _probe(
    catalog: CatalogFile, world: WorldConfig, config: ProbeConfig, observer: Observer
) -> dict[str, Probed]:
    path = catalog.folder / PROBE_FILE
    earlier = _read(path)
    identity = [world.model_dump(mode="json"), config.seed]
    results: dict[str, Probed] = {}
    pacing = Pace(config.per_second)
    unpaced = world.model_copy(update={"calls_per_second": _UNPACED})  # waiting our turn is not the tool's latency
    async with opened_world(unpaced, catalog) as opened:
        prober = _Prober(opened, world, config, pacing)

        async def work(jobs: Iterator[tuple[Toolset, Tool, str]]) -> None:
            for toolset, tool, key in jobs:
                known = earlier.get(tool.id)
                if known is not None and known.key == key and known.outcome.final:
                    results[tool.id] = known
                else:
                    results[tool.id] = await prober.probe(toolset, tool, key)
                    append_line(path, orjson.dumps(results[tool.id].model_dump(mode="json")))
                observer(Progress(STAGE, len(results), len(catalog), tool.id))

        jobs = _jobs(catalog, identity)
        await asyncio.gather(*(work(jobs) for _ in range(config.concurrency)))
    return results


def _jobs(catalog: CatalogFile, identity: list[Json]) -> Iterator[tuple[Toolset, Tool, str]]:
    for toolset in catalog:
        for tool in toolset.tools:
            yield toolset, tool, content_key("probe", tool.model_dump(mode="json"), list(toolset.servers), identity)


class _Prober:
    """Calls one tool after another in one world."""

    def __init__(self, world: World, settings: WorldConfig, config: ProbeConfig, pacing: Pace) -> None:
        self._world = world
        self._settings = settings
        self._config = config
        self._pacing = pacing
        self._values = ValueGenerator(config.seed)

    async def probe(self, toolset: Toolset, tool: Tool, key: str) -> Probed:
        """Never raises for what a tool does; a broken world is a REFUSED tool."""
        if tool.hints.read_only is not True or tool.hints.destructive is True:
            return _not_called(tool, key, ProbeOutcome.NOT_SAFE, "not known to be read-only")
        arguments, documented, why = self._arguments(tool)
        if arguments is None:
            return _not_called(tool, key, ProbeOutcome.NO_EXAMPLE, why)
        host = self._host(toolset, tool)
        call = ToolCall(name=tool.id, arguments=arguments)
        probed = await self._call(tool, key, call, host, documented=documented)
        if probed.outcome is ProbeOutcome.SLOW:  # once may be the network, or our own start-up
            probed = await self._call(tool, key, call, host, documented=documented)
        return probed

    async def _call(self, tool: Tool, key: str, call: ToolCall, host: str, *, documented: bool) -> Probed:
        await self._pacing.wait(host)
        task = Task(instruction="", candidates=(tool.id,), relevant=(), world=WorldSpec(seed=self._config.seed))
        start = time.perf_counter()
        try:
            seen = await self._world.open(task).call(call)
        except ToolwiseError as error:
            return _not_called(tool, key, ProbeOutcome.REFUSED, str(error))
        seconds = time.perf_counter() - start
        answered = Answered.of(seen)
        outcome = outcome_of(tool, seen, answered, seconds > self._config.slow_s)
        return Probed(
            tool=tool.id,
            key=key,
            outcome=outcome,
            kept=outcome.kept,
            status=answered.status,
            error=seen.error,
            latency_ms=round(seconds * 1000, 1),
            bytes=body_size(answered.body),
            body=answered.kind,
            arguments=call.arguments,
            documented=documented,
            detail="" if outcome is ProbeOutcome.OK else " ".join(seen.content[:200].split()),
        )

    def _arguments(self, tool: Tool) -> tuple[dict[str, Json] | None, bool, str]:
        """(arguments, are they the document's own, why there are none)."""
        checker = ArgumentChecker(tool)
        for example in tool.examples:
            if checker.problem(example) is None:
                return example, True, ""
        rng = random.Random(f"probe:{self._config.seed}:{tool.id}")
        try:
            made = self._values.arguments(tool, rng, tool.required)
        except ToolwiseError as error:
            return None, False, str(error)
        problem = checker.problem(made)
        return (made, False, "") if problem is None else (None, False, problem.message)

    def _host(self, toolset: Toolset, tool: Tool) -> str:
        """Whose limit the call counts against: the server's host, or the toolset where there is none."""
        if not isinstance(tool.binding, HttpBinding):
            return f"toolset {toolset.name}"
        server = self._settings.servers.get(toolset.name) or next(iter(toolset.servers), "")
        return urlsplit(server).netloc or f"toolset {toolset.name}"


def _not_called(tool: Tool, key: str, outcome: ProbeOutcome, why: str) -> Probed:
    return Probed(tool=tool.id, key=key, outcome=outcome, kept=outcome.kept, detail=" ".join(why.split())[:200])


def _read(path: Path) -> dict[str, Probed]:
    """The latest result of each tool; lines that a killed run left half written are skipped."""
    results: dict[str, Probed] = {}
    if not path.exists():
        return results
    for line in path.read_bytes().split(b"\n"):
        try:
            probed = Probed.model_validate(orjson.loads(line))
        except (orjson.JSONDecodeError, ValidationError):
            continue
        results[probed.tool] = probed
    return results


def _summary(catalog: CatalogFile, results: dict[str, Probed]) -> dict[str, Json]:
    ordered = [results[tool_id] for tool_id in catalog.tool_ids() if tool_id in results]
    outcomes = Counter(probed.outcome for probed in ordered)
    latencies = sorted(probed.latency_ms for probed in ordered if probed.latency_ms is not None)
    return {
        "tools": len(ordered),
        "called": len(latencies),
        "kept": sum(probed.kept for probed in ordered),
        "dropped": sum(not probed.kept for probed in ordered),
        "outcomes": {outcome.value: outcomes[outcome] for outcome in ProbeOutcome if outcomes[outcome]},
        "latency_ms": {
            "median": latencies[len(latencies) // 2] if latencies else None,
            "max": latencies[-1] if latencies else None,
        },
        "dropped_tools": [
            {"tool": probed.tool, "reason": probed.outcome.value, "status": probed.status, "detail": probed.detail}
            for probed in ordered
            if not probed.kept
        ],
        "file": str(catalog.folder / PROBE_FILE),
    }


def _write_kept(catalog: CatalogFile, results: dict[str, Probed], out: Path) -> None:
    if out.resolve() == catalog.folder.resolve():
        raise CatalogError(f"{out}: --apply writes a new catalog; choose another folder than the probed one")
    dropped = [probed for tool_id in catalog.tool_ids() if not (probed := results[tool_id]).kept]
    gone = {probed.tool for probed in dropped}

    def kept() -> Iterator[Toolset]:
        for toolset in catalog:
            tools = tuple(tool for tool in toolset.tools if tool.id not in gone)
            if tools:
                yield toolset.model_copy(update={"tools": tools})

    left_out = [
        LeftOut(source="probe", where=p.tool, reason=LeftOutReason.FAILED_PROBE, detail=f"{p.outcome.value} {p.detail}")
        for p in dropped
    ]
    write_catalog(kept(), out, [*catalog.left_out(), *left_out])
