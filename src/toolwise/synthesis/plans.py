"""Plans: which tools a task calls, which values it will state, which it takes from earlier responses."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from toolwise.resources import Action
from toolwise.synthesis.config import SynthesisConfig
from toolwise.synthesis.graph import Edge, ToolGraph
from toolwise.synthesis.pool import Pool
from toolwise.synthesis.specs import Leaf, ToolSpec
from toolwise.synthesis.wording.verbs import canonical_verb
from toolwise.types import Reference, TaskKind, Toolset

_SHARED_WORDS = frozenset({"project", "region", "zone", "location", "account", "customer", "organization", "parent"})
_DRAWS = 12
_BY_NAME = 0.05
"""How often a tool is asked for in the words of its name instead of its description's."""
_ECHOES = 0.3
"""How often a reference may point at a response field that merely repeats a stated argument."""


class Pattern(StrEnum):
    """How the calls of a task hang together; negatives have none."""

    SINGLE = "single"
    """One call."""
    PARALLEL = "parallel"
    """Several calls that do not need each other's responses."""
    CHAIN = "chain"
    """Every call but the first takes an argument from an earlier response."""
    MIXED = "mixed"
    """A chain, and a call beside it."""
    NO_TOOL = "no_tool"
    """Negative: the request needs no tool."""
    NO_FIT = "no_fit"
    """Negative: the tool that the request needs is not on offer."""
    MISSING_VALUE = "missing_value"
    """Negative: the request leaves out a value that the tool requires."""


@dataclass(frozen=True, slots=True)
class PlannedCall:
    """One call: what it states and what it refers to."""

    spec: ToolSpec
    leaves: tuple[Leaf, ...]
    references: dict[str, Reference] = field(default_factory=dict)
    shared: tuple[str, ...] = ()
    """Parameters that take the value an earlier call of the same toolset has."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The shape of a task, without values."""

    pattern: Pattern
    kind: TaskKind
    calls: tuple[PlannedCall, ...]


class Planner:
    """Draws plans from a pool."""

    def __init__(self, pool: Pool, config: SynthesisConfig) -> None:
        self._pool = pool
        self._config = config
        self._partners: dict[tuple[str, TaskKind], list[Toolset]] = {}

    def draw(self, toolset: Toolset, pattern: Pattern, rng: random.Random) -> Plan | None:
        """A plan that starts from a tool of `toolset`; none where the toolset has no such shape."""
        if pattern is Pattern.CHAIN:
            return self._chain_plan(toolset, rng)
        if pattern is Pattern.MIXED:
            return self._mixed_plan(toolset, rng)
        if pattern is Pattern.PARALLEL:
            return self._parallel_plan(toolset, rng)
        call = self.call(toolset, rng)
        return Plan(Pattern.SINGLE, TaskKind.SINGLE, (call,)) if call else None

    def call(self, toolset: Toolset, rng: random.Random, taken: Iterable[str] = ()) -> PlannedCall | None:
        """One call of a tool of the toolset that is not `taken`; none after a number of draws."""
        avoided = set(taken)
        groups = self._pool.groups(toolset)
        for _ in range(_DRAWS):
            tool = rng.choice(rng.choice(groups)) if groups else None
            if tool is None or tool.id in avoided:
                continue
            spec = self._pool.spec(tool)
            planned = self.plan_call(spec, rng) if spec else None
            if planned:
                return planned
        return None

    def plan_call(
        self, spec: ToolSpec, rng: random.Random, references: dict[str, Reference] | None = None
    ) -> PlannedCall | None:
        """Choose the leaves to state: all that must be, and sometimes optional ones; none if that is too many."""
        filled = references or {}
        chosen = [leaf for leaf in spec.leaves if all(leaf.needed) and leaf.parameter not in filled]
        for name in spec.required:
            if name not in filled and not any(leaf.parameter == name for leaf in chosen):
                chosen.append(rng.choice(spec.of(name)))
        stated = {leaf.path for leaf in chosen}
        optional = [leaf for leaf in spec.leaves if leaf.path not in stated and leaf.parameter not in filled]
        operation = self._pool.operation(spec.tool)
        writes = canonical_verb(spec.phrase.verb.strip(",")) in {"create", "update"} or (
            operation is not None and operation.action in {Action.CREATE, Action.UPDATE}
        )
        keys = {*operation.keys, *operation.scope} if operation else set()
        bare = writes and all(leaf.parameter in keys for leaf in chosen)
        wanted = rng.choices((0, 1, 2, 3), weights=(2, 4, 3, 1) if writes else (8, 5, 2, 0))[0]
        wanted = max(wanted, int(bare))  # a change that changes nothing is no request
        rng.shuffle(optional)
        for leaf in optional[:wanted]:
            grown = _closed(spec, [*chosen, leaf])
            if len(grown) <= self._config.max_arguments:
                chosen = grown
        chosen = _closed(spec, chosen)
        if len(chosen) > self._config.max_arguments:
            return None
        stated = {leaf.path for leaf in chosen}
        if spec.named and rng.random() < _BY_NAME:
            spec = replace(spec, phrase=spec.named)
        return PlannedCall(spec, tuple(leaf for leaf in spec.leaves if leaf.path in stated), dict(filled))

    def _parallel_plan(self, toolset: Toolset, rng: random.Random) -> Plan | None:
        count = min(self._config.max_calls, rng.choices((2, 3, 4, 5), weights=(60, 28, 8, 4))[0])
        kind, toolsets = TaskKind.SINGLE, [toolset]
        if rng.random() < self._config.group:
            kind, toolsets = self._group(toolset, count, rng)
        first = self.call(toolset, rng)
        if first is None:
            return None
        calls = [first]
        if kind is TaskKind.SINGLE and first.leaves and rng.random() < 0.2:
            scope = self._scope(first)
            shared = scope if len(scope) < len(first.leaves) else ()
            return Plan(Pattern.PARALLEL, kind, (first, replace(first, shared=shared)))
        for index in range(1, count):
            home = toolsets[index % len(toolsets)]
            following = self.call(home, rng, [call.spec.tool.id for call in calls])
            if following is None:
                return None
            calls.append(replace(following, shared=self._scope(following)))
        if sum(len(call.leaves) for call in calls) > 2 * self._config.max_arguments:
            calls = calls[:2]
        used = {call.spec.tool.toolset for call in calls}
        return Plan(Pattern.PARALLEL, kind if len(used) > 1 else TaskKind.SINGLE, tuple(calls))

    def _chain_plan(self, toolset: Toolset, rng: random.Random) -> Plan | None:
        length = min(self._config.max_calls, rng.choices((2, 3), weights=(7, 3))[0])
        calls = self._walk(toolset, length, rng)
        return Plan(Pattern.CHAIN, TaskKind.SINGLE, tuple(calls)) if len(calls) > 1 else None

    def _mixed_plan(self, toolset: Toolset, rng: random.Random) -> Plan | None:
        if self._config.max_calls < 3:
            return None
        length = min(self._config.max_calls - 1, rng.choices((2, 3), weights=(8, 2))[0])
        calls = self._walk(toolset, length, rng)
        kind, home = TaskKind.SINGLE, toolset
        if rng.random() < self._config.group:
            kind, toolsets = self._group(toolset, 2, rng)
            home = toolsets[-1]
        beside = self.call(home, rng, [call.spec.tool.id for call in calls]) if len(calls) > 1 else None
        if beside is None:
            return None
        calls.append(replace(beside, shared=self._scope(beside)))
        return Plan(Pattern.MIXED, kind, tuple(calls))

    def _walk(self, toolset: Toolset, length: int, rng: random.Random) -> list[PlannedCall]:
        """A walk on the tool graph; shorter than two calls where none was found."""
        graph = self._pool.graph([toolset.name])
        for _ in range(_DRAWS):
            first = self.call(toolset, rng)
            if first is None:
                return []
            calls = [first]
            for _ in range(length - 1):
                following = self._follow(graph, calls, rng)
                if following is None:
                    break
                calls.append(following)
            if len(calls) > 1:
                return calls
        return []

    def _follow(self, graph: ToolGraph, calls: Sequence[PlannedCall], rng: random.Random) -> PlannedCall | None:
        """A call that takes an argument from one of the calls before it, by preference the last."""
        taken = {call.spec.tool.id for call in calls}
        source = len(calls) - 1 if rng.random() < 0.7 else rng.randrange(len(calls))
        tool_id = calls[source].spec.tool.id
        edges: list[Edge] = graph.record_edges(tool_id) if rng.random() < 0.5 else list(graph.edges_from(tool_id))
        said = {leaf.path[-1] for leaf in calls[source].leaves}
        echoes = rng.random() < _ECHOES
        edges = [
            edge
            for edge in edges or list(graph.edges_from(tool_id))
            if edge.target not in taken and (echoes or edge.path[-1] not in said)
        ][:12]
        rng.shuffle(edges)
        for edge in edges[:4]:
            spec = self._pool.spec(self._pool.catalog.tool(edge.target))
            if spec is None or not any(len(leaf.path) == 1 and leaf.path[0] == edge.parameter for leaf in spec.leaves):
                continue
            planned = self.plan_call(spec, rng, {edge.parameter: Reference(call=source, path=edge.path)})
            if planned:
                return replace(planned, shared=self._scope(planned))
        return None

    def _scope(self, call: PlannedCall) -> tuple[str, ...]:
        """Parameters that calls of one toolset naturally have in common."""
        operation = self._pool.operation(call.spec.tool)
        scope = set(operation.scope) if operation else set()
        return tuple(
            leaf.parameter
            for leaf in call.leaves
            if len(leaf.path) == 1 and (leaf.parameter in scope or set(leaf.label.split()) & _SHARED_WORDS)
        )

    def _group(self, toolset: Toolset, count: int, rng: random.Random) -> tuple[TaskKind, list[Toolset]]:
        """The toolset with up to `count - 1` others that share a collection or its category (never its family)."""
        kinds = [TaskKind.CATEGORY, TaskKind.COLLECTION]
        rng.shuffle(kinds)
        for kind in kinds:
            partners = self._partners_of(toolset, kind)
            if partners:
                return kind, [toolset, *rng.sample(partners, min(len(partners), count - 1, 4))]
        return TaskKind.SINGLE, [toolset]

    def _partners_of(self, toolset: Toolset, kind: TaskKind) -> list[Toolset]:
        key = (toolset.name, kind)
        if key not in self._partners:
            mine = set(toolset.collections)
            self._partners[key] = [
                other
                for other in self._pool.catalog.toolsets
                if other.name != toolset.name
                and (other.family or other.name) != (toolset.family or toolset.name)
                and (
                    other.category == toolset.category and toolset.category
                    if kind is TaskKind.CATEGORY
                    else mine.intersection(other.collections)
                )
            ]
        return self._partners[key]


def _closed(spec: ToolSpec, chosen: Sequence[Leaf]) -> list[Leaf]:
    """The chosen leaves and all that must be given beside them."""
    result = list(chosen)
    if all(len(leaf.path) == 1 for leaf in result):
        return result
    stated = {leaf.path for leaf in result}
    grown = True
    while grown:
        grown = False
        held = {path[:depth] for path in stated for depth in range(1, len(path) + 1)}
        for leaf in spec.leaves:
            if leaf.path in stated:
                continue
            if any(leaf.path[:depth] in held and all(leaf.needed[depth:]) for depth in range(1, len(leaf.path))):
                result.append(leaf)
                stated.add(leaf.path)
                grown = True
    return result
