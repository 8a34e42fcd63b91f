"""Faults on demand: any world, with seeded failures at set rates."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import Field, model_validator

from toolwise.config import Config
from toolwise.errors import WorldError
from toolwise.ports import Session, World
from toolwise.types import FaultKind, Json, Observation, Task, ToolCall, ToolErrorKind
from toolwise.worlds.call_keys import call_key
from toolwise.worlds.damage import damaged
from toolwise.worlds.persistent import PersistentMap

_MAYBE_MADE = frozenset({FaultKind.TIMEOUT, FaultKind.DROPPED_CONNECTION})
_MAX_RETRY_AFTER_S = 30


class FaultConfig(Config):
    """Which faults, and how often."""

    rates: Mapping[FaultKind, float] = Field(default_factory=dict)
    """Fault -> probability for each call; the sum is at most 1."""
    rate: float = Field(default=0.0, ge=0, le=1)
    """A probability spread evenly over all kinds of faults, besides `rates`."""
    seed: int = 0

    @model_validator(mode="after")
    def _at_most_one(self) -> FaultConfig:
        if any(rate < 0 for rate in self.rates.values()):
            raise ValueError("a fault's rate is negative")
        if (total := sum(self.rates.values()) + self.rate) > 1 + 1e-9:
            raise ValueError(f"the faults' rates sum to {total:g}, which is more than 1")
        return self

    def draw(self, rng: random.Random) -> FaultKind | None:
        """At most one fault for a call."""
        point = rng.random()
        for kind in FaultKind:
            rate = self.rates.get(kind, 0.0) + self.rate / len(FaultKind)
            if point < rate:
                return kind
            point -= rate
        return None


class FaultyWorld:
    """A world whose answers fail as configured.

    Whether a call fails, and how, follows from the configuration's seed, the task's seed, the call, and how often
    the same call was made before in this branch: not from other calls, their order or concurrency. So a replayed
    branch meets the same faults, and a retry is drawn anew.
    """

    def __init__(self, world: World, config: FaultConfig) -> None:
        self._world = world
        self._config = config
        self.name = f"{world.name}+faults"
        self.can_fork = world.can_fork

    def open(self, task: Task) -> FaultySession:
        """A fresh session of the inner world."""
        return FaultySession(self._world.open(task), self._config, task.world.seed)


@dataclass(frozen=True, slots=True)
class _Snapshot:
    inner: object
    made: PersistentMap[int]


class FaultySession:
    """One run of one task."""

    def __init__(self, session: Session, config: FaultConfig, seed: int) -> None:
        self._session = session
        self._config = config
        self._seed = seed
        self._made: PersistentMap[int] = PersistentMap()
        """Call key -> how often it was made."""

    async def call(self, call: ToolCall) -> Observation:
        """Run a tool, or fail; see `FaultKind` for whether the call is then made."""
        key = call_key(call)
        occurrence = self._made.get(key) or 0
        self._made = self._made.set(key, occurrence + 1)
        rng = random.Random(f"fault:{self._config.seed}:{self._seed}:{key}:{occurrence}")
        fault = self._config.draw(rng)
        if fault is None:
            return await self._session.call(call)
        if fault in _NOT_MADE:
            return refusal(fault, rng)
        if fault in _MAYBE_MADE:
            if rng.random() < 0.5:
                await self._session.call(call)
            return refusal(fault, rng)
        answer = await self._session.call(call)
        return damaged(answer, fault, rng) if answer.ok else answer  # what failed by itself has nothing to damage

    def state(self) -> Mapping[str, Json]:
        return self._session.state()

    def snapshot(self) -> object:
        return _Snapshot(self._session.snapshot(), self._made)

    def restore(self, snapshot: object) -> None:
        """Raises WorldError for something that is no snapshot of such a session."""
        if not isinstance(snapshot, _Snapshot):
            raise WorldError("this is no snapshot of a session with faults; pass what snapshot() gave")
        self._session.restore(snapshot.inner)
        self._made = snapshot.made

    def prepare(self, call: ToolCall) -> None:
        self._session.prepare(call)


@dataclass(frozen=True, slots=True)
class _Refusal:
    statuses: tuple[int, ...]
    error: ToolErrorKind
    message: str


_REFUSALS = {
    FaultKind.UNAUTHORIZED: _Refusal((401,), ToolErrorKind.UNAUTHORIZED, "The credentials are missing or expired."),
    FaultKind.FORBIDDEN: _Refusal((403,), ToolErrorKind.UNAUTHORIZED, "These credentials do not allow this call."),
    FaultKind.NOT_FOUND: _Refusal((404,), ToolErrorKind.NOT_FOUND, "The requested resource was not found."),
    FaultKind.REQUEST_TIMEOUT: _Refusal((408,), ToolErrorKind.TIMEOUT, "The request did not arrive in time."),
    FaultKind.RATE_LIMITED: _Refusal((429,), ToolErrorKind.RATE_LIMITED, "Too many requests; wait, then try again."),
    FaultKind.SERVER_ERROR: _Refusal((500, 502, 503), ToolErrorKind.SERVER, "The server met an internal error."),
    FaultKind.TIMEOUT: _Refusal((504,), ToolErrorKind.TIMEOUT, "No answer came in time."),
    FaultKind.DROPPED_CONNECTION: _Refusal(
        (503,), ToolErrorKind.CONNECTION, "The connection was closed before the answer was complete."
    ),
}
_NOT_MADE = frozenset(_REFUSALS) - _MAYBE_MADE


def refusal(fault: FaultKind, rng: random.Random) -> Observation:
    """What a caller sees of a fault that refuses the call."""
    refusal = _REFUSALS[fault]
    cause: dict[str, Any] = {"code": refusal.error.value, "message": refusal.message}
    if fault is FaultKind.RATE_LIMITED:
        cause["retry_after"] = rng.randint(1, _MAX_RETRY_AFTER_S)
    status = rng.choice(refusal.statuses)
    return Observation(status=status, body={"error": cause}, error=refusal.error, fault=fault)
