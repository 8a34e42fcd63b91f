"""The simulated world: any tool with a schema runs at once: arguments checked, responses seeded, records kept."""

from __future__ import annotations

from collections.abc import Mapping

from toolwise.errors import WorldError
from toolwise.resources import Reference
from toolwise.types import Json, Observation, Task, ToolCall, ToolErrorKind
from toolwise.worlds.crud import Crud
from toolwise.worlds.records import Record, WorldState, load_state, storage_key
from toolwise.worlds.refusals import ExistsError, NotFoundError
from toolwise.worlds.related import MustExist, all_on_trust, missing, nothing_on_trust, trust_of
from toolwise.worlds.responses import ResponseLimits, ResponseWriter
from toolwise.worlds.tooling import Toolbox, ToolsetSource


class SimulatedWorld:
    """Runs every tool of a source of toolsets from its schemas alone. See `docs/world.md`.

    The same seed, start state and calls give the same observations and states. Compiled schemas and shapes are
    shared by all sessions of one world; use one world for one thread.
    """

    name = "simulated"
    can_fork = True

    def __init__(
        self, tools: ToolsetSource, limits: ResponseLimits | None = None, *, closed: bool | None = None
    ) -> None:
        """What a call refers to must exist if the session's caller could have created it, and if the world has any of
        its kind; else it is taken on trust.

        `closed`: the world holds what the start state, `prepare` and calls put into it, and nothing else, whoever
        may create it. `closed=False`: whatever is of a kind that the world has none of is taken on trust.
        """
        self._toolbox = Toolbox(tools)
        self._writer = ResponseWriter(limits or ResponseLimits())
        self._closed = closed

    def open(self, task: Task) -> SimulatedSession:
        """A fresh session in the task's start state; only the task's candidates, if it has any, can be called."""
        must_exist = trust_of(frozenset(task.candidates))
        if self._closed is not None:
            must_exist = nothing_on_trust if self._closed else all_on_trust
        return SimulatedSession(self._toolbox, self._writer, task, must_exist)


class SimulatedSession:
    """One run of one task."""

    def __init__(self, toolbox: Toolbox, writer: ResponseWriter, task: Task, must_exist: MustExist) -> None:
        self._toolbox = toolbox
        self._crud = Crud(writer, task.world.seed, must_exist)
        self._candidates = frozenset(task.candidates)
        self._state = load_state(task.world.start)

    async def call(self, call: ToolCall) -> Observation:
        """Run a tool; whatever goes wrong is an Observation with an error."""
        return self.run(call)

    def run(self, call: ToolCall) -> Observation:
        """As `call`, for code that is not asynchronous."""
        known = self._toolbox.find(call.name)
        if known is None or (self._candidates and call.name not in self._candidates):
            return _failure(404, ToolErrorKind.UNKNOWN_TOOL, f"There is no tool named '{call.name}'.", "")
        problem = self._toolbox.checker(known).problem(call.arguments)
        if problem is not None:
            return _failure(400, ToolErrorKind.INVALID_ARGUMENTS, problem.message, problem.field)
        try:
            body, self._state = self._crud.run(known, call.arguments, self._state)
        except NotFoundError as error:
            return _failure(404, ToolErrorKind.NOT_FOUND, str(error), error.parameter)
        except ExistsError as error:
            return _failure(409, ToolErrorKind.CONFLICT, str(error), error.parameter)
        except Exception as error:  # a malformed document must cost its own tool only
            return _failure(500, ToolErrorKind.SERVER, f"The simulation of '{call.name}' failed: {error!r}"[:200], "")
        return Observation(status=200, body=body)

    def state(self) -> Mapping[str, Json]:
        """The whole state as a JSON object: `records` by resource, and `acts`; empty if nothing ever happened."""
        return self._state.as_json()

    def snapshot(self) -> object:
        """The present state, which is immutable: free whatever its size."""
        return self._state

    def restore(self, snapshot: object) -> None:
        """Go back to a snapshot. Raises WorldError for something else."""
        if not isinstance(snapshot, WorldState):
            raise WorldError("this is no snapshot of a simulated session; pass what snapshot() gave")
        self._state = snapshot

    def prepare(self, call: ToolCall) -> None:
        """Make the records exist that the call needs to succeed; an unknown tool needs none."""
        known = self._toolbox.find(call.name)
        if known is None:
            return
        for reference, value in list(missing(known, call.arguments, self._state)):
            self._prepare_referred(known.tool.toolset, reference, value)
        if known.operation is not None:
            self._state = self._crud.prepare(known, known.operation, call.arguments, self._state)

    def _prepare_referred(self, toolset: str, reference: Reference, value: Json) -> None:
        """Make the record that a call refers to, as the tools that find it would find it."""
        finder = self._toolbox.find(f"{toolset}.{reference.finder}") if reference.finder else None
        if finder is not None and finder.operation is not None:
            arguments = {finder.operation.keys[-1]: value}
            self._state = self._crud.prepare(finder, finder.operation, arguments, self._state)
        else:
            self._state = self._state.put(reference.resource, storage_key(value, {}), Record(value))


def _failure(status: int, kind: ToolErrorKind, message: str, field: str) -> Observation:
    error = {"code": kind.value, "message": message, **({"field": field} if field else {})}
    return Observation(status=status, body={"error": error}, error=kind)
