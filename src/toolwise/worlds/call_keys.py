"""When two calls are the same: a key that no order of keys and no spelling of a number changes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

import orjson

from toolwise.types import HttpBinding, Json, Tool, ToolCall

_EXACT = 2**53
"""Whole floats up to here are exactly the integers that they are written as."""
_READING_METHODS = frozenset({"GET", "HEAD"})


def canonical_arguments(value: Json) -> Json:
    """The value with whole floats as integers: `1.0` is `1`, as in JSON itself; `true` is not `1`."""
    if isinstance(value, float) and value.is_integer() and abs(value) <= _EXACT:
        return int(value)
    if isinstance(value, Mapping):
        return {str(key): canonical_arguments(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [canonical_arguments(inner) for inner in value]
    return value


def call_key(call: ToolCall) -> str:
    """32 hexadecimal digits of the tool and its arguments; the call's own id does not count."""
    parts = [call.name, canonical_arguments(call.arguments)]
    try:
        text = orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # integers beyond 64 bits, broken Unicode: what only a model would write
        text = json.dumps(parts, sort_keys=True, separators=(",", ":")).encode()
    return hashlib.blake2b(text, digest_size=16).hexdigest()


def chained(before: str, key: str) -> str:
    """The digest of a sequence of calls with one more."""
    return hashlib.blake2b(f"{before}/{key}".encode(), digest_size=8).hexdigest()


def only_reads(tool: Tool | None) -> bool:
    """Is the tool known to leave everything as it is? By its hint or, without one, as a GET or HEAD."""
    if tool is None:
        return False
    if tool.hints.read_only is not None:
        return tool.hints.read_only
    return isinstance(tool.binding, HttpBinding) and tool.binding.method.upper() in _READING_METHODS
