"""Python modules as sources: signatures, type hints and docstrings of all styles."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolwise.catalog.python_source import _literal_call, _without_examples, python_drafts
from toolwise.catalog.validity import check
from toolwise.connections.python_tools.process import ChildLimits
from toolwise.errors import CatalogError

SHOP = Path(__file__).resolve().parents[1] / "tool_modules" / "shop.py"


@pytest.fixture(scope="module")
def draft() -> Any:
    [made] = python_drafts(str(SHOP))
    check(made, thorough=True)
    return made


@pytest.fixture(scope="module")
def tools(draft: Any) -> dict[str, Any]:
    return {tool["name"]: tool for tool in draft.tools}


def test_the_modules_own_public_functions_are_tools(tools: dict[str, Any]) -> None:
    assert {"place_order", "get_order", "cached", "wait_for", "Tools.double"} <= set(tools)
    assert not {"_private", "Field", "dataclass", "Tools.method", "__toolwise_state__"} & set(tools)


def test_type_hints_of_all_sorts_become_schemas(draft: Any, tools: dict[str, Any]) -> None:
    place = tools["place_order"]["parameters"]
    assert place["required"] == ["items", "where"]
    assert draft.definitions["Item"]["properties"]["count"] == {"type": "integer", "default": 1}
    assert draft.definitions["Item"]["required"] == ["name"]
    assert draft.definitions["Where"]["properties"]["city"] == {"type": "string"}
    assert "required" not in draft.definitions["Where"]
    assert draft.definitions["Size"]["enum"] == ["s", "l"]
    assert place["properties"]["size"]["default"] == "s"
    assert place["properties"]["when"]["format"] == "date-time"
    area = tools["area"]["parameters"]["properties"]
    assert area["width"]["exclusiveMinimum"] == 0
    assert area["unit"]["enum"] == ["m", "cm"]
    send = tools["send_all"]["parameters"]["properties"]
    assert send["ids"]["items"] == {"type": "string", "format": "uuid"}
    assert send["maybe"]["type"] == ["integer", "null"]
    assert [item["type"] for item in send["pair"]["prefixItems"]] == ["integer", "string"]


def test_docstrings_of_all_styles_describe_the_parameters(tools: dict[str, Any]) -> None:
    google = tools["place_order"]
    assert google["description"].startswith("Place an order.")
    assert google["parameters"]["properties"]["items"]["description"] == "What to order."
    assert tools["get_order"]["parameters"]["properties"]["id"]["description"] == "The order's number."
    assert tools["area"]["parameters"]["properties"]["width"]["description"] == "How wide it is."


def test_results_are_objects_or_under_the_key_result(tools: dict[str, Any]) -> None:
    assert tools["get_order"]["returns"]["$ref"] == "#/$defs/Order"
    assert tools["area"]["returns"]["properties"]["result"]["type"] == "number"
    assert "returns" not in tools["nothing"]


def test_examples_come_from_the_docstring_and_fit_the_schema(tools: dict[str, Any]) -> None:
    assert tools["area"]["examples"] == [{"width": 2, "height": 3}]
    assert tools["place_order"]["examples"] == [{"items": [{"name": "pen"}], "where": {"city": "Rome"}}]


def test_hints_are_what_the_function_says_else_its_verb(tools: dict[str, Any]) -> None:
    assert tools["marked"]["hints"] == {"read_only": True, "destructive": False}
    assert tools["get_order"]["hints"]["read_only"] is True
    assert tools["delete_order"]["hints"]["destructive"] is True
    assert tools["area"]["hints"] == {}


def test_what_cannot_be_told_in_json_is_left_out_with_its_reason(draft: Any, tools: dict[str, Any]) -> None:
    reasons = {item.where: item.detail for item in draft.left_out if item.where not in tools}
    assert "callback" in reasons["needs_callback"]
    assert "generator" in reasons["generates"]
    notes = [item.detail for item in draft.left_out if item.where in ("positional", "partly")]
    assert any("*rest is never given" in note for note in notes)
    assert any("type hints cannot be read" in note for note in notes)
    assert set(tools["positional"]["parameters"]["properties"]) == {"first", "second"}


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("def broken(:\n", "importing it raised SyntaxError"),
        ("raise RuntimeError('not today')\n", "importing it raised RuntimeError: not today"),
        ("import sys; sys.exit(1)\n", "importing it raised SystemExit"),
        ("import os; os._exit(5)\n", "the process ended with status 5"),
        ("while True: pass\n", "no answer within 1 s"),
        ("x = bytearray(10**12)\n", "MemoryError"),
        ("import os\nos.fork()\ndef f(): return 1\n", ""),
        ("y = 1\n", "no public function"),
    ],
)
def test_a_module_that_cannot_be_imported_costs_one_line(tmp_path: Path, source: str, says: str) -> None:
    path = tmp_path / "odd_module.py"
    path.write_text(source)
    if not says:
        assert [tool["name"] for tool in python_drafts(str(path))[0].tools] == ["f"]
        return
    with pytest.raises(CatalogError) as caught:
        python_drafts(str(path), ChildLimits(start_seconds=1.0 if "while" in source else 20.0))
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_importing_leaves_this_process_alone(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "loud.py"
    path.write_text("print('loud at import')\ndef f(a: int) -> int:\n    'Do it.'\n    return a\n")
    python_drafts(str(path))
    assert capfd.readouterr().out == ""


def test_a_module_can_be_named_by_its_dotted_name() -> None:
    [made] = python_drafts("python:textwrap")
    tools = {tool["name"]: tool for tool in made.tools}
    assert tools["dedent"]["binding"] == {"kind": "python", "module": "textwrap", "function": "dedent"}
    with pytest.raises(CatalogError, match="ModuleNotFoundError"):
        python_drafts("python:no.such.module")
    with pytest.raises(CatalogError, match="no such file"):
        python_drafts("nowhere/tools.py")


@given(st.text(max_size=200))
def test_examples_are_read_and_never_run(source: str) -> None:
    assert isinstance(_literal_call(source, "f", ["a", "b"]), dict)
    assert isinstance(_without_examples(source), str)


def test_an_example_that_is_no_literal_is_no_example() -> None:
    assert _literal_call("f(__import__('os').getcwd())", "f", ["a"]) == {}
    assert _literal_call("g(1)", "f", ["a"]) == {}
    assert _literal_call("f(1, 2, 3)", "f", ["a"]) == {}
