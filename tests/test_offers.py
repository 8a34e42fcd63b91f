import re

from hypothesis import given
from hypothesis import strategies as st

from toolwise.offers import MAX_PARAMETERS, Offer, compact_parameters, function_names
from toolwise.types import Tool, Toolset


def tool(tool_id: str, **parameters: object) -> Tool:
    return Tool(id=tool_id, name=tool_id.split(".", 1)[1], parameters={"type": "object", **parameters})


@given(st.lists(st.tuples(st.sampled_from(["a", "b-1"]), st.text(min_size=1, max_size=90)), max_size=12, unique=True))
def test_function_names_are_legal_and_unique(ids: list[tuple[str, str]]) -> None:
    names = function_names([tool(f"{toolset}.{name}") for toolset, name in ids])
    assert len(set(names)) == len(ids)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name) for name in names)


def test_colliding_names_get_their_toolset() -> None:
    assert function_names([tool("a.get"), tool("b.get"), tool("a.list")]) == ["a_get", "b_get", "list"]


def test_names_map_back_to_tools_and_made_up_names_stay() -> None:
    offer = Offer([tool("a.users.get"), tool("b.x")])
    assert [offer.tool_id(offer.name(i)) for i in ("a.users.get", "b.x")] == ["a.users.get", "b.x"]
    assert offer.tool_id("made_up") == "made_up"


def test_the_compact_view_keeps_what_is_required_and_prefers_scalars() -> None:
    properties = {"nested": {"type": "object", "properties": {"x": {"type": "string"}}}, "must": {"type": "array"}}
    properties |= {f"p{i}": {"type": "string"} for i in range(20)}
    view = compact_parameters(tool("a.b", properties=properties, required=["must"]))
    assert len(view["properties"]) == MAX_PARAMETERS
    assert "must" in view["properties"]
    assert "nested" not in view["properties"]
    assert view["required"] == ["must"]


def test_the_compact_view_of_a_cyclic_schema_ends() -> None:
    node = {"type": "object", "properties": {"child": {"$ref": "#/$defs/Node"}}, "required": ["child"]}
    member = Tool(id="a.b", name="b", parameters={"type": "object", "properties": {"root": {"$ref": "#/$defs/Node"}}})
    toolset = Toolset(name="a", definitions={"Node": node}, tools=(member,))
    assert "$ref" not in str(compact_parameters(toolset.tools[0]))


def test_a_lead_that_only_repeats_the_schema_is_not_a_description() -> None:
    view = compact_parameters(
        tool("a.b", properties={"x": {"type": "string", "description": "Required. The name. More."}})
    )
    assert view["properties"]["x"]["description"] == "The name"
