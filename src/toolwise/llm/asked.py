"""What a user asked to be told, and how well an answer agrees with what the tools returned.

A small model that has told one of two things soon stops, and takes a value for its neighbour's. Responses name their
values, so an answer that names a field can be held to what was returned under that name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

import orjson

from toolwise.text import contains_fact, phrase
from toolwise.types import Json, Message, Role

LEFT_OUT = 4.0
"""By how much an answer's log-probability is lowered for each field that it leaves out, though the user named it in one
sentence with a field of which it tells."""
UNFOUNDED = 4.0
"""And for each field of which it tells something else than was returned under that name."""
UNTOLD = 2.0
"""By how much an answer is doubted that tells of none of the fields that the user named."""

_SENTENCE = re.compile(r"(?<=[.?!])\s+")


class Asked:
    """The fields of a path's responses that the user named, by their words, with the values returned under each."""

    def __init__(self, path: Sequence[Message]) -> None:
        said = "\n".join(message.content for message in path if message.role is Role.USER)
        lowered = said.lower()
        self._values: dict[str, set[str]] = {}
        for message in path:
            if message.role is Role.TOOL:
                for name, value in _scalars(_parsed(message.content)):
                    if name in lowered:
                        self._values.setdefault(name, set()).add(value)
        longest_first = sorted(self._values, key=len, reverse=True)
        self._named = re.compile(rf"\b(?:{'|'.join(map(re.escape, longest_first)) or '(?!)'})\b", re.IGNORECASE)
        # What the user gave is not what the user wants to know.
        given = {name for name, values in self._values.items() if any(value in said for value in values)}
        self._together = [self._names(sentence) - given for sentence in _SENTENCE.split(said)]

    def doubt(self, answer: str) -> float:
        """How far an answer is from what was asked and returned; 0 before anything was."""
        told = self._names(answer)
        if not any(together & told for together in self._together):
            return UNTOLD if any(self._together) else 0.0
        unfounded = sum(not any(contains_fact(answer, value) for value in self._values[name]) for name in told)
        left_out = {name for together in self._together if together & told for name in together - told}
        return UNFOUNDED * unfounded + LEFT_OUT * len(left_out)

    def _names(self, text: str) -> set[str]:
        return {name.lower() for name in self._named.findall(text)}


def _parsed(content: str) -> Json:
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return None


def _scalars(value: Json, name: str = "") -> Iterator[tuple[str, str]]:
    """(a field's words, its value as text) of all scalars; those of a list have its name."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _scalars(inner, phrase(key).lower())
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _scalars(inner, name)
    elif name and value is not None:
        yield name, str(value).lower() if isinstance(value, bool) else str(value)
