# ruff: noqa: E501 - templates are easier to compare with their originals unbroken
from typing import Any

import pytest
from tests.models.tiny import examples
from tests.training.tiny_llm import tokenizer

from toolwise.errors import DataError
from toolwise.models.chat import CHAT_TEMPLATE
from toolwise.models.chat_forms import HERMES_TEMPLATE, ChatForm
from toolwise.training.llm.data import in_shown_order
from toolwise.training.llm.masks import IGNORED, SpanError, TargetEncoder

QWEN = """\
{%- if tools %}{{- '<|im_start|>system\\nTools:' }}{%- for tool in tools %}{{- '\\n' ~ (tool | tojson) }}{%- endfor %}\
{{- '<|im_end|>\\n' }}{%- endif %}
{%- for message in messages %}
{%- if message.role in ('user', 'system') %}{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}
{%- elif message.role == 'assistant' %}{{- '<|im_start|>assistant\\n' }}
{%- if KEEP or loop.last %}{{- '<think>\\n\\n</think>\\n\\n' }}{%- endif %}{{- message.content }}
{%- for call in message.tool_calls or [] %}
{{- '<tool_call>\\n{"name": "' + call.function.name + '", "arguments": ' + (call.function.arguments | tojson) + '}\\n</tool_call>' }}
{%- endfor %}{{- '<|im_end|>\\n' }}
{%- elif message.role == 'tool' %}
{{- '<|im_start|>user\\n<tool_response>\\n' + message.content + '\\n</tool_response><|im_end|>\\n' }}
{%- endif %}{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"""
LLAMA = """\
{{- bos_token }}{%- for message in messages %}
{%- if message.role == 'tool' %}{{- '<|start_header_id|>ipython<|end_header_id|>\\n\\n' + (message.content | tojson) + '<|eot_id|>' }}
{%- elif message.tool_calls %}
{%- if message.tool_calls | length != 1 %}{{- raise_exception('This model only supports single tool-calls at once!') }}{%- endif %}
{%- set call = message.tool_calls[0].function %}
{{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n{"name": "' + call.name + '", "parameters": ' + (call.arguments | tojson) + '}<|eot_id|>' }}
{%- else %}{{- '<|start_header_id|>' + message.role + '<|end_header_id|>\\n\\n' }}
{%- if loop.first and tools %}{%- for tool in tools %}{{- (tool | tojson) + '\\n' }}{%- endfor %}{%- endif %}
{{- message.content | trim + '<|eot_id|>' }}{%- endif %}{%- endfor %}
{%- if add_generation_prompt %}{{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{%- endif %}"""
MISTRAL = """\
{{- bos_token }}{%- for message in messages %}
{%- if message.role == 'user' %}
{%- if tools and loop.first %}{{- '[AVAILABLE_TOOLS] ' + (tools | tojson) + '[/AVAILABLE_TOOLS]' }}{%- endif %}
{{- '[INST] ' + message.content + '[/INST]' }}
{%- elif message.tool_calls %}{{- '[TOOL_CALLS] [' }}
{%- for call in message.tool_calls %}
{%- if call.id is not defined or call.id | length != 9 %}{{- raise_exception('Tool call IDs should be alphanumeric strings with length 9!') }}{%- endif %}
{{- '{"name": "' + call.function.name + '", "arguments": ' + (call.function.arguments | tojson) + ', "id": "' + call.id + '"}' }}
{{- ', ' if not loop.last else '' }}{%- endfor %}{{- ']' + eos_token }}
{%- elif message.role == 'assistant' %}{{- ' ' + message.content + eos_token }}
{%- elif message.role == 'tool' %}
{{- '[TOOL_RESULTS] {"content": ' + message.content | tojson + ', "call_id": "' + message.tool_call_id + '"}[/TOOL_RESULTS]' }}
{%- endif %}{%- endfor %}"""
GEMMA = """\
{{- bos_token }}{%- for message in messages %}
{%- if message.role == 'system' %}{{- raise_exception('System role not supported') }}{%- endif %}
{%- if (message.role == 'user') != (loop.index0 % 2 == 0) %}{{- raise_exception('Conversation roles must alternate') }}{%- endif %}
{{- '<start_of_turn>' + ('model' if message.role == 'assistant' else message.role) + '\\n' + message.content | trim + '<end_of_turn>\\n' }}
{%- endfor %}{%- if add_generation_prompt %}{{- '<start_of_turn>model\\n' }}{%- endif %}"""
DEEPSEEK = """\
{%- for tool in tools or [] %}{{- tool | tojson }}{%- endfor %}{%- for message in messages %}
{%- if message.role == 'assistant' %}{{- '<|assistant|>' + message.content }}
{%- for call in message.tool_calls or [] %}
{{- '<tool_call>{"name": "' + call.function.name + '", "arguments": ' + call.function.arguments + '}</tool_call>' }}
{%- endfor %}{{- '<|end|>' }}{%- else %}{{- '<|' + message.role + '|>' + message.content + '<|end|>' }}{%- endif %}{%- endfor %}
{%- if add_generation_prompt %}{{- '<|assistant|>' }}{%- endif %}"""
"""Arguments as text, as DeepSeek's template concatenates them."""

FAMILIES = {
    "hermes with marks": (HERMES_TEMPLATE, "<|im_end|>", "markers"),
    "qwen": (QWEN.replace("KEEP", "true"), "<|im_end|>", "prefixes"),
    "qwen3, which drops earlier thoughts": (QWEN.replace("KEEP", "false"), "<|im_end|>", "turns"),
    "llama 3": (LLAMA, "<|eot_id|>", "prefixes"),
    "mistral": (MISTRAL, "</s>", "prefixes"),
    "gemma, without tools": (GEMMA, "<end_of_turn>", "prefixes"),
    "text arguments": (DEEPSEEK, "<|end|>", "prefixes"),
    "compact": (CHAT_TEMPLATE, "<|end|>", "markers"),
}
MESSAGES = [
    {"role": "user", "content": "Two notes, please."},
    {"role": "assistant", "content": "", "tool_calls": [{"id": "call_1", "type": "function", "function": {
        "name": "make_note", "arguments": {"text": "a \"b\" é", "tags": ["x"], "deep": {"n": 1}}}}]},
    {"role": "tool", "tool_call_id": "call_1", "content": '{"ok": true}'},
    {"role": "assistant", "content": "One made, one to go."},
    {"role": "user", "content": "Go on."},
    {"role": "assistant", "content": "Done."},
]  # fmt: skip
TOOL = {"type": "function", "function": {"name": "make_note", "description": "Makes a note", "parameters": {
    "type": "object", "required": ["text"], "properties": {
        "text": {"type": "string"}, "tags": {"type": "array", "items": {"type": "string"}},
        "deep": {"type": "object", "properties": {"n": {"type": "integer"}}}}}}}  # fmt: skip


def form_of(family: str) -> ChatForm:
    template, eos, _ = FAMILIES[family]
    return ChatForm(tokenizer(template, eos=eos, bos="<s>"))


def stretches(row: Any, words: Any) -> list[str]:
    """Texts of the targets of a row."""
    found: list[list[int]] = [[]]
    for token, label in zip(row.ids.tolist(), row.labels.tolist(), strict=True):
        if label == IGNORED:
            found.append([])
        else:
            assert label == token
            found[-1].append(token)
    return [words.decode(part) for part in found if part]


@pytest.mark.parametrize("family", FAMILIES)
def test_every_assistant_turn_is_a_target_and_nothing_else(family: str) -> None:
    form = form_of(family)
    encoder = TargetEncoder(form)
    rows = encoder.encode(MESSAGES, [TOOL])
    assert encoder.sources == {FAMILIES[family][2]: 1}
    written = [text for row in rows for text in stretches(row, form.tokenizer)]
    assert len(written) == 3
    assert all(text.endswith(FAMILIES[family][1]) for text in written), "a model must learn to stop"
    call, first, last = (form.read(text) for text in written)
    assert [(c.name, c.arguments) for c in call.calls] == [
        ("make_note", MESSAGES[1]["tool_calls"][0]["function"]["arguments"])
    ]  # type: ignore[index]
    assert (first.content, last.content) == ("One made, one to go.", "Done.")


@pytest.mark.parametrize("family", FAMILIES)
def test_what_stands_before_a_target_is_the_prompt_of_inference(family: str) -> None:
    form = form_of(family)
    messages, tools = form.prepare(MESSAGES, [TOOL])
    prompts = {
        tuple(TargetEncoder(form).tokens(form.render(messages[:index], tools, prompt=True)))
        for index, message in enumerate(messages)
        if message["role"] == "assistant"
    }
    before = set()
    for row in TargetEncoder(form).encode(MESSAGES, [TOOL]):
        starts = [i for i in range(1, len(row)) if row.labels[i] != IGNORED and row.labels[i - 1] == IGNORED]
        before |= {tuple(row.ids[:start].tolist()) for start in starts}
    assert before == prompts


@pytest.mark.parametrize("family", [family for family in FAMILIES if family != "compact"])
def test_real_conversations_are_read_back_from_their_targets(family: str) -> None:
    form, used = form_of(family), 0
    for example in examples()[:40]:
        messages = in_shown_order(example.messages, example.tools)
        if family == "llama 3" and any(len(message.get("tool_calls") or ()) > 1 for message in messages):
            continue
        turns = [message for message in messages if message["role"] == "assistant"]
        texts = [
            text
            for row in TargetEncoder(form).encode(messages, example.tools)
            for text in stretches(row, form.tokenizer)
        ]
        for message, text in zip(turns, texts, strict=True):
            read = form.read(text)
            meant = [(c["function"]["name"], c["function"]["arguments"]) for c in message.get("tool_calls") or ()]
            assert [(c.name, c.arguments) for c in read.calls] == meant
            assert "null" not in text
        used += 1
    assert used > 20


def test_what_a_tool_returns_and_what_it_is_are_never_targets() -> None:
    for family in FAMILIES:
        form = form_of(family)
        for row in TargetEncoder(form).encode(MESSAGES, [TOOL]):
            assert not any("ok" in text or "Makes" in text for text in stretches(row, form.tokenizer))


def test_one_turn_can_be_chosen() -> None:
    form = form_of("qwen")
    (row,) = TargetEncoder(form).encode(MESSAGES, [TOOL], {3})
    assert [form.read(text).content for text in stretches(row, form.tokenizer)] == ["One made, one to go."]


def test_a_mark_that_leaves_out_the_end_of_turn_is_widened() -> None:
    narrow = HERMES_TEMPLATE.replace(
        "{{ '<|im_end|>' }}\n{%- endgeneration -%}", "{%- endgeneration -%}{{ '<|im_end|>' }}"
    )
    assert narrow != HERMES_TEMPLATE
    form = ChatForm(tokenizer(narrow))
    (row,) = TargetEncoder(form).encode(MESSAGES, [TOOL])
    assert all(text.endswith("<|im_end|>") for text in stretches(row, form.tokenizer))


def test_a_template_whose_turns_cannot_be_found_is_refused() -> None:
    rewriting = QWEN.replace("KEEP", "true").replace(
        "{%- if add_generation_prompt %}", "{%- if add_generation_prompt %}{{- 'Answer now.' }}"
    )
    with pytest.raises(SpanError, match="generation"):
        TargetEncoder(ChatForm(tokenizer(rewriting))).encode(MESSAGES, [TOOL])
    endless = "{%- for message in messages %}{{- message.role + ': ' + message.content + '\\n' }}{%- endfor %}\
{%- if add_generation_prompt %}{{- 'assistant: ' }}{%- endif %}"
    with pytest.raises(SpanError, match="no special token"):
        TargetEncoder(ChatForm(tokenizer(endless))).encode(MESSAGES, [TOOL])


def test_no_template_is_said() -> None:
    with pytest.raises(DataError, match="no chat template"):
        ChatForm(tokenizer(None))


def test_a_template_that_forgets_words_is_refused() -> None:
    with pytest.raises(DataError, match="leaves out"):
        ChatForm(tokenizer("{%- for message in messages %}{{- message.role }}{%- endfor %}"))
