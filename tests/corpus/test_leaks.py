from __future__ import annotations

from box_world import CATALOG, chain_task, look, make_task, negative_task, pack_task
from toolwise.corpus import TaskGuard, check_leaks, tool_signature
from toolwise.types import Outcome, RejectReason, Split, Tool


def _tool(tool_id: str, description: str = "Get one pet.", *parameters: str) -> Tool:
    return Tool(
        id=tool_id,
        name=tool_id.split(".", 1)[1],
        description=description,
        parameters={"type": "object", "properties": {name: {} for name in parameters}},
    )


def test_a_signature_is_what_a_model_is_shown() -> None:
    one = _tool("shop.getPet", "Get  one pet.", "petId", "verbose")
    assert tool_signature(one) == tool_signature(_tool("zoo.get_pet", "get one Pet.", "verbose", "pet_id"))
    for other in (
        _tool("shop.getPets", "Get one pet.", "petId", "verbose"),
        _tool("shop.getPet", "Get a pet.", "petId", "verbose"),
        _tool("shop.getPet", "Get one pet.", "petId"),
    ):
        assert tool_signature(one) != tool_signature(other)


def test_check_leaks_counts_tools_that_are_on_both_sides() -> None:
    report = check_leaks(
        [tool_signature(_tool("a.get")), tool_signature(_tool("a.put"))],
        [_tool("b.get"), _tool("c.Get"), _tool("b.del")],
    )
    assert (report.train_tools, report.other_tools, report.leaked_tools) == (2, 3, 2)
    assert report.leaked == ("b.get", "c.Get")
    assert len(report.signatures) == 1
    assert check_leaks([], [_tool("b.get")]).leaked_tools == 0


def test_the_guard_knows_instructions_blueprints_and_tools() -> None:
    train = pack_task()
    guard = TaskGuard([train, negative_task(Outcome.ASK)], [tool_signature(CATALOG.tool("box.toss"))])

    def leak(**update: object) -> RejectReason | None:
        task = pack_task("red", "a coin", split=Split.UNSEEN_TOOLSET).model_copy(update=update)
        return guard.leak(task, CATALOG)

    assert leak() is None
    assert leak(instruction=train.instruction.upper()) is RejectReason.LEAK
    assert leak(blueprint=train.blueprint) is RejectReason.LEAK
    assert leak(relevant=("box.toss",)) is RejectReason.LEAK
    assert leak(relevant=("box.look",)) is None


def test_tools_of_training_are_no_leak_in_splits_of_training_toolsets() -> None:
    guard = TaskGuard([chain_task()], [tool_signature(tool) for tool in CATALOG.tools()])
    assert guard.leak(make_task(look(5), split=Split.SEEN_TOOLSET), CATALOG) is None
    assert guard.leak(make_task(look(5), split=Split.UNSEEN_CATEGORY), CATALOG) is RejectReason.LEAK
