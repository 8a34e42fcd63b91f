"""The composition root: the only place that picks concrete adapters for the ports."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from inspect import isawaitable
from pathlib import Path
from typing import TYPE_CHECKING

from toolwise.catalog import CatalogFile
from toolwise.errors import ConfigError, MissingExtraError
from toolwise.evaluation import NearestToolPolicy, NullPolicy
from toolwise.evaluation.baselines import RandomToolPolicy
from toolwise.metatasks import CatalogSubject, Goals, Subject
from toolwise.pipelines.journalled_world import Effects
from toolwise.pipelines.worlds import WorldConfig, WorldKind
from toolwise.ports import Policy, World
from toolwise.search import BlueprintPolicy
from toolwise.types import Split, Tool
from toolwise.worlds import (
    CallRecord,
    CompressedWorld,
    FaultyWorld,
    Layer,
    LayeredWorld,
    LlmWorld,
    RecordingWorld,
    ReplayWorld,
    SimulatedWorld,
    ToolsetSource,
    TransientConfig,
    TransientWorld,
)
from toolwise.worlds.compression import RULES_FILE, read_rules
from toolwise.worlds.planning import PlanningSubject, Wording, read_pddl

if TYPE_CHECKING:
    from toolwise.llm.policy import TurnWriter

Closer = Callable[[], Awaitable[None] | None]


def simulated_world(tools: ToolsetSource) -> World:
    """The stateful world that runs any tool from its schemas."""
    return SimulatedWorld(tools)


def transient_world(world: World, rate: float, seed: int) -> World:
    """A world whose tools refuse a share of the calls for the moment; for one search of each task."""
    return TransientWorld(world, TransientConfig(rate=rate, seed=seed)) if rate else world


def exact_subject(name: str, sizes: tuple[int, int] | None, problems: Sequence[Path]) -> Subject:
    """An exact world for meta-tasks. Raises ConfigError, PddlError, InstanceError."""
    return PlanningSubject(name, sizes, [read_pddl(path) for path in problems])


def goal_subject(name: str, sizes: tuple[int, int], wording: Wording = Wording.VARIED) -> tuple[Goals, Sequence[Tool]]:
    """An exact world, plain or renamed, with its tools. Raises ConfigError."""
    subject = PlanningSubject(name, sizes, wording=wording)
    return subject, subject.tools


def catalog_subject(tools: ToolsetSource, split_of: Mapping[str, Split]) -> Subject:
    """Toolsets in the simulated world for meta-tasks. Raises ConfigError."""
    return CatalogSubject(tools, split_of, SimulatedWorld(tools))


@asynccontextmanager
async def opened_world(config: WorldConfig, tools: ToolsetSource) -> AsyncIterator[World]:
    """The world that a configuration asks for, its connections closed at the end; for one event loop.

    Raises ConfigError, MissingExtraError, DataError.
    """
    closers: list[Closer] = []
    try:
        yield build_world(config, tools, closers)
    finally:
        await close_all(closers)


async def close_all(closers: list[Closer]) -> None:
    """Close what was opened, the last one first."""
    for close in reversed(closers):
        if isawaitable(closing := close()):
            await closing


def build_world(
    config: WorldConfig,
    tools: ToolsetSource,
    closers: list[Closer] | None = None,
    effects: Effects | None = None,
) -> World:
    """As `opened_world`, for callers that close nothing, or close by `closers` themselves.

    With `effects`, what reaches outside (real tools, a model that plays them) is journalled.
    """
    given = [] if closers is None else closers
    world = _base_world(config, tools, given, effects)
    if config.faults.rate or config.faults.rates:
        world = FaultyWorld(world, config.faults)
    if config.compression is not None:
        rules = read_rules(tools.folder / RULES_FILE) if isinstance(tools, CatalogFile) else {}
        world = CompressedWorld(world, rules, config.compression)
    return world


def _base_world(config: WorldConfig, tools: ToolsetSource, closers: list[Closer], effects: Effects | None) -> World:
    record = CallRecord(config.record) if config.record is not None else None
    if config.layers == (WorldKind.REPLAY,) and record is not None:
        return ReplayWorld(record, tools, exact=config.rule.exact)
    replays = config.layers[0] is WorldKind.REPLAY
    layers = [_layer(kind, config, tools, closers, effects) for kind in config.layers[1 if replays else 0 :]]
    if len(layers) == 1 and not replays:
        world = layers[0].world
        return world if record is None else RecordingWorld(world, record, tools)
    return LayeredWorld(layers, tools, record=record, rule=config.rule, lookup=replays)


def _layer(
    kind: WorldKind, config: WorldConfig, tools: ToolsetSource, closers: list[Closer], effects: Effects | None
) -> Layer:
    if kind is WorldKind.SIMULATED:
        return Layer(simulated_world(tools))
    if kind is WorldKind.LLM:
        return Layer(_llm_world(config, tools, closers, effects))
    world = _real_world(kind, config, tools)
    close = getattr(world, "close", None)
    if close is not None:
        closers.append(close)
    if effects is not None:
        world = effects.world(world, tools)
    return Layer(world, binding=kind.value, shared=kind in {WorldKind.HTTP, WorldKind.AWS})


def _llm_world(config: WorldConfig, tools: ToolsetSource, closers: list[Closer], effects: Effects | None) -> World:
    from toolwise.llm.endpoint import EndpointModel

    if config.endpoint is None:
        raise ConfigError("the world `llm` needs `endpoint`, with the base_url and the model that plays the tools")
    model = EndpointModel(config.endpoint, meter=effects.meter if effects else None)
    closers.append(model.close)
    return LlmWorld(tools, effects.model(model) if effects else model, config.executor)


def _real_world(kind: WorldKind, config: WorldConfig, tools: ToolsetSource) -> World:
    """Raises ConfigError, MissingExtraError."""
    if kind is WorldKind.HTTP:
        from toolwise.worlds.http import HttpWorld, HttpWorldConfig

        return HttpWorld(
            tools,
            HttpWorldConfig(
                servers={name: url for name, url in config.servers.items() if name != WorldKind.AWS.value},
                hosts=config.allowed_hosts,
                consent=config.allow_destructive,
                calls_per_second=config.calls_per_second,
            ),
        )
    if kind is WorldKind.MCP:
        from toolwise.worlds.mcp import McpWorld, McpWorldConfig

        return McpWorld(
            tools,
            McpWorldConfig(
                workspace=config.workspace,
                consent=config.allow_destructive,
                hosts=config.allowed_hosts,
            ),
        )
    if kind is WorldKind.PYTHON:
        from toolwise.worlds.python import PythonWorld, PythonWorldConfig

        return PythonWorld(tools, PythonWorldConfig(workspace=config.workspace, consent=config.allow_destructive))
    from toolwise.worlds.aws import AwsWorld, AwsWorldConfig

    return AwsWorld(
        tools,
        AwsWorldConfig(
            endpoint=config.servers.get(WorldKind.AWS.value),
            real_aws=config.real_aws,
            hosts=config.allowed_hosts,
            consent=config.allow_destructive,
        ),
    )


def model_policy(folder: Path, name: str = "model", threads: int | None = None, max_tokens: int = 400) -> Policy:
    """A trained model, compact or any open one, as a policy; `threads` are set for the whole process.

    Raises MissingExtraError, DataError.
    """
    writer = turn_writer(folder, threads)
    from toolwise.llm.policy import LocalPolicy

    return LocalPolicy(writer, name=name, max_tokens=max_tokens)


def turn_writer(folder: Path, threads: int | None = None) -> TurnWriter:
    """A model in this process, for any number of policies. Raises MissingExtraError, DataError."""
    require_training("running a local model")
    import torch

    from toolwise.llm.local import LocalModel
    from toolwise.models.open_models import is_compact

    if threads:
        torch.set_num_threads(threads)
    if not is_compact(folder):
        from toolwise.llm.hf import HfModel

        return HfModel(folder)
    return LocalModel(folder)


def plain_policy(name: str, seed: int = 0) -> Policy:
    """A policy without a model, by its name. Raises ConfigError."""
    policies: dict[str, Policy] = {**baseline_policies(), RandomToolPolicy.name: RandomToolPolicy()}
    policies["blueprint"] = BlueprintPolicy(None, seed)
    if name not in policies:
        raise ConfigError(f"unknown policy {name!r}; choose llm, a model's folder, or one of {', '.join(policies)}")
    return policies[name]


def baseline_policies() -> dict[str, Policy]:
    """What every model is compared with, besides itself before training; by name."""
    return {policy.name: policy for policy in (NullPolicy(), NearestToolPolicy())}


def require_training(feature: str) -> None:
    """Raises MissingExtraError unless the `[train]` extra is installed."""
    try:
        import torch  # noqa: F401
        import transformers  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(feature, "train") from error
