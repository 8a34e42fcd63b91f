"""Small made-up toolsets in the styles of real documents: REST, resource names, verbs and nouns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from toolwise.types import (
    Catalog,
    Hints,
    HttpBinding,
    Json,
    Observation,
    ParameterLocation,
    Schema,
    Task,
    Tool,
    Toolset,
    WorldSpec,
)

Call = Callable[..., Observation]

STRING: Schema = {"type": "string"}
SHELF: Schema = {
    "type": "object",
    "properties": {
        "shelf_id": STRING,
        "title": STRING,
        "floor": {"type": "integer"},
        "status": {"type": "string", "enum": ["open", "failed"]},
        "created_at": {"type": "string", "format": "date-time"},
        "etag": STRING,
        "next_page_token": STRING,
    },
    "required": ["shelf_id"],
}


def _object(properties: dict[str, Schema], *required: str) -> Schema:
    return {"type": "object", "properties": properties, "required": list(required)}


def http_tool(
    toolset: str, name: str, method: str, path: str, properties: dict[str, Schema], returns: Schema | None, **more: Any
) -> Tool:
    holes = {name for name in properties if f"{{{name}}}" in path}
    required = [name for name in properties if name in holes or name in more.get("required", ())]
    locations = {
        name: ParameterLocation.PATH
        if name in holes
        else (
            ParameterLocation.BODY
            if method in {"POST", "PUT", "PATCH"} and name not in more.get("query", ())
            else ParameterLocation.QUERY
        )
        for name in properties
    }
    return Tool(
        id=f"{toolset}.{name}",
        name=name,
        parameters=_object(properties, *required),
        returns=returns,
        hints=Hints(read_only=True if method == "GET" else None),
        binding=HttpBinding(method=method, path=path, locations=locations),
    )


def library() -> Toolset:
    """REST with a collection, a sub-collection, an action, a search and a singleton."""

    def tool(
        name: str, method: str, path: str, properties: dict[str, Schema], returns: Schema | None, **more: Any
    ) -> Tool:
        return http_tool("library", name, method, path, properties, returns, **more)

    shelf: Schema = {"$ref": "#/$defs/Shelf"}
    note = _object({"id": STRING, "text": STRING}, "id")
    floor: Schema = {"type": "integer", "minimum": 0, "maximum": 9}
    shelves = _object({"shelves": {"type": "array", "items": shelf}, "total": {"type": "integer"}})
    one = {"shelf_id": STRING}
    return Toolset(
        name="library",
        definitions={"Shelf": SHELF},
        tools=(
            tool("createShelf", "POST", "/v1/shelves", {"title": STRING, "floor": floor}, shelf, required=("title",)),
            tool("listShelves", "GET", "/v1/shelves", {"floor": floor, "limit": {"type": "integer"}}, shelves),
            tool("getShelf", "GET", "/v1/shelves/{shelf_id}", one, shelf),
            tool("updateShelf", "PATCH", "/v1/shelves/{shelf_id}", {**one, "title": STRING, "floor": floor}, shelf),
            tool("deleteShelf", "DELETE", "/v1/shelves/{shelf_id}", one, None),
            tool("lockShelf", "POST", "/v1/shelves/{shelf_id}/lock", one, _object({"locked": {"type": "boolean"}})),
            tool("addNote", "POST", "/v1/shelves/{shelf_id}/notes", {**one, "text": STRING}, note, required=("text",)),
            tool("listNotes", "GET", "/v1/shelves/{shelf_id}/notes", one, {"type": "array", "items": note}),
            tool("deleteNote", "DELETE", "/v1/shelves/{shelf_id}/notes/{id}", {**one, "id": STRING}, None),
            tool("getLabel", "GET", "/v1/shelves/{shelf_id}/label", one, _object({"label": STRING})),
            tool(
                "setLabel", "PUT", "/v1/shelves/{shelf_id}/label", {**one, "label": STRING}, _object({"label": STRING})
            ),
            tool("searchBooks", "GET", "/v1/search", {"q": STRING}, _object({"best": STRING})),
        ),
    )


def cloud() -> Toolset:
    """Resource names in one parameter, caller-chosen ids, long-running operations."""
    name: Schema = {"type": "string", "pattern": "^projects/[^/]+/disks/[^/]+$"}
    parent: Schema = {"type": "string", "pattern": "^projects/[^/]+$"}
    disk: Schema = {"$ref": "#/$defs/Disk"}
    operation: Schema = {"$ref": "#/$defs/Operation"}

    def tool(verb: str, method: str, path: str, properties: dict[str, Schema], returns: Schema, **more: Any) -> Tool:
        return http_tool("cloud", f"projects.disks.{verb}", method, path, properties, returns, **more)

    return Toolset(
        name="cloud",
        definitions={
            "Disk": _object({"name": STRING, "sizeGb": {"type": "integer"}, "state": STRING}),
            "Operation": _object({"name": STRING, "done": {"type": "boolean"}, "response": {"type": "object"}}),
        },
        tools=(
            tool(
                "create",
                "POST",
                "/v1/{parent}/disks",
                {"parent": parent, "diskId": STRING, "sizeGb": {"type": "integer"}},
                operation,
                query=("diskId",),
            ),
            tool("get", "GET", "/v1/{name}", {"name": name}, disk),
            tool(
                "list",
                "GET",
                "/v1/{parent}/disks",
                {"parent": parent},
                _object({"disks": {"type": "array", "items": disk}}),
            ),
            tool("delete", "DELETE", "/v1/{name}", {"name": name}, operation),
            tool("resize", "POST", "/v1/{name}:resize", {"name": name, "sizeGb": {"type": "integer"}}, operation),
        ),
    )


def queues() -> Toolset:
    """Verb and noun names with no binding; the create is named by one value, found by another."""

    def tool(name: str, properties: dict[str, Schema], returns: Schema | None, *required: str) -> Tool:
        return Tool(id=f"queues.{name}", name=name, parameters=_object(properties, *required), returns=returns)

    queue = _object({"QueueArn": STRING, "QueueName": STRING, "Region": STRING})
    return Toolset(
        name="queues",
        tools=(
            tool("CreateQueue", {"QueueName": STRING, "Region": STRING}, _object({"Queue": queue}), "QueueName"),
            tool("DescribeQueue", {"QueueArn": STRING}, _object({"Queue": queue}), "QueueArn"),
            tool("FindQueueByName", {"QueueName": STRING}, _object({"Count": {"type": "integer"}}), "QueueName"),
            tool("ListQueues", {}, _object({"QueueSummaries": {"type": "array", "items": queue}, "NextToken": STRING})),
            tool("RenameQueue", {"QueueArn": STRING, "QueueName": STRING}, None, "QueueArn", "QueueName"),
            tool("GetQueue", {"QueueName": STRING}, _object({"Queue": queue}), "QueueName"),
            tool("DeleteQueue", {"QueueArn": STRING}, None, "QueueArn"),
            tool("PutQueuePolicy", {"QueueArn": STRING, "Policy": STRING}, None, "QueueArn", "Policy"),
            tool("GetQueuePolicy", {"QueueArn": STRING}, _object({"Policy": STRING}), "QueueArn"),
        ),
    )


def tickets() -> Toolset:
    """Requests and responses in an envelope."""
    ticket = _object({"gid": STRING, "subject": STRING})
    wrapped = _object({"data": ticket})

    def tool(name: str, method: str, path: str, properties: dict[str, Schema]) -> Tool:
        return http_tool("tickets", name, method, path, properties, wrapped)

    return Toolset(
        name="tickets",
        tools=(
            tool("createTicket", "POST", "/tickets", {"data": ticket}),
            tool("getTicket", "GET", "/tickets/{ticket_gid}", {"ticket_gid": STRING}),
        ),
    )


def catalog() -> Catalog:
    return Catalog(toolsets=(library(), cloud(), queues(), tickets()))


def task(seed: int = 0, start: dict[str, Json] | None = None, candidates: tuple[str, ...] = ()) -> Task:
    return Task(instruction="", candidates=candidates, relevant=(), world=WorldSpec(seed=seed, start=start or {}))
