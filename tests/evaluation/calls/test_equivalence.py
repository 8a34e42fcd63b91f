from __future__ import annotations

from toolwise.blueprints import ExecutedCall
from toolwise.evaluation.calls.equivalence import equivalent_calls
from toolwise.types import Blueprint, BlueprintCall, Catalog, Hints, Json, Reference, Tool, ToolCall, Toolset

PARAMETERS = {
    "type": "object",
    "properties": {"id": {}, "limit": {"type": "integer", "default": 10}},
    "required": ["id"],
}
TOOLS = Catalog(
    toolsets=(
        Toolset(
            name="t",
            tools=(
                Tool(id="t.make", name="make", parameters=PARAMETERS),
                Tool(id="t.see", name="see", parameters=PARAMETERS, hints=Hints(read_only=True)),
            ),
        ),
    )
)
BLUEPRINT = Blueprint(
    calls=(
        BlueprintCall(tool="t.make", arguments={"id": 1, "limit": 10}),
        BlueprintCall(tool="t.make", arguments={"id": 2}),
        BlueprintCall(tool="t.see", references={"id": Reference(call=0, path=("key",))}),
    )
)


def done(tool: str, arguments: dict[str, Json], body: Json = None, *, ok: bool = True) -> ExecutedCall:
    return ExecutedCall(ToolCall(name=tool, arguments=arguments), ok, body, 0)


ONE, TWO = done("t.make", {"id": 1}, {"key": "k"}), done("t.make", {"id": 2, "limit": 10})
SEE = done("t.see", {"id": "k"})


def test_order_and_defaults_are_free_within_the_references() -> None:
    assert equivalent_calls(BLUEPRINT, [ONE, TWO, SEE], TOOLS)
    assert equivalent_calls(BLUEPRINT, [TWO, ONE, SEE], TOOLS)
    assert not equivalent_calls(BLUEPRINT, [SEE, ONE, TWO], TOOLS), "the value was not there yet"


def test_omissions_changes_and_repeats_are_not() -> None:
    assert not equivalent_calls(BLUEPRINT, [ONE, SEE], TOOLS)
    assert not equivalent_calls(BLUEPRINT, [ONE, done("t.make", {"id": 2, "limit": 11}), SEE], TOOLS)
    assert not equivalent_calls(BLUEPRINT, [ONE, TWO, TWO, SEE], TOOLS), "it may have changed something twice"
    assert not equivalent_calls(None, [ONE], TOOLS)
    assert equivalent_calls(None, [], TOOLS)


def test_failures_and_further_reading_are_tolerated() -> None:
    assert equivalent_calls(BLUEPRINT, [done("t.make", {"id": 1}, ok=False), ONE, TWO, SEE, SEE], TOOLS)
    assert not equivalent_calls(BLUEPRINT, [ONE, TWO, done("t.unknown", {}), SEE], TOOLS)
