"""Records that hang together, in a made-up service read by names: what is referred to exists, parts go with wholes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from toolwise.resources import find_references, recognise
from toolwise.types import Catalog, Observation, Schema, Task, Tool, ToolCall, ToolErrorKind, Toolset
from toolwise.worlds import SimulatedSession, SimulatedWorld

TEXT: Schema = {"type": "string"}


def _object(*names: str) -> Schema:
    return {"type": "object", "properties": dict.fromkeys(names, TEXT)}


def tool(name: str, required: str = "", *, optional: str = "", returns: Schema | None = None, says: str = "") -> Tool:
    names = required.split()
    parameters: Schema = {
        "type": "object",
        "properties": {
            n: {"type": "array", "items": TEXT} if n.endswith("Ids") else TEXT for n in (*names, *optional.split())
        },
        "required": names,
    }
    return Tool(id=f"farm.{name}", name=name, description=says, parameters=parameters, returns=returns)


BARN = _object("BarnId", "Colour")
STALL = _object("StallId", "BarnId")


def _listing(field: str, item: Schema) -> Schema:
    return {"type": "object", "properties": {field: {"type": "array", "items": item}}}


def _wrapped(field: str, item: Schema) -> Schema:
    return {"type": "object", "properties": {field: item}}


TOOLS = (
    tool("CreateBarn", "Colour", returns=_wrapped("Barn", BARN)),
    tool("DescribeBarns", optional="BarnIds Colour", returns=_listing("Barns", BARN)),
    tool("ListBarns", optional="BarnIds", returns=_listing("Barns", BARN)),
    tool("DeleteBarn", "BarnId", says="You must delete all stalls in the barn before you can delete the barn."),
    tool("GetBarnClimate", "BarnId", returns=_object("Humidity", "Colour", "BarnId")),
    tool("Paint", "BarnId Colour"),
    tool("SendNote", optional="BarnId", returns=_object("NoteId")),
    tool("CreateStall", "BarnId", returns=_wrapped("Stall", STALL)),
    tool("DescribeStall", "StallId", returns=_wrapped("Stall", STALL)),
    tool("DeleteStall", "StallId"),
    tool("CreateHorse", "HorseName", says="This action is idempotent.", returns=_object("HorseName")),
    tool("GetHorse", "HorseName", returns=_object("HorseName")),
    tool("DeleteHorse", "HorseName", says="Deleting a horse that does not exist does not result in an error."),
    tool("CreateMare", "MareName", returns=_object("MareName")),
    tool("GetMare", "MareName", returns=_object("MareName")),
    tool("DeleteMare", "MareName"),
    tool("CreateField", "Name", returns=_object("Name")),
    tool("GetField", "Name", returns=_object("Name")),
    tool("MowField", "FieldName"),
    tool("DeleteField", "Name", says="Deletes the field and everything on it."),
    tool("CreateCrop", "FieldName CropName", returns=_object("CropName")),
    tool("GetCrop", "FieldName CropName", returns=_object("CropName")),
    tool("DeleteCrop", "FieldName CropName"),
)
FARM = Catalog(toolsets=(Toolset(name="farm", tools=TOOLS),))

Call = Callable[..., Observation]


def opened(*, closed: bool) -> SimulatedSession:
    return SimulatedWorld(FARM, closed=closed).open(Task(instruction="", candidates=(), relevant=()))


def caller(session: SimulatedSession) -> Call:
    def call(name: str, /, **arguments: Any) -> Observation:
        return session.run(ToolCall(name=f"farm.{name}", arguments=arguments))

    return call


@pytest.fixture
def call() -> Call:
    return caller(opened(closed=True))


def test_references_are_read_from_names() -> None:
    toolset = FARM.toolset("farm")
    found = find_references(toolset, recognise(toolset))
    seen = {name: [(r.parameter, r.resource) for r in references] for name, references in found.items()}
    assert seen["Paint"] == seen["SendNote"] == seen["CreateStall"] == [("BarnId", "barn")]
    assert seen["CreateCrop"] == [("FieldName", "field")]  # the field's own tools call it Name
    assert "DescribeStall" not in seen
    assert "DeleteBarn" not in seen


REFERRING: list[tuple[str, dict[str, str], str]] = [
    ("Paint", {"BarnId": "b", "Colour": "red"}, "BarnId"),
    ("SendNote", {"BarnId": "b"}, "BarnId"),
    ("CreateStall", {"BarnId": "b"}, "BarnId"),
    ("GetBarnClimate", {"BarnId": "b"}, "BarnId"),
    ("CreateCrop", {"FieldName": "f", "CropName": "c"}, "FieldName"),
]


@pytest.mark.parametrize(("name", "arguments", "field"), REFERRING)
def test_what_a_call_refers_to_must_exist(name: str, arguments: dict[str, str], field: str) -> None:
    closed, trusting = opened(closed=True), opened(closed=False)
    seen = caller(closed)(name, **arguments)
    assert (seen.error, seen.body["error"]["field"]) == (ToolErrorKind.NOT_FOUND, field)
    assert closed.state() == {}
    assert caller(trusting)(name, **arguments).ok
    for session in (closed, trusting):
        session.prepare(ToolCall(name=f"farm.{name}", arguments=arguments))
        assert caller(session)(name, **arguments).error is not ToolErrorKind.NOT_FOUND
    other = {**arguments, field: "another"}
    assert caller(trusting)(name, **other).error is ToolErrorKind.NOT_FOUND  # now the world knows some


def test_an_optional_reference_may_be_absent(call: Call) -> None:
    assert call("SendNote").ok


def test_a_part_that_nothing_makes_is_there_with_its_whole(call: Call) -> None:
    barn = call("CreateBarn", Colour="green").body["Barn"]["BarnId"]
    seen = call("GetBarnClimate", BarnId=barn)
    assert seen.ok
    assert (seen.body["Colour"], seen.body["BarnId"]) == ("green", barn)
    assert call("DeleteBarn", BarnId=barn).ok
    assert call("GetBarnClimate", BarnId=barn).error is ToolErrorKind.NOT_FOUND


def test_describing_certain_records_needs_them_and_listing_filters(call: Call) -> None:
    first = call("CreateBarn", Colour="red").body["Barn"]["BarnId"]
    second = call("CreateBarn", Colour="blue").body["Barn"]["BarnId"]
    shown = call("DescribeBarns", BarnIds=[second]).body["Barns"]
    assert [barn["BarnId"] for barn in shown] == [second]
    assert len(call("DescribeBarns").body["Barns"]) == 2
    missing = call("DescribeBarns", BarnIds=[first, "none"])
    assert (missing.error, missing.body["error"]["field"]) == (ToolErrorKind.NOT_FOUND, "BarnIds")
    assert call("ListBarns", BarnIds=["none"]).ok
    session = opened(closed=True)
    wanted = ToolCall(name="farm.DescribeBarns", arguments={"BarnIds": ["x", "y"]})
    session.prepare(wanted)
    assert {barn["BarnId"] for barn in session.run(wanted).body["Barns"]} == {"x", "y"}


def test_what_must_be_empty_is_not_removed_before_it_is(call: Call) -> None:
    barn = call("CreateBarn", Colour="red").body["Barn"]["BarnId"]
    stall = call("CreateStall", BarnId=barn).body["Stall"]["StallId"]
    refused = call("DeleteBarn", BarnId=barn)
    assert (refused.status, refused.error) == (409, ToolErrorKind.CONFLICT)
    assert call("DeleteStall", StallId=stall).ok
    assert call("DeleteBarn", BarnId=barn).ok


def test_what_is_inside_goes_with_what_is_removed(call: Call) -> None:
    for _ in range(2):  # the second time it must not be there from the first
        assert call("CreateField", Name="north").ok
        assert call("GetCrop", FieldName="north", CropName="oats").error is ToolErrorKind.NOT_FOUND
        assert call("CreateCrop", FieldName="north", CropName="oats").ok
        assert call("GetCrop", FieldName="north", CropName="oats").ok
        assert call("DeleteField", Name="north").ok


def test_only_a_documented_promise_makes_repeating_harmless(call: Call) -> None:
    assert call("CreateHorse", HorseName="Ada").ok
    assert call("CreateHorse", HorseName="Ada").ok
    assert call("DeleteHorse", HorseName="Bob").ok
    assert call("GetHorse", HorseName="Bob").error is ToolErrorKind.NOT_FOUND
    assert call("CreateMare", MareName="Ada").ok
    assert call("CreateMare", MareName="Ada").error is ToolErrorKind.CONFLICT
    assert call("DeleteMare", MareName="Bob").error is ToolErrorKind.NOT_FOUND
