"""What a user stated, and how well a call agrees with it.

People state a value in order that it is used, and once for each use. A small model that copies token by token weighs
each parameter alone, so it takes the same words for two parameters, or drops some, more easily than a person means it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import orjson

from toolwise.types import FunctionTool, Json, Message, Role, ToolCall

REPEATED = 4.0
"""By how much a turn's log-probability is lowered for each value that it uses more often than it was said."""
UNUSED = 2.0
"""And for each literal of the user's that no call so far uses."""
UNSAID = 4.0
"""And for each string that nobody said and no document names: a value is copied, not invented."""
_SHORT = 2
"""Shorter values (a digit, a letter) are too common to say anything."""

_QUOTED = re.compile(r"\"([^\"\n]{2,})\"|(?<!\w)'([^'\n]{2,})'(?!\w)")
_PLAIN = re.compile(r"[^\s\"'()\[\]{},;=]+")
_LITERAL = re.compile(r"\d\d|\d.*[a-zA-Z]|[a-zA-Z].*\d|[/_@=]|\w:\w|[a-z][A-Z]|[A-Z]{2}")


class Stated:
    """What was said on a path: every word of it, and the user's literals."""

    def __init__(self, path: Sequence[Message], functions: Sequence[FunctionTool]) -> None:
        self._said = "\n".join(message.content for message in path if message.role is not Role.ASSISTANT)
        self._made = [value for message in path for call in message.tool_calls for value in leaves(call.arguments)]
        documented = self._documented = orjson.dumps(list(functions)).decode()
        choices = set(_choices(list(functions)))
        asked = [literal for message in path if message.role is Role.USER for literal in literals(message.content)]
        self._literals = [
            literal for literal in dict.fromkeys(asked) if literal in choices or literal not in documented
        ]

    def doubt(self, calls: Sequence[ToolCall]) -> float:
        """How far a turn with these calls is from what was said; 0 for a turn without calls."""
        if not calls:
            return 0.0
        repeated = sum(self._repeated(call.arguments) for call in calls)
        unsaid = sum(self._unsaid(value) for call in calls for value in leaves(call.arguments))
        used = [*self._made, *(value for call in calls for value in leaves(call.arguments))]
        unused = sum(not any(literal in value for value in used) for literal in self._literals)
        return REPEATED * repeated + UNUSED * unused + UNSAID * unsaid

    def _unsaid(self, value: str) -> bool:
        if len(value) < _SHORT or value in self._documented:
            return False
        if value[-1] in ".,;:!?":  # the mark is the sentence's, unless the value was quoted with it
            return f'{value}"' not in self._said and f"{value}'" not in self._said
        return value not in self._said

    def _repeated(self, arguments: Json) -> int:
        """How many times a call uses a value again that was said less often."""
        used = Counter(value for value in leaves(arguments) if len(value) >= _SHORT)
        return sum(max(0, count - max(1, self._said.count(value))) for value, count in used.items())


def literals(text: str) -> list[str]:
    """The parts of a request that are meant word for word: what is quoted, and what is no word of a language."""
    found = [quoted or single for quoted, single in _QUOTED.findall(text)]
    plain = (word.rstrip(".:!?") for word in _PLAIN.findall(_QUOTED.sub(" ", text)))
    return found + [word for word in plain if _LITERAL.search(word)]


def _choices(value: Json) -> Iterator[str]:
    """The texts that a schema lists as a parameter's values."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if name == "enum" and isinstance(inner, list | tuple):
                yield from (text for text in inner if isinstance(text, str))
            yield from _choices(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _choices(inner)


def leaves(value: Json) -> Iterator[str]:
    """All strings and numbers inside a value, as texts."""
    if isinstance(value, Mapping):
        for inner in value.values():
            yield from leaves(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from leaves(inner)
    elif isinstance(value, str | int | float) and not isinstance(value, bool):
        yield str(value)
