from __future__ import annotations

from typing import Any

import pytest

from toolwise.evaluation import valid_call
from toolwise.types import Tool, ToolCall, Toolset

TOOLSET = Toolset(
    name="t",
    definitions={"Size": {"type": "integer", "minimum": 1}},
    tools=(
        Tool(
            id="t.a",
            name="a",
            parameters={"type": "object", "properties": {"n": {"$ref": "#/$defs/Size"}}, "required": ["n"]},
        ),
        Tool(id="t.open", name="open", parameters={"type": "object", "additionalProperties": {"type": "string"}}),
        Tool(id="t.broken", name="broken", parameters={"type": "nonsense"}),
    ),
)


@pytest.mark.parametrize(
    ("name", "arguments", "valid"),
    [
        ("t.a", {"n": 1}, True),
        ("t.a", {"n": 0}, False),
        ("t.a", {}, False),
        ("t.a", {"n": 1, "m": 2}, False),
        ("a", {"n": 1}, False),
        ("t.open", {"anything": "goes"}, True),
        ("t.open", {"anything": 1}, False),
        ("t.broken", {}, False),
    ],
)
def test_a_call_is_checked_against_the_full_schema(name: str, arguments: dict[str, Any], valid: bool) -> None:
    assert valid_call(TOOLSET.tools, ToolCall(name=name, arguments=arguments)) is valid
