"""Worlds in layers: the record, then the real tool, then a model or the simulation in its place."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from toolwise.config import Config
from toolwise.errors import WorldError
from toolwise.ports import Session, World
from toolwise.types import Json, Observation, ObservationSource, Task, Tool, ToolCall, ToolErrorKind
from toolwise.worlds.call_keys import call_key
from toolwise.worlds.failures import failed
from toolwise.worlds.persistent import PersistentMap
from toolwise.worlds.record import CallRecord, Moment, RecordedCall
from toolwise.worlds.replay import Branch, KnownReads, recorded_call
from toolwise.worlds.tooling import ToolsetSource

OUT_OF_REACH = (
    ToolErrorKind.UNKNOWN_TOOL,
    ToolErrorKind.UNAUTHORIZED,
    ToolErrorKind.RATE_LIMITED,
    ToolErrorKind.SERVER,
    ToolErrorKind.TIMEOUT,
    ToolErrorKind.CONNECTION,
    ToolErrorKind.MALFORMED,
    ToolErrorKind.REFUSED,
)
"""Errors that say nothing about the request. What a tool itself has to say (invalid arguments, not found, conflict)
is an answer, and is never replaced."""
_NOT_MINE = frozenset({ToolErrorKind.UNKNOWN_TOOL})
"""What a layer says to a tool that is none of its own."""


class LayerRule(Config):
    """When the next layer is asked."""

    falls_through: tuple[ToolErrorKind, ...] = OUT_OF_REACH
    exact: bool = False
    """Let the record answer only what was recorded at the same moment of a branch."""


@dataclass(frozen=True, slots=True)
class Layer:
    """A world, and what it is good for."""

    world: World
    binding: str | None = None
    """The kind of binding that its tools have; none for a world that runs any tool."""
    shared: bool = False
    """Do all its sessions act on the same outside service? Identical concurrent reads are then made once."""

    def serves(self, tool: Tool | None) -> bool:
        """Can it run the tool at all?"""
        return self.binding is None or tool is None or (tool.binding is not None and tool.binding.kind == self.binding)


class LayeredWorld:
    """Asks its layers in order until one has an answer; real answers go on record, and no others.

    The virtual API server of StableToolBench (arXiv 2403.07714), with canonical keys, an answer's source on every
    observation, and a record that holds only what was real. A toolset whose layer answered a call that may have
    changed something is not handed back to an earlier layer in that branch: what was created in the simulation is
    looked for in the simulation.
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        tools: ToolsetSource,
        *,
        record: CallRecord | None = None,
        rule: LayerRule | None = None,
        lookup: bool = True,
    ) -> None:
        """Without `lookup` the record is only written."""
        if not layers:
            raise ValueError("a layered world needs at least one layer")
        self.layers = tuple(layers)
        self.record = record
        self.lookup = lookup and record is not None
        self.rule = rule or LayerRule()
        self.reads = KnownReads(tools)
        self.flights = Flights()
        names = [layer.world.name for layer in layers]
        self.name = ">".join(["replay", *names] if self.lookup else names)
        self.can_fork = all(layer.world.can_fork for layer in layers)

    def open(self, task: Task) -> LayeredSession:
        """A fresh session; a layer's own session is opened when it is first asked."""
        return LayeredSession(self, task)


class Flights:
    """Reads that are under way, so that an identical one waits for the same answer."""

    def __init__(self) -> None:
        self._open: dict[tuple[int, str], asyncio.Task[Observation]] = {}

    async def join(self, layer: int, key: str, session: Session, call: ToolCall) -> Observation:
        """The answer to the call, made once however many ask at the same time."""
        loop = asyncio.get_running_loop()
        name = (layer, f"{id(loop)}/{key}")
        flight = self._open.get(name)
        if flight is None:
            flight = loop.create_task(_ask(session, call))
            self._open[name] = flight
            flight.add_done_callback(lambda _: self._open.pop(name, None))
        return await asyncio.shield(flight)  # one who stops waiting does not stop the others


async def _ask(session: Session, call: ToolCall) -> Observation:
    return await session.call(call)


@dataclass(frozen=True, slots=True)
class _Snapshot:
    inner: tuple[object, ...]
    """One a layer; `_AT_START` where its session was not open yet."""
    branch: Branch
    floors: PersistentMap[int]
    remembered: Mapping[str, Json]


_AT_START = object()


class LayeredSession:
    """One run of one task through all layers."""

    def __init__(self, world: LayeredWorld, task: Task) -> None:
        self._world = world
        self._task = task
        self._sessions: list[Session | None] = [None] * len(world.layers)
        self._starts: list[object] = [None] * len(world.layers)
        self._branch = Branch(task.key)
        self._floors: PersistentMap[int] = PersistentMap()
        """Toolset -> the first layer that may still answer for it."""
        self._remembered: Mapping[str, Json] = task.world.start if self._names_layers(task) else {}
        """The state as the record has it, for layers that were not asked."""

    async def call(self, call: ToolCall) -> Observation:
        """The first layer's answer that stands. Raises RunError if the record cannot be written."""
        toolset = call.name.partition(".")[0]
        read = self._world.reads(call.name)
        moment = self._branch.moment(call_key(call))
        self._branch = self._branch.then(moment, read=read)
        floor = self._floors.get(toolset) or 0
        known = self._recorded(moment, exact=floor > 0) if self._offers(call) else None
        if known is not None:
            self._remembered = self._remembered if known.state is None else known.state
            return known.observation.model_copy(update={"source": ObservationSource.RECORDED})
        seen, at = await self._ask_from(floor, call, moment.key, read=read)
        if not read:
            self._floors = self._floors.set(toolset, max(at, self._floors.get(toolset) or 0))
        state = None if read else self.state()
        if self._world.record is not None and (entry := recorded_call(call, moment, seen, read=read, state=state)):
            self._world.record.append(entry)
        return seen

    def _offers(self, call: ToolCall) -> bool:
        return not self._task.candidates or call.name in self._task.candidates

    def _recorded(self, moment: Moment, *, exact: bool) -> RecordedCall | None:
        record, rule = self._world.record, self._world.rule
        found = None if record is None or not self._world.lookup else record.find(moment, exact=exact or rule.exact)
        return None if found is None or found.observation.error in rule.falls_through else found

    async def _ask_from(self, floor: int, call: ToolCall, key: str, *, read: bool) -> tuple[Observation, int]:
        """(the answer, the layer that gave it); where no layer has one, the first failure to have one, and `floor`."""
        layers = self._world.layers
        failures: list[tuple[Observation, int]] = []
        tool = self._world.reads.find(call.name)
        for at in range(floor, len(layers)):
            if not layers[at].serves(tool):
                continue
            session = self._session(at)
            if read and layers[at].shared:
                seen = await self._world.flights.join(at, key, session, call)
            else:
                seen = await session.call(call)
            if seen.error not in self._world.rule.falls_through:
                return seen, at
            failures.append((seen, floor))
        if not failures:
            return failed(ToolErrorKind.REFUSED, f"No layer of this world can run '{call.name}'."), floor
        telling = (failure for failure in failures if failure[0].error not in _NOT_MINE)
        return next(telling, failures[-1])

    def _session(self, at: int) -> Session:
        session = self._sessions[at]
        if session is None:
            world = self._world.layers[at].world
            session = self._sessions[at] = world.open(self._task_of(at))
            self._starts[at] = session.snapshot() if self._world.can_fork else None
        return session

    def _task_of(self, at: int) -> Task:
        """The task with the layer's own part of the start state, where the state names its layers."""
        if not self._names_layers(self._task):
            return self._task
        own = self._task.world.start.get(self._world.layers[at].world.name) or {}
        spec = self._task.world.model_copy(update={"start": own})
        return self._task.model_copy(update={"world": spec})

    def _names_layers(self, task: Task) -> bool:
        """Is the start state of the form that `state` gives?"""
        names = {layer.world.name for layer in self._world.layers}
        return bool(task.world.start) and set(task.world.start) <= names

    def state(self) -> Mapping[str, Json]:
        """Layer's name -> its state, where it has one; for a layer that was not asked, as the record has it."""
        states = dict(self._remembered)
        for layer, session in zip(self._world.layers, self._sessions, strict=True):
            if session is not None:
                states.pop(layer.world.name, None)
                if state := session.state():
                    states[layer.world.name] = dict(state)
        return states

    def snapshot(self) -> object:
        inner = tuple(_AT_START if session is None else session.snapshot() for session in self._sessions)
        return _Snapshot(inner, self._branch, self._floors, self._remembered)

    def restore(self, snapshot: object) -> None:
        """Raises WorldError for something that is no snapshot of such a session."""
        if not isinstance(snapshot, _Snapshot):
            raise WorldError("this is no snapshot of a layered session; pass what snapshot() gave")
        for at, inner in enumerate(snapshot.inner):
            session = self._sessions[at]
            if session is not None:
                session.restore(self._starts[at] if inner is _AT_START else inner)
        self._branch, self._floors = snapshot.branch, snapshot.floors
        self._remembered = snapshot.remembered

    def prepare(self, call: ToolCall) -> None:
        """Have every layer prepare what it can."""
        for at in range(len(self._sessions)):
            self._session(at).prepare(call)
