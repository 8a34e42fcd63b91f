"""A tiny stateful world and two toolsets, so that these tests need no other stage."""

from __future__ import annotations

import copy
from collections.abc import Mapping

from toolwise.schemas import Validator
from toolwise.types import (
    Catalog,
    HttpBinding,
    Json,
    Observation,
    ParameterLocation,
    Schema,
    Task,
    Tool,
    ToolCall,
    ToolErrorKind,
    Toolset,
)

_NOT_FOUND = Observation(status=404, body={"error": "not found"}, error=ToolErrorKind.NOT_FOUND)


class StandInWorld:
    """Records by noun and id; tool names are `<verb>_<noun>`, and ids are named `<noun>_id`."""

    name = "stand_in"
    can_fork = True

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog

    def open(self, task: Task) -> StandInSession:
        return StandInSession(self.catalog, dict(task.world.start), task.world.seed)


class StandInSession:
    def __init__(self, catalog: Catalog, start: Mapping[str, Json], seed: int) -> None:
        self._catalog = catalog
        self._state: dict[str, Json] = copy.deepcopy(dict(start))
        self._seed = seed

    def state(self) -> Mapping[str, Json]:
        return copy.deepcopy(self._state)

    def snapshot(self) -> object:
        return self.state()

    def restore(self, snapshot: object) -> None:
        assert isinstance(snapshot, dict)
        self._state = copy.deepcopy(snapshot)

    def prepare(self, call: ToolCall) -> None:
        verb, noun = self._parts(call)
        if verb in {"get", "update", "delete"}:
            self._records(noun).setdefault(str(call.arguments[f"{noun}_id"]), self._record(noun, call, {}))
        if verb == "list" and not self._records(noun):
            self._records(noun)["first-1"] = {f"{noun}_id": "first-1", "status": "READY", "title": "Oldest one"}

    async def call(self, call: ToolCall) -> Observation:
        tool = self._catalog.tool(call.name)
        if Validator(tool.parameters, tool.definitions).violations(dict(call.arguments)):
            return Observation(status=400, body={"error": "invalid"}, error=ToolErrorKind.INVALID_ARGUMENTS)
        verb, noun = self._parts(call)
        records = self._records(noun)
        key = str(call.arguments.get(f"{noun}_id", f"{noun}-{self._seed % 9973}"))
        if verb == "create":
            records[key] = self._record(noun, call, {f"{noun}_id": key})
            return Observation(status=200, body=records[key])
        if verb == "list":
            return Observation(status=200, body={f"{noun}s": list(records.values())})
        if key not in records:
            return _NOT_FOUND
        if verb == "delete":
            del records[key]
            return Observation(status=204)
        if verb == "update":
            records[key] = {**records[key], **call.arguments}
        return Observation(status=200, body=records[key])

    def _parts(self, call: ToolCall) -> tuple[str, str]:
        verb, _, noun = call.name.split(".", 1)[1].partition("_")
        return verb, noun.removesuffix("s")

    def _records(self, noun: str) -> dict[str, Json]:
        records: dict[str, Json] = self._state.setdefault(noun, {})
        return records

    def _record(self, noun: str, call: ToolCall, more: Mapping[str, Json]) -> Json:
        return {"status": "READY", "serial": f"SN-{self._seed % 8999 + 1000}", **call.arguments, **more}


def _schema(properties: Mapping[str, Schema], required: list[str]) -> Schema:
    return {"type": "object", "properties": dict(properties), "required": required}


def record_tools(toolset: str, noun: str, fields: Mapping[str, Schema]) -> tuple[Tool, ...]:
    """Create, get, list, update and delete for one kind of record."""
    key: Schema = {"type": "string", "description": f"The id of the {noun}", "pattern": f"^{noun[:2]}-[0-9]{{4}}$"}
    record = {"type": "object", "properties": {f"{noun}_id": key, "status": {"type": "string"}, **fields}}
    one, path = {f"{noun}_id": key}, f"/{noun}s/{{{noun}_id}}"

    def tool(verb: str, doc: str, properties: Mapping[str, Schema], required: list[str], http: tuple[str, str]) -> Tool:
        name = f"{verb}_{noun}{'s' if verb == 'list' else ''}"
        places = {
            p: ParameterLocation.PATH if p in one and "{" in http[1] else ParameterLocation.BODY for p in properties
        }
        listed = {"type": "object", "properties": {f"{noun}s": {"type": "array", "items": record}}}
        return Tool(
            id=f"{toolset}.{name}",
            name=name,
            description=doc,
            parameters=_schema(properties, required),
            returns={"list": listed, "delete": None}.get(verb, record),
            binding=HttpBinding(method=http[0], path=http[1], locations=places),
        )

    first = next(iter(fields))
    return (
        tool("create", f"Creates a new {noun}.", fields, [first], ("POST", f"/{noun}s")),
        tool("get", f"Returns the specified {noun}.", one, list(one), ("GET", path)),
        tool("list", f"Lists all {noun}s.", {}, [], ("GET", f"/{noun}s")),
        tool("update", f"Updates a {noun} with new values.", {**one, **fields}, list(one), ("PATCH", path)),
        tool("delete", f"Permanently deletes a {noun}.", one, list(one), ("DELETE", path)),
    )


def small_catalog() -> Catalog:
    """A library and a bakery, of one category; five kinds of records."""
    title: Schema = {"type": "string", "description": "A title"}
    pages: Schema = {"type": "integer", "minimum": 1, "maximum": 900}
    open_: Schema = {"type": "boolean", "description": "Whether it can be borrowed"}
    kinds: Schema = {"type": "array", "items": {"type": "string", "enum": ["POETRY", "DRAMA", "ESSAY"]}}
    library = record_tools("library", "book", {"title": title, "pages": pages, "loanable": open_, "genres": kinds})
    library += record_tools("library", "reader", {"email": {"type": "string", "format": "email"}})
    bakery = record_tools("bakery", "loaf", {"flour": {"type": "string", "enum": ["RYE", "WHEAT"]}, "grams": pages})
    bakery += record_tools("bakery", "order", {"customer": {"type": "string"}, "quantity": pages})
    bakery += record_tools("bakery", "oven", {"nickname": {"type": "string"}, "slots": pages})
    return Catalog(
        toolsets=(
            Toolset(name="library", title="City Library API", category="town", tools=library),
            Toolset(name="bakery", title="Corner Bakery", category="town", tools=bakery),
        )
    )
