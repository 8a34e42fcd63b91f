"""Attempts: what a prediction tried to do, read from text in Python's call syntax or from structured calls."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson

from toolwise.evaluation.calls.literals import NotAValue, call_of
from toolwise.types import Json

Called = tuple[str, dict[str, Any]]
"""A function's name and its arguments; from Python's syntax a value may be a tuple."""

_TAGGED = re.compile(r"<tool_call>\s*(.*?)\s*(?:</tool_call>|$)", re.DOTALL)
_JSON = re.compile(r"\{|\[\s*[\[{\"\]]")
_MARKS = re.compile(r"<tool_call>|<function|\[TOOL_CALLS\]|<\|tool_call|\"(?:name|function)\"\s*:\s*[\"{]")
_OPENS_CALL = re.compile(r"\[\s*[A-Za-z_][\w.]*\s*(?:[({]|$)")
_NAMES = ("name", "api", "Action")
_ARGUMENTS = ("arguments", "parameters", "Action_Input")


class Attempted(StrEnum):
    """What the agent did, whatever it was worth."""

    CALLED = "called"
    """It made at least one call that can be read."""
    ABSTAINED = "abstained"
    """It said something, or nothing, and made no call."""
    UNPARSABLE = "unparsable"
    """It tried to call, and what it wrote cannot be read as calls."""
    MISSING = "missing"
    """There is no prediction for the task."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What one prediction tried."""

    attempted: Attempted
    calls: tuple[Called, ...] = ()
    detail: str = ""
    """Why it cannot be read, where it cannot."""


MISSING = Attempt(Attempted.MISSING)


def read_attempt(output: Json, names: Collection[str] = ()) -> Attempt:
    """A prediction in any of the usual forms: text with Python calls, JSON or `<tool_call>` tags, or a list of calls.

    `names` are the offered functions: prose that holds one of them before a parenthesis is an attempt to call.
    """
    if output is None:
        return Attempt(Attempted.ABSTAINED)
    if isinstance(output, str):
        return _read_text(output, names)
    listed = [output] if isinstance(output, dict) else output
    if not isinstance(listed, list):
        return Attempt(Attempted.UNPARSABLE, detail=f"a {type(output).__name__} is no list of calls")
    return _read_list(listed)


def _read_list(listed: Sequence[Json]) -> Attempt:
    calls: list[Called] = []
    for item in listed:
        if item == {}:  # an object without a name calls nothing
            continue
        call = _structured(item)
        if call is None:
            return Attempt(Attempted.UNPARSABLE, detail=f"not a call: {str(item)[:80]}")
        calls.append(call)
    return Attempt(Attempted.CALLED if calls else Attempted.ABSTAINED, tuple(calls))


def _structured(item: Json) -> Called | None:
    """`{"name", "arguments"}`, OpenAI's `{"function": {…}}`, or `{name: arguments}`; arguments may be JSON text."""
    if not isinstance(item, dict):
        return None
    if isinstance(item.get("function"), dict):
        item = item["function"]
    name_key = next((key for key in _NAMES if isinstance(item.get(key), str)), None)
    arguments_key = next((key for key in _ARGUMENTS if key in item), None)
    if name_key is not None and (arguments_key is not None or len(item) == 1):
        name, arguments = item[name_key], item[arguments_key] if arguments_key else {}
    elif len(item) == 1:
        name, arguments = next(iter(item.items()))
    else:
        return None
    if isinstance(arguments, str):
        try:
            arguments = orjson.loads(arguments) if arguments.strip() else {}
        except orjson.JSONDecodeError:
            return None
    return (name, arguments) if isinstance(arguments, dict) else None


def _read_text(text: str, names: Collection[str]) -> Attempt:
    bare = text.strip("`\n ")
    if not bare:
        return Attempt(Attempted.ABSTAINED)
    tagged = _TAGGED.findall(text) if "<tool_call>" in text else []
    if tagged or _JSON.match(bare):
        found = _read_json(tagged or [bare])
        if found is not None:
            return found
    try:
        calls = python_calls(text)
    except NotAValue as error:
        tried = _looks_like_a_call(text, bare, names)
        return Attempt(Attempted.UNPARSABLE if tried else Attempted.ABSTAINED, detail=str(error))
    return Attempt(Attempted.CALLED if calls else Attempted.ABSTAINED, tuple(calls))


def _read_json(parts: Sequence[str]) -> Attempt | None:
    """Calls written as JSON; none where a part is no JSON."""
    listed: list[Json] = []
    for part in parts:
        try:
            value = orjson.loads(part)
        except orjson.JSONDecodeError:
            return None
        listed.extend(value if isinstance(value, list) else [value])
    return _read_list(listed)


def _looks_like_a_call(text: str, bare: str, names: Collection[str]) -> bool:
    if _MARKS.search(text) or _OPENS_CALL.match(bare):
        return True
    return any(_is_called(name, text) for name in names)


def _is_called(name: str, text: str) -> bool:
    """Does the name, as a word of its own, stand before a parenthesis? (A pattern of each name would cost more.)"""
    at = text.find(name) if name else -1
    while at >= 0:
        end = at + len(name)
        begins = at == 0 or not (text[at - 1].isalnum() or text[at - 1] == "_")
        if begins and text[end : end + 80].lstrip().startswith("("):
            return True
        at = text.find(name, at + 1)
    return False


def python_calls(text: str) -> list[Called]:
    """The calls of a text such as `[f(a=1), g(b="x")]`, with or without its brackets. Nothing is ever evaluated.

    As in BFCL, positional arguments are passed over. Raises NotAValue where the text is anything else.
    """
    bare = text.strip("`\n ")
    bare = bare if bare.startswith("[") else "[" + bare
    bare = bare if bare.endswith("]") else bare + "]"
    try:
        body = ast.parse(bare.strip().strip("'"), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise NotAValue(f"no Python expression: {str(error)[:80]}") from error
    if isinstance(body, ast.Call):
        return [call_of(body)]
    if not isinstance(body, ast.List | ast.Tuple | ast.Set):
        raise NotAValue("not a list of calls")
    calls: list[Called] = []
    for part in body.elts:
        if not isinstance(part, ast.Call):
            raise NotAValue("a part of the list is not a call")
        calls.append(call_of(part))
    return calls
