from pathlib import Path
from typing import Any

import orjson
import pytest
from catalog_samples import SHARED_OPENAPI, save
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openapi_spec_validator import OpenAPIV31SpecValidator
from work_samples import closed, essence, ferry, imported, library, read_back, tool

from toolwise.catalog.documentation.losses import Loss, Losses
from toolwise.catalog.documentation.specification import openapi_document
from toolwise.catalog.export import ExportFormat, export_catalog
from toolwise.types import Hints, HttpBinding, Tool, Toolset


def problems(document: dict[str, Any]) -> list[str]:
    return [str(error) for error in OpenAPIV31SpecValidator(document).iter_errors()]


def round_trip(folder: Path, *toolsets: Toolset) -> list[Toolset]:
    export_catalog(toolsets, ExportFormat.OPENAPI, folder / "out")
    return read_back(folder / "out")


def test_documents_of_every_kind_of_toolset_are_valid(tmp_path: Path) -> None:
    for toolset in (library(), ferry(), *imported(tmp_path)):
        assert problems(openapi_document(toolset)) == [], toolset.name


def test_a_tool_without_an_address_is_a_post_with_a_body() -> None:
    document = openapi_document(library())
    operation = document["paths"]["/lend_book"]["post"]
    assert operation["operationId"] == "lend_book"
    body = operation["requestBody"]
    assert body["required"] is True
    schema = body["content"]["application/json"]["schema"]
    assert schema["required"] == ["reader", "loan"]
    assert schema["properties"]["loan"]["$ref"] == "#/components/schemas/Loan"
    assert "requestBody" not in document["paths"]["/ping"]["post"]


def test_every_part_of_a_request_has_its_place() -> None:
    document = openapi_document(ferry())
    operation = document["paths"]["/ports/{port}/ferries"]["post"]
    placed = {(p["name"], p["in"]) for p in operation["parameters"]}
    assert placed == {
        ("port", "path"),
        ("when", "query"),
        ("note[]", "header"),
        ("session", "cookie"),
        ("filter", "query"),
    }
    by_name = {p["name"]: p for p in operation["parameters"]}
    assert (by_name["when"]["style"], by_name["when"]["explode"]) == ("pipeDelimited", False)
    assert "application/json" in by_name["filter"]["content"]
    assert list(operation["requestBody"]["content"]["application/json"]["schema"]["properties"]) == ["load", "port"]
    assert document["servers"] == [{"url": "https://ferry.test/v2"}]
    assert document["components"]["securitySchemes"]["auth1"] == {"type": "apiKey", "in": "header", "name": "X-Key"}


def test_a_round_trip_gives_the_same_toolsets(tmp_path: Path) -> None:
    before = [library(), ferry(), *imported(tmp_path)]
    after = {toolset.name: toolset for toolset in round_trip(tmp_path, *before)}
    assert sorted(after) == sorted(toolset.name for toolset in before)
    for toolset in before:
        other = after[toolset.name]
        kept = ("title", "description", "category", "collections", "family", "servers", "auth")
        assert {k: getattr(other, k) for k in kept} == {k: getattr(toolset, k) for k in kept}
        assert other.introduction == toolset.introduction or not toolset.introduction
        for one in toolset.tools:
            twin = other.by_name[one.name]
            if one.name == "kettles.lids.delete":  # its document forgot the path's parameter, which OpenAPI insists on
                assert list(twin.properties) == ["name"]
                continue
            assert essence(twin) == essence(one)
            assert twin.examples == one.examples
            assert twin.returns == one.returns
            assert twin.parameters == one.parameters


def test_http_bindings_survive_and_others_are_counted(tmp_path: Path) -> None:
    losses = Losses()
    for toolset in (library(), ferry()):
        openapi_document(toolset, losses)
    assert losses[Loss.BINDING] == 1  # the Python tool
    (after,) = round_trip(tmp_path, ferry())
    assert [one.binding for one in after.tools] == [one.binding for one in ferry().tools]


def test_hints_are_said_only_where_the_method_does_not_say_them() -> None:
    paths = openapi_document(ferry())["paths"]
    assert paths["/ports/{port}/ferries"]["post"]["x-toolwise-hints"] == {"read_only": False, "destructive": True}
    assert "x-toolwise-hints" not in paths["/timetable"]["put"]


def test_no_document_makes_a_delete_read_only(tmp_path: Path) -> None:
    binding = HttpBinding(method="DELETE", path="/all")
    one = Tool(id="trap.wipe", name="wipe", binding=binding, hints=Hints(read_only=True))
    (after,) = round_trip(tmp_path, Toolset(name="trap", tools=(one,)))
    assert after.by_name["wipe"].hints.read_only is False


def test_operations_of_one_address_each_have_a_path_and_keep_it(tmp_path: Path) -> None:
    tools = tuple(
        Tool(
            id=f"rpc.{name}",
            name=name,
            parameters=closed((key,), **{key: {"type": "string"}}),
            binding=HttpBinding(method="POST", path=f"/v1/{{{key}}}", locations={key: "path"}),
        )
        for name, key in (("start", "name"), ("stop", "name"), ("pause", "other"))
    )
    document = openapi_document(Toolset(name="rpc", tools=tools))
    assert list(document["paths"]) == ["/v1/{name}", "/v1/{name}#stop", "/v1/{other}#pause"]
    assert problems(document) == []
    (after,) = round_trip(tmp_path, Toolset(name="rpc", tools=tools))
    assert [one.binding for one in after.tools] == [one.binding for one in tools]


def test_what_would_make_the_document_invalid_is_mended_and_counted(tmp_path: Path) -> None:
    one = tool(
        "mend",
        "",
        {
            "type": "object",
            "properties": {
                "a": {"type": "integer", "minimum": 5, "default": 1},
                "b": {"$ref": "#/$defs/Lost"},
                "c": {"type": "object", "properties": {}, "required": ["inner"]},
                "d": {"type": "string", "pattern": "^\\p{L}+$"},
                "e": {"type": "object", "default": {"$ref": "just a value"}},
            },
        },
        toolset="odd",
    )
    losses = Losses()
    toolset = Toolset(name="odd", tools=(one,))
    document = openapi_document(toolset, losses)
    assert problems(document) == []
    assert losses[Loss.INVALID_DEFAULT] == 1
    assert losses[Loss.BROKEN_REFERENCE] == 1
    properties = document["paths"]["/mend"]["post"]["requestBody"]["content"]["application/json"]["schema"][
        "properties"
    ]
    assert properties["e"]["default"] == {"$ref": "just a value"}
    (after,) = round_trip(tmp_path, toolset)
    assert after.by_name["mend"].properties["d"]["pattern"] == "^\\p{L}+$"


def test_names_and_categories_cannot_leave_the_folder(tmp_path: Path) -> None:
    toolset = Toolset(name="../../evil", category="../up", tools=(tool("a", "", closed()),))
    for to in (ExportFormat.OPENAPI, ExportFormat.TOOLBENCH, ExportFormat.MCP):
        export_catalog([toolset], to, tmp_path / to.value)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mcp", "openapi", "toolbench"]


SCALARS = st.one_of(
    st.fixed_dictionaries({"type": st.just("string")}, optional={"description": st.text(max_size=40)}),
    st.fixed_dictionaries({"type": st.just("integer")}, optional={"minimum": st.integers(-5, 5)}),
    st.builds(
        lambda values: {"type": "string", "enum": values},
        st.lists(st.text("abc ", max_size=3), min_size=1, unique=True),
    ),
    st.builds(lambda n: {"type": "integer", "default": n, "maximum": 3}, st.integers(-9, 9)),
    st.just({"$ref": "#/$defs/Node"}),
    st.just({}),
)
SCHEMAS = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.builds(lambda items: {"type": "array", "items": items}, inner),
        st.builds(lambda parts: {"anyOf": parts}, st.lists(inner, min_size=2, max_size=3)),
        st.builds(
            lambda properties, required: {"type": "object", "properties": properties, "required": required},
            st.dictionaries(st.text("abc$", min_size=1, max_size=3), inner, max_size=3),
            st.lists(st.text("abc", min_size=1, max_size=2), max_size=2, unique=True),
        ),
    ),
    max_leaves=8,
)
NAMES = st.text("abcXYZ_", min_size=1, max_size=6).filter(lambda name: name.strip("_"))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    parameters=st.dictionaries(NAMES, SCHEMAS, max_size=4),
    method=st.sampled_from(["GET", "POST", "DELETE"]),
    bound=st.booleans(),
    node=SCHEMAS,
)
def test_any_toolset_becomes_a_valid_document_with_the_same_parameters(
    tmp_path: Path, parameters: dict[str, Any], method: str, bound: bool, node: dict[str, Any]
) -> None:
    required = sorted(parameters)[::2]
    binding = (
        HttpBinding(method=method, path="/x/{id}", locations=dict.fromkeys(parameters, "query")) if bound else None
    )
    one = Tool(id="any.x", name="x", parameters=closed(tuple(required), **parameters), binding=binding)
    document = openapi_document(Toolset(name="any", definitions={"Node": node}, tools=(one,)))
    assert problems(document) == []
    (after,) = read_back(save(tmp_path, "any.json", orjson.dumps(document)))
    extra = {"id"} if bound else set()
    assert set(after.by_name["x"].properties) - extra == set(parameters)
    assert set(after.by_name["x"].required) - extra == set(required)


@pytest.mark.skipif(not SHARED_OPENAPI.exists(), reason="the shared documents are not here")
def test_real_documents_survive(tmp_path: Path) -> None:
    before = read_back(SHARED_OPENAPI)
    after = {toolset.name: toolset for toolset in round_trip(tmp_path, *before)}
    for toolset in before:
        assert [essence(t) for t in after[toolset.name].tools] == [essence(t) for t in toolset.tools]
    small = min(before, key=lambda toolset: len(toolset.tools))
    assert problems(openapi_document(small)) == []
