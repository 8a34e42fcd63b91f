"""Failures that pass: calls that are refused for a moment, and the replay of what was refused."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence

import orjson
from pydantic import Field

from toolwise.config import Config
from toolwise.ports import Session, World
from toolwise.types import FaultKind, Json, Node, Observation, ObservationSource, Role, Task, ToolCall
from toolwise.worlds.faults import refusal

PASSING = (FaultKind.REQUEST_TIMEOUT, FaultKind.RATE_LIMITED, FaultKind.SERVER_ERROR)
"""Refusals that may not come again, and of which it is sure that the call was not made."""


class TransientConfig(Config):
    """How often a call is refused for the moment."""

    rate: float = Field(default=0.0, ge=0, le=1)
    seed: int = 0


class TransientWorld:
    """A world whose tools refuse some calls for a moment.

    Whether a call is refused follows from the seed, the task's seed and how many calls were made for the task before,
    in whichever branch: as time does, the count does not go back where a search does. So whoever tries again, in the
    same branch or in another one, may succeed. One object serves one search of each task.
    """

    def __init__(self, world: World, config: TransientConfig) -> None:
        self._world = world
        self._config = config
        self.name = f"{world.name}+transient"
        self.can_fork = world.can_fork
        self._made: Counter[str] = Counter()

    def open(self, task: Task) -> TransientSession:
        """A session of the inner world, within the task's time."""
        return TransientSession(self._world.open(task), task, self._config, self._made)


class TransientSession:
    """One run of one task."""

    def __init__(self, session: Session, task: Task, config: TransientConfig, made: Counter[str]) -> None:
        self._session = session
        self._task = task
        self._config = config
        self._made = made

    async def call(self, call: ToolCall) -> Observation:
        """Run a tool, or be refused; then the call is not made."""
        moment = self._made[self._task.key]
        self._made[self._task.key] += 1
        rng = random.Random(f"transient:{self._config.seed}:{self._task.world.seed}:{moment}")
        if rng.random() < self._config.rate:
            return refusal(rng.choice(PASSING), rng)
        return await self._session.call(call)

    def state(self) -> Mapping[str, Json]:
        return self._session.state()

    def snapshot(self) -> object:
        return self._session.snapshot()

    def restore(self, snapshot: object) -> None:
        self._session.restore(snapshot)

    def prepare(self, call: ToolCall) -> None:
        self._session.prepare(call)


class RefusalsWorld:
    """A world that refuses what was refused when a branch was recorded, for its verification by replay."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.name = world.name
        self.can_fork = False
        self.branch: Sequence[Node] = ()
        """The recorded nodes of the branch that the next session replays, its calls in their order."""

    def open(self, task: Task) -> _RefusingSession:
        """A fresh session."""
        nodes = [node for node in self.branch if node.message.role is Role.TOOL]
        return _RefusingSession(self._world.open(task), nodes)


class _RefusingSession:
    def __init__(self, session: Session, nodes: Sequence[Node]) -> None:
        self._session = session
        self._nodes = nodes
        self._at = 0

    async def call(self, call: ToolCall) -> Observation:
        """As it was recorded, where the call was refused; made otherwise."""
        node = self._nodes[self._at] if self._at < len(self._nodes) else None
        self._at += 1
        if node is not None and node.fault in PASSING:
            return _recorded(node)
        return await self._session.call(call)

    def state(self) -> Mapping[str, Json]:
        return self._session.state()

    def snapshot(self) -> object:
        return self._session.snapshot()

    def restore(self, snapshot: object) -> None:
        self._session.restore(snapshot)

    def prepare(self, call: ToolCall) -> None:
        self._session.prepare(call)


def _recorded(node: Node) -> Observation:
    """The refusal that a node holds."""
    said = orjson.loads(node.message.content)
    return Observation(
        status=said["status"],
        body={"error": said["error"]},
        error=node.error,
        source=node.source or ObservationSource.SIMULATED,
        fault=node.fault,
    )
