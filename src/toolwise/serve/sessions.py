"""Sessions of a served world: each client's state is its own, and its calls run one after the other."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping

from toolwise.ports import Session, World
from toolwise.types import Json, Observation, Task, ToolCall, WorldSpec

MAX_SESSIONS = 1_000
"""Of more sessions than these, the longest unused ones are forgotten and would start afresh."""
MAX_SEED = 2**63 - 1


class ServedSession:
    """One client's run of the world."""

    def __init__(self, world: World, seed: int) -> None:
        self.seed = seed
        self._session: Session = world.open(_task(world.name, seed))
        self._lock = asyncio.Lock()

    async def call(self, tool_id: str, arguments: Mapping[str, Json]) -> Observation:
        """Run a tool after the calls that came before it."""
        async with self._lock:
            return await self._session.call(ToolCall(name=tool_id, arguments=dict(arguments)))

    def state(self) -> Mapping[str, Json]:
        """The session's whole state."""
        return self._session.state()


class Sessions:
    """All clients' sessions, by whatever names them on the wire."""

    def __init__(self, world: World, seed: int = 0, limit: int = MAX_SESSIONS) -> None:
        self._world = world
        self._seed = seed
        self._limit = limit
        self._open: OrderedDict[str, ServedSession] = OrderedDict()

    def get(self, key: str) -> ServedSession:
        """The session of that name; a new name gets a fresh one."""
        session = self._open.get(key)
        if session is None:
            return self.reset(key)
        self._open.move_to_end(key)
        return session

    def reset(self, key: str, seed: int | None = None) -> ServedSession:
        """A fresh session under that name, with the server's seed or another."""
        session = self._open[key] = ServedSession(self._world, self._seed if seed is None else seed)
        self._open.move_to_end(key)
        if len(self._open) > self._limit:
            self._open.popitem(last=False)
        return session

    def __len__(self) -> int:
        return len(self._open)


def _task(world: str, seed: int) -> Task:
    """A task that offers every tool."""
    return Task(instruction="", candidates=(), relevant=(), world=WorldSpec(name=world, seed=seed))
