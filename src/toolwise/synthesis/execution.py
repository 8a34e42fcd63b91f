"""Run a blueprint in a world before a word is written: what fails is dropped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from toolwise.blueprints import resolved_arguments
from toolwise.ports import Session, World
from toolwise.types import Blueprint, Json, Observation, Task, ToolCall, ToolErrorKind, WorldSpec, content_key


@dataclass(frozen=True, slots=True)
class Execution:
    """A blueprint that worked."""

    world: WorldSpec
    """With the start state that the calls need."""
    arguments: tuple[Mapping[str, Json], ...]
    """Each call's arguments with references filled in."""
    observations: tuple[Observation, ...]
    final_state: str
    """`content_key` of the state at the end."""
    changed: bool
    """Is it another state than the start?"""


def _task(tools: Sequence[str], world: WorldSpec) -> Task:
    return Task(instruction="", candidates=tuple(tools), relevant=tuple(tools), world=world)


async def execute(blueprint: Blueprint, world: World, seed: int) -> Execution | None:
    """Prepare what has to exist, then make the calls in order from that start state; none if any call fails.

    A call with references may need a record whose id only an earlier response gives; it is prepared in a second
    round, once that id is known. The calls whose outcome counts are made in a session opened from the start state,
    exactly as a replay will.
    """
    tools = [call.tool for call in blueprint.calls]
    spec = WorldSpec(name=world.name, seed=seed)
    preparing = world.open(_task(tools, spec))
    for index, call in enumerate(blueprint.calls):
        if not call.references:
            preparing.prepare(ToolCall(id=f"call_{index}", name=call.tool, arguments=call.arguments))
    start = preparing.state()
    result = await _run(blueprint, world, spec.model_copy(update={"start": start}))
    if isinstance(result, Execution):
        return result
    if result is None or not blueprint.calls[result.index].references:
        return None
    if result.error is not ToolErrorKind.NOT_FOUND:
        return None
    preparing.prepare(
        ToolCall(id="prepared", name=blueprint.calls[result.index].tool, arguments=dict(result.arguments))
    )
    result = await _run(blueprint, world, spec.model_copy(update={"start": preparing.state()}))
    return result if isinstance(result, Execution) else None


@dataclass(frozen=True, slots=True)
class _Failure:
    index: int
    arguments: Mapping[str, Json]
    error: ToolErrorKind | None


async def _run(blueprint: Blueprint, world: World, spec: WorldSpec) -> Execution | _Failure | None:
    """None where an earlier response lacks what a later call refers to."""
    session: Session = world.open(_task([call.tool for call in blueprint.calls], spec))
    bodies: dict[int, Json] = {}
    observations: list[Observation] = []
    made: list[Mapping[str, Json]] = []
    for index, call in enumerate(blueprint.calls):
        arguments = resolved_arguments(call, bodies)
        if arguments is None:
            return None
        if any(arguments[name] in (None, "") or isinstance(arguments[name], dict | list) for name in call.references):
            return None
        observation = await session.call(ToolCall(id=f"call_{index}", name=call.tool, arguments=dict(arguments)))
        if not observation.ok:
            return _Failure(index, arguments, observation.error)
        bodies[index] = observation.body
        observations.append(observation)
        made.append(arguments)
    state = session.state()
    return Execution(spec, tuple(made), tuple(observations), content_key(state), state != spec.start)
