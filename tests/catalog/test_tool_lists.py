"""Function definitions of OpenAI, Anthropic, MCP, BFCL and corpora."""

import json
from pathlib import Path
from typing import Any

import pytest
from row_samples import ANTHROPIC, BFCL, BREW, MCP, OPENAI, lines, load_all

from toolwise.catalog.type_names import says_optional, schema_of
from toolwise.types import Tool


def only(folder: Path, document: Any, name: str = "tools.json") -> Tool:
    (toolset,), left_out = load_all(folder, document, name)
    assert left_out == []
    (tool,) = toolset.tools
    return tool


def test_openai_tools_group_by_the_toolset_beside_them(tmp_path: Path) -> None:
    (house, pots), left_out = load_all(tmp_path, OPENAI)
    assert left_out == []
    assert (house.name, house.title, house.category, house.family) == ("tea_house", "Tea House", "Drinks", "tea_house")
    assert [tool.id for tool in house.tools] == ["tea_house.brew_tea", "tea_house.list_teas"]
    assert [tool.id for tool in pots.tools] == ["pots_pans.pour"]
    brew = house.tools[0]
    assert brew.description == "Brew a pot."
    assert brew.required == ("leaf",)
    assert brew.properties["leaf"] == {"type": "string", "enum": ["green", "black"]}
    assert brew.properties["grams"] == {"type": "integer", "default": 3}
    assert brew.properties["cup"] == {"$ref": "#/$defs/Cup"}
    assert house.definitions["Cup"]["properties"]["in"] == {"$ref": "#/$defs/Cup"}
    assert house.tools[1].parameters == {"type": "object", "properties": {}, "additionalProperties": False}
    assert house.tools[1].hints.read_only is True


def test_the_same_definitions_in_two_tools_are_kept_once(tmp_path: Path) -> None:
    (toolset,), _ = load_all(tmp_path, [BREW, {**BREW, "name": "brew_again"}])
    assert list(toolset.definitions) == ["Cup"]


def test_anthropic_tools_and_a_provider_s_own(tmp_path: Path) -> None:
    (toolset,), left_out = load_all(tmp_path, ANTHROPIC, "agent.json")
    assert [tool.id for tool in toolset.tools] == ["agent.brew_tea"]
    assert toolset.tools[0].examples == ({"leaf": "green"},)
    assert [(item.where, item.reason) for item in left_out] == [("tool 2", "invalid_row")]
    assert "web_search_20250305" in left_out[0].detail


def test_an_mcp_listing_keeps_annotations_and_output(tmp_path: Path) -> None:
    (toolset,), _ = load_all(tmp_path, MCP)
    (tool,) = toolset.tools
    assert toolset.title == "tea-server"
    assert tool.description == "Delete a pot"
    assert (tool.hints.read_only, tool.hints.destructive, tool.hints.idempotent) == (False, True, True)
    assert tool.returns == {"type": "object", "properties": {"ok": {"type": "boolean"}}}


def test_bfcl_rows_give_each_function_once_in_json_schema_s_types(tmp_path: Path) -> None:
    tool = only(tmp_path, lines(BFCL), "BFCL_v9_simple.json")  # BFCL calls its JSON lines .json
    assert tool.id == "bfcl_v9_simple.tea.mix"
    assert tool.properties == {
        "weights": {"type": "array", "items": {"type": "number"}},
        "options": {"type": "object", "properties": {"hot": {"type": "boolean", "default": True}}},
        "anything": {},
    }


def test_functions_that_differ_under_one_name_stay_two_tools(tmp_path: Path) -> None:
    rows = [
        {"name": "area", "description": text, "parameters": {"a": {"type": "int"}}} for text in ("Circle", "Square")
    ]
    (toolset,), _ = load_all(tmp_path, rows)
    assert [tool.name for tool in toolset.tools] == ["area", "area_2"]
    assert [tool.description for tool in toolset.tools] == ["Circle", "Square"]


def test_corpus_rows_that_hold_their_tools_as_a_json_string(tmp_path: Path) -> None:
    rows = [{"messages": [], "tools": json.dumps([{"type": "function", "function": BREW}])}] * 3
    assert only(tmp_path, lines(rows), "corpus.jsonl").name == "brew_tea"


@pytest.mark.parametrize(
    ("parameters", "properties", "required"),
    [
        ({"q": {"type": "str"}, "n": {"type": "int, optional"}}, {"q": "string", "n": "integer"}, ("q",)),
        ({"q": {"type": "str"}, "n": {"type": "int", "default": 3}}, {"q": "string", "n": "integer"}, ("q",)),
        ([{"name": "q", "type": "STRING", "required": True}, {"name": "n", "type": "NUMBER"}],
         {"q": "string", "n": "number"}, ("q",)),
        ('{"type": "object", "properties": {"q": {"type": "text", "required": true}}}', {"q": "string"}, ("q",)),
        ({"type": "OBJECT", "properties": {"q": {"type": "STRING"}}, "required": ["q", "lost"]},
         {"q": "string"}, ("q",)),
        ({"type": {"type": "str"}, "properties": {"type": "str"}}, {"type": "string", "properties": "string"},
         ("type", "properties")),
        ({"json": {"properties": {"q": {"type": "bool"}}}}, {"q": "boolean"}, ()),
        ({"type": "string"}, {"input": "string"}, ("input",)),
        (None, {}, ()),
        ([], {}, ()),
    ],
)  # fmt: skip
def test_parameters_in_the_forms_that_people_write(
    tmp_path: Path, parameters: Any, properties: dict[str, str], required: tuple[str, ...]
) -> None:
    tool = only(tmp_path, [{"type": "function", "function": {"name": "f", "parameters": parameters}}])
    assert {name: schema["type"] for name, schema in tool.properties.items()} == properties
    assert tool.required == required
    assert tool.parameters["additionalProperties"] is False


@pytest.mark.parametrize("parameters", ["not json", 7, {"a": 1}, [{"type": "str"}], [3]])
def test_parameters_that_are_no_schema_leave_that_tool_out(tmp_path: Path, parameters: Any) -> None:
    rows = [{"type": "function", "function": {"name": "bad", "parameters": parameters}}, BREW]
    (toolset,), left_out = load_all(tmp_path, rows)
    assert [tool.name for tool in toolset.tools] == ["brew_tea"]
    assert [(item.where, item.reason) for item in left_out] == [("row 1", "invalid_schema")]


@pytest.mark.parametrize(
    ("name", "schema"),
    [
        ("str", {"type": "string"}),
        ("INTEGER", {"type": "integer"}),
        ("dict", {"type": "object"}),
        ("any", {}),
        ("typing.Any", {}),
        ("list[int]", {"type": "array", "items": {"type": "integer"}}),
        ("List[Dict[str, float]]",
         {"type": "array", "items": {"type": "object", "additionalProperties": {"type": "number"}}}),
        ("Tuple[float, float]", {"type": "array", "items": {"type": "number"}}),
        ("Tuple[int, str]", {"type": "array"}),
        ("Optional[str]", {"type": ["string", "null"]}),
        ("int | None", {"type": ["integer", "null"]}),
        ("Union[int, List[str]]", {"anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "string"}}]}),
        ("Literal['A', 'b']", {"type": "string", "enum": ["A", "b"]}),
        ("string[]", {"type": "array", "items": {"type": "string"}}),
        ("array of strings", {"type": "array", "items": {"type": "string"}}),
        ("str, optional", {"type": "string"}),
        ("date", {"type": "string", "format": "date"}),
        ("DATE (YYYY-MM-DD)", {"type": "string", "format": "date"}),
        ("Gizmo", {}),
        ("", {}),
        ("[" * 500, {}),
        ("List[" * 50 + "int" + "]" * 50, None),
    ],
)  # fmt: skip
def test_type_names(name: str, schema: dict[str, Any] | None) -> None:
    made = schema_of(name)
    assert schema is None or made == schema


def test_optional_in_a_type_s_name() -> None:
    assert [says_optional(n) for n in ("str, optional", "Optional[int]", "str", 3)] == [True, True, False, False]
