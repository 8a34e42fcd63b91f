"""Asking again for what could not be used: a repair turn, a shorter request, a document that fits its schema."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache

import orjson

from toolwise.errors import CatalogError
from toolwise.llm.wire import Read
from toolwise.ports import ChatRequest
from toolwise.schemas import Validator, Violation
from toolwise.types import Message, Role, canonical_json

_FENCE = re.compile(r"```(?:json)?\s*(.*?)\s*```", re.DOTALL)
_KEPT = 200
"""Characters that a shortened observation always keeps."""


def with_repair(request: ChatRequest, read: Read) -> ChatRequest:
    """The request with one more turn that shows the model what it wrote and says what is wrong with it.

    What cannot be read cannot be sent back as calls, so it goes back as text.
    """
    wrote = Message(role=Role.ASSISTANT, content=read.raw or read.reply.message.content or "(nothing)")
    ask = Message(role=Role.USER, content=f"That cannot be used: {read.problem}. Write it again, correctly and whole.")
    return replace(request, messages=(*request.messages, wrote, ask))


def with_more_room(request: ChatRequest, factor: int = 2) -> ChatRequest:
    """The request with a higher limit of tokens, for an answer that was cut off."""
    sampling = request.sampling
    return replace(request, sampling=replace(sampling, max_tokens=sampling.max_tokens * factor))


def with_schema_in_words(request: ChatRequest) -> ChatRequest:
    """The same request for an endpoint that takes no schema: the schema stands in the prompt."""
    if request.answer_schema is None:
        return request
    schema = orjson.dumps(request.answer_schema).decode()
    rule = Message(role=Role.SYSTEM, content=f"Answer with one JSON document that fits this JSON Schema:\n{schema}")
    return replace(request, messages=(*request.messages, rule), answer_schema=None)


def checked_document(read: Read, request: ChatRequest) -> Read:
    """The answer with its JSON document alone as content, or with the problem that it has."""
    if request.answer_schema is None or read.problem:
        return read
    content = read.reply.message.content
    if calls := read.reply.message.tool_calls:
        wrong = replace(read, problem=f"{calls[0].name} is called where a JSON document is asked for", raw=content)
        return read if request.tools else wrong
    fenced = _FENCE.search(content)
    text = fenced.group(1) if fenced else content.strip()
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        return replace(read, problem=f"it is not valid JSON ({error})", raw=content)
    validator = _validator(canonical_json(request.answer_schema))
    violations = validator.violations(document) if validator else []
    if violations:
        return replace(read, problem=f"it does not fit the schema ({_words(violations[0])})", raw=content)
    message = read.reply.message.model_copy(update={"content": orjson.dumps(document).decode()})
    return replace(read, reply=replace(read.reply, message=message))


@lru_cache(maxsize=256)
def _validator(schema: bytes) -> Validator | None:
    try:
        return Validator(orjson.loads(schema), {})
    except CatalogError:  # a schema that cannot be compiled refuses nothing
        return None


def _words(violation: Violation) -> str:
    where = "/".join(str(part) for part in violation.path)
    return f"{where}: {violation.message}" if where else violation.message


def shorter(request: ChatRequest) -> ChatRequest | None:
    """The request with its longest tool observation cut to half, as valid JSON; none where there is nothing to cut."""
    tools = [(len(m.content), i) for i, m in enumerate(request.messages) if m.role is Role.TOOL]
    length, index = max(tools, default=(0, -1))
    if length <= 2 * _KEPT:
        return None
    message = request.messages[index]
    start = message.content[: max(_KEPT, length // 2)]
    content = orjson.dumps({"shortened": True, "characters": length, "start": start}).decode()
    if len(content) >= length:
        content = orjson.dumps({"shortened": True, "characters": length, "start": start[:_KEPT]}).decode()
    messages = (*request.messages[:index], message.model_copy(update={"content": content}))
    return replace(request, messages=(*messages, *request.messages[index + 1 :]))
