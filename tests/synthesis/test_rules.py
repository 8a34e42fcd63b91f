from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolwise.synthesis import names_tool, states_all_values
from toolwise.synthesis.filling import statable
from toolwise.synthesis.specs import Leaf
from toolwise.synthesis.wording.rules import states_value
from toolwise.synthesis.wording.statements import inline, sentences, state_values
from toolwise.types import Json, Tool


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
