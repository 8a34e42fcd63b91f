"""Tool calls as text, for models that take no tools: the tools go into the prompt, the calls come out of the words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import orjson

from toolwise.llm.wire import Read, read_arguments
from toolwise.ports import ChatRequest
from toolwise.types import FunctionTool, Message, Role, ToolCall

_OPEN, _CLOSE = "<tool_call>", "</tool_call>"
_CALL = re.compile(re.escape(_OPEN) + r"\s*(.*?)\s*" + f"(?:{re.escape(_CLOSE)}|$)", re.DOTALL)
_INTRODUCTION = "You can call these tools, given as JSON, one a line:"
_RESPONSE_OPEN, _RESPONSE_CLOSE = "<tool_response>\n", "\n</tool_response>"
_RULES = f"""{_INTRODUCTION}
{{tools}}

To call tools, write for each call one line, and nothing after the last:
{_OPEN}{{"name": "<the tool's name>", "arguments": {{<its arguments>}}}}{_CLOSE}
You then receive what the tools return. To answer, write the answer without any such line."""


def with_text_calls(request: ChatRequest) -> ChatRequest:
    """The same request without tools: they are described in the system message, and calls become text."""
    if not request.tools:
        return request
    messages = [_as_text(message) for message in request.messages]
    rules = _rules(request.tools)
    if messages and messages[0].role is Role.SYSTEM:
        messages[0] = messages[0].model_copy(update={"content": f"{messages[0].content}\n\n{rules}"})
    else:
        messages.insert(0, Message(role=Role.SYSTEM, content=rules))
    return replace(request, messages=tuple(messages), tools=())


def described_tools(system: str) -> list[dict[str, Any]]:
    """The functions that a system message describes for calls in text; the inverse of what `with_text_calls` adds."""
    _, found, after = system.partition(f"{_INTRODUCTION}\n")
    return [orjson.loads(line) for line in after.split("\n\n", 1)[0].splitlines()] if found else []


def from_text(messages: Sequence[Message]) -> list[Message]:
    """A conversation in text form with its calls and observations told apart again; calls are numbered."""
    read: list[Message] = []
    open_calls: list[str] = []
    count = 0
    for message in messages:
        content = message.content
        if message.role is Role.USER and content.startswith(_RESPONSE_OPEN) and open_calls:
            body = content.removeprefix(_RESPONSE_OPEN).removesuffix(_RESPONSE_CLOSE)
            read.append(Message(role=Role.TOOL, content=body, tool_call_id=open_calls.pop(0)))
        elif message.role is Role.ASSISTANT and _OPEN in content:
            calls = [call for written in _CALL.findall(content) for call in _read(written)]
            named = tuple(call.model_copy(update={"id": f"text_{count + i}"}) for i, call in enumerate(calls))
            count += len(named)
            open_calls = [call.id for call in named]
            thought = content.split(_OPEN, 1)[0].strip()
            read.append(Message(role=Role.ASSISTANT, thought=thought, tool_calls=named))
        else:
            read.append(message)
    return read


def in_text(message: Message) -> Message:
    """An assistant's message with its calls as text."""
    return _as_text(message)


def _rules(tools: Sequence[FunctionTool]) -> str:
    shown = "\n".join(orjson.dumps(tool["function"]).decode() for tool in tools)
    return _RULES.replace("{tools}", shown)


def _as_text(message: Message) -> Message:
    if message.role is Role.TOOL:
        return Message(role=Role.USER, content=f"{_RESPONSE_OPEN}{message.content}{_RESPONSE_CLOSE}")
    if message.role is Role.ASSISTANT and message.tool_calls:
        calls = "\n".join(_line(call) for call in message.tool_calls)
        return Message(role=Role.ASSISTANT, content=f"{message.thought or message.content}\n{calls}".strip())
    return message


def _line(call: ToolCall) -> str:
    return f"{_OPEN}{orjson.dumps({'name': call.name, 'arguments': call.arguments}).decode()}{_CLOSE}"


def read_text_calls(read: Read) -> Read:
    """The answer with the calls found in its words; words before the first call are its thought.

    An answer without the mark of a call, or that has calls already, stays as it is.
    """
    message = read.reply.message
    if message.tool_calls or _OPEN not in message.content:
        return read
    calls: list[ToolCall] = []
    for written in _CALL.findall(message.content):
        try:
            calls.extend(_read(written))
        except ValueError as error:
            problem = f"a tool call cannot be read: {error}"
            return replace(read, problem=problem, raw=message.content)
    before = message.content.split(_OPEN, 1)[0].strip()
    thought = f"{message.thought}\n{before}".strip()
    found = Message(role=Role.ASSISTANT, thought=thought, tool_calls=tuple(calls))
    finish = read.reply.finish_reason
    return replace(
        read, reply=replace(read.reply, message=found, finish_reason="tool_calls" if finish == "stop" else finish)
    )


def _read(written: str) -> Iterator[ToolCall]:
    try:
        document: Any = orjson.loads(written)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"no valid JSON ({error})") from None
    for entry in document if isinstance(document, list) else [document]:
        name = entry.get("name") if isinstance(entry, dict) else None
        if not isinstance(name, str) or not name:
            raise ValueError("it names no tool")
        yield ToolCall(name=name, arguments=read_arguments(entry.get("arguments")))
