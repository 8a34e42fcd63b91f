"""A small real service in memory, for what wraps worlds: one store that all sessions act on."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from toolwise.types import (
    Catalog,
    Hints,
    Json,
    Observation,
    ObservationSource,
    Task,
    Tool,
    ToolCall,
    ToolErrorKind,
    Toolset,
)

STRING = {"type": "string"}
NOTE = {"type": "object", "properties": {"id": STRING, "text": STRING}, "required": ["id"]}


def _tool(name: str, properties: dict[str, Any], *, reads: bool) -> Tool:
    return Tool(
        id=f"notes.{name}",
        name=name,
        parameters={"type": "object", "properties": properties, "required": list(properties)},
        returns=NOTE,
        hints=Hints(read_only=reads),
    )


def notes() -> Catalog:
    tools = (
        _tool("get", {"id": STRING}, reads=True),
        _tool("put", {"id": STRING, "text": STRING}, reads=False),
        _tool("weigh", {"grams": {"type": "number"}, "unit": STRING}, reads=True),
    )
    return Catalog(toolsets=(Toolset(name="notes", tools=tools),))


def call(name: str, **arguments: Json) -> ToolCall:
    return ToolCall(name=f"notes.{name}", arguments=arguments)


def task(key: str = "t", candidates: tuple[str, ...] = ()) -> Task:
    return Task(key=key, instruction="", candidates=candidates, relevant=())


class Notes:
    """A World whose answers are real as far as it knows; it can be taken down, and counts its calls."""

    name = "notes"
    can_fork = False

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.calls = 0
        self.down: ToolErrorKind | None = None
        self.gate: asyncio.Event | None = None
        """Reads wait for it, where there is one."""

    def open(self, task: Task) -> NotesSession:
        return NotesSession(self)


class NotesSession:
    def __init__(self, world: Notes) -> None:
        self._world = world

    async def call(self, call: ToolCall) -> Observation:
        world = self._world
        world.calls += 1
        if world.down is not None:
            return Observation(status=503, error=world.down, source=ObservationSource.REAL)
        verb, arguments = call.name.partition(".")[2], call.arguments
        if verb == "put":
            world.texts[arguments["id"]] = arguments["text"]
            return self._found(arguments["id"])
        if world.gate is not None:
            await world.gate.wait()
        if verb == "weigh":
            return Observation(status=200, body={"grams": arguments["grams"]}, source=ObservationSource.REAL)
        if arguments["id"] in world.texts:
            return self._found(arguments["id"])
        body = {"error": {"code": "not_found", "message": "no such note"}}
        return Observation(status=404, body=body, error=ToolErrorKind.NOT_FOUND, source=ObservationSource.REAL)

    def _found(self, note_id: str) -> Observation:
        body = {"id": note_id, "text": self._world.texts[note_id]}
        return Observation(status=200, body=body, source=ObservationSource.REAL)

    def state(self) -> Mapping[str, Json]:
        return {}

    def snapshot(self) -> object:
        raise NotImplementedError

    def restore(self, snapshot: object) -> None:
        raise NotImplementedError

    def prepare(self, call: ToolCall) -> None:
        pass
