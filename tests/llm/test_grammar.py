import random
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.models.tiny import tokenizer

from toolwise.llm.grammar import TurnGrammar, Vocabulary
from toolwise.models.chat import parse_turn

VOCABULARY = Vocabulary(tokenizer())

scalars = st.sampled_from(
    [
        {"type": "string"},
        {"type": "integer"},
        {"type": "number"},
        {"type": "boolean"},
        {"type": "string", "enum": ["A", "AB", "a b"]},
        {"type": "integer", "enum": [1, 10, 100]},
        {},
        {"type": "object"},
    ]
)


def objects(inner: Any) -> Any:
    names = st.sampled_from(["name", "nameId", "id", "max_size", "x"])

    def build(properties: Any, bits: Any) -> Any:
        schema = {"type": "object", "properties": properties, "additionalProperties": False}
        required = [name for index, name in enumerate(properties) if bits >> index & 1]
        return {**schema, "required": required} if required else schema

    return st.builds(build, st.dictionaries(names, inner, min_size=1, max_size=4), st.integers(0, 15))


schemas = objects(
    st.recursive(
        scalars,
        lambda inner: (
            objects(inner)
            | st.builds(lambda i, m: {"type": "array", "items": i, "minItems": m}, inner, st.integers(0, 1))
        ),
        max_leaves=4,
    )
)


def written(tools: Any, seed: Any) -> Any:
    """A turn written by choosing at random among what is allowed."""
    rng = random.Random(seed)
    steps = TurnGrammar(VOCABULARY, tools, text_allowed=False).turn()
    tokens, allowed = [], next(steps)
    while True:
        assert allowed, "the grammar reached a dead end"
        # Closing tokens are rare among all that may stand in a string; take one often, or turns never end.
        closing = [t for t in allowed if t in (VOCABULARY.quote, VOCABULARY.colon, VOCABULARY.end)]
        tokens.append(rng.choice(closing if closing and rng.random() < 0.3 else list(allowed)))
        try:
            allowed = steps.send(tokens[-1])
        except StopIteration:
            return tokenizer().decode(tokens, skip_special_tokens=False)


@given(st.lists(schemas, min_size=1, max_size=3), st.integers(0, 10**6))
def test_whatever_is_chosen_parses_names_a_candidate_and_fits_its_schema(parameters: Any, seed: Any) -> None:
    tools = [
        {"type": "function", "function": {"name": f"get{'Item' * index}", "parameters": schema}}
        for index, schema in enumerate(parameters)
    ]
    turn = parse_turn(written(tools, seed))
    by_name = {tool["function"]["name"]: tool["function"]["parameters"] for tool in tools}
    assert turn.calls
    for call in turn.calls:
        jsonschema_rs.validate(by_name[call.name], call.arguments)


@pytest.mark.parametrize("least", [0, 1])
def test_arrays_of_anything_end_at_the_greatest_depth(least: Any) -> None:
    schema: Any = {"type": "array", "items": {}, "minItems": least}
    for _ in range(3):
        schema = {"type": "array", "items": schema, "minItems": least}
    parameters = {"type": "object", "properties": {"id": schema}, "additionalProperties": False}
    tools = [{"type": "function", "function": {"name": "get", "parameters": parameters}}]
    for seed in range(500):
        for call in parse_turn(written(tools, seed)).calls:
            assert call.arguments is not None


def test_a_turn_without_candidates_is_text() -> None:
    steps = TurnGrammar(VOCABULARY, ()).turn()
    first = next(steps)
    assert VOCABULARY.open not in first
    assert VOCABULARY.end not in first
