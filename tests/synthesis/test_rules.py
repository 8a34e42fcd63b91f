from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolwise.synthesis import names_tool, states_all_values
from toolwise.synthesis.filling import statable
from toolwise.synthesis.specs import Leaf, describe_tool
from toolwise.synthesis.wording.instruction import ClauseParts, write_instruction
from toolwise.synthesis.wording.rules import states_value
from toolwise.synthesis.wording.statements import inline, sentences, state_values
from toolwise.types import Json, Schema, Tool


def _tool(name: str) -> Tool:
    return Tool(id=f"shop.{name}", name=name)


@pytest.mark.parametrize(
    ("text", "name", "named"),
    [
        ("Call get_order for me", "get_order", True),
        ("Please GET_ORDER", "get_order", True),
        ("use shop.search now", "search", True),
        ("please search for it", "search", False),
        ("delete the instance", "DeleteInstance", False),
        ("DeleteInstance, please", "DeleteInstance", True),
        ("an undeleteinstance", "deleteInstance", False),
        ("run orders.list", "orders.list", True),
    ],
)
def test_naming_a_tool(text: str, name: str, named: bool) -> None:
    assert names_tool(text, [_tool(name)]) is named


@pytest.mark.parametrize(
    ("text", "arguments", "stated"),
    [
        ("in zone a-1", {"zone": "a-1"}, True),
        ("in zone a-12", {"zone": "a-1"}, False),
        ("size 15", {"size": 5}, False),
        ("size 5.", {"size": 5}, True),
        ("set dry run to false", {"dryRun": False}, True),
        ("set dry run to true", {"dryRun": False}, False),
        ("enable dry run", {"dryRun": True}, True),
        ("with colours RED and BLUE", {"colours": ["RED", "BLUE"]}, True),
        ("with colours RED", {"colours": ["RED", "BLUE"]}, False),
        ("settings tier gold", {"settings": {"tier": "gold", "size": 3}}, False),
    ],
)
def test_stating_values(text: str, arguments: dict[str, Json], stated: bool) -> None:
    assert states_all_values(text, [arguments]) is stated


_VALUES = st.one_of(
    st.from_regex(r"[a-z][a-z0-9/_.-]{0,20}[a-z0-9]", fullmatch=True),
    st.from_regex(r"[A-Z][a-z]{1,8}( [a-z]{1,8}){1,3}", fullmatch=True),
    st.integers(-999, 99999),
    st.booleans(),
    st.lists(st.from_regex(r"[a-z]{1,8}-[0-9]{1,3}", fullmatch=True), min_size=1, max_size=3),
)


@given(st.lists(_VALUES, min_size=1, max_size=5), st.integers(0, 10_000))
def test_every_form_of_statement_states_its_value(values: list[Json], seed: int) -> None:
    pairs = [
        (Leaf((f"field{chr(97 + i)}",), "string", {}, (True,), f"field{chr(97 + i)}", ""), value)
        for i, value in enumerate(values)
    ]
    rng = random.Random(seed)
    statements = state_values(pairs, rng)
    cut = rng.randint(0, len(statements))
    text = f"Do it{inline(statements[:cut], rng)}. {' '.join(sentences(statements[cut:], rng))}"
    for leaf, value in pairs:
        assert statable(value) or isinstance(value, list)
        assert states_value(text, leaf.path, value), text


@given(st.text(max_size=30))
def test_what_cannot_be_read_back_is_not_statable(text: str) -> None:
    if statable(text):
        assert text == text.strip() and "\n" not in text and '"' not in text and "  " not in text


def _queue_tool(name: str, description: str, *parameters: str) -> Tool:
    schema: Schema = {"type": "object", "properties": {parameter: {"type": "string"} for parameter in parameters}}
    return Tool(id=f"queues.{name}", name=name, description=description, parameters=schema)


@pytest.mark.parametrize(
    ("parameters", "subject"),
    [
        (("queueName", "region"), "queueName"),
        (("name",), "name"),
        (("queue", "messageId"), "queue"),
        (("region", "ownerName"), None),
        (("queueName", "queueArn"), None),
    ],
)
def test_one_parameter_tells_which_thing_is_meant(parameters: tuple[str, ...], subject: str | None) -> None:
    spec = describe_tool(_queue_tool("CreateQueue", "Creates a new queue.", *parameters))
    assert spec is not None
    assert (spec.subject.parameter if spec.subject else None) == subject


def test_the_thing_that_is_meant_may_stand_right_after_its_noun() -> None:
    spec = describe_tool(_queue_tool("GetQueue", "Gets a queue.", "queueName"))
    assert spec is not None and spec.subject is not None
    texts = set()
    for seed in range(300):
        rng = random.Random(seed)
        statements = state_values([(spec.subject, "blue-7")], rng, spec.subject)
        texts.add(write_instruction([ClauseParts(spec.phrase, tuple(statements))], (), rng))
    assert all(states_value(text, ("queueName",), "blue-7") for text in texts)
    for form in ("get a queue blue-7", "a queue called blue-7", "Show me a queue", "with queue name blue-7"):
        assert any(form in text for text in texts), form


def test_a_thing_to_be_made_is_not_asked_to_be_seen() -> None:
    spec = describe_tool(_queue_tool("CreateQueue", "Creates a new queue.", "queueName"))
    assert spec is not None
    parts = ClauseParts(spec.phrase, ())
    texts = [write_instruction([parts], (), random.Random(seed)) for seed in range(300)]
    assert all("queue" in text and not text.startswith(("Show me", "Let me see")) for text in texts)
