"""Seeded exploration of a world: every state is kept, every execution done once, and walks of three kinds."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from toolwise.metatasks.subject import Subject, near_miss_reason
from toolwise.types import Json, Observation, Task, ToolCall, canonical_json


class Exploration(StrEnum):
    """How calls are chosen."""

    RANDOM = "random"
    """Uniformly among those that can run."""
    COVERAGE = "coverage"
    """The tool and result that were seen least so far, and states not seen yet, first."""
    SOLUTION = "solution"
    """Along a way to the goal."""


@dataclass(eq=False, slots=True)
class Node:
    """A state."""

    key: bytes
    state: Json
    snapshot: object
    edges: dict[str, Edge] = field(default_factory=dict)
    runnable: Sequence[ToolCall] | None = None
    layers: list[list[Node]] = field(default_factory=list)
    """States by the least number of calls that lead to them, as far as searched."""
    came: dict[bytes, Edge] = field(default_factory=dict)
    """State -> the last call of a shortest way to it."""


@dataclass(eq=False, slots=True)
class Edge:
    """An executed call."""

    source: Node
    call: ToolCall
    observation: Observation
    target: Node
    outcome: Json

    @property
    def ok(self) -> bool:
        return self.observation.ok


@dataclass(frozen=True, slots=True)
class Walk:
    """Consecutive calls that ran."""

    how: Exploration
    edges: tuple[Edge, ...]


class Explorer:
    """One session with all states that it has been in."""

    def __init__(self, subject: Subject, task: Task, seen: Counter[str]) -> None:
        self._subject = subject
        self.task = task
        self.session = subject.world.open(task)
        self.nodes: dict[bytes, Node] = {}
        self._seen = seen
        self._known: dict[object, Node] = {}
        self._keys: dict[int, tuple[ToolCall, str]] = {}
        self.start = self._node()

    def _node(self) -> Node:
        snapshot = self.session.snapshot()
        hashable = snapshot.__hash__ is not None
        if hashable and snapshot in self._known:
            return self._known[snapshot]
        state = self.session.state()
        key = canonical_json(state)
        node = self.nodes.get(key)
        if node is None:
            node = self.nodes[key] = Node(key, state, snapshot)
        if hashable:
            self._known[snapshot] = node
        return node

    def _key(self, call: ToolCall) -> str:
        """A call as a key; remembered, since subjects give the same objects again and again."""
        known = self._keys.get(id(call))
        if known is None:
            known = self._keys[id(call)] = (call, f"{call.name}{canonical_json(call.arguments).decode()}")
        return known[1]

    async def step(self, node: Node, call: ToolCall) -> Edge:
        """Execute a call in a state, once."""
        key = self._key(call)
        edge = node.edges.get(key)
        if edge is None:
            self.session.restore(node.snapshot)
            observation = await self.session.call(call)
            target = self._node()
            outcome = self._subject.outcome(node.state, observation, target.state)
            edge = node.edges[key] = Edge(node, call, observation, target, outcome)
        return edge

    def runnable(self, node: Node) -> Sequence[ToolCall]:
        """The calls worth trying in a state."""
        if node.runnable is None:
            self.session.restore(node.snapshot)
            node.runnable = self._subject.runnable(self.task, self.session)
        return node.runnable

    def near_misses(self, node: Node, rng: random.Random) -> Sequence[ToolCall]:
        """Calls that may just fail in a state."""
        self.session.restore(node.snapshot)
        return self._subject.near_misses(self.task, self.session, rng)

    async def reach(self, node: Node, steps: int) -> list[list[Node]]:
        """Layer d holds the states at distance d, for d up to `steps`: breadth first, each state once."""
        if not node.layers:
            node.layers.append([node])
        while len(node.layers) <= steps:
            fresh: list[Node] = []
            for state in node.layers[-1]:
                for call in self.runnable(state):
                    edge = await self.step(state, call)
                    if edge.ok and edge.target is not node and edge.target.key not in node.came:
                        node.came[edge.target.key] = edge
                        fresh.append(edge.target)
            node.layers.append(fresh)
        return node.layers[: steps + 1]

    def way(self, node: Node, target: Node) -> tuple[ToolCall, ...]:
        """A shortest way to a state that `reach` found."""
        calls = []
        while target is not node:
            edge = node.came[target.key]
            calls.append(edge.call)
            target = edge.source
        return tuple(reversed(calls))

    async def walk(self, how: Exploration, length: int, rng: random.Random) -> Walk:
        """A walk from the start; shorter where nothing runs any more."""
        if how is Exploration.SOLUTION:
            return await self._follow(self._subject.solution(self.task))
        node, edges = self.start, []
        for _ in range(length):
            edge = await (self._any(node, rng) if how is Exploration.RANDOM else self._rarest(node, rng))
            if edge is None:
                break
            edges.append(edge)
            node = edge.target
        return Walk(how, tuple(edges))

    async def _follow(self, calls: Sequence[ToolCall]) -> Walk:
        node, edges = self.start, []
        for call in calls:
            edge = await self.step(node, call)
            if not edge.ok:
                break
            edges.append(edge)
            node = edge.target
        return Walk(Exploration.SOLUTION, tuple(edges))

    async def _any(self, node: Node, rng: random.Random) -> Edge | None:
        calls = list(self.runnable(node))
        rng.shuffle(calls)
        for call in calls:
            edge = await self.step(node, call)
            if edge.ok:
                return edge
        return None

    async def _rarest(self, node: Node, rng: random.Random) -> Edge | None:
        """Tries one call that may just fail too, so that failures are covered; a walk only goes on by what ran."""
        for call in self.near_misses(node, rng)[:1]:
            self._count(await self.step(node, call))
        best: tuple[tuple[bool, int, float], Edge] | None = None
        for call in self.runnable(node):
            edge = await self.step(node, call)
            if not edge.ok:
                self._count(edge)
                continue
            rank = (bool(edge.target.edges), self._seen[_signature(edge)], rng.random())
            if best is None or rank < best[0]:
                best = (rank, edge)
        if best is not None:
            self._count(best[1])
        return None if best is None else best[1]

    def _count(self, edge: Edge) -> None:
        self._seen[_signature(edge)] += 1


def _signature(edge: Edge) -> str:
    """A tool and how it ended: what coverage counts."""
    return f"{edge.call.name} {edge.observation.error or 'ok'} {len(near_miss_reason(edge.observation))}"
