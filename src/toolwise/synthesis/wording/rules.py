"""What every instruction must obey, checked after it is written: it names no tool, and states every value."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from toolwise.offers import function_names
from toolwise.synthesis.filling import value_text
from toolwise.text import identifier_words
from toolwise.types import Json, Tool

_YES = ("true", "enable", "turn on", "yes", "on")
_NO = ("false", "disable", "turn off", "no", "off")


def names_tool(text: str, tools: Sequence[Tool]) -> bool:
    """Does the text hold a tool's name, id or function name as a whole token, whatever its case?

    A name that is one plain word (`search`, `Query`) is an ordinary word of the language, and allowed; so are a
    compound name's words written apart (`delete instance` for `DeleteInstance`).
    """
    lower = text.lower()
    forms: set[str] = set()
    for tool, function in zip(tools, function_names(tools), strict=True):
        forms.update(form.lower() for form in (tool.id, tool.name, function) if not _plain_word(form))
    return any(_has_token(lower, form) for form in forms)


def _plain_word(name: str) -> bool:
    return name.isalpha() and len(identifier_words(name)) == 1


def _has_token(text: str, token: str) -> bool:
    start = text.find(token)
    while start >= 0:
        before, after = text[max(0, start - 1) : start], text[start + len(token) : start + len(token) + 1]
        if not (before.isalnum() or before == "_" or after.isalnum() or after == "_"):
            return True
        start = text.find(token, start + 1)
    return False


def states_value(text: str, path: Sequence[str], value: Json) -> bool:
    """Can the value be read from the text?

    Strings and numbers verbatim, as whole tokens; each item of an array; a boolean by its parameter's words together
    with a word for yes or no. An object is stated if its parts are.
    """
    if isinstance(value, dict):
        return all(states_value(text, (*path, name), part) for name, part in value.items())
    if isinstance(value, list):
        return all(states_value(text, path, part) for part in value)
    if isinstance(value, bool):
        lower = text.lower()
        words = " ".join(identifier_words(path[-1]))
        said = re.sub(r"\bid\b", "id", lower)
        return words in said and any(re.search(rf"\b{word}\b", lower) for word in (_YES if value else _NO))
    return _has_token(text, value_text(value))


def states_all_values(text: str, calls: Iterable[Mapping[str, Json]]) -> bool:
    """Is every stated argument of every call in the text?"""
    return all(states_value(text, (name,), value) for arguments in calls for name, value in arguments.items())
