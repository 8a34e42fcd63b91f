"""The exact worlds as ordinary worlds: sessions whose states are immutable, so that a snapshot costs nothing."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from toolwise.errors import WorldError
from toolwise.types import Json, Observation, ObservationSource, Task, ToolCall, ToolErrorKind
from toolwise.worlds.planning.layout import Layout, Operator, State
from toolwise.worlds.planning.variants import Variant, open_variant


class PlanningWorld:
    """BlocksWorld, Logistics or SpellAndWrite, plain or renamed. `Task.world.start` is the whole start state."""

    can_fork = True

    def __init__(self, name: str) -> None:
        """Raises ConfigError for an unknown name."""
        self.variant = open_variant(name)
        self.name = self.variant.name

    def open(self, task: Task) -> PlanningSession:
        """A fresh session in the task's start state. Raises InstanceError if that is malformed."""
        layout = self.variant.domain.layout(task.world.start)
        return PlanningSession(self.variant, layout, layout.load(task.world.start), frozenset(task.candidates))


class PlanningSession:
    """One run of one task."""

    def __init__(self, variant: Variant, layout: Layout, state: State, candidates: frozenset[str]) -> None:
        self.variant, self.layout = variant, layout
        self._state = state
        self._candidates = candidates

    @property
    def present(self) -> State:
        """The state in the layout's own form."""
        return self._state

    async def call(self, call: ToolCall) -> Observation:
        """Run a tool; where it cannot run, the state stays and the error names every violated precondition."""
        known = self.variant.canonical.get(call.name)
        if known is None or (self._candidates and call.name not in self._candidates):
            return _failure(404, ToolErrorKind.UNKNOWN_TOOL, f"There is no tool named '{call.name}'.")
        operator = self._operator(known, call.arguments)
        if isinstance(operator, str):
            return _failure(400, ToolErrorKind.INVALID_ARGUMENTS, operator)
        broken = self.layout.violated(self._state, operator)
        if broken:
            return _violation(broken)
        self._state = self.layout.successor(self._state, operator)
        return _DONE

    def _operator(self, known: tuple[str, tuple[str, ...]], arguments: Mapping[str, Json]) -> Operator | str:
        """The ground action, or what is wrong with the arguments."""
        tool, parameters = known
        try:
            found = self.layout.find(tool, tuple([arguments[name] for name in parameters]))
        except (KeyError, TypeError):  # missing, or no text
            found = None
        if found is not None and len(arguments) == len(parameters):
            return found
        for name in parameters:
            if name not in arguments:
                return f"The argument '{name}' is missing."
        unknown = next((name for name in arguments if name not in parameters), None)
        if unknown is not None:
            return f"There is no argument '{unknown}'."
        values = [arguments[name] for name in parameters]
        if not all(isinstance(value, str) for value in values):
            return "Every argument must be a text."
        return f"'{', '.join(values)}' cannot be used here: no such thing, or of the wrong kind."

    def state(self) -> Mapping[str, Json]:
        """The whole state, its objects included."""
        return self.layout.dump(self._state)

    def snapshot(self) -> object:
        """The present state, which is immutable."""
        return self._state

    def restore(self, snapshot: object) -> None:
        """Go back to a snapshot. Raises WorldError for something that no snapshot can be."""
        if not isinstance(snapshot, (int, tuple)):
            raise WorldError("this is no snapshot of an exact world's session; pass what snapshot() gave")
        self._state = snapshot

    def prepare(self, call: ToolCall) -> None:
        """Nothing: an exact world's start state is given, not made up."""


_DONE = Observation(status=200, body={"done": True}, source=ObservationSource.REAL)


def _failure(status: int, kind: ToolErrorKind, message: str) -> Observation:
    body = {"error": {"code": kind.value, "message": message}}
    return Observation(status=status, body=body, error=kind, source=ObservationSource.REAL)


@lru_cache(maxsize=4096)
def _violation(broken: tuple[str, ...]) -> Observation:
    """The answer of a tool that cannot run now (observations are frozen, hence shared)."""
    message = f"This cannot be done now: {'; '.join(broken)}."
    body = {"error": {"code": ToolErrorKind.CONFLICT.value, "message": message, "violated": list(broken)}}
    return Observation(status=409, body=body, error=ToolErrorKind.CONFLICT, source=ObservationSource.REAL)
