import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.models.tiny import examples, text_of, tokenizer

from toolwise.models.chat import Part, ordered_arguments, parse_turn, render
from toolwise.training.batching import encode, in_schema_order

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "list_files",
            "description": "Lists <|end|> files",
            "parameters": {
                "type": "object",
                "properties": {
                    "folder": {"type": "string"},
                    "order": {"type": "string", "enum": ["name", "date"]},
                    "kinds": {"type": "array", "items": {"type": "string", "enum": ["A" * 30, "B"]}},
                    "level": {"type": "integer", "enum": [1, 2]},
                    "page": {"type": "object", "properties": {"size": {"type": "integer"}, "token": {}}},
                    "free": {"type": "object"},
                },
                "required": ["folder"],
            },
        },
    },
    {"type": "function", "function": {"name": "ping"}},
]
TALK = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "What is in /a é <|tools|>?"},
    {
        "role": "assistant",
        "content": "",
        "tool_calls": [
            {"type": "function", "function": {"name": "list_files", "arguments": {"folder": '/a "é"', "level": 1}}},
            {"type": "function", "function": {"name": "ping", "arguments": {}}},
        ],
    },
    {"role": "tool", "content": '{"files":["x"]}', "tool_call_id": "c"},
    {"role": "assistant", "content": "The file is x."},
    {"role": "user", "content": "Thanks"},
]


def joined(messages: Any, tools: Any, *, prompt: Any = False) -> Any:
    return "".join(segment.text for segment in render(messages, tools, prompt=prompt))


@pytest.mark.parametrize("prompt", [False, True])
def test_training_and_inference_write_the_same_text(prompt: Any) -> None:
    template = tokenizer().apply_chat_template(TALK, tools=TOOLS, tokenize=False, add_generation_prompt=prompt)
    assert joined(TALK, TOOLS, prompt=prompt) == template


def test_string_arguments_render_as_objects_do() -> None:
    call = {"type": "function", "function": {"name": "ping", "arguments": {"a": [1, None, True]}}}
    as_text = {"type": "function", "function": {"name": "ping", "arguments": json.dumps({"a": [1, None, True]})}}
    turns = [[{"role": "assistant", "content": "", "tool_calls": [c]}] for c in (call, as_text)]
    written = {tokenizer().apply_chat_template(turn, tokenize=False) for turn in turns}
    assert written == {joined(turns[0], ())} == {joined(turns[1], ())}


def test_made_up_examples_agree_with_the_template_and_its_mask() -> None:
    for example, encoded in zip(examples()[:60], encode(examples()[:60], tokenizer(), {}), strict=True):
        messages = [dict(message) for message in in_schema_order(example)]
        made = tokenizer().apply_chat_template(
            messages, tools=list(example.tools), tokenize=True, return_dict=True, return_assistant_tokens_mask=True
        )
        assert tokenizer().apply_chat_template(messages, tools=list(example.tools), tokenize=False) == text_of(example)
        assert made["input_ids"] == encoded.ids.tolist()
        assert [bool(m) for m in made["assistant_masks"]] == (encoded.turns > 0).tolist()


def test_the_mask_holds_each_assistant_turn_with_its_end_and_nothing_else() -> None:
    answers = [s.text for s in render(TALK, TOOLS) if s.part in (Part.ANSWER, Part.NAME)]
    assert answers.count("<|end|>") == 2
    assert "".join(answers).endswith("</tool_call><|end|>The file is x.<|end|>")
    assert "What is in" not in "".join(answers)


def test_text_from_outside_cannot_write_marks() -> None:
    written = joined(TALK, TOOLS)
    assert written.count("<|tools|>") == 1
    assert written.count("<|end|>") == 7  # six turns and the candidates


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(max_size=8).filter(lambda t: "<|" not in t),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('ab<>"\\', max_size=3), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["ping", "list_files"]), st.dictionaries(st.text("xyz", min_size=1), values)),
        max_size=3,
    )
)
def test_a_rendered_turn_reads_back(calls: Any) -> None:
    written = [{"function": {"name": name, "arguments": arguments}} for name, arguments in calls]
    turn = {"role": "assistant", "content": "" if calls else "Done.", "tool_calls": written}
    parsed = parse_turn(joined([turn], ()).removeprefix("<|assistant|>"))
    assert [(call.name, call.arguments) for call in parsed.calls] == calls


@pytest.mark.parametrize(
    "text",
    [
        "<tool_call>{}</tool_call>",
        '<tool_call>{"name": "a", "arguments": []}</tool_call>',
        '<tool_call>{"name": "a", "arguments": {}}',
        '<tool_call>{"name": "a", "arguments": {}}</tool_call> and then',
        '<tool_call>{"name": 1, "arguments": {}}</tool_call>',
    ],
)
def test_a_malformed_call_is_refused(text: Any) -> None:
    with pytest.raises(ValueError):
        parse_turn(text)


def test_arguments_follow_the_schema_and_keep_what_it_does_not_know() -> None:
    schema = TOOLS[0]["function"]["parameters"]
    given_ = {"zzz": 1, "page": {"token": "t", "size": 2}, "folder": "/"}
    ordered = ordered_arguments(given_, schema)
    assert list(ordered) == ["folder", "page", "zzz"]
    assert list(ordered["page"]) == ["size", "token"]
    assert ordered == given_
