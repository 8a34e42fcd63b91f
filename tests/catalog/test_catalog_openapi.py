import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from catalog_samples import OPENAPI, SHARED_OPENAPI, load, sample

from toolwise.catalog import LeftOut, LeftOutReason, import_sources
from toolwise.schemas import Validator, resolve
from toolwise.types import HttpBinding, ParameterLocation, Tool, Toolset


def binding(tool: Tool) -> HttpBinding:
    assert isinstance(tool.binding, HttpBinding)
    return tool.binding


def pots(tmp_path: Path, **schemas: Any) -> Toolset:
    """The sample with some more schemas, each the body of `POST /<name>` and its answer."""
    document = sample("openapi")
    document["components"]["schemas"] |= schemas
    for name in schemas:
        content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}
        document["paths"][f"/{name}"] = {
            "post": {
                "operationId": name,
                "requestBody": {"content": content},
                "responses": {"200": {"content": content}},
            }
        }
    return load(tmp_path, document)[0]


def test_the_toolset_says_what_the_document_says(tmp_path: Path) -> None:
    toolset, left_out = load(tmp_path, OPENAPI)
    assert toolset.name == "tea_house_api"
    assert toolset.title == "Tea House API"
    assert toolset.description == "Orders of tea, see menu."
    assert toolset.servers == ("https://eu.tea.test/v1",)
    assert toolset.auth == ("apiKey in header X-Key",)
    assert toolset.family == "tea_house_api"
    assert toolset.source == "document.json"
    assert left_out == []


def test_operations_become_tools_with_unique_names(tmp_path: Path) -> None:
    toolset, _ = load(tmp_path, OPENAPI)
    assert [tool.name for tool in toolset.tools] == [
        "getPot",
        "put_pots_by_pot_id",  # its operationId repeats another's
        "delete_pots_by_pot_id",  # it has none
        "createPot",
        "importPots",
    ]
    assert all(tool.id == f"tea_house_api.{tool.name}" for tool in toolset.tools)


def test_parameters_come_from_path_query_and_body(tmp_path: Path) -> None:
    toolset, _ = load(tmp_path, OPENAPI)
    get, put = toolset.by_name["getPot"], toolset.by_name["put_pots_by_pot_id"]
    assert get.description == "Get a pot. Fetches one pot."
    assert list(get.properties) == ["pot_id", "fields"]  # Authorization is the transport's
    assert binding(get).wire_names == {"fields": "fields[]"}
    assert get.required == ("pot_id",)
    assert get.parameters["additionalProperties"] is False
    assert list(put.properties) == ["pot_id", "body_pot_id", "leaf", "grams", "note", "blend"]  # id is read-only
    assert binding(put).wire_names == {"body_pot_id": "pot_id"}
    assert binding(put).locations["leaf"] is ParameterLocation.BODY
    assert binding(put).locations["pot_id"] is ParameterLocation.PATH
    assert binding(put).media_type == "application/json"
    assert put.required == ("pot_id", "leaf", "grams")  # "missing" is no property


def test_a_body_that_is_no_object_is_one_parameter(tmp_path: Path) -> None:
    tool = load(tmp_path, OPENAPI)[0].by_name["importPots"]
    assert list(tool.properties) == ["body"]
    assert binding(tool).locations == {"body": ParameterLocation.WHOLE_BODY}
    assert tool.required == ()


def test_only_reachable_definitions_are_kept_and_cycles_stay_references(tmp_path: Path) -> None:
    toolset, _ = load(tmp_path, OPENAPI)
    assert sorted(toolset.definitions) == ["NewPot", "Pot"]
    assert toolset.definitions["Pot"]["properties"]["blend"] == {"$ref": "#/$defs/Pot"}
    assert toolset.by_name["getPot"].returns == {"$ref": "#/$defs/Pot"}


def test_the_dialect_of_3_0_becomes_2020_12(tmp_path: Path) -> None:
    properties = load(tmp_path, OPENAPI)[0].definitions["Pot"]["properties"]
    assert properties["grams"] == {"type": "number", "exclusiveMinimum": 0, "example": 3}
    assert properties["note"] == {"type": ["string", "null"]}  # its pattern is no regular expression


def test_all_of_is_merged_through_references(tmp_path: Path) -> None:
    create = load(tmp_path, OPENAPI)[0].by_name["createPot"]
    assert list(create.properties) == ["owner", "leaf"]
    assert create.required == ("owner",)


def test_all_of_that_refers_to_itself_ends(tmp_path: Path) -> None:
    one = {"allOf": [{"$ref": "#/components/schemas/Two"}, {"properties": {"a": {"type": "string"}}}]}
    two = {"allOf": [{"$ref": "#/components/schemas/One"}, {"properties": {"b": {"type": "string"}}}]}
    toolset = pots(tmp_path, One=one, Two=two)
    assert {"a", "b"} <= set(toolset.by_name["One"].properties)


def test_contradicting_branches_stay_apart(tmp_path: Path) -> None:
    toolset = pots(tmp_path, Odd={"allOf": [{"type": "string"}, {"type": "object", "properties": {"a": {}}}]})
    assert toolset.definitions["Odd"] == {"type": "string", "allOf": [{"type": "object", "properties": {"a": {}}}]}


def test_choices_lose_their_discriminator_and_null_branches_fold(tmp_path: Path) -> None:
    choice = {
        "oneOf": [{"$ref": "#/components/schemas/Pot"}, {"$ref": "#/components/schemas/Base"}],
        "discriminator": {"propertyName": "leaf"},
    }
    maybe = {"type": "object", "properties": {"x": {"anyOf": [{"type": "integer"}, {"type": "null"}]}}}
    toolset = pots(tmp_path, Choice=choice, Maybe=maybe)
    assert toolset.definitions["Choice"] == {"anyOf": [{"$ref": "#/$defs/Pot"}, {"$ref": "#/$defs/Base"}]}
    assert toolset.by_name["Maybe"].properties["x"] == {"type": ["integer", "null"]}


def test_values_of_another_type_are_mended_or_dropped(tmp_path: Path) -> None:
    schema = {
        "type": "object",
        "properties": {
            "version": {"type": "string", "enum": [1, 2.5, "3", True], "default": 4},
            "level": {"type": "integer", "enum": ["1", "x", 2], "default": 2, "example": "high"},
            "bounds": {"type": "integer", "minimum": 9, "maximum": 1},
            "const": {"const": "a"},
        },
    }
    properties = pots(tmp_path, Odd=schema).by_name["Odd"].properties
    assert properties["version"] == {"type": "string", "enum": ["1", "2.5", "3", "true"]}
    assert properties["level"] == {"type": "integer", "enum": [1, 2], "default": 2}
    assert properties["bounds"] == {"type": "integer"}
    assert properties["const"] == {"enum": ["a"]}


def test_keywords_beside_a_reference_count_from_3_1_on(tmp_path: Path) -> None:
    document = sample("openapi")
    document["openapi"] = "3.1.0"
    schemas = document["components"]["schemas"]
    schemas["Pot"]["properties"]["blend"] = {
        "$ref": "#/components/schemas/Base",
        "minProperties": 1,
        "description": "d",
    }
    newer = load(tmp_path, document)[0].definitions["Pot"]["properties"]["blend"]
    assert newer == {"$ref": "#/$defs/Base", "minProperties": 1, "description": "d"}
    document["openapi"] = "3.0.0"
    older = load(tmp_path, document)[0].definitions["Pot"]["properties"]["blend"]
    assert older == {"$ref": "#/$defs/Base", "description": "d"}


def test_examples_are_kept_only_where_they_are_valid(tmp_path: Path) -> None:
    document = sample("openapi")
    parameter = document["components"]["parameters"]["PotId"]
    parameter["example"] = "p1"
    toolset, _ = load(tmp_path, document)
    wanted = {"pot_id": "p1", "leaf": "green", "grams": 3, "body_pot_id": "inside"}
    assert toolset.by_name["put_pots_by_pot_id"].examples == (wanted,)
    del parameter["example"]  # without it a required parameter has no value
    assert load(tmp_path, document)[0].by_name["put_pots_by_pot_id"].examples == ()


def test_a_path_parameter_that_the_document_forgot_is_added(tmp_path: Path) -> None:
    document = sample("openapi")
    document["paths"] = {"/a/{b}": {"get": {"operationId": "g"}}}
    tool = load(tmp_path, document)[0].tools[0]
    assert tool.required == ("b",)
    assert binding(tool).locations == {"b": ParameterLocation.PATH}


def test_hints_follow_the_method(tmp_path: Path) -> None:
    tools = load(tmp_path, OPENAPI)[0].by_name
    assert tools["getPot"].hints.read_only is True
    assert tools["put_pots_by_pot_id"].hints.idempotent is True
    assert tools["delete_pots_by_pot_id"].hints.destructive is True
    assert tools["createPot"].hints.read_only is None


def test_remote_and_dangling_references_are_dropped_and_counted(tmp_path: Path) -> None:
    document = sample("openapi")
    properties = document["components"]["schemas"]["Pot"]["properties"]
    properties["far"] = {"$ref": "https://example.test/schema.json#/X"}
    properties["gone"] = {"$ref": "#/components/schemas/Gone"}
    toolset, left_out = load(tmp_path, document)
    assert toolset.definitions["Pot"]["properties"]["far"] == {}
    assert toolset.definitions["Pot"]["properties"]["gone"] == {}
    assert {(item.where, item.reason) for item in left_out} == {
        ("https://example.test/schema.json#/X", LeftOutReason.REMOTE_REFERENCE),
        ("#/components/schemas/Gone", LeftOutReason.BROKEN_REFERENCE),
    }


def test_yaml_and_json_give_the_same_toolset(tmp_path: Path) -> None:
    from_json, _ = load(tmp_path, OPENAPI)
    as_yaml = yaml.safe_dump(json.loads(json.dumps(OPENAPI)), sort_keys=False).encode()
    from_yaml, _ = load(tmp_path, as_yaml, "document.yaml")
    assert from_yaml.model_copy(update={"source": ""}) == from_json.model_copy(update={"source": ""})


def test_the_providers_own_category_wins(tmp_path: Path) -> None:
    document = sample("openapi")
    document["info"]["x-apisguru-categories"] = ["hot_drinks", "food"]
    assert load(tmp_path, document)[0].category == "Hot Drinks"


@pytest.mark.parametrize("version", ["3.0.0", "3.1.1"])
def test_every_kept_schema_compiles(tmp_path: Path, version: str) -> None:
    document = sample("openapi")
    document["openapi"] = version
    for tool in load(tmp_path, document)[0].tools:
        Validator(tool.parameters, tool.definitions)
        Validator(tool.returns or {}, tool.definitions)


@pytest.mark.skipif(not SHARED_OPENAPI.is_dir(), reason="the shared documents are not here")
def test_real_documents_import_completely() -> None:
    items = list(import_sources([str(SHARED_OPENAPI)]))
    toolsets = [item for item in items if isinstance(item, Toolset)]
    assert [item for item in items if isinstance(item, LeftOut)] == []
    assert len(toolsets) == sum(1 for _ in SHARED_OPENAPI.iterdir())
    for toolset in toolsets:
        assert toolset.category
        for tool in toolset.tools:
            validator = Validator(tool.parameters, tool.definitions)
            assert all(validator.is_valid(example) for example in tool.examples)
            Validator(tool.returns or {}, tool.definitions)
            assert all(isinstance(resolve(schema, tool.definitions), dict) for schema in tool.properties.values())


def test_styles_that_are_not_the_default_are_kept(tmp_path: Path) -> None:
    where = {"name": "filter", "in": "query", "style": "deepObject", "explode": True, "schema": {"type": "object"}}
    plain = {"name": "tag", "in": "query", "schema": {"type": "array", "items": {"type": "string"}}}
    joined = {**plain, "name": "fields", "explode": False}
    written = {"name": "box", "in": "query", "content": {"application/json": {"schema": {"type": "object"}}}}
    document = {
        "openapi": "3.1.0",
        "info": {"title": "Jars", "version": "1"},
        "paths": {"/jars": {"get": {"operationId": "list", "parameters": [where, plain, joined, written]}}},
    }
    binding = load(tmp_path, document)[0].by_name["list"].binding
    assert isinstance(binding, HttpBinding)
    assert binding.styles == {"filter": "deep_object", "fields": "form", "box": "json"}


def test_a_parameters_example_is_of_its_type_or_dropped(tmp_path: Path) -> None:
    parameters = [
        {"name": "days", "in": "query", "schema": {"type": "array", "items": {"type": "string"}}, "example": "1,2"},
        {"name": "size", "in": "query", "schema": {"type": "integer"}, "example": "12"},
        {"name": "flag", "in": "query", "schema": {"type": "boolean"}, "example": 3},
    ]
    operation = {"operationId": "list", "parameters": parameters}
    document = {"openapi": "3.0.0", "info": {"title": "Jars"}, "paths": {"/jars": {"get": operation}}}
    found = load(tmp_path, document)[0].by_name["list"].properties
    assert {name: schema.get("example") for name, schema in found.items()} == {"days": None, "size": 12, "flag": None}


def test_equal_schemas_are_told_apart_by_the_types_of_their_values(tmp_path: Path) -> None:
    values = {"whole": 1, "flag": True, "real": 1.0, "again": 1}
    parameters = [{"name": name, "in": "query", "schema": {"default": value}} for name, value in values.items()]
    document = {
        "openapi": "3.0.0",
        "info": {"title": "Jars"},
        "paths": {"/jars": {"get": {"operationId": "list", "parameters": parameters}}},
    }
    found = load(tmp_path, document)[0].by_name["list"].properties
    assert {name: repr(schema["default"]) for name, schema in found.items()} == {n: repr(v) for n, v in values.items()}
