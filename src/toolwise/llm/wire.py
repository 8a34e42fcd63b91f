"""OpenAI's chat-completions JSON: requests out, replies in."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import orjson

from toolwise.llm.faults import EndpointError, EndpointFault, excerpt
from toolwise.ports import ChatReply, ChatRequest
from toolwise.types import Json, Message, Role, ToolCall, canonical_json
from toolwise.types.base import IDENTITY_SCHEME

MadeT = TypeVar("MadeT")

CUT_OFF = "length"
"""The finish reason of an answer that reached the limit of tokens."""


@dataclass(frozen=True, slots=True)
class Read:
    """An answer as read; a `problem` says what in it cannot be used, in words for the model."""

    reply: ChatReply
    cached_tokens: int = 0
    problem: str = ""
    raw: str = ""
    """What the model wrote, where there is a problem."""

    @property
    def cut_off(self) -> bool:
        return self.reply.finish_reason == CUT_OFF


def asked(request: ChatRequest) -> dict[str, Json]:
    """A request as OpenAI's JSON without the model's name: what is sent, and what a reply depends on.

    Keys stand in the order that keeps prefixes stable: the tools and the standing messages come first.
    """
    body = _settings(request)
    if request.tools:
        body["tools"] = request.tools
    body["messages"] = [message_json(message) for message in request.messages]
    return body


def _settings(request: ChatRequest) -> dict[str, Json]:
    """All of a request but its tools and messages, whose places are kept."""
    sampling = request.sampling
    body: dict[str, Json] = {"tools": None} if request.tools else {}
    body["messages"] = None
    if request.answer_schema is not None:
        body["response_format"] = {
            "type": "json_schema",
            "json_schema": {
                "name": str(request.answer_schema.get("title") or "answer"),
                "schema": request.answer_schema,
            },
        }
    body["temperature"] = sampling.temperature
    body["max_tokens"] = sampling.max_tokens
    body["seed"] = sampling.seed
    return body


@dataclass(frozen=True, slots=True)
class _Sent:
    """Something as it is sent."""

    sent: bytes
    key: bytes

    @classmethod
    def of(cls, sent: bytes) -> _Sent:
        return cls(sent, hashlib.blake2b(sent, digest_size=10).digest())


class _Known(Generic[MadeT]):
    """What was made lately of objects, so that it is made once: one task's requests hold the same ones again and
    again. Identity is enough, as what is kept is not freed."""

    def __init__(self, make: Callable[[Any], MadeT], most: int) -> None:
        self._make = make
        self._most = most
        self._known: OrderedDict[int, tuple[object, MadeT]] = OrderedDict()

    def of(self, source: object) -> MadeT:
        found = self._known.get(id(source))
        if found is None or found[0] is not source:
            found = self._known[id(source)] = (source, self._make(source))
            if len(self._known) > self._most:
                self._known.popitem(last=False)
        return found[1]


def request_body(request: ChatRequest, model: str) -> bytes:
    """The bytes to send: `asked` with the model's name."""
    body = _settings(request)
    body["messages"] = [orjson.Fragment(message.sent) for message in _PATHS.of(request.messages)]
    if request.tools:
        body["tools"] = orjson.Fragment(_TOOLS.of(request.tools).sent)
    return orjson.dumps({"model": model, **body})


def request_key(request: ChatRequest, model: str) -> str:
    """The content key of all that a reply depends on: model, tools, messages, schema and sampling settings."""
    digest = hashlib.blake2b(digest_size=10)
    digest.update(canonical_json(["chat", IDENTITY_SCHEME, model, _settings(request)]))
    digest.update(_TOOLS.of(request.tools).key if request.tools else b"none")
    for message in _PATHS.of(request.messages):
        digest.update(message.key)
    return digest.hexdigest()


def written_messages(request: ChatRequest) -> list[bytes]:
    """The messages as they are sent."""
    return [message.sent for message in _PATHS.of(request.messages)]


def tools_size(request: ChatRequest) -> int:
    """Bytes of the tools as they are sent."""
    return len(_TOOLS.of(request.tools).sent) if request.tools else 0


def message_json(message: Message) -> dict[str, Json]:
    """One message. A thought goes where models write theirs: into the content of the turn that calls."""
    if message.role is Role.TOOL:
        return {"role": "tool", "tool_call_id": message.tool_call_id, "content": message.content}
    if message.role is not Role.ASSISTANT:
        return {"role": message.role.value, "content": message.content}
    if not message.tool_calls:
        return {"role": "assistant", "content": message.content or message.thought}
    return {
        "role": "assistant",
        "content": message.thought or message.content or None,
        "tool_calls": [call_json(call) for call in message.tool_calls],
    }


def call_json(call: ToolCall) -> dict[str, Json]:
    """One call; its arguments keep their order, so that a prefix once sent stays the same."""
    arguments = orjson.dumps(call.arguments, option=orjson.OPT_NON_STR_KEYS).decode()
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}


_TOOLS: _Known[_Sent] = _Known(lambda tools: _Sent.of(orjson.dumps(tools)), 1024)
_MESSAGES: _Known[_Sent] = _Known(lambda message: _Sent.of(orjson.dumps(message_json(message))), 8192)
_PATHS: _Known[list[_Sent]] = _Known(lambda messages: [_MESSAGES.of(message) for message in messages], 1024)
"""The messages of whole requests: each is gone through for its key, to be sent, and for its prefix."""


def reply_json(reply: ChatReply) -> dict[str, Json]:
    """A reply as the journal keeps it."""
    message = reply.message
    kept: dict[str, Json] = {"role": message.role.value}
    if message.content:
        kept["content"] = message.content
    if message.thought:
        kept["thought"] = message.thought
    if message.tool_calls:
        kept["tool_calls"] = [
            {"id": call.id, "name": call.name, "arguments": call.arguments} for call in message.tool_calls
        ]
    return {
        "message": kept,
        "finish_reason": reply.finish_reason,
        "prompt_tokens": reply.prompt_tokens,
        "completion_tokens": reply.completion_tokens,
    }


def reply_from(value: Json) -> ChatReply:
    """The inverse of `reply_json`; further keys are ignored."""
    return ChatReply(
        Message.model_validate(value["message"]),
        value["finish_reason"],
        value["prompt_tokens"],
        value["completion_tokens"],
    )


def read_reply(body: bytes, where: str) -> Read:
    """Read an endpoint's 200. Raises EndpointError (MALFORMED) for anything that is not a chat completion."""
    try:
        document: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise _malformed(where, excerpt(body)) from None
    choices = document.get("choices") if isinstance(document, dict) else None
    choice = choices[0] if isinstance(choices, list) and choices else None
    said = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(said, dict):
        raise _malformed(where, excerpt(body))
    usage = document.get("usage") if isinstance(document.get("usage"), dict) else {}
    details = usage.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else 0
    calls, problem = _calls(said.get("tool_calls") or ())
    content = _text(said.get("content"))
    thought = _text(said.get("reasoning_content") or said.get("reasoning"))
    if calls and content:  # words beside calls are what the model thinks, not what it answers
        thought, content = f"{thought}\n{content}".strip(), ""
    message = Message(role=Role.ASSISTANT, content=content, thought=thought, tool_calls=calls)
    reply = ChatReply(
        message,
        str(choice.get("finish_reason") or "stop"),
        _count(usage.get("prompt_tokens")),
        _count(usage.get("completion_tokens")),
    )
    raw = orjson.dumps(said.get("tool_calls")).decode() if problem else ""
    return Read(reply, _count(cached), problem, raw)


def _malformed(where: str, what: str) -> EndpointError:
    return EndpointError(
        EndpointFault.MALFORMED,
        f"{where} answered with {what}, not with a chat completion; check that --base-url is an OpenAI-compatible "
        "endpoint and that no proxy stands between",
    )


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0


def _text(content: Any) -> str:
    """Plain text, or the text parts of a list of parts."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(str(part.get("text") or "") for part in content if isinstance(part, dict))
    return ""


def _calls(written: Any) -> tuple[tuple[ToolCall, ...], str]:
    """The calls that can be read, and what is wrong with the others."""
    if not isinstance(written, list | tuple):
        return (), "tool_calls is not a list"
    calls: list[ToolCall] = []
    problem = ""
    for entry in written:
        function = entry.get("function") if isinstance(entry, dict) else None
        name = function.get("name") if isinstance(function, dict) else None
        if not isinstance(function, dict) or not isinstance(name, str) or not name:
            problem = problem or "a tool call names no function"
            continue
        try:
            arguments = read_arguments(function.get("arguments"))
        except ValueError as error:
            problem = problem or f"the arguments of the call of {name} cannot be read: {error}"
            continue
        calls.append(ToolCall(id=str(entry.get("id") or ""), name=name, arguments=arguments))
    return (() if problem else tuple(calls)), problem


def read_arguments(written: Any) -> dict[str, Json]:
    """A call's arguments: a JSON object, as text or already read. Raises ValueError saying what it is instead."""
    if isinstance(written, str):
        if not written.strip():
            return {}
        try:
            written = orjson.loads(written)
        except orjson.JSONDecodeError as error:
            raise ValueError(f"no valid JSON ({error})") from None
    if written is None:
        return {}
    if not isinstance(written, dict):
        raise ValueError("no JSON object")
    return written
