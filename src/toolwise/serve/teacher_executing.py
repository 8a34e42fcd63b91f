"""The embedded teacher as tool executor: answers from a tool's documentation, true to the earlier exchanges."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import orjson

from toolwise.answers import scalar_text
from toolwise.errors import CatalogError
from toolwise.text import identifier_words
from toolwise.types import Json, Schema, content_key
from toolwise.values import NoValueError, ValueGenerator

_NOW = "The request now:\n"
_REMOVES = frozenset({"delete", "remove", "cancel", "destroy", "drop"})
_OK, _GONE = 200, 404


def execute(schema: Schema, messages: list[Any], key: str) -> Json | None:
    """A status and a body for the request at the prompt's end; none where there is no such request.

    The body follows from the tool and its arguments, and repeats the arguments where it has fields of their names; so
    the same question has the same answer. What an earlier exchange removed is gone.
    """
    texts = [message.get("content") for message in messages if isinstance(message, dict)]
    asked = next((text for text in reversed(texts) if isinstance(text, str) and _NOW in text), None)
    if asked is None:
        return None
    try:
        request = orjson.loads(asked.rpartition(_NOW)[2])
        tool, arguments = str(request["tool"]), dict(request["arguments"])
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        return None
    if _is_gone(tool, arguments, asked):
        return {"status": _GONE, "body": {"error": {"message": "There is no such record any more."}}}
    returns = _returns(tool, texts)
    if returns is None:
        return {"status": _OK, "body": {}}
    try:
        body = ValueGenerator(content_key(tool, arguments)).value(returns, returns.get("$defs") or {}, tool)
    except (NoValueError, CatalogError):
        return {"status": _OK, "body": None}
    return {"status": _OK, "body": _echoed(body, arguments)}


def _returns(tool: str, texts: list[Any]) -> Schema | None:
    """What the specification in the prompt says that the tool returns."""
    for text in texts:
        found = re.search(rf"^## {re.escape(tool)}\n", text, re.M) if isinstance(text, str) else None
        for line in text[found.end() :].splitlines() if found else ():
            if line.startswith('{"parameters"'):
                returns = orjson.loads(line).get("returns")
                return returns if isinstance(returns, dict) else None
    return None


def _is_gone(tool: str, arguments: dict[str, Json], asked: str) -> bool:
    """Did an earlier exchange remove what these arguments name?"""
    named = {
        scalar_text(value) for name, value in arguments.items() if identifier_words(name)[-1:] in (("id",), ("name",))
    }
    for exchange in _exchanges(asked):
        verb = identifier_words(str(exchange.get("tool")).rpartition(".")[2])[:1]
        same = named & {scalar_text(value) for value in (exchange.get("arguments") or {}).values()}
        if exchange.get("status") == _OK and verb and verb[0] in _REMOVES and same:
            return True
    return False


def _exchanges(asked: str) -> Iterator[dict[str, Any]]:
    for line in asked.partition(_NOW)[0].splitlines():
        if line.startswith('{"tool"'):
            try:
                yield orjson.loads(line)
            except orjson.JSONDecodeError:
                continue


def _echoed(body: Json, arguments: dict[str, Json]) -> Json:
    """The body with the arguments' values where it has fields of the same names and types."""
    if not isinstance(body, dict):
        return body
    return {
        name: arguments[name] if name in arguments and type(arguments[name]) is type(value) else value
        for name, value in body.items()
    }
