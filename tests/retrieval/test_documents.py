from __future__ import annotations

import toolwise.retrieval
from toolwise.retrieval import equivalent_tools, render_document, tool_document
from toolwise.retrieval.documents import FIELDS, MAX_PARAMETERS
from toolwise.types import Tool, Toolset


def test_the_public_names_are_exported() -> None:
    assert sorted(toolwise.retrieval.__all__) == sorted(set(toolwise.retrieval.__all__))
    assert all(hasattr(toolwise.retrieval, name) for name in toolwise.retrieval.__all__)


def test_a_document_holds_every_part_with_identifiers_split(toolsets: list[Toolset]) -> None:
    text = render_document(toolsets[0], toolsets[0].by_name["createInvoice"])
    assert text.splitlines() == [
        "category: Business",
        "toolset: alpha. Alpha API. Keeps records",
        "name: create invoice",
        "description: Creates one invoice.",
        "parameters: invoice id",
        "parameter descriptions: Identifies the invoice",
        "returns: created at",
    ]


def test_a_bare_tool_has_a_document() -> None:
    tool = Tool(id="t.x", name="x")
    document = tool_document(Toolset(name="t", tools=(tool,)), tool)
    assert len(document.fields) == len(FIELDS)
    assert document.text == "toolset: t\nname: x"


def test_odd_schemas_do_not_break_rendering() -> None:
    tool = Tool(
        id="t.x",
        name="x",
        parameters={
            "type": "object",
            "properties": {"a": True, "b": {"$ref": "#/$defs/none"}, "c": {"description": 3}},
        },
        returns={"type": "array", "items": {"properties": {"rowId": {}}}},
    )
    text = render_document(Toolset(name="t", tools=(tool,)), tool)
    assert "parameters: a, b, c" in text
    assert "returns: row id" in text


def test_required_parameters_come_first_and_the_rest_is_cut() -> None:
    properties = {f"p{i:02d}": {"type": "string"} for i in range(60)}
    tool = Tool(id="t.x", name="x", parameters={"type": "object", "properties": properties, "required": ["p59"]})
    names = tool_document(Toolset(name="t", tools=(tool,)), tool).fields[4].split(", ")
    assert names[0] == "p59"
    assert len(names) == MAX_PARAMETERS


def test_versions_of_one_tool_are_equivalent_and_other_families_are_not() -> None:
    def version(name: str, family: str) -> Toolset:
        tool = Tool(id=f"{name}.get", name="get", description="Gets a thing.")
        return Toolset(name=name, family=family, tools=(tool,))

    found = equivalent_tools([version("api_v1", "api"), version("api_v2", "api"), version("other", "other")])
    assert found == {"api_v1.get": "api_v1.get", "api_v2.get": "api_v1.get", "other.get": "other.get"}
