import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

import toolwise.types
from toolwise.types import (
    Catalog,
    Funnel,
    Message,
    Node,
    Role,
    StopReason,
    Task,
    Tool,
    Toolset,
    Trajectory,
    content_key,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


def test_everything_exported_exists_and_the_list_is_sorted() -> None:
    names = toolwise.types.__all__
    assert names == sorted(names)
    assert all(hasattr(toolwise.types, name) for name in names)


@given(st.dictionaries(st.text(max_size=5), JSON, max_size=5))
def test_a_content_key_does_not_depend_on_key_order(value: dict[str, object]) -> None:
    assert content_key(value) == content_key(dict(reversed(list(value.items()))))


@given(JSON, JSON)
def test_content_keys_tell_parts_apart(a: object, b: object) -> None:
    assert content_key(a, b) != content_key([a, b])


def test_nouns_are_frozen_and_closed() -> None:
    message = Message(role=Role.USER, content="hello")
    with pytest.raises(ValidationError):
        message.content = "changed"  # type: ignore[misc]
    with pytest.raises(ValidationError):
        Message.model_validate({"role": "user", "colour": "red"})


def test_a_funnel_that_does_not_add_up_cannot_be_made() -> None:
    with pytest.raises(ValidationError, match="add up"):
        Funnel(entered=3, accepted=1)
    with pytest.raises(ValidationError, match="reasons"):
        Funnel(entered=1, rejected=1)


def test_funnels_add() -> None:
    one = Funnel(entered=2, accepted=1, rejected=1, reasons={"leak": 1})
    assert (one + one).model_dump() == {
        "in": 4, "accepted": 2, "rejected": 2, "failed": 0, "pending": 0, "reasons": {"leak": 2}
    }  # fmt: skip


def test_a_task_key_depends_on_content_and_not_on_provenance() -> None:
    task = Task(instruction="do it", candidates=("a.b",), relevant=()).with_key()
    other = task.model_copy(update={"provenance": task.provenance.model_copy(update={"seed": 9})}).with_key()
    assert other.key == task.key
    assert task.model_copy(update={"instruction": "do that"}).with_key().key != task.key


def test_a_saved_catalog_finds_tools_with_dots_in_their_names_and_their_definitions() -> None:
    tool = Tool(id="compute.instances.insert", name="instances.insert")
    catalog = Catalog(toolsets=(Toolset(name="compute", definitions={"X": {"type": "string"}}, tools=(tool,)),))
    again = Catalog.model_validate_json(catalog.model_dump_json())
    assert again == catalog
    assert again.tool("compute.instances.insert").definitions == {"X": {"type": "string"}}
    assert len(again) == 1


def test_a_branch_is_a_root_to_leaf_path() -> None:
    def node(parent: int | None, role: Role, text: str) -> Node:
        return Node(parent=parent, message=Message(role=role, content=text))

    tree = Trajectory(
        task_key="t",
        strategy="dfsdt",
        nodes=(
            node(None, Role.USER, "u"),
            node(0, Role.ASSISTANT, "a"),
            node(0, Role.ASSISTANT, "b"),
            node(2, Role.TOOL, "t"),
        ),
        ends={1: StopReason.GAVE_UP, 3: StopReason.STEP_LIMIT},
    )
    assert [message.content for message in tree.messages(3)] == ["u", "b", "t"]
    assert list(tree.children(0)) == [1, 2]
    assert tree.answer_leaf is None
    assert tree.answer == ""
