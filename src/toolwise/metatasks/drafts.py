"""The six meta-tasks (and two extensions): from explored states and calls to questions with answers."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from toolwise.metatasks.explorer import Edge, Explorer, Node, Walk
from toolwise.metatasks.subject import Subject, near_miss_reason, started
from toolwise.metatasks.wording import NO, YES, brief_call, call_text, calls_text, question
from toolwise.types import (
    Json,
    MetaTaskExample,
    MetaTaskKind,
    Split,
    ToolCall,
    WorldSpec,
    canonical_json,
    content_key,
)

MAX_HIDDEN = 24
"""Counterfacts with more possible hidden starts are dropped."""


@dataclass
class Draft:
    """An example before it has words: what is asked, and with what."""

    kind: MetaTaskKind
    start: Json
    answer: str
    shown: dict[str, Json]
    """What the question shows, by its letter in the wordings; two drafts that show the same are one."""
    fields: dict[str, Json] = field(default_factory=dict)


@dataclass(frozen=True)
class Ground:
    """One explored instance, and what drafts are made with."""

    subject: Subject
    explorer: Explorer
    walks: Sequence[Walk]
    steps: int
    rng: random.Random

    @property
    def edges(self) -> list[tuple[Walk, int]]:
        """Every executed call of every walk."""
        return [(walk, index) for walk in self.walks for index in range(len(walk.edges))]

    def pick(self) -> tuple[Edge, str] | None:
        """One executed call, and by which exploration."""
        walks = [walk for walk in self.walks if walk.edges]
        if not walks:
            return None
        walk = self.rng.choice(walks)
        return self.rng.choice(walk.edges), walk.how.value

    def place(self) -> tuple[Node, str] | None:
        """One visited state."""
        found = self.pick()
        if found is None:
            return self.explorer.start, "random"
        edge, how = found
        return (edge.source if self.rng.random() < 0.5 else edge.target), how


Maker = Callable[[Ground, bool], Awaitable[Draft | None]]
"""Makes a draft; boundary tasks make one with the label wanted. None if this draw gave none."""


async def effect(ground: Ground, positive: bool) -> Draft | None:
    """What does the call lead to?"""
    found = ground.pick()
    if found is None:
        return None
    edge, how = found
    fields: dict[str, Json] = {"calls": (edge.call,), "after": edge.outcome, "exploration": how}
    shown = {"s": edge.source.state, "a": edge.call}
    return Draft(MetaTaskKind.EFFECT, edge.source.state, ground.subject.write(edge.outcome), shown, fields)


async def decision(ground: Ground, positive: bool) -> Draft | None:
    """Which call leads from the first state to the second?"""
    found = ground.pick()
    if found is None or (ground.subject.exact and found[0].target is found[0].source):
        return None
    edge, how = found
    fields: dict[str, Json] = {"calls": (edge.call,), "after": edge.outcome, "exploration": how}
    shown: dict[str, Json] = {"s": edge.source.state, "t": edge.outcome}
    if not ground.subject.exact:
        shown["offered"] = list(ground.explorer.runnable(edge.source))
    return Draft(MetaTaskKind.DECISION, edge.source.state, call_text(edge.call), shown, fields)


async def reversion(ground: Ground, positive: bool) -> Draft | None:
    """From which state does the call lead to the one shown?"""
    found = ground.pick()
    if found is None or found[0].target is found[0].source:
        return None
    edge, how = found
    fields: dict[str, Json] = {"calls": (edge.call,), "after": edge.outcome, "exploration": how}
    shown = {"a": edge.call, "t": edge.outcome}
    return Draft(MetaTaskKind.REVERSION, edge.source.state, ground.subject.write(edge.source.state), shown, fields)


async def input_boundary(ground: Ground, positive: bool) -> Draft | None:
    """Can the call run? Where it cannot, exactly one thing is in its way."""
    found = ground.place()
    if found is None:
        return None
    node, how = found
    edge = await _running(ground, node) if positive else await _failing(ground, node)
    if edge is None:
        return None
    fields: dict[str, Json] = {
        "calls": (edge.call,),
        "positive": positive,
        "reason": near_miss_reason(edge.observation),
        "exploration": how,
    }
    shown = {"s": node.state, "a": edge.call}
    return Draft(MetaTaskKind.INPUT_BOUNDARY, node.state, YES if positive else NO, shown, fields)


async def _running(ground: Ground, node: Node) -> Edge | None:
    """A call that runs; its tool is drawn first, so that tools with many calls do not prevail."""
    by_tool: dict[str, list[ToolCall]] = {}
    for call in ground.explorer.runnable(node):
        by_tool.setdefault(call.name, []).append(call)
    if not by_tool:
        return None
    edge = await ground.explorer.step(node, ground.rng.choice(ground.rng.choice(list(by_tool.values()))))
    return edge if edge.ok else None


async def _failing(ground: Ground, node: Node) -> Edge | None:
    for call in ground.explorer.near_misses(node, ground.rng):
        edge = await ground.explorer.step(node, call)
        if not edge.ok and near_miss_reason(edge.observation):
            return edge
    return None


async def output_boundary(ground: Ground, positive: bool) -> Draft | None:
    """Can the state be reached within k calls? Decided by a search of all states within k calls."""
    found = ground.place()
    if found is None:
        return None
    node, how = found
    layers = await ground.explorer.reach(node, ground.steps)
    distances = [distance for distance in range(1, len(layers)) if layers[distance]]
    if not distances:
        return None
    target = ground.rng.choice(layers[ground.rng.choice(distances)])
    fields: dict[str, Json] = {"steps": ground.steps, "positive": positive, "exploration": how}
    candidate = target.state
    if positive:
        fields["calls"] = ground.explorer.way(node, target)
    else:
        changed = ground.subject.corrupted(target.state, ground.rng)
        if changed is None or _within(canonical_json(changed[0]), layers):
            return None
        candidate, fields["reason"] = changed
    fields["after"] = candidate
    shown: dict[str, Json] = {"s": node.state, "t": candidate, "k": str(ground.steps)}
    if not ground.subject.exact:
        offered = _offered(layers, ground)
        shown["offered"] = offered
        if not positive:
            fields["calls"] = tuple(offered)
    return Draft(MetaTaskKind.OUTPUT_BOUNDARY, node.state, YES if positive else NO, shown, fields)


def _within(key: bytes, layers: Sequence[Sequence[Node]]) -> bool:
    return any(state.key == key for layer in layers for state in layer)


def _offered(layers: Sequence[Sequence[Node]], ground: Ground) -> list[ToolCall]:
    """All calls that the search tried anywhere."""
    found: dict[str, ToolCall] = {}
    for layer in layers[:-1]:
        for state in layer:
            for call in ground.explorer.runnable(state):
                found.setdefault(call_text(call), call)
    return list(found.values())


async def counterfact(ground: Ground, positive: bool) -> Draft | None:
    """Calls and their outcome are shown, no state before it; what if one call had been another?

    Kept only if every hidden start that agrees with what is shown has one answer, which is neither the observed
    outcome nor what the replacement does to the state shown: so neither reading nor plain Effect finds it.
    """
    walks = [walk for walk in ground.walks if walk.edges]
    if not walks:
        return None
    walk = ground.rng.choice(walks)
    length = ground.rng.randint(1, min(3, len(walk.edges)))
    first = ground.rng.randint(0, len(walk.edges) - length)
    edges = walk.edges[first : first + length]
    changed = ground.rng.randrange(length)
    alternative = await _alternative(ground, edges[changed])
    if alternative is None or edges[-1].target is edges[0].source:
        return None
    instead, varied = alternative
    calls = tuple(edge.call for edge in edges)
    replaced = (*calls[:changed], instead, *calls[changed + 1 :])
    end = await _run(ground.explorer, edges[0].source, replaced)
    observed = edges[-1].target
    plain = await _run(ground.explorer, observed, replaced[changed:])
    if end is observed or end is plain:
        return None
    if not await _one_answer(ground, calls, replaced, observed, end):
        return None
    fields: dict[str, Json] = {
        "calls": calls, "after": observed.state, "changed": changed, "instead": instead, "otherwise": end.state,
        "reason": varied, "exploration": walk.how.value,
    }  # fmt: skip
    shown: dict[str, Json] = {"c": list(calls), "t": observed.state, "i": str(changed + 1), "b": instead}
    return Draft(MetaTaskKind.COUNTERFACT, edges[0].source.state, ground.subject.write(end.state), shown, fields)


async def _alternative(ground: Ground, edge: Edge) -> tuple[ToolCall, str] | None:
    """Another call that runs in the same state: the same tool with one other argument, or another tool."""
    runnable = [call for call in ground.explorer.runnable(edge.source) if call != edge.call]
    same = [call for call in runnable if call.name == edge.call.name and _differences(call, edge.call) == 1]
    other = [call for call in runnable if call.name != edge.call.name]
    groups = [(group, name) for group, name in ((same, "argument"), (other, "action")) if group]
    if not groups:
        return None
    group, name = ground.rng.choice(groups)
    call = ground.rng.choice(group)
    return (call, name) if (await ground.explorer.step(edge.source, call)).ok else None


def _differences(one: ToolCall, other: ToolCall) -> int:
    names = {*one.arguments, *other.arguments}
    return sum(one.arguments.get(name) != other.arguments.get(name) for name in names)


async def _run(explorer: Explorer, node: Node, calls: Sequence[ToolCall]) -> Node:
    """The state after some calls; one that fails changes nothing."""
    for call in calls:
        node = (await explorer.step(node, call)).target
    return node


async def _one_answer(
    ground: Ground, calls: Sequence[ToolCall], replaced: Sequence[ToolCall], observed: Node, end: Node
) -> bool:
    """Do all starts that agree with the calls and their outcome give the same answer?"""
    hidden = hidden_starts(ground.subject, calls, observed.state)
    if hidden is None:
        return await _one_answer_explored(ground, calls, replaced, observed, end)
    if not 0 < len(hidden) <= MAX_HIDDEN:
        return False
    if len(hidden) == 1:
        return True
    task = ground.explorer.task
    for start in hidden:
        spec = WorldSpec(name=task.world.name, seed=task.world.seed, start=start)
        session = started(ground.subject, spec, task.candidates)
        for call in replaced:
            await session.call(call)
        if canonical_json(session.state()) != end.key:
            return False
    return True


async def _one_answer_explored(
    ground: Ground, calls: Sequence[ToolCall], replaced: Sequence[ToolCall], observed: Node, end: Node
) -> bool:
    """As far as this instance was explored, where a world cannot name its predecessors."""
    states = {observed.key}
    for call in reversed(calls):
        states = {
            node.key
            for node in ground.explorer.nodes.values()
            for edge in node.edges.values()
            if edge.ok and edge.target.key in states and edge.call == call
        }
    for key in sorted(states):
        if await _run(ground.explorer, ground.explorer.nodes[key], replaced) is not end:
            return False
    return True


def hidden_starts(
    subject: Subject, calls: Sequence[ToolCall], after: Mapping[str, Json]
) -> list[Mapping[str, Json]] | None:
    """Every state from which the calls lead to `after`; none where the world cannot say."""
    states: list[Mapping[str, Json]] = [after]
    for call in reversed(calls):
        before: dict[bytes, Mapping[str, Json]] = {}
        for state in states:
            found = subject.predecessors(call, state)
            if found is None:
                return None
            before.update((canonical_json(each), each) for each in found)
        if len(before) > MAX_HIDDEN:
            return list(before.values())
        states = list(before.values())
    return states


async def error_kind(ground: Ground, positive: bool) -> Draft | None:
    """Extension: with which kind of error does the call fail?"""
    return await _of_failure(ground, MetaTaskKind.ERROR_KIND)


async def violated_precondition(ground: Ground, positive: bool) -> Draft | None:
    """Extension: which precondition is violated?"""
    return await _of_failure(ground, MetaTaskKind.VIOLATED_PRECONDITION)


async def _of_failure(ground: Ground, kind: MetaTaskKind) -> Draft | None:
    found = ground.place()
    edge = None if found is None else await _failing(ground, found[0])
    if found is None or edge is None or edge.observation.error is None:
        return None
    reason = near_miss_reason(edge.observation)
    answer = edge.observation.error.value if kind is MetaTaskKind.ERROR_KIND else reason
    shown = {"s": edge.source.state, "a": edge.call}
    fields: dict[str, Json] = {"calls": (edge.call,), "positive": False, "reason": reason, "exploration": found[1]}
    return Draft(kind, edge.source.state, answer, shown, fields)


MAKERS: Mapping[MetaTaskKind, Maker] = {
    MetaTaskKind.EFFECT: effect,
    MetaTaskKind.DECISION: decision,
    MetaTaskKind.REVERSION: reversion,
    MetaTaskKind.INPUT_BOUNDARY: input_boundary,
    MetaTaskKind.OUTPUT_BOUNDARY: output_boundary,
    MetaTaskKind.COUNTERFACT: counterfact,
    MetaTaskKind.ERROR_KIND: error_kind,
    MetaTaskKind.VIOLATED_PRECONDITION: violated_precondition,
}
BOUNDARIES = (MetaTaskKind.INPUT_BOUNDARY, MetaTaskKind.OUTPUT_BOUNDARY)
EXTENSIONS = (MetaTaskKind.ERROR_KIND, MetaTaskKind.VIOLATED_PRECONDITION)
SIX = tuple(kind for kind in MetaTaskKind if kind not in EXTENSIONS)


def example_key(ground: Ground, draft: Draft) -> str:
    """The same for two drafts that show the same, whatever the wording."""
    shown = {name: _plain(value) for name, value in draft.shown.items() if name != "offered"}
    return content_key("metatask", draft.kind.value, ground.subject.name, _scope(ground), shown)


def _scope(ground: Ground) -> Json:
    """What questions of one world share beyond what they show: the toolset that they are about."""
    return [] if ground.subject.exact else sorted({tool.partition(".")[0] for tool in ground.explorer.task.candidates})


def _plain(value: Json) -> Json:
    if isinstance(value, ToolCall):
        return [value.name, value.arguments]
    if isinstance(value, list):
        return [_plain(part) for part in value]
    return value


def worded(ground: Ground, draft: Draft, split: Split, key: str) -> MetaTaskExample:
    """The draft as an example, in one of its wordings."""
    parts = {name: _words(ground, name, value) for name, value in draft.shown.items()}
    if ground.subject.brief and "s" in draft.shown and "t" in draft.shown:  # what never changes is said once
        parts["t"] = f"{ground.subject.write(draft.shown['t'])}."
    world = ground.explorer.task.world
    return MetaTaskExample(
        key=key,
        kind=draft.kind,
        split=split,
        world=WorldSpec(name=world.name, seed=world.seed, start=draft.start),
        tools=ground.explorer.task.candidates,
        question=question(draft.kind, parts, "" if ground.subject.brief else ground.subject.form, ground.rng),
        answer=draft.answer,
        **draft.fields,
    )


def _words(ground: Ground, name: str, value: Json) -> str:
    write = brief_call if ground.subject.brief else call_text
    if isinstance(value, ToolCall):
        return write(value)
    if name in ("c", "offered"):
        return calls_text(value, write)
    if name in ("s", "t"):
        return ground.subject.describe(value, ground.rng)
    return str(value)
