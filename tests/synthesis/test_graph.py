from __future__ import annotations

from stand_in import small_catalog

from toolwise.resources import recognise
from toolwise.synthesis import ToolGraph
from toolwise.synthesis.graph import MIN_SCORE, response_fields
from toolwise.types import Tool, Toolset


def _graph() -> ToolGraph:
    catalog = small_catalog()
    return ToolGraph(catalog.toolsets, {t.name: recognise(t) for t in catalog.toolsets})


def test_an_edge_leads_from_the_field_to_the_parameter_that_it_can_fill() -> None:
    edges = {(edge.target, edge.parameter): edge for edge in _graph().edges_from("library.create_book")}
    edge = edges["library.get_book", "book_id"]
    assert edge.path == ("book_id",)
    assert MIN_SCORE <= edge.score <= 1
    assert ("library.get_reader", "reader_id") not in edges


def test_a_list_is_entered_at_its_first_item() -> None:
    edge = next(e for e in _graph().edges_from("library.list_books") if e.target == "library.delete_book")
    assert edge.path == ("books", 0, "book_id")


def test_nothing_leads_out_of_a_delete_or_into_the_creation_of_the_same_record() -> None:
    graph = _graph()
    assert graph.edges_from("library.delete_book") == ()
    assert all(edge.target != "library.create_book" for edge in graph.edges_from("library.list_books"))


def test_record_edges_join_the_tools_of_one_resource() -> None:
    targets = {edge.target for edge in _graph().record_edges("bakery.create_oven")}
    assert targets == {"bakery.get_oven", "bakery.update_oven", "bakery.delete_oven"}


def test_types_must_agree() -> None:
    make = Tool(
        id="t.make",
        name="make",
        returns={"type": "object", "properties": {"disk_id": {"type": "string"}}},
    )
    use = Tool(id="t.use", name="use", parameters={"type": "object", "properties": {"disk_id": {"type": "integer"}}})
    assert ToolGraph([Toolset(name="t", tools=(make, use))], {}).edges_from("t.make") == ()


def test_recursive_responses_end() -> None:
    node = {"type": "object", "properties": {"child": {"$ref": "#/$defs/Node"}, "node_id": {"type": "string"}}}
    tool = Tool(id="t.get", name="get", returns={"$ref": "#/$defs/Node"})
    Toolset(name="t", tools=(tool,), definitions={"Node": node})
    fields = response_fields(tool)
    assert fields[0].path == ("node_id",)
    assert len(fields) <= 5
