"""How any open model's chat template writes a conversation with tools; the same for training and for inference.

A template that knows tools is used as it is. For one that does not (no tools, no calls, or no tool role), tools and
calls become text in the Hermes form, which common servers parse.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from toolwise.errors import DataError
from toolwise.models.chat import ParsedTurn
from toolwise.models.turn_texts import CALL_CLOSE, CALL_OPEN, read_turn
from toolwise.types import ChatMessage, FunctionTool

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_MARKERS = re.compile(r"\{%-?\s*generation\s*-?%\}")
_RULES = """You can call these tools, given as JSON, one a line:
{tools}

To call tools, write for each call one line, and nothing after the last:
<tool_call>{"name": "<the tool's name>", "arguments": {<its arguments>}}</tool_call>
You then receive what the tools return. To answer, write the answer without any such line."""

HERMES_TEMPLATE = """\
{%- if tools -%}
{{ '<|im_start|>system\\n' }}
{%- if messages[0].role == 'system' -%}{{ messages[0].content + '\\n\\n' }}{%- endif -%}
{{ '# Tools\\n\\nYou may call one or more functions to assist with the user query.\\n\\nYou are provided with function \
signatures within <tools></tools> XML tags:\\n<tools>' }}
{%- for tool in tools -%}{{ '\\n' + (tool | tojson) }}{%- endfor -%}
{{ '\\n</tools>\\n\\nFor each function call, return a json object with function name and arguments within \
<tool_call></tool_call> XML tags:\\n<tool_call>\\n{"name": <function-name>, "arguments": <args-json-object>}\\n\
</tool_call><|im_end|>\\n' }}
{%- elif messages[0].role == 'system' -%}
{{ '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}
{%- endif -%}
{%- for message in messages -%}
{%- if message.role == 'user' or (message.role == 'system' and not loop.first) -%}
{{ '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}
{%- elif message.role == 'assistant' -%}
{{ '<|im_start|>assistant\\n' }}
{%- generation -%}
{{- message.content or '' -}}
{%- for call in message.tool_calls or [] -%}
{%- if not loop.first or message.content -%}{{ '\\n' }}{%- endif -%}
{%- set given = call.function.arguments -%}
{{ '<tool_call>\\n{"name": "' + call.function.name + '", "arguments": ' }}
{{- given if given is string else given | tojson -}}
{{ '}\\n</tool_call>' }}
{%- endfor -%}
{{ '<|im_end|>' }}
{%- endgeneration -%}
{{ '\\n' }}
{%- elif message.role == 'tool' -%}
{%- if loop.first or messages[loop.index0 - 1].role != 'tool' -%}{{ '<|im_start|>user' }}{%- endif -%}
{{ '\\n<tool_response>\\n' + message.content + '\\n</tool_response>' }}
{%- if loop.last or messages[loop.index0 + 1].role != 'tool' -%}{{ '<|im_end|>\\n' }}{%- endif -%}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\\n' }}{%- endif -%}
"""
"""ChatML with tools in the Hermes form, for a base that has no template; needs the tokens of `HERMES_TOKENS`."""
HERMES_TOKENS = ("<|im_start|>", "<|im_end|>")

_PROBE_TOOL: FunctionTool = {
    "type": "function",
    "function": {
        "name": "probe_tool",
        "description": "Looks something up.",
        "parameters": {
            "type": "object",
            "properties": {"probe_key": {"type": "string", "description": "What to look up."}},
            "required": ["probe_key"],
        },
    },
}
_PROBE_CALL = {"name": "probe_tool", "arguments": {"probe_key": "probe value"}}
_PROBE: list[ChatMessage] = [
    {"role": "user", "content": "probe question"},
    {"role": "assistant", "content": "", "tool_calls": [{"type": "function", "function": _PROBE_CALL}]},
    {"role": "tool", "content": "probe observation"},
    {"role": "assistant", "content": "probe answer"},
]


class ChatForm:
    """A tokenizer's chat template, and what it can write."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        """Raises DataError if the tokenizer has no chat template, or one that cannot write a plain conversation."""
        self.tokenizer = tokenizer
        try:
            self.template = str(tokenizer.get_chat_template(tools=[_PROBE_TOOL]))
        except ValueError as error:
            raise DataError(
                "the tokenizer has no chat template; take an instruction-tuned model, or add --chat-template hermes"
            ) from error
        self.marked = _MARKERS.search(self.template) is not None
        """Whether the template marks what the assistant writes."""
        self.text_arguments = False
        self.native = self._knows_tools()
        """Whether the template itself writes tools, calls and observations."""
        if not self.native:
            self._check_plain()

    def _knows_tools(self) -> bool:
        for as_text in (False, True):
            self.text_arguments = as_text
            try:
                text = self._write(self._native(_PROBE), [_PROBE_TOOL])
            except Exception:  # noqa: S112 - templates refuse with whatever exceptions they like
                continue
            shown = ("probe question", "probe value", "probe observation", "probe answer", "Looks something up")
            # A template that expects text writes an object in Python's form.
            if all(word in text for word in shown) and text.count("probe_tool") >= 2 and "{'probe_key'" not in text:
                return True
        self.text_arguments = False
        return False

    def _check_plain(self) -> None:
        try:
            text = self.render(*self.prepare(_PROBE, [_PROBE_TOOL]))
        except Exception as error:
            cause = " ".join(str(error).split())
            raise DataError(f"the chat template cannot write a conversation ({cause}); see --chat-template") from error
        if not all(word in text for word in ("probe question", "probe value", "probe observation", "probe answer")):
            raise DataError("the chat template leaves out parts of a conversation; see --chat-template")

    @cached_property
    def _takes_system(self) -> bool:
        try:
            text = self._write([{"role": "system", "content": "probe rules"}, {"role": "user", "content": "x"}], ())
        except Exception:  # as above
            return False
        return "probe rules" in text

    def prepare(
        self, messages: Sequence[Mapping[str, Any]], tools: Sequence[FunctionTool]
    ) -> tuple[list[ChatMessage], list[FunctionTool]]:
        """Messages and tools as `render` takes them; assistant turns stay one for one."""
        if self.native:
            return self._native(messages), list(tools)
        return self._as_text(messages, tools), []

    def _native(self, messages: Sequence[Mapping[str, Any]]) -> list[ChatMessage]:
        """Ids of nine letters and digits (Mistral's templates accept no others), arguments as the template wants."""
        written: list[ChatMessage] = []
        ids: dict[str, tuple[str, str]] = {}
        last = ("", "")
        for message in messages:
            chat: ChatMessage = {"role": message["role"], "content": message.get("content") or ""}
            if message.get("reasoning_content"):
                chat["reasoning_content"] = message["reasoning_content"]
            for call in message.get("tool_calls") or ():
                given = call["function"]["arguments"]
                arguments = json.dumps(given, ensure_ascii=False) if self.text_arguments else given
                last = (f"call{len(ids) + 1:05d}", call["function"]["name"])
                ids[call.get("id") or last[0]] = last
                entry = {"name": last[1], "arguments": arguments}
                chat.setdefault("tool_calls", []).append({"id": last[0], "type": "function", "function": entry})
            if message["role"] == "tool":
                chat["tool_call_id"], chat["name"] = ids.get(message.get("tool_call_id") or "", last)
            written.append(chat)
        return written

    def _as_text(self, messages: Sequence[Mapping[str, Any]], tools: Sequence[FunctionTool]) -> list[ChatMessage]:
        system = "\n\n".join(message["content"] for message in messages if message["role"] == "system")
        if tools:
            listed = "\n".join(json.dumps(tool["function"], ensure_ascii=False) for tool in tools)
            system = f"{system}\n\n{_RULES.replace('{tools}', listed)}".strip()
        written: list[ChatMessage] = [{"role": "system", "content": system}] if system and self._takes_system else []
        pending = "" if written else system
        for message in messages:
            if message["role"] == "system":
                continue
            content = message.get("content") or ""
            if message["role"] == "assistant":
                lines = [content] if content else []
                for call in message.get("tool_calls") or ():
                    function = {"name": call["function"]["name"], "arguments": call["function"]["arguments"]}
                    lines.append(f"{CALL_OPEN}{json.dumps(function, ensure_ascii=False)}{CALL_CLOSE}")
                written.append({"role": "assistant", "content": "\n".join(lines)})
                continue
            if message["role"] == "tool":
                content = f"<tool_response>\n{content}\n</tool_response>"
            if pending:
                content, pending = f"{pending}\n\n{content}", ""
            if written and written[-1]["role"] == "user":  # many templates want the roles to alternate
                written[-1] = {"role": "user", "content": f"{written[-1]['content']}\n{content}"}
            else:
                written.append({"role": "user", "content": content})
        return written

    def render(
        self, messages: Sequence[ChatMessage], tools: Sequence[FunctionTool] = (), *, prompt: bool = False
    ) -> str:
        """The text of prepared messages; `prompt` adds what begins the assistant's turn. Raises what it raises."""
        return self._write(messages, tools, prompt=prompt)

    def render_marked(
        self, messages: Sequence[ChatMessage], tools: Sequence[FunctionTool] = ()
    ) -> tuple[str, list[tuple[int, int]]]:
        """The text, and where in it the template marks what the assistant writes."""
        from transformers.utils.chat_template_utils import render_jinja_template

        render: Any = render_jinja_template  # declared to return text alone
        texts, spans = render(
            [list(messages)],
            tools=list(tools) or None,
            chat_template=self.template,
            return_assistant_tokens_mask=True,
            **self.tokenizer.special_tokens_map,
        )
        return texts[0], [(int(start), int(end)) for start, end in spans[0]]

    def _write(self, messages: Sequence[ChatMessage], tools: Sequence[FunctionTool], *, prompt: bool = False) -> str:
        text = self.tokenizer.apply_chat_template(
            list(messages),
            tools=list(tools) or None,
            chat_template=self.template,
            add_generation_prompt=prompt,
            tokenize=False,
        )
        return str(text)

    @cached_property
    def specials(self) -> tuple[str, ...]:
        """Texts of the special tokens, longest first."""
        added = (token.content for token in self.tokenizer.added_tokens_decoder.values() if token.special)
        return tuple(sorted({*self.tokenizer.all_special_tokens, *added} - {""}, key=lambda text: (-len(text), text)))

    def end_of_turn(self, text: str) -> int | None:
        """Where the special token that ends an assistant's rendered turn ends; none if it ends with no such token."""
        stripped = text.rstrip()
        return len(stripped) if any(stripped.endswith(special) for special in self.specials) else None

    @cached_property
    def stop_ids(self) -> tuple[int, ...]:
        """Ids of the tokens that end a turn, the tokenizer's end of sequence among them."""
        found = {self.tokenizer.eos_token_id, self._end_id(1), self._end_id(3)}
        return tuple(sorted(token for token in found if token is not None))

    @cached_property
    def turn_end_id(self) -> int:
        """Id of the token that the template writes after a turn with calls."""
        end = self._end_id(1)
        return self.stop_ids[0] if end is None else end

    def _end_id(self, index: int) -> int | None:
        """The special token that ends the probe's turn `index`; none if there is none."""
        messages, tools = self.prepare(_PROBE[: index + 1], [_PROBE_TOOL])
        text = self.render(messages, tools).rstrip()
        ending = next((special for special in self.specials if text.endswith(special)), None)
        if ending is None:
            return None
        found = self.tokenizer.convert_tokens_to_ids(ending)
        return found if isinstance(found, int) else None

    @property
    def pad_id(self) -> int:
        """The token for padding; what ends a turn if there is none of its own."""
        pad = self.tokenizer.pad_token_id
        return int(pad) if isinstance(pad, int) else self.stop_ids[0]

    def read(self, text: str) -> ParsedTurn:
        """An assistant's turn as the model wrote it. Raises ValueError if a call in it is malformed."""
        return read_turn(self.without_end(text))

    def without_end(self, text: str) -> str:
        """An assistant's turn without the special tokens that end it."""
        text = text.rstrip()
        while (ending := next((special for special in self.specials if text.endswith(special)), None)) is not None:
            text = text[: -len(ending)].rstrip()
        return text
