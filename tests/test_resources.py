"""Resources are recognised from paths, names and responses."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "worlds"))

from example_toolsets import STRING, cloud, http_tool, library, queues

from toolwise.resources import Action, Operation, recognise
from toolwise.resources.words import is_plural, singular, verb_action
from toolwise.types import Schema, Tool, Toolset


def test_rest_paths() -> None:
    found = recognise(library())
    assert {name: (op.action, op.resource) for name, op in found.items()} == {
        "createShelf": (Action.CREATE, "shelves"),
        "listShelves": (Action.LIST, "shelves"),
        "getShelf": (Action.GET, "shelves"),
        "updateShelf": (Action.UPDATE, "shelves"),
        "deleteShelf": (Action.DELETE, "shelves"),
        "lockShelf": (Action.OTHER, "shelves"),
        "addNote": (Action.CREATE, "shelves/notes"),
        "listNotes": (Action.LIST, "shelves/notes"),
        "deleteNote": (Action.DELETE, "shelves/notes"),
        "getLabel": (Action.GET, "shelves/label"),
        "setLabel": (Action.UPDATE, "shelves/label"),
    }
    assert found["getShelf"] == Operation(Action.GET, "shelves", ("shelf_id",), (), "shelf_id", None, "")
    assert found["listShelves"].items_field == "shelves"
    assert found["listNotes"].items_field == ""
    assert (found["deleteNote"].keys, found["deleteNote"].scope) == (("id",), ("shelf_id",))
    assert found["deleteNote"].parent == found["addNote"].parent == "shelves"
    assert found["getLabel"].singleton
    assert found["lockShelf"].keys == ("shelf_id",)


def test_resource_names_in_one_parameter() -> None:
    found = recognise(cloud())
    assert {op.resource for op in found.values()} == {"projects/disks"}
    assert found["projects.disks.create"].key_parameter == "diskId"
    assert found["projects.disks.create"].key_prefix == "disks"
    assert found["projects.disks.create"].record_field == "response"
    assert found["projects.disks.get"].keys == ("name",)
    assert found["projects.disks.list"].scope == ("parent",)
    assert found["projects.disks.resize"].action is Action.OTHER


def test_verbs_and_nouns() -> None:
    found = recognise(queues())
    assert {name: (op.action, op.resource) for name, op in found.items() if op.action is not Action.OTHER} == {
        "CreateQueue": (Action.CREATE, "queue"),
        "DescribeQueue": (Action.GET, "queue"),
        "ListQueues": (Action.LIST, "queue"),
        "RenameQueue": (Action.UPDATE, "queue"),
        "GetQueue": (Action.GET, "queue"),
        "DeleteQueue": (Action.DELETE, "queue"),
        "PutQueuePolicy": (Action.CREATE, "queue policy"),
        "GetQueuePolicy": (Action.GET, "queue policy"),
    }
    assert found["CreateQueue"].key_parameter == "QueueName"
    assert (found["CreateQueue"].id_field, found["CreateQueue"].record_field) == ("QueueArn", "Queue")
    assert found["ListQueues"].items_field == "QueueSummaries"
    assert found["PutQueuePolicy"].upsert
    assert found["PutQueuePolicy"].key_parameter == "QueueArn"


def _one(*tools: Tool) -> dict[str, Operation]:
    return recognise(Toolset(name="t", tools=tools))


def _tool(name: str, method: str, path: str, returns: Schema | None = None, **properties: Schema) -> Tool:
    holes = {part.strip("{}").split("}")[0]: STRING for part in path.split("/") if part.startswith("{")}
    return http_tool("t", name, method, path, {**holes, **properties}, returns)


RECORD: Schema = {"type": "object", "properties": {"id": STRING, "name": STRING}}


@pytest.mark.parametrize(
    ("method", "name", "action"),
    [
        ("POST", "updateItem", Action.UPDATE),
        ("POST", "postItem", Action.UPDATE),
        ("PUT", "replaceItem", Action.UPDATE),
        ("PUT", "item", Action.CREATE),
        ("POST", "startItem", Action.OTHER),
    ],
)
def test_writing_to_a_record_depends_on_the_verb_too(method: str, name: str, action: Action) -> None:
    found = _one(_tool("getItem", "GET", "/items/{id}", RECORD), _tool(name, method, "/items/{id}", RECORD))
    assert found[name].action is action


def test_put_changes_what_post_creates() -> None:
    found = _one(_tool("add", "POST", "/items", RECORD), _tool("item", "PUT", "/items/{id}", RECORD))
    assert found["item"].action is Action.UPDATE


def test_search_and_send_are_no_creates() -> None:
    found = _one(
        _tool("getItem", "GET", "/items/{id}", RECORD),
        _tool("searchItems", "POST", "/items/search", {"type": "array", "items": RECORD}),
        _tool("queryItems", "POST", "/items", {"type": "array", "items": RECORD}),
        _tool("login", "POST", "/login", {"type": "object", "properties": {"token": STRING}}),
    )
    assert found["searchItems"].action is Action.OTHER
    assert found["queryItems"].action is Action.OTHER
    assert "login" not in found


def test_a_version_and_a_file_extension_are_no_part_of_the_resource() -> None:
    found = _one(_tool("FetchCall", "GET", "/2010-04-01/Accounts/{AccountSid}/Calls/{Sid}.json", RECORD))
    assert found["FetchCall"].resource == "Accounts/Calls"
    assert (found["FetchCall"].scope, found["FetchCall"].keys) == (("AccountSid",), ("Sid",))


def test_a_record_inside_an_envelope() -> None:
    wrapped: Schema = {"type": "object", "properties": {"data": RECORD}}
    found = _one(_tool("getTask", "GET", "/tasks/{task_id}", wrapped))
    assert (found["getTask"].record_field, found["getTask"].id_field) == ("data", "id")


def test_a_collection_reached_through_another_lists_the_same_records() -> None:
    found = _one(
        _tool("getComment", "GET", "/comments/{comment_id}", RECORD),
        _tool("listForFile", "GET", "/files/{file_id}/comments", {"type": "array", "items": RECORD}),
    )
    assert found["listForFile"].resource == "comments"


def test_nothing_is_recognised_where_nothing_is_shown() -> None:
    assert _one(Tool(id="t.weather", name="weather"), Tool(id="t.convertUnits", name="convertUnits")) == {}
    assert recognise(Toolset(name="t")) == {}


@pytest.mark.parametrize(
    ("plural", "one"),
    [
        ("files", "file"),
        ("policies", "policy"),
        ("boxes", "box"),
        ("addresses", "address"),
        ("statuses", "status"),
        ("people", "person"),
        ("status", "status"),
        ("class", "class"),
        ("series", "series"),
        ("databases", "database"),
        ("branches", "branch"),
        ("analytics", "analytics"),
    ],
)
def test_singular(plural: str, one: str) -> None:
    assert singular(plural) == one
    assert is_plural(plural) is (plural != one)


def test_verbs() -> None:
    assert verb_action("describe") is Action.GET
    assert verb_action("zebra") is None
