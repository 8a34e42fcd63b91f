"""How a conversation with tools is written for the compact model, and how its turns are read back.

One text form, twice: as a Jinja chat template (for `transformers`, trainers and servers) and as Python that
also says which part of the text is what (for training and for decoding). A test holds the two together.

    <|user|>Show me what is in /reports.<|end|>
    <|tools|>Lists the files of a folder. list_files(folder, limit?: integer, order?: name|date)
    Deletes a file for good. delete_file(file_id)<|end|>
    <|assistant|><tool_call>{"name": "list_files", "arguments": {"folder": "/reports"}}</tool_call><|end|>

A parameter is its name, `?` if it is optional, and its type unless that is a plain string. The candidates come
after the request: a causal model can then read each of them in the light of what is asked.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from toolwise.models.tokenizer import CALL_CLOSE, CALL_OPEN, Special
from toolwise.types import FunctionTool, Json, Schema

MAX_ENUM = 24
"""An enumeration longer than this in characters is shown as `enum`; a request states the value itself."""
BREAK = "\n"
"""Between two candidates."""
_CALL_MIDDLE = '", "arguments": '
_CALL_END = "}</tool_call>"

CHAT_TEMPLATE = """\
{%- macro clean(text) -%}
{{ (text or '') | replace('<|', '< |') }}
{%- endmacro -%}
{%- macro listed(values) -%}
{%- for value in values -%}
{{ value if value is string else value | tojson }}{{ '|' if not loop.last else '' }}
{%- endfor -%}
{%- endmacro -%}
{%- macro kind(schema, bare) -%}
{%- if schema.enum is defined -%}
{%- set written = listed(schema.enum) -%}
{{ written if written | length <= 24 else 'enum' }}
{%- elif schema.properties -%}
{ {{- fields(schema) -}} }
{%- elif schema.type == 'array' -%}
[{{ kind(schema['items'] or {}, false) }}]
{%- elif schema.type == 'string' and bare -%}
{%- else -%}
{{ schema.type or 'any' }}
{%- endif -%}
{%- endmacro -%}
{%- macro fields(schema) -%}
{%- for name in (schema.properties or {}) -%}
{%- set written = kind(schema.properties[name], true) -%}
{{ name }}{{ '' if name in (schema.required or []) else '?' }}{{ (': ' ~ written) if written else '' }}
{{- ', ' if not loop.last else '' -}}
{%- endfor -%}
{%- endmacro -%}
{%- set state = namespace(offered=false) -%}
{%- for message in messages -%}
{%- if message.role == 'assistant' -%}
<|assistant|>
{%- generation -%}
{{- clean(message.content) -}}
{%- for call in message.tool_calls or [] -%}
{%- set given = call.function.arguments -%}
{%- set written = given if given is string else given | tojson -%}
<tool_call>{"name": "{{ call.function.name }}", "arguments": {{ clean(written) }}}</tool_call>
{%- endfor -%}
<|end|>
{%- endgeneration -%}
{%- else -%}
<|{{ message.role }}|>{{ clean(message.content) }}<|end|>
{%- endif -%}
{%- if message.role == 'user' and tools and not state.offered -%}
{%- set state.offered = true -%}
<|tools|>
{%- for tool in tools -%}
{%- set function = tool.function -%}
{%- set described = clean(function.description) -%}
{{ described }}{{ '. ' if described else '' }}{{ function.name }}({{ clean(fields(function.parameters or {})) }})
{{- '\\n' if not loop.last else '' -}}
{%- endfor -%}
<|end|>
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
<|assistant|>
{%- endif -%}
"""
"""The chat template, as it is saved with the tokenizer."""


class Part(StrEnum):
    """What a piece of a rendered conversation is."""

    MARK = "mark"
    """A token of the template's own, outside the assistant's turns."""
    SYSTEM = "system"
    """Standing instructions."""
    TOOLS = "tools"
    """The candidates."""
    USER = "user"
    """The user's words."""
    OBSERVATION = "observation"
    """What a tool returned."""
    NAME = "name"
    """Assistant: the name of the tool that is called."""
    ANSWER = "answer"
    """Assistant: everything else, with the token that ends its turn."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of the rendered text."""

    text: str
    part: Part
    names: tuple[str, ...] = ()
    """For a piece of the candidates: the tool, or the tool and the way down to the parameter, that it names."""


def _clean(text: str) -> str:
    """No text from outside may hold a mark of the template."""
    return text.replace("<|", "< |")


def _dumps(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False)


def _kind(schema: Schema, path: tuple[str, ...], *, bare: bool) -> list[Segment]:
    def plain(text: str) -> list[Segment]:
        return [Segment(_clean(text), Part.TOOLS)]

    if "enum" in schema:
        listed = "|".join(value if isinstance(value, str) else _dumps(value) for value in schema["enum"])
        return plain(listed if len(listed) <= MAX_ENUM else "enum")
    if schema.get("properties"):
        return [*plain("{"), *_fields(schema, path), *plain("}")]
    if schema.get("type") == "array":
        return [*plain("["), *_kind(schema.get("items") or {}, (), bare=False), *plain("]")]
    if schema.get("type") == "string" and bare:
        return []
    return plain(str(schema.get("type") or "any"))


def _fields(schema: Schema, path: tuple[str, ...]) -> list[Segment]:
    required = schema.get("required") or ()
    segments: list[Segment] = []
    for name, field in (schema.get("properties") or {}).items():
        if segments:
            segments.append(Segment(", ", Part.TOOLS))
        below = (*path, name) if path else ()
        segments.append(Segment(_clean(name), Part.TOOLS, below))
        kind = _kind(field, below, bare=True)
        mark = f"{'' if name in required else '?'}{': ' if kind else ''}"
        segments += [Segment(mark, Part.TOOLS), *kind]
    return segments


def render_tool(tool: FunctionTool) -> list[Segment]:
    """One candidate on one line, its description first."""
    function = tool["function"]
    described = _clean(function.get("description") or "")
    return [
        Segment(f"{described}{'. ' if described else ''}", Part.TOOLS),
        Segment(function["name"], Part.TOOLS, (function["name"],)),
        Segment("(", Part.TOOLS),
        *_fields(function.get("parameters") or {}, (function["name"],)),
        Segment(")", Part.TOOLS),
    ]


def _turn(message: Mapping[str, Any]) -> list[Segment]:
    if message["role"] != "assistant":
        part = {"user": Part.USER, "system": Part.SYSTEM}.get(message["role"], Part.OBSERVATION)
        text = _clean(message.get("content") or "")
        return [Segment(f"<|{message['role']}|>", Part.MARK), Segment(text, part), Segment(Special.END, Part.MARK)]
    segments = [Segment(Special.ASSISTANT, Part.MARK), Segment(_clean(message.get("content") or ""), Part.ANSWER)]
    for call in message.get("tool_calls") or ():
        function = call["function"]
        arguments = function["arguments"]
        written = _clean(arguments if isinstance(arguments, str) else _dumps(arguments))
        segments += [
            Segment(CALL_OPEN, Part.ANSWER),
            Segment(function["name"], Part.NAME),
            Segment(f"{_CALL_MIDDLE}{written}{_CALL_END}", Part.ANSWER),
        ]
    segments.append(Segment(Special.END, Part.ANSWER))
    return segments


def render(
    messages: Sequence[Mapping[str, Any]], tools: Sequence[FunctionTool] = (), *, prompt: bool = False
) -> list[Segment]:
    """A conversation as segments whose texts, joined, are what the chat template writes.

    `prompt` adds the mark that begins the assistant's turn.
    """
    segments: list[Segment] = []
    offered = [Segment(Special.TOOLS, Part.MARK)]
    for index, tool in enumerate(tools):
        offered += [Segment(BREAK if index else "", Part.TOOLS), *render_tool(tool)]
    offered.append(Segment(Special.END, Part.MARK))
    for message in messages:
        segments += _turn(message)
        if message["role"] == "user" and tools:
            segments += offered
            tools = ()
    if prompt:
        segments.append(Segment(Special.ASSISTANT, Part.MARK))
    return [segment for segment in segments if segment.text]


@dataclass(frozen=True, slots=True)
class ParsedCall:
    """One call as a model wrote it; the name is a function name."""

    name: str
    arguments: dict[str, Json]


@dataclass(frozen=True, slots=True)
class ParsedTurn:
    """One assistant turn as a model wrote it."""

    content: str
    calls: tuple[ParsedCall, ...] = ()


def parse_turn(text: str) -> ParsedTurn:
    """Read an assistant's turn. Raises ValueError if a call in it is malformed."""
    text = text.removesuffix(Special.END)
    content, *pieces = text.split("<tool_call>")
    calls = []
    for piece in pieces:
        body, closed, rest = piece.partition("</tool_call>")
        if not closed or rest.strip():
            raise ValueError("a call is not closed, or text follows it")
        call = json.loads(body)
        if not (isinstance(call, dict) and isinstance(call.get("name"), str) and call.keys() == {"name", "arguments"}):
            raise ValueError("a call needs exactly a name and arguments")
        if not isinstance(call["arguments"], dict):
            raise ValueError("a call's arguments must be an object")
        calls.append(ParsedCall(call["name"], call["arguments"]))
    return ParsedTurn(content.strip(), tuple(calls))


def ordered_arguments(arguments: Mapping[str, Json], schema: Schema) -> dict[str, Json]:
    """The same arguments in the order in which the schema shows the parameters, nested objects too."""
    properties: Mapping[str, Schema] = schema.get("properties") or {}
    known = [name for name in properties if name in arguments]
    extra = [name for name in arguments if name not in properties]
    return {name: _ordered(arguments[name], properties.get(name) or {}) for name in [*known, *extra]}


def _ordered(value: Json, schema: Schema) -> Json:
    if isinstance(value, dict):
        return ordered_arguments(value, schema)
    if isinstance(value, list):
        return [_ordered(item, schema.get("items") or {}) for item in value]
    return value


__all__ = [
    "CALL_CLOSE",
    "CHAT_TEMPLATE",
    "ParsedCall",
    "ParsedTurn",
    "Part",
    "Segment",
    "ordered_arguments",
    "parse_turn",
    "render",
    "render_tool",
]
