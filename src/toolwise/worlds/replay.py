"""Replay: record what a world answers, and answer later from the record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from toolwise.errors import WorldError
from toolwise.ports import Session, World
from toolwise.types import Json, Observation, ObservationSource, Task, Tool, ToolCall, ToolErrorKind
from toolwise.worlds.call_keys import call_key, chained, only_reads
from toolwise.worlds.persistent import PersistentMap
from toolwise.worlds.record import CallRecord, Moment, RecordedCall
from toolwise.worlds.tooling import ToolsetSource

NOT_RECORDED = "not_recorded"
"""The `code` in the body of an answer that the record does not have."""
_NOT_FROM_THE_TOOL = frozenset({ToolErrorKind.REFUSED, ToolErrorKind.UNKNOWN_TOOL})
"""Answers of ours, to calls that never reached the tool: not worth recording."""


@dataclass(frozen=True, slots=True)
class Branch:
    """What a branch has done so far, as far as it tells one call from the next."""

    task: str
    after: str = ""
    made: PersistentMap[int] = field(default_factory=PersistentMap)
    """Call key -> how often it was made; `<after>/<call key>` -> how often since then."""

    def moment(self, key: str) -> Moment:
        """Where a call with that key would stand."""
        again = self.made.get(f"{self.after}/{key}") or 0
        return Moment(key, self.task, self.after, again, self.made.get(key) or 0)

    def then(self, moment: Moment, *, read: bool) -> Branch:
        """The branch after that call. What only reads leaves `after` as it was."""
        made = self.made.set(moment.key, moment.occurrence + 1).set(f"{self.after}/{moment.key}", moment.again + 1)
        after = self.after if read else chained(self.after, moment.key)
        return replace(self, after=after, made=made)


class KnownReads:
    """Knows which tools leave everything as it is."""

    def __init__(self, tools: ToolsetSource) -> None:
        self._tools = tools

    def find(self, tool_id: str) -> Tool | None:
        toolset, _, name = tool_id.partition(".")
        try:
            return self._tools.toolset(toolset).by_name.get(name)
        except KeyError:
            return None

    def __call__(self, tool_id: str) -> bool:
        return only_reads(self.find(tool_id))


def recorded_call(
    call: ToolCall, moment: Moment, seen: Observation, *, read: bool, state: Mapping[str, Json] | None
) -> RecordedCall | None:
    """The line of the record for an answer; none unless the tool itself gave it."""
    if seen.source is not ObservationSource.REAL or seen.error in _NOT_FROM_THE_TOOL or seen.fault is not None:
        return None
    return RecordedCall(
        key=moment.key,
        tool=call.name,
        arguments=call.arguments,
        read=read,
        task=moment.task,
        after=moment.after,
        again=moment.again,
        occurrence=moment.occurrence,
        observation=seen,
        state=None if state is None else dict(state),
    )


class RecordingWorld:
    """A world whose real answers are put on record; all others are passed on and never stored."""

    def __init__(self, world: World, record: CallRecord, tools: ToolsetSource) -> None:
        self._world = world
        self._record = record
        self._reads = KnownReads(tools)
        self.name = world.name
        self.can_fork = world.can_fork

    def open(self, task: Task) -> RecordingSession:
        """A fresh session of the inner world."""
        return RecordingSession(self._world.open(task), self._record, self._reads, task)


@dataclass(frozen=True, slots=True)
class _Snapshot:
    inner: object
    branch: Branch


class RecordingSession:
    """One run of one task, on record."""

    def __init__(self, session: Session, record: CallRecord, reads: KnownReads, task: Task) -> None:
        self._session = session
        self._record = record
        self._reads = reads
        self._branch = Branch(task.key)

    async def call(self, call: ToolCall) -> Observation:
        """Run a tool and record what it answers. Raises RunError if the record cannot be written."""
        moment = self._branch.moment(call_key(call))
        read = self._reads(call.name)
        self._branch = self._branch.then(moment, read=read)
        seen = await self._session.call(call)
        state = None if read else self._session.state()
        if (entry := recorded_call(call, moment, seen, read=read, state=state)) is not None:
            self._record.append(entry)
        return seen

    def state(self) -> Mapping[str, Json]:
        return self._session.state()

    def snapshot(self) -> object:
        return _Snapshot(self._session.snapshot(), self._branch)

    def restore(self, snapshot: object) -> None:
        """Raises WorldError for something that is no snapshot of such a session."""
        if not isinstance(snapshot, _Snapshot):
            raise WorldError("this is no snapshot of a recording session; pass what snapshot() gave")
        self._session.restore(snapshot.inner)
        self._branch = snapshot.branch

    def prepare(self, call: ToolCall) -> None:
        self._session.prepare(call)


class ReplayWorld:
    """Answers from the record alone: offline, for nothing, and the same every time.

    With `exact`, only what was recorded at the same moment of a branch answers; without, the same call's record
    answers whatever came before it.
    """

    name = "replay"
    can_fork = True

    def __init__(self, record: CallRecord, tools: ToolsetSource, *, exact: bool = False) -> None:
        self._record = record
        self._reads = KnownReads(tools)
        self._exact = exact

    def open(self, task: Task) -> ReplaySession:
        """A fresh session, at the start of a branch."""
        return ReplaySession(self._record, self._reads, task, exact=self._exact)


@dataclass(frozen=True, slots=True)
class _ReplaySnapshot:
    branch: Branch
    state: Mapping[str, Json]


class ReplaySession:
    """One run of one task, from the record."""

    def __init__(self, record: CallRecord, reads: KnownReads, task: Task, *, exact: bool) -> None:
        self._record = record
        self._reads = reads
        self._candidates = frozenset(task.candidates)
        self._exact = exact
        self._branch = Branch(task.key)
        self._state: Mapping[str, Json] = task.world.start

    async def call(self, call: ToolCall) -> Observation:
        """The recorded answer; a call that is not on record is a CONNECTION error with the code `not_recorded`."""
        if self._reads.find(call.name) is None or (self._candidates and call.name not in self._candidates):
            return _failure(404, ToolErrorKind.UNKNOWN_TOOL, "unknown_tool", f"There is no tool named '{call.name}'.")
        moment = self._branch.moment(call_key(call))
        self._branch = self._branch.then(moment, read=self._reads(call.name))
        found = self._record.find(moment, exact=self._exact)
        if found is None:
            message = f"The record has no answer to this call of '{call.name}'."
            return _failure(503, ToolErrorKind.CONNECTION, NOT_RECORDED, message)
        self._state = self._state if found.state is None else found.state
        return found.observation.model_copy(update={"source": ObservationSource.RECORDED})

    def state(self) -> Mapping[str, Json]:
        """As the world that was recorded told it after the last call that may have changed something."""
        return self._state

    def snapshot(self) -> object:
        return _ReplaySnapshot(self._branch, self._state)

    def restore(self, snapshot: object) -> None:
        """Raises WorldError for something that is no snapshot of such a session."""
        if not isinstance(snapshot, _ReplaySnapshot):
            raise WorldError("this is no snapshot of a replayed session; pass what snapshot() gave")
        self._branch, self._state = snapshot.branch, snapshot.state

    def prepare(self, call: ToolCall) -> None:
        """Nothing: a record cannot be made to hold what never happened."""


def _failure(status: int, kind: ToolErrorKind, code: str, message: str) -> Observation:
    body = {"error": {"code": code, "message": message}}
    return Observation(status=status, body=body, error=kind, source=ObservationSource.RECORDED)
