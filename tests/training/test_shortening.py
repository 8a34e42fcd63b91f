import random
from typing import Any

import numpy as np
import pytest
from tests.models.tiny import tokenizer

from toolwise.models.chat import Part
from toolwise.training.batching import Encoded, encode
from toolwise.training.shortening import shortened
from toolwise.types import SFTExample, Split

WEIGHTS = {Part.NAME: 2.0, Part.ANSWER: 1.0}


def tool(name: Any) -> Any:
    parameters = {"type": "object", "properties": {"id": {"type": "string"}, f"{name}_size": {"type": "integer"}}}
    return {"type": "function", "function": {"name": name, "description": f"To {name}", "parameters": parameters}}


def example(names: Any, called: Any) -> SFTExample:
    call = {"id": "call_1", "type": "function", "function": {"name": called, "arguments": {"id": "a"}}}
    messages = (
        {"role": "user", "content": "please sort a"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": '{"done":true}', "tool_call_id": "call_1"},
        {"role": "assistant", "content": "It is sorted."},
    )
    return SFTExample(
        key="k", task_key="t", split=Split.TRAIN, messages=messages, tools=tuple(tool(name) for name in names)
    )


def encoded(one: SFTExample) -> Encoded:
    return encode([one], tokenizer(), WEIGHTS)[0]


def same(one: Encoded, other: Encoded) -> bool:
    fields = ("ids", "weights", "names", "turns", "probes")
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in fields)


@pytest.mark.parametrize("called", ["sort", "copy", "move"])
def test_a_part_is_what_the_shorter_conversation_is_encoded_as(called: Any) -> None:
    names = ["sort", "copy", "move"]
    whole = example(names, called)
    parts = []
    for count in range(8):
        chosen = [name for index, name in enumerate(names) if name == called or count >> index & 1]
        shorter = example(chosen, called)
        parts += [encoded(shorter), encoded(shorter.model_copy(update={"messages": shorter.messages[:2]}))]
    rng = random.Random(0)
    seen = set()
    for _ in range(200):
        part = shortened(encoded(whole), 0.8, rng)
        matching = [index for index, other in enumerate(parts) if same(part, other)]
        assert matching, "what is left must be a conversation"
        seen.add(min(matching))
    assert len(seen) == 8, "every choice of wrong candidates, with and without the end"


def test_share_zero_changes_nothing() -> None:
    whole = encoded(example(["sort", "copy"], "copy"))
    assert shortened(whole, 0.0, random.Random(0)) is whole


def test_a_refusal_keeps_all_candidates() -> None:
    one = example(["sort", "copy"], "copy")
    refusal = one.model_copy(update={"messages": (one.messages[0], {"role": "assistant", "content": "No."})})
    whole = encoded(refusal)
    assert all(shortened(whole, 1.0, random.Random(seed)) is whole for seed in range(20))
