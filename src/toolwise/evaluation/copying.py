"""Copying values out of an instruction by what they look like: the arguments of the nearest-tool baseline."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from toolwise.schemas import resolve, schema_type
from toolwise.text import identifier_words
from toolwise.types import Json, Schema, Tool

_TOKEN = re.compile(
    r"\"(?P<double>[^\"]*)\"|“(?P<curly>[^”]*)”|`(?P<tick>[^`]*)`|(?<!\w)'(?P<single>[^']*)'(?!\w)"
    r"|(?P<bare>[^\s,;\"“”`]+)|(?P<comma>[,;])"
)
_FORMATS: Mapping[str, re.Pattern[str]] = {
    "email": re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+"),
    "date": re.compile(r"\d{4}-\d\d-\d\d"),
    "date-time": re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d.*"),
    "time": re.compile(r"\d\d:\d\d(:\d\d)?.*"),
    "uri": re.compile(r"[a-z][a-z0-9+.-]*://\S+"),
    "url": re.compile(r"[a-z][a-z0-9+.-]*://\S+"),
    "uuid": re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"),
    "ipv4": re.compile(r"\d{1,3}(\.\d{1,3}){3}"),
}
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")
_CONNECTORS = frozenset(
    "is are of to as at be by in on the a an for set equal equals named called with value = : - should".split()
)
_NEGATIONS = frozenset("not no without disable disabled don't dont false off never".split())
_ASSIGNMENTS = frozenset({"is", "be", "to", "=", ":", "equals", "named", "called"})
"""After one of these a plain word may be a value."""
_NEAR = 4
"""A value stands within so many tokens of its parameter's words."""
_MAX_DEPTH = 3


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    quoted: bool
    words: tuple[str, ...]
    comma: bool = False
    opens: bool = False
    """First of a sentence, where a capital says nothing."""

    @property
    def looks_like_a_value(self) -> bool:
        """Quoted, or a bare word with a digit, a capital inside the sentence, or punctuation inside."""
        inside = self.text[1:-1]
        return (
            self.quoted
            or any(c.isdigit() for c in self.text)
            or any(c in "@/_-.:" for c in inside)
            or (self.text[:1].isupper() and not self.opens)
        )


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    ended = True
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup
        raw = match.group(kind) if kind else match.group()
        opens, ended = ended, kind == "bare" and raw.endswith((".", "!", "?"))
        if kind == "bare":
            raw = raw.rstrip(".!?:)]}").lstrip("([{") or raw
        found.append(_Token(raw, kind not in ("bare", "comma"), identifier_words(raw), kind == "comma", opens))
    return found


def singular(word: str) -> str:
    """A word without its plural ending, roughly."""
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


@dataclass(slots=True)
class Copier:
    """Finds values for parameters in one instruction; a token is copied at most once."""

    text: str
    tokens: list[_Token] = field(init=False)
    used: set[int] = field(init=False, default_factory=set)
    taken: int = field(init=False, default=-1)
    """The token copied last."""

    def __post_init__(self) -> None:
        self.tokens = _tokens(self.text)

    def arguments(self, tool: Tool) -> dict[str, Json]:
        """Arguments for a tool: its required parameters, and optional ones whose words the instruction has.

        A required parameter without a likely value takes its default, or is left out: an honest miss.
        """
        return self._object({**tool.parameters, "type": "object"}, tool, 0)

    def _object(self, schema: Schema, tool: Tool, depth: int) -> dict[str, Json]:
        properties = schema.get("properties")
        if not isinstance(properties, dict) or depth >= _MAX_DEPTH:
            return {}
        required = [name for name in schema.get("required") or () if name in properties]
        mentioned = {name: self._mention(name) for name in properties}
        wanted = [name for name in properties if name in required or mentioned[name] is not None]
        # Parameters that the instruction names choose first, so that guesses cannot take their values.
        wanted.sort(key=lambda name: mentioned[name] is None)
        found: dict[str, Json] = {}
        for name in wanted:
            part = properties[name]
            resolved = resolve(part, tool.definitions) if isinstance(part, dict) else {}
            value = self._value(resolved, tool, mentioned[name], depth)
            if value is None and name in required:
                value = resolved.get("default")
            if value is not None:
                found[name] = value
        return found

    def _mention(self, name: str) -> int | None:
        """The index of the token after the parameter's words, where they stand in a row; none if they do not."""
        words = [singular(word) for word in identifier_words(name)]
        if not words:
            return None
        row = [(i, singular(word)) for i, t in enumerate(self.tokens) if not t.quoted for word in t.words]
        for start in range(len(row) - len(words) + 1):
            if [word for _, word in row[start : start + len(words)]] == words:
                return row[start + len(words) - 1][0] + 1
        return None

    def _value(self, schema: Schema, tool: Tool, after: int | None, depth: int) -> Json:
        kind = schema_type(schema)
        if "const" in schema:
            return schema["const"]
        if kind == "object":
            return self._object(schema, tool, depth + 1) or None
        if kind == "array":
            items = schema.get("items")
            item = resolve(items, tool.definitions) if isinstance(items, dict) else {}
            return self._list(item, after) or None
        if kind == "boolean":
            return self._boolean(after)
        return self._scalar(schema, kind, after)

    def _list(self, item: Schema, after: int | None) -> list[Json]:
        """Values in a row, joined by commas or `and`."""
        kind = schema_type(item)
        if kind in ("object", "array"):
            return []
        first = self._scalar(item, kind, after)
        if first is None:
            return []
        values, at = [first], self.taken + 1
        marked = self.tokens[self.taken].looks_like_a_value
        while at < len(self.tokens) and (self.tokens[at].comma or self.tokens[at].text.lower() == "and"):
            following = next((i for i in range(at, len(self.tokens)) if not self._joins(i)), None)
            if following is None or (marked and not self.tokens[following].looks_like_a_value):
                break  # "a-1, b-2, then …": prose goes on
            value = self._take(following, item, kind)
            if value is None:
                break
            values.append(value)
            at = following + 1
        return values

    def _joins(self, index: int) -> bool:
        return self.tokens[index].comma or self.tokens[index].text.lower() == "and"

    def _boolean(self, after: int | None) -> bool | None:
        if after is None:
            return None
        following = [t.text.lower() for t in self.tokens[after : after + 3]]
        if "true" in following or "false" in following:
            return "true" in following
        return not any(t.text.lower() in _NEGATIONS for t in self.tokens[max(0, after - 5) : after])

    def _scalar(self, schema: Schema, kind: str, after: int | None) -> Json:
        enum = schema.get("enum")
        if isinstance(enum, list):
            return self._choice(enum)
        for index in self._candidates(schema, kind, after):
            value = self._take(index, schema, kind)
            if value is not None:
                return value
        return None

    def _choice(self, enum: list[Json]) -> Json:
        said = " " + " ".join(word for token in self.tokens for word in token.words) + " "
        for value in sorted(enum, key=lambda v: -len(str(v))):
            words = " ".join(identifier_words(str(value)))
            if words and f" {words} " in said:
                return value
        return None

    def _candidates(self, schema: Schema, kind: str, after: int | None) -> Iterator[int]:
        """Tokens to try, most likely first: after the parameter's words, before them, of its format, value-like."""
        if after is not None:
            following = range(after, min(after + _NEAR, len(self.tokens)))
            yield from (i for i in following if self._may_be_value(i))
            preceding = range(after - 1, max(-1, after - 1 - _NEAR), -1)
            yield from (i for i in preceding if self.tokens[i].looks_like_a_value)
        if (pattern := _FORMATS.get(str(schema.get("format")))) is not None:
            yield from (i for i, t in enumerate(self.tokens) if pattern.fullmatch(t.text))
        if kind in ("integer", "number"):
            yield from range(len(self.tokens))
            return
        yield from (i for i, t in enumerate(self.tokens) if t.quoted)
        yield from (i for i, t in enumerate(self.tokens) if t.looks_like_a_value)

    def _may_be_value(self, index: int) -> bool:
        token = self.tokens[index]
        if token.looks_like_a_value:
            return True
        plain = not token.comma and token.text.lower() not in _CONNECTORS
        return plain and self.tokens[index - 1].text.lower() in _ASSIGNMENTS

    def _take(self, index: int, schema: Schema, kind: str) -> Json:
        """The token as a value of this type; none if it is used or does not fit."""
        token = self.tokens[index]
        if index in self.used or token.comma:
            return None
        value = _as_type(token.text, kind)
        pattern = _FORMATS.get(str(schema.get("format")))
        if value is None or (pattern is not None and not pattern.fullmatch(token.text)):
            return None
        self.used.add(index)
        self.taken = index
        return value


def _as_type(text: str, kind: str) -> Any:
    if kind in ("integer", "number"):
        if not _NUMBER.fullmatch(text):
            return None
        number = float(text)
        if abs(number) < 2**53 and number == int(number):
            return int(number)
        return None if kind == "integer" else number
    return text or None
