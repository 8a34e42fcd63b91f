from typing import Any

import pytest

from toolwise.catalog import validity
from toolwise.catalog.draft import Draft
from toolwise.catalog.left_out import LeftOutReason


def tool(name: str, parameter: Any, **more: Any) -> dict[str, Any]:
    return {"name": name, "parameters": {"type": "object", "properties": {"a": parameter}}, **more}


def draft(*tools: dict[str, Any], **definitions: Any) -> Draft:
    return Draft(slug="s", source="s.json", tools=list(tools), definitions=definitions)


@pytest.mark.parametrize("thorough", [True, False])
def test_valid_schemas_pass_untouched(thorough: bool) -> None:
    good = draft(tool("one", {"$ref": "#/$defs/X"}, returns={"$ref": "#/$defs/X"}), X={"type": "string"})
    validity.check(good, thorough=thorough)
    assert [t["name"] for t in good.tools] == ["one"]
    assert good.tools[0]["returns"] == {"$ref": "#/$defs/X"}
    assert good.left_out == []


@pytest.mark.parametrize("thorough", [True, False])
def test_a_tool_that_cannot_be_valid_is_left_out_with_its_reason(thorough: bool) -> None:
    mixed = draft(
        tool("bad", {"type": "strnig"}),
        tool("good", {"$ref": "#/$defs/X"}, returns={"minimum": "1"}),
        X={"type": "string"},
        OnlyForBad={},
    )
    validity.check(mixed, thorough=thorough)
    assert [t["name"] for t in mixed.tools] == ["good"]
    assert "returns" not in mixed.tools[0]
    assert list(mixed.definitions) == ["X"]
    assert {(item.where, item.reason) for item in mixed.left_out} == {
        ("bad", LeftOutReason.INVALID_SCHEMA),
        ("good", LeftOutReason.INVALID_SCHEMA),
    }


def test_a_bad_definition_is_emptied_and_its_tools_stay() -> None:
    mended = draft(tool("one", {"$ref": "#/$defs/X"}), X={"required": "a"})
    validity.check(mended, thorough=True)
    assert mended.definitions == {"X": {}}
    assert [t["name"] for t in mended.tools] == ["one"]
    assert [item.where for item in mended.left_out] == ["X"]


def test_a_pattern_that_does_not_compile_is_found_by_compiling() -> None:
    broken = draft(tool("one", {"pattern": "(["}), tool("two", {}))
    validity.check(broken, thorough=True)
    assert [t["name"] for t in broken.tools] == ["two"]


def test_examples_stay_only_where_something_checked_them(monkeypatch: pytest.MonkeyPatch) -> None:
    def both() -> Draft:
        return draft(tool("one", {"type": "integer"}, examples=[{"a": 1}, {"a": "x"}]))

    small = both()
    validity.check(small, thorough=True)
    assert small.tools[0]["examples"] == [{"a": 1}]
    monkeypatch.setattr(validity, "MAX_COMPILED", 0)
    large = both()
    validity.check(large, thorough=True)
    assert "examples" not in large.tools[0]
