"""Best-first search over the turns that a model may write, where the likeliest one at each token is not good enough.

A turn is written greedily first. Where it must not come out, or is doubted, the likeliest roads not taken are written
to their ends too, until no open road can lead to a better turn (a road's probability only falls) or enough were tried.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from toolwise.models.chat import ParsedTurn

Doubt = Callable[[ParsedTurn], float]
"""By how much a turn's log-probability is lowered; infinite for one that must not come out."""

SWITCH = 6.0
"""By how much a turn is doubted that calls where the likeliest one only speaks, or speaks where that one calls."""
MAX_TURNS = 17
"""Turns written for one request, the greedy one among them."""
AT_ONCE = 8
"""Roads followed in one batch."""


@dataclass(frozen=True, slots=True)
class Road:
    """A way to a decision that was not taken: the tokens with it, and their log-probability."""

    score: float
    tokens: tuple[int, ...]


START = Road(0.0, ())
"""The way to the first decision."""


@dataclass(frozen=True, slots=True)
class Ending:
    """A finished turn."""

    tokens: tuple[int, ...]
    turn: ParsedTurn | None
    """None if it cannot be read."""
    score: float
    worth: float
    """The score less the doubt; minus infinity for a turn that must not come out."""


@dataclass
class TurnSearch:
    """The turns written for one request, and the roads still open."""

    avoid: frozenset[tuple[int, ...]] = frozenset()
    doubt: Doubt | None = None
    endings: list[Ending] = field(default_factory=list)
    _open: list[tuple[float, tuple[int, ...]]] = field(default_factory=list)

    def add(self, tokens: tuple[int, ...], turn: ParsedTurn | None, score: float, roads: Iterable[Road]) -> None:
        """A turn that was written, and the roads not taken on the way."""
        self.endings.append(Ending(tokens, turn, score, score - self._doubt(tokens, turn)))
        for road in roads:
            if not any(avoided[: len(road.tokens)] == road.tokens for avoided in self.avoid):
                heapq.heappush(self._open, (-road.score, road.tokens))

    def _doubt(self, tokens: tuple[int, ...], turn: ParsedTurn | None) -> float:
        if turn is None or tokens in self.avoid:
            return math.inf
        doubt = self.doubt(turn) if self.doubt is not None else 0.0
        first = self.endings[0].turn if self.endings else None
        return doubt + (SWITCH if first is not None and bool(first.calls) != bool(turn.calls) else 0.0)

    def next_roads(self) -> list[Road]:
        """The roads to follow now; none when the best turn is found or enough were tried."""
        if self.endings[0].turn is None:  # a model that babbles would babble on every road
            return []
        best = self.best()
        if best.worth == best.score and best is self.endings[0]:
            return []
        room = min(AT_ONCE, MAX_TURNS - len(self.endings))
        roads: list[Road] = []
        while len(roads) < room and self._open and -self._open[0][0] > best.worth:
            score, tokens = heapq.heappop(self._open)
            roads.append(Road(-score, tokens))
        return roads

    def best(self) -> Ending:
        """The turn of most worth so far, the earliest among equals."""
        return max(self.endings, key=lambda ending: ending.worth)
