"""A tiny stateful world for tests: numbered boxes that hold a text."""

from __future__ import annotations

from collections.abc import Mapping

from toolwise.ports import Step, Turn
from toolwise.schemas import Validator
from toolwise.types import (
    Blueprint,
    BlueprintCall,
    Catalog,
    Checks,
    Hints,
    Json,
    Message,
    Observation,
    Outcome,
    Provenance,
    Reference,
    Role,
    Split,
    StopReason,
    Task,
    Tool,
    ToolCall,
    ToolErrorKind,
    Toolset,
    content_key,
)


def _object(required: list[str], **properties: Json) -> dict[str, Json]:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


TEXT = {"type": "string"}
CATALOG = Catalog(
    toolsets=(
        Toolset(
            name="box",
            category="storage",
            tools=(
                Tool(
                    id="box.pack",
                    name="pack",
                    description="Pack a new box.",
                    parameters=_object(["label", "text"], label=TEXT, text=TEXT, weight={"type": "integer"}),
                    hints=Hints(read_only=False),
                ),
                Tool(
                    id="box.look",
                    name="look",
                    description="Look into a box.",
                    parameters=_object(["id"], id={"type": "integer"}),
                    hints=Hints(read_only=True),
                ),
                Tool(
                    id="box.toss",
                    name="toss",
                    description="Toss a box away.",
                    parameters=_object(["id"], id={"type": "integer"}),
                    hints=Hints(read_only=False, destructive=True),
                ),
                Tool(id="box.count", name="count", description="Count boxes.", hints=Hints(read_only=True)),
            ),
        ),
    )
)
ALL = tuple(tool.id for tool in CATALOG.tools())


class BoxSession:
    def __init__(self, boxes: Mapping[str, Json]) -> None:
        self._boxes: dict[str, Json] = dict(boxes)
        self.calls = 0

    async def call(self, call: ToolCall) -> Observation:
        self.calls += 1
        try:
            tool = CATALOG.tool(call.name)
        except KeyError:
            return Observation(status=404, error=ToolErrorKind.UNKNOWN_TOOL)
        if problems := Validator(tool.parameters, {}).violations(call.arguments):
            return Observation(status=400, error=ToolErrorKind.INVALID_ARGUMENTS, body={"error": problems[0].message})
        return getattr(self, f"_{tool.name}")(**call.arguments)

    def _pack(self, label: str, text: str, weight: int = 1) -> Observation:
        box = {"id": len(self._boxes) + 1, "label": label, "text": text, "weight": weight}
        self._boxes[str(box["id"])] = box
        return Observation(status=201, body=box)

    def _look(self, id: int) -> Observation:  # noqa: A002 (the tool's own parameter name)
        box = self._boxes.get(str(id))
        if box is None:
            return Observation(status=404, error=ToolErrorKind.NOT_FOUND, body={"error": f"no box {id}"})
        return Observation(status=200, body=box)

    def _toss(self, id: int) -> Observation:  # noqa: A002
        found = self._look(id)
        if found.ok:
            self._boxes[str(id)] = None
            return Observation(status=204)
        return found

    def _count(self) -> Observation:
        return Observation(status=200, body={"count": len(self._boxes)})

    def state(self) -> Mapping[str, Json]:
        return dict(self._boxes)

    def snapshot(self) -> object:
        return dict(self._boxes)

    def restore(self, snapshot: object) -> None:
        assert isinstance(snapshot, dict)
        self._boxes = dict(snapshot)

    def prepare(self, call: ToolCall) -> None:
        raise NotImplementedError


class BoxWorld:
    name = "box"

    def __init__(self, can_fork: bool = True) -> None:
        self.can_fork = can_fork
        self.opened: list[BoxSession] = []

    def open(self, task: Task) -> BoxSession:
        self.opened.append(BoxSession(task.world.start))
        return self.opened[-1]


START = {"1": {"id": 1, "label": "old", "text": "a rusty key", "weight": 3}}


def pack(label: str, text: str) -> BlueprintCall:
    return BlueprintCall(tool="box.pack", arguments={"label": label, "text": text})


def look_back(call: int) -> BlueprintCall:
    return BlueprintCall(tool="box.look", references={"id": Reference(call=call, path=("id",))})


def look(number: int) -> BlueprintCall:
    return BlueprintCall(tool="box.look", arguments={"id": number})


def make_task(
    *calls: BlueprintCall,
    facts: tuple[str, ...] = (),
    final: Mapping[str, Json] | None = None,
    candidates: tuple[str, ...] = ALL,
    split: Split = Split.TRAIN,
) -> Task:
    """A task of calls on a world that starts with one box; `final` is the state that it must end in."""
    return Task(
        instruction="Please do this: " + "; ".join(f"{c.tool} {sorted(c.arguments.items())}" for c in calls),
        candidates=candidates,
        relevant=tuple(dict.fromkeys(call.tool for call in calls)),
        world={"name": "box", "start": START},
        blueprint=Blueprint(calls=calls),
        checks=Checks(final_state=None if final is None else content_key(final), facts=facts),
        provenance=Provenance(split=split),
    ).with_key()


def pack_task(label: str = "blue", text: str = "a map", split: Split = Split.TRAIN) -> Task:
    box = {"id": 2, "label": label, "text": text, "weight": 1}
    return make_task(pack(label, text), facts=("2",), final={**START, "2": box}, split=split)


def chain_task() -> Task:
    box = {"id": 2, "label": "blue", "text": "a map", "weight": 1}
    return make_task(pack("blue", "a map"), look_back(0), facts=("a map",), final={**START, "2": box})


def negative_task(outcome: Outcome) -> Task:
    return Task(
        instruction="Sing a song", candidates=ALL, relevant=(), world={"name": "box"}, checks=Checks(outcome=outcome)
    ).with_key()


def say(text: str) -> Step:
    return Step(Message(role=Role.ASSISTANT, content=text))


def give_up() -> Step:
    return Step(Message(role=Role.ASSISTANT, content="no"), stop=StopReason.GAVE_UP)


def ask(tool: str, **arguments: Json) -> Step:
    return Step(Message(role=Role.ASSISTANT, tool_calls=(ToolCall(name=tool, arguments=arguments),)))


class Script:
    """A policy that takes given steps one after the other, whatever it sees, and remembers what it saw."""

    name = "script"

    def __init__(self, *steps: Step | Exception) -> None:
        self._steps = list(steps)
        self.turns: list[Turn] = []

    async def act(self, turn: Turn) -> Step:
        self.turns.append(turn)
        step = self._steps.pop(0) if self._steps else give_up()
        if isinstance(step, Exception):
            raise step
        return step
