"""A world in which one task's identical read-only calls are answered once."""

from __future__ import annotations

from collections.abc import Mapping

from toolwise.ports import Session, Tools, World
from toolwise.types import Json, Observation, Task, ToolCall, content_key


class AnsweredOnce:
    """Wraps a world for one task: a call known to be read-only, made again while nothing may have changed, gets the
    same observation without running the tool.

    What may have changed is told by the other calls made since the start, so branches of a search that made the
    same ones share their observations.
    """

    def __init__(self, world: World, tools: Tools) -> None:
        self.name = world.name
        self.can_fork = world.can_fork
        self.saved = 0
        """Calls that were not run."""
        self._world = world
        self._tools = tools
        self._known: dict[str, Observation] = {}

    def open(self, task: Task) -> Session:
        return _Session(self, self._world.open(task))

    def reads_only(self, call: ToolCall) -> bool:
        """Is the tool known to change nothing?"""
        try:
            return self._tools.tool(call.name).hints.read_only is True
        except KeyError:
            return False

    async def answer(self, key: str, session: Session, call: ToolCall) -> Observation:
        """The observation under this key, or the session's own."""
        if (known := self._known.get(key)) is not None:
            self.saved += 1
            return known
        observation = await session.call(call)
        if observation.ok:  # a failure may pass
            self._known[key] = observation
        return observation


class _Session:
    def __init__(self, world: AnsweredOnce, session: Session) -> None:
        self._world = world
        self._session = session
        self._changes = ""
        """A key of all calls so far that may have changed something."""

    async def call(self, call: ToolCall) -> Observation:
        key = content_key(self._changes, call.name, call.arguments)
        if self._world.reads_only(call):
            return await self._world.answer(key, self._session, call)
        observation = await self._session.call(call)
        self._changes = key
        return observation

    def state(self) -> Mapping[str, Json]:
        return self._session.state()

    def snapshot(self) -> object:
        return self._changes, self._session.snapshot()

    def restore(self, snapshot: object) -> None:
        assert isinstance(snapshot, tuple)  # noqa: S101 # ours, from `snapshot`
        self._changes, inner = snapshot
        self._session.restore(inner)

    def prepare(self, call: ToolCall) -> None:
        self._session.prepare(call)
