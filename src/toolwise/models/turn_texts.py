"""Reads the turns that open models write: calls in the Hermes, Mistral or Llama form, or plain words."""

from __future__ import annotations

import json
import re
from typing import Any

from toolwise.models.chat import ParsedCall, ParsedTurn

CALL_OPEN, CALL_CLOSE = "<tool_call>", "</tool_call>"
_MISTRAL = "[TOOL_CALLS]"
_MISTRAL_ARGUMENTS = re.compile(r"([\w.-]+)(?:\[CALL_ID\][A-Za-z0-9]+)?\[ARGS\]")
_PYTHON_TAG = "<|python_tag|>"
_THOUGHT = re.compile(r"^\s*<think>.*?</think>\s*", re.DOTALL)


def read_turn(text: str) -> ParsedTurn:
    """A turn without the tokens that end it; a leading `<think>` block is dropped.

    Raises ValueError if a call in it is malformed.
    """
    text = _THOUGHT.sub("", text).strip()
    if CALL_OPEN in text:
        return _hermes(text)
    if _MISTRAL in text:
        content, _, written = text.partition(_MISTRAL)
        return ParsedTurn(content.strip(), tuple(_mistral(written)))
    bare = text.removeprefix(_PYTHON_TAG).strip()
    if bare.startswith("{"):
        calls = _bare(bare)
        if calls:
            return ParsedTurn("", tuple(calls))
    return ParsedTurn(text)


def _hermes(text: str) -> ParsedTurn:
    content, *pieces = text.split(CALL_OPEN)
    calls = []
    for piece in pieces:
        body, closed, rest = piece.partition(CALL_CLOSE)
        if not closed or rest.strip():
            raise ValueError("a call is not closed, or text follows it")
        calls.append(_call(_decoded(body)))
    return ParsedTurn(content.strip(), tuple(calls))


def _mistral(text: str) -> list[ParsedCall]:
    """`[{"name", "arguments"}]`, or since version 11 `name[ARGS]{…}` one after another."""
    text = text.strip()
    if text.startswith("["):
        return [_call(entry) for entry in _decoded(text)]
    calls = []
    for piece in filter(None, (part.strip() for part in text.split(_MISTRAL))):
        found = _MISTRAL_ARGUMENTS.match(piece)
        if found is None:
            raise ValueError("a call has no [ARGS]")
        calls.append(_call({"name": found.group(1), "arguments": _decoded(piece[found.end() :])}))
    return calls


def _bare(text: str) -> list[ParsedCall]:
    """Llama's form: the whole turn is one JSON object, `{"name", "parameters"}`; any other object is an answer."""
    try:
        entry = json.loads(text)
    except json.JSONDecodeError:
        return []
    named = isinstance(entry, dict) and isinstance(entry.get("name"), str)
    return [_call(entry)] if named and ("parameters" in entry or "arguments" in entry) else []


def _decoded(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"a call is no valid JSON ({error})") from None


def _call(entry: Any) -> ParsedCall:
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str) or not entry["name"]:
        raise ValueError("a call names no tool")
    arguments = entry.get("arguments", entry.get("parameters"))
    if isinstance(arguments, str):
        arguments = _decoded(arguments)
    if arguments is None:
        arguments = {}
    if not isinstance(arguments, dict):
        raise ValueError("a call's arguments must be an object")
    return ParsedCall(entry["name"], arguments)
