"""A search tree as a page shows it: the main line flat, every abandoned attempt folded beside it, and a small map."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from toolwise.reports import wording
from toolwise.reports.document import Sample
from toolwise.text import contains_fact
from toolwise.types import BlueprintCall, Json, Message, Node, Role, StopReason, Trajectory, Verdict, content_key

TEXT_LIMIT = 2400
"""Characters of one text or JSON value that are shown."""
ONE_LINE = 64
"""JSON up to this length stays on one line."""
FOLD_LINES = 7
"""An observation of more lines starts folded."""
DEPTH_LIMIT = 10
"""Attempts nested deeper than this are counted, not shown."""
COLUMN, ROW, MARGIN = 26, 24, 14
"""Pixels between the map's dots, and around them."""


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Text cut to a length that a page can hold."""

    text: str
    left_out: int
    is_json: bool
    lines: int


@dataclass(frozen=True, slots=True)
class CallView:
    """One tool call."""

    name: str
    arguments: Excerpt
    expected: bool
    """Is the tool among those that solve the task?"""


@dataclass(frozen=True, slots=True)
class StepView:
    """One message of the tree."""

    index: int
    kind: str
    """`request`, `system`, `step` (the policy's turn) or `observation`."""
    number: int
    """For a step: its place in the order of exploration, from 1."""
    thought: Excerpt | None
    content: Excerpt | None
    calls: tuple[CallView, ...]
    error: str
    source: str
    fold: bool
    end: str
    answered: bool
    signature: str = ""
    """Equal for two steps that call and say the same."""

    @property
    def folded(self) -> bool:
        """Tells a step from an attempt in templates."""
        return False


@dataclass(frozen=True, slots=True)
class Attempt:
    """A line of steps; between them, attempts that were abandoned."""

    items: tuple[StepView | Attempt, ...]
    steps: int
    end: str
    answered: bool
    hidden: int = 0
    """Messages too deeply nested to show."""

    @property
    def folded(self) -> bool:
        """Tells an attempt from a step in templates."""
        return True


@dataclass(frozen=True, slots=True)
class Dot:
    """One step on the map."""

    index: int
    x: int
    y: int
    tone: str
    """`answered`, `ended`, `error` or `plain`."""
    main: bool
    tip: str


@dataclass(frozen=True, slots=True)
class TreeMap:
    """The whole tree at a glance, in pixels."""

    width: int
    height: int
    dots: tuple[Dot, ...]
    edges: tuple[tuple[str, bool], ...]


@dataclass(frozen=True, slots=True)
class ExpectedCall:
    """A call of the task's blueprint."""

    tool: str
    arguments: Excerpt
    references: tuple[tuple[str, str], ...]
    """Parameter -> where its value comes from, in words."""


@dataclass(frozen=True, slots=True)
class TreeView:
    """Everything the page shows of one sample."""

    id: str
    sample: Sample
    result: str
    """`passed`, `failed` or `unjudged`."""
    split: str
    agent: str
    strategy: str
    kind: str
    pattern: str
    main: Attempt
    map: TreeMap
    steps: int
    attempts: int
    instruction: Excerpt
    expected: tuple[ExpectedCall, ...]
    outcome: str
    facts: tuple[tuple[str, bool], ...]
    candidates: tuple[tuple[str, bool], ...]
    failure: str = ""
    """Why it failed, in words."""


OUTCOMES: Mapping[str, str] = {
    "call": "Call the tools below and report.",
    "answer": "No tool is needed: answer directly.",
    "decline": "No tool on offer fits: say so.",
    "ask": "A required value is missing: ask for it.",
}


def tree_view(sample: Sample, number: int, agent: str = "") -> TreeView:
    """`number` (from 1) names the tree's anchors on the page; `agent` is its contender's name, where it has one."""
    task, trajectory = sample.task, sample.trajectory
    walk = _Walk(sample)
    main = walk.line(None, 0)
    return TreeView(
        id=f"tree-{number}",
        sample=sample,
        result="failed" if sample.failure else result(sample.verdict),
        split=wording.split_label(sample.split) if sample.split else "",
        agent=agent or (wording.agent_label(sample.agent) if sample.agent else wording.plain(trajectory.policy)),
        strategy=wording.strategy_label(trajectory.strategy),
        kind=wording.plain(task.kind.value),
        pattern=wording.plain(task.provenance.pattern),
        main=main,
        map=_map(walk),
        steps=len(walk.numbers),
        attempts=max(len(walk.leaves), 1),
        instruction=excerpt(task.instruction),
        expected=tuple(_expected(call) for call in (task.blueprint.calls if task.blueprint else ())),
        outcome=OUTCOMES.get(task.checks.outcome.value, ""),
        facts=tuple((fact, contains_fact(trajectory.answer, fact)) for fact in task.checks.facts),
        candidates=tuple((tool, tool in task.relevant) for tool in task.candidates),
        failure=wording.plain(sample.failure) if sample.failure else "",
    )


def result(verdict: Verdict | None) -> str:
    """`passed`, `failed`, or `unjudged` where nothing was checked."""
    if verdict is None:
        return "unjudged"
    return "passed" if verdict.accepted else "failed"


def pretty(value: Json) -> str:
    """JSON for reading: one line where it is short, else indented by two."""
    line = json.dumps(value, ensure_ascii=False)
    return line if len(line) <= ONE_LINE else json.dumps(value, ensure_ascii=False, indent=2)


def excerpt(text: str, limit: int = TEXT_LIMIT, is_json: bool = False) -> Excerpt:
    """The first `limit` characters."""
    kept = text if len(text) <= limit else text[:limit]
    return Excerpt(kept, len(text) - len(kept), is_json, kept.count("\n") + 1)


def _readable(text: str) -> Excerpt:
    """Text that is JSON is laid out as such."""
    if text[:1] in "{[":
        try:
            return excerpt(pretty(json.loads(text)), is_json=True)
        except ValueError:
            pass
    return excerpt(text)


def _expected(call: BlueprintCall) -> ExpectedCall:
    references = []
    for name, reference in call.references.items():
        path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in reference.path).lstrip(".")
        references.append((name, f"from the answer to call {reference.call + 1}: {path}" if path else ""))
    return ExpectedCall(call.tool, excerpt(pretty(call.arguments), is_json=True), tuple(references))


@dataclass
class _Walk:
    """Visits a trajectory once. Tolerates any parent indices: one that is not smaller than its node's is a root."""

    sample: Sample
    children: dict[int | None, list[int]] = field(default_factory=dict)
    numbers: dict[int, int] = field(default_factory=dict)
    answer_path: frozenset[int] = frozenset()
    leaves: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        trajectory = self.trajectory
        counter = itertools.count(1)
        for index, node in enumerate(trajectory.nodes):
            self.children.setdefault(self.parent(index), []).append(index)
            if node.message.role is Role.ASSISTANT:
                self.numbers[index] = next(counter)
        self.leaves = [i for i in range(len(trajectory.nodes)) if i not in self.children]
        path: list[int] = []
        at = trajectory.answer_leaf
        while at is not None and at < len(trajectory.nodes):
            path.append(at)
            at = self.parent(at)
        self.answer_path = frozenset(path)

    @property
    def trajectory(self) -> Trajectory:
        return self.sample.trajectory

    def parent(self, index: int) -> int | None:
        parent = self.trajectory.nodes[index].parent
        return parent if parent is not None and 0 <= parent < index else None

    def main_child(self, index: int | None) -> int | None:
        """The child on the way to the answer; else the last that was tried."""
        children = self.children.get(index)
        if not children:
            return None
        return next((child for child in children if child in self.answer_path), children[-1])

    def line(self, start: int | None, depth: int) -> Attempt:
        """From `start` (none: above the roots) down the main children, with the other children folded in."""
        items: list[StepView | Attempt] = []
        at, last, steps = start, start, 0
        while True:
            if at is not None:
                items.append(self.step(at))
                last = at
                steps += at in self.numbers
            main = self.main_child(at)
            items.extend(self.side(child, depth + 1) for child in self.children.get(at, ()) if child != main)
            if main is None:
                break
            at = main
        why = self.trajectory.ends.get(last) if last is not None else None
        return Attempt(tuple(items), steps, _end(why), why is StopReason.ANSWERED)

    def side(self, start: int, depth: int) -> Attempt:
        if depth <= DEPTH_LIMIT:
            return self.line(start, depth)
        size, pending = 0, [start]
        while pending:
            size += 1
            pending.extend(self.children.get(pending.pop(), ()))
        return Attempt((), 0, "", False, hidden=size)

    def step(self, index: int) -> StepView:
        node = self.trajectory.nodes[index]
        message, why = node.message, self.trajectory.ends.get(index)
        content = None
        if message.content and not self.repeats_instruction(node):
            content = _readable(message.content) if message.role is Role.TOOL else excerpt(message.content)
        kinds = {Role.ASSISTANT: "step", Role.TOOL: "observation", Role.SYSTEM: "system", Role.USER: "request"}
        relevant = self.sample.task.relevant
        return StepView(
            index=index,
            kind=kinds[message.role],
            number=self.numbers.get(index, 0),
            thought=excerpt(message.thought) if message.thought else None,
            content=content,
            calls=tuple(
                CallView(call.name, excerpt(pretty(call.arguments), is_json=True), call.name in relevant)
                for call in message.tool_calls
            ),
            error=node.error.value.replace("_", " ") if node.error else "",
            source=node.source.value if node.source else "",
            fold=content is not None and (content.lines > FOLD_LINES or len(content.text) > 600),
            end=_end(why),
            answered=why is StopReason.ANSWERED,
            signature=_signature(message) if message.role is Role.ASSISTANT else "",
        )

    def repeats_instruction(self, node: Node) -> bool:
        return node.message.role is Role.USER and node.message.content.strip() == self.sample.task.instruction.strip()

    def failed_here(self, index: int) -> str:
        """The error kind among the observations that directly follow a step."""
        at: int | None = index
        while at is not None:
            at = next(iter(self.children.get(at, ())), None)
            node = self.trajectory.nodes[at] if at is not None else None
            if node is None or node.message.role is not Role.TOOL:
                return ""
            if node.error:
                return node.error.value.replace("_", " ")
        return ""


def _signature(message: Message) -> str:
    """What a step does, whatever it thinks: its calls, or what it says."""
    calls = [[call.name, call.arguments] for call in message.tool_calls]
    return content_key(calls, "" if calls else message.content.strip())[:8]


def _end(why: StopReason | None) -> str:
    return wording.ENDS.get(why.value, wording.plain(why.value)) if why else ""


# The map --------------------------------------------------------------------------------------------------------------


def _map(walk: _Walk) -> TreeMap:
    """Dots for the policy's steps. The first child keeps its parent's row; each later child opens a new row."""
    places: dict[int, tuple[int, int]] = {}
    dots: list[Dot] = []
    edges: list[tuple[str, bool]] = []
    rows = 0
    pending: list[tuple[int, int | None, bool]] = [(i, None, k == 0) for k, i in enumerate(walk.children.get(None, []))]
    pending.reverse()
    while pending:
        index, above, keeps_row = pending.pop()
        children = walk.children.get(index, [])
        shown = index in walk.numbers
        column, row = places[above] if above is not None else (-1, 0)
        if not keeps_row:
            rows += 1
            row = rows
        if shown:
            places[index] = (column + 1, row)
            main = index in walk.answer_path
            dots.append(_dot(walk, index, column + 1, row))
            if above is not None:
                edges.append((_edge(places[above], places[index]), main))
        elif not keeps_row and above is not None:
            # The row was opened by an observation: the step below it must land there.
            places[index] = (column, row)
        anchor = index if index in places else above
        pending.extend((child, anchor, k == 0) for k, child in reversed(list(enumerate(children))))
    columns = max((column for column, _ in places.values()), default=0)
    return TreeMap(columns * COLUMN + 2 * MARGIN, rows * ROW + 2 * MARGIN, tuple(dots), tuple(edges))


def _dot(walk: _Walk, index: int, column: int, row: int) -> Dot:
    node = walk.trajectory.nodes[index]
    error = walk.failed_here(index)
    leaf = index
    while len(below := walk.children.get(leaf, [])) == 1 and walk.trajectory.nodes[below[0]].message.role is Role.TOOL:
        leaf = below[0]
    why = walk.trajectory.ends.get(leaf)
    calls = ", ".join(call.name for call in node.message.tool_calls)
    parts = [f"Step {walk.numbers[index]}", f"calls {calls}" if calls else "", error, _end(why)]
    tone = "error" if error else "plain"
    if why:
        tone = "answered" if why is StopReason.ANSWERED else "ended"
    x, y = _place((column, row))
    return Dot(index, x, y, tone, index in walk.answer_path, ": ".join(p for p in parts if p))


def _place(cell: tuple[int, int]) -> tuple[int, int]:
    return MARGIN + cell[0] * COLUMN, MARGIN + cell[1] * ROW


def _edge(start: tuple[int, int], end: tuple[int, int]) -> str:
    (x1, y1), (x2, y2) = _place(start), _place(end)
    if y1 == y2:
        return f"M{x1} {y1}H{x2}"
    return f"M{x1} {y1}V{y2 - 8}Q{x1} {y2} {x1 + 8} {y2}H{x2}"
