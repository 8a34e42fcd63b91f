from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from tests.models.tiny import examples
from tests.training.test_llm_masks import FAMILIES, MESSAGES, TOOL, form_of

from toolwise.llm.stock_grammar import StockGrammar
from toolwise.models.call_shapes import call_shape
from toolwise.training.llm.data import in_shown_order
from toolwise.training.llm.masks import IGNORED, TargetEncoder

CHOICE = {"type": "function", "function": {"name": "choose", "parameters": {
    "type": "object", "required": ["side"], "properties": {
        "side": {"type": "string", "enum": ["left", "right"]}, "steps": {"type": "integer"}}}}}  # fmt: skip


def refusal(form: Any, limits: Any, ids: list[int]) -> str:
    """Where the limits refuse these tokens; nothing if they never do."""
    bits = np.zeros((1, (len(form.tokenizer) + 31) // 32), dtype=np.int32)
    forced: list[int] = []
    for place, token in enumerate(ids):
        forced = forced or limits.forced()
        if forced and forced.pop(0) != token:
            return str(form.tokenizer.decode(ids[:place]))
        limits.fill(bits)
        if not bits[0][token // 32] >> (token % 32) & 1:
            return str(form.tokenizer.decode(ids[:place]))
        limits.take(token)
    return ""


def targets(form: Any, messages: Any, tools: Any) -> list[list[int]]:
    """The assistant's turns as training has them."""
    found: list[list[int]] = []
    for row in TargetEncoder(form).encode(messages, tools):
        labels = [IGNORED, *row.labels.tolist()]
        for before, label in pairwise(labels):
            if label != IGNORED:
                found += [[]] if before == IGNORED else []
                found[-1].append(label)
    return found


@pytest.mark.parametrize("family", FAMILIES)
def test_every_turn_that_training_writes_may_be_written_token_for_token(family: str) -> None:
    form = form_of(family)
    grammar = StockGrammar(form, len(form.tokenizer))
    seen = 0
    conversations = [(MESSAGES, (TOOL,)), *((example.messages, example.tools) for example in examples()[:12])]
    for given, tools in conversations:
        messages = in_shown_order(given, tools)
        if family == "llama 3" and any(len(message.get("tool_calls") or ()) > 1 for message in messages):
            continue
        for turn in targets(form, messages, tools):
            assert refusal(form, grammar.limits(tools), turn) == ""
            seen += 1
    assert seen > 10


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("choice", {"side": "left"}),
        ("choose", {"side": "up"}),
        ("choose", {"steps": 1}),
        ("choose", {"side": "left", "steps": "1"}),
        ("choose", {"side": "left", "other": 1}),
    ],
)
def test_no_call_that_breaks_its_schema_can_be_written(family: str, name: str, arguments: Any) -> None:
    form = form_of(family)
    call = {"id": "call_1", "type": "function", "function": {"name": name, "arguments": arguments}}
    wrong = [MESSAGES[0], {"role": "assistant", "content": "", "tool_calls": [call]}]
    (turn,) = targets(form, wrong, [CHOICE])
    assert refusal(form, StockGrammar(form, len(form.tokenizer)).limits([CHOICE]), turn)


def test_the_shape_of_a_templates_calls_is_found() -> None:
    mistral = call_shape(form_of("mistral"))
    assert mistral is not None
    assert mistral.between == ', "id": "\ue000"}, {"name": "'
    assert (llama := call_shape(form_of("llama 3"))) is not None
    assert (llama.middle, llama.between) == ('", "parameters": ', None), "one call a turn"
    assert (qwen := call_shape(form_of("qwen"))) is not None
    assert qwen.lead == "<think>\n\n</think>\n\n"


def test_without_candidates_nothing_is_limited() -> None:
    form = form_of("qwen")
    assert StockGrammar(form, len(form.tokenizer)).limits([]) is None
