"""Strings from simple regular expressions, readable where the expression allows it.

Supported: literals, escapes, classes, groups, alternatives, quantifiers, anchors and the common Unicode properties.
Look-around and flags are passed over, since the caller validates the result in any case; back-references are refused.
"""

from __future__ import annotations

import random
import re
import string
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

_LOWER, _UPPER, _DIGITS = string.ascii_lowercase, string.ascii_uppercase, string.digits
_CLASSES = {"d": _DIGITS, "w": _LOWER + _UPPER + _DIGITS + "_", "s": " "}
_PRINTABLE = _LOWER + _UPPER + _DIGITS + " -_.,:;/@#&+=!?'()[]{}<>*%$~|^\"\\`"
_PROPERTIES = {
    "L": _LOWER + _UPPER,
    "N": _DIGITS,
    "P": "-_.",
    "Z": " ",
    "S": "+",
    "M": "",
    "C": "",
    "A": _LOWER + _UPPER + _DIGITS,
    "G": _LOWER + _UPPER + _DIGITS,
}
"""A Unicode property's (or POSIX class's) first letter -> readable members; A is Alnum, Alpha and ASCII, G is Graph."""
_CONTROLS = {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "v": "\v"}
_OPEN_REPEAT = 10
"""A repetition goes this far beyond its minimum at most, unless the length asks for more."""
_MAX_REPEAT = 4096
_INNER_ANCHOR = re.compile(r"\(\^|\$\)|\\b")

Words = Callable[[random.Random], str]


class UnsupportedPatternError(ValueError):
    """The expression uses something that this generator does not know."""


@dataclass(slots=True)
class _Part:
    """A class of characters, or alternatives of sequences; repeated `low` to `high` times."""

    characters: str = ""
    choices: list[list[_Part]] = field(default_factory=list)
    low: int = 1
    high: int = 1
    any: bool = False
    """A dot, which may stand for anything."""


class _Parser:
    def __init__(self, pattern: str) -> None:
        self._text = pattern
        self._at = 0

    def parse(self) -> list[list[_Part]]:
        choices = self._alternatives()
        if self._at < len(self._text):
            raise UnsupportedPatternError(self._text)
        return choices

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _take(self) -> str:
        if self._at >= len(self._text):
            raise UnsupportedPatternError(self._text)
        self._at += 1
        return self._text[self._at - 1]

    def _alternatives(self) -> list[list[_Part]]:
        choices: list[list[_Part]] = [[]]
        while (char := self._peek()) and char != ")":
            if char == "|":
                self._take()
                choices.append([])
            elif (part := self._atom()) is not None:
                self._quantify(part)
                choices[-1].append(part)
        return choices

    def _atom(self) -> _Part | None:
        char = self._take()
        if char in "^$":
            return None
        if char == "(":
            return self._group()
        if char == "[":
            return _Part(self._class())
        if char == ".":
            return _Part(_LOWER + _DIGITS, any=True)
        if char == "\\":
            escaped = self._escape()
            return None if escaped is None else _Part(escaped)
        if char in "*+?":
            raise UnsupportedPatternError(self._text)
        return _Part(char)

    def _group(self) -> _Part | None:
        """A group; none for look-around and flags, which say nothing about what to write."""
        silent = False
        if self._peek() == "?":
            self._take()
            kind = self._take()
            kind = self._take() if kind == "P" else kind
            if kind == "<" and self._peek() not in "=!":
                while self._take() != ">":
                    pass
            elif kind in "=!<":
                silent = True
            else:
                while kind not in ":)":
                    kind = self._take()
                if kind == ")":
                    return None
        choices = self._alternatives()
        if self._take() != ")":
            raise UnsupportedPatternError(self._text)
        return None if silent else _Part(choices=choices)

    def _escape(self) -> str | None:
        """The characters that an escape stands for; none for a boundary."""
        char = self._take()
        if char in _CLASSES:
            return _CLASSES[char]
        if char in "DWS":
            return "".join(c for c in _PRINTABLE if c not in _CLASSES[char.lower()])
        if char in "bBAzZ":
            return None
        if char in "xu":
            return self._code_point(2 if char == "x" else 4)
        if char in "pP":
            return self._property(negated=char == "P")
        if char == "k" or char.isdigit():
            raise UnsupportedPatternError(self._text)
        return _CONTROLS.get(char, char)

    def _property(self, *, negated: bool) -> str:
        if self._take() != "{":
            raise UnsupportedPatternError(self._text)
        name = ""
        while (char := self._take()) != "}":
            name += char
        members = _PROPERTIES.get(name.removeprefix("Is")[:1], _LOWER)
        return "".join(c for c in _LOWER + _DIGITS + " " if c not in members) if negated else members

    def _code_point(self, digits: int) -> str:
        code = self._text[self._at : self._at + digits]
        self._at += digits
        try:
            return chr(int(code, 16))
        except ValueError:
            raise UnsupportedPatternError(self._text) from None

    def _class(self) -> str:
        negated = self._peek() == "^"
        if negated:
            self._take()
        found: list[str] = []
        first = True
        while (char := self._take()) != "]" or first:
            first = False
            characters = (self._escape() or "") if char == "\\" else char
            if (
                self._peek() == "-"
                and self._text[self._at + 1 : self._at + 2] not in {"]", ""}
                and len(characters) == 1
            ):
                self._take()
                end = self._take()
                end = (self._escape() or "") if end == "\\" else end
                if len(end) != 1:
                    raise UnsupportedPatternError(self._text)
                stop = min(ord(end), ord(characters) + 255)
                characters = "".join(map(chr, range(ord(characters), stop + 1)))
            found.append(characters)
        members = "".join(found)
        if negated:
            return "".join(c for c in _PRINTABLE if c not in members)
        return "".join(c for c in members if c in _PRINTABLE) or members

    def _quantify(self, part: _Part) -> None:
        char = self._peek()
        if char and char in "*+?":
            self._take()
            part.low, part.high = {"*": (0, _MAX_REPEAT), "+": (1, _MAX_REPEAT), "?": (0, 1)}[char]
        elif char == "{" and (bounds := self._bounds()) is not None:
            part.low, part.high = bounds
        else:
            return
        if self._peek() in {"?", "+"} and self._peek():
            self._take()

    def _bounds(self) -> tuple[int, int] | None:
        end = self._text.find("}", self._at)
        low, comma, high = self._text[self._at + 1 : end].partition(",")
        if end < 0 or not (low or comma) or not (low + high).isdigit():
            return None
        self._at = end + 1
        least = int(low or 0)
        most = int(high) if high else (_MAX_REPEAT if comma else least)
        if least > _MAX_REPEAT:
            raise UnsupportedPatternError(self._text)
        return least, max(least, min(most, _MAX_REPEAT))


@lru_cache(maxsize=4096)
def _parse(pattern: str) -> list[list[_Part]] | None:
    try:
        return _Parser(pattern).parse()
    except (UnsupportedPatternError, RecursionError):
        return None


@dataclass(slots=True)
class _Piece:
    """What was written for one class of characters, which may be stretched or cut within `low` and `high`."""

    text: str
    characters: str
    low: int
    high: int


def from_pattern(pattern: str, rng: random.Random, words: Words, low: int = 0, high: int = _MAX_REPEAT) -> str | None:
    """A string that the expression describes, `low` to `high` long where it can be; none if it is not supported.

    `words` gives readable lower-case words, which fill long runs of a class that allows letters.
    """
    choices = _parse(pattern)
    if choices is None or not any(choices):
        return None
    out: list[_Piece] = []
    # `.*(^arn:…$)` is common in service models: its dots can only be empty
    _write(choices, rng, words, out, bare=_INNER_ANCHOR.search(pattern) is not None)
    _fit(out, rng, low, high)
    return "".join(piece.text for piece in out)


def _fit(pieces: list[_Piece], rng: random.Random, low: int, high: int) -> None:
    """Stretch or cut pieces, the last first, until the whole has the length."""
    length = sum(len(piece.text) for piece in pieces)
    for piece in reversed(pieces):
        more = min(low - length, piece.high - len(piece.text))
        less = min(length - high, len(piece.text) - piece.low)
        if more > 0:
            piece.text += "".join(_one(piece.characters, rng) for _ in range(more))
            length += more
        elif less > 0:
            piece.text = piece.text[: len(piece.text) - less]
            length -= less


def _pick(rng: random.Random, count: int) -> int:
    return int(rng.random() * count)


def _write(choices: list[list[_Part]], rng: random.Random, words: Words, out: list[_Piece], *, bare: bool) -> None:
    parts = choices[_pick(rng, len(choices))]
    before: _Part | None = None
    waiting = iter(range(len(parts)))
    for i in waiting:
        part, after = parts[i], parts[i + 1] if i + 1 < len(parts) else None
        if part.choices:
            for _ in range(_times(part, rng)):
                _write(part.choices, rng, words, out, bare=bare)
        elif part.characters and not (part.low == 0 and ((bare and part.any) or _only_goes_on(part, before))):
            whole = after is not None and part.low == part.high == 1 and _takes_letters(part) and _takes_words(after)
            if whole and after is not None:  # `[a-z][a-z0-9-]*`: one word fills both
                out.append(_Piece(_word(after, 1, rng, words), after.characters, after.low + 1, after.high + 1))
                next(waiting)
            else:
                out.append(_Piece(_run(part, rng, words), part.characters, part.low, part.high))
        before = part


def _times(part: _Part, rng: random.Random) -> int:
    """How often to write a group: as rarely as it may be, but six times or more where it is one character."""
    short = all(sum(inner.low for inner in choice) <= 1 for choice in part.choices)
    if short and part.high >= 6 and not any(inner.choices for choice in part.choices for inner in choice):
        return min(part.high, max(part.low, 6) + _pick(rng, 4))
    return part.low or int(part.high > 0 and _pick(rng, 3) > 0)


def _takes_letters(part: _Part) -> bool:
    return all(c in part.characters for c in _LOWER)


def _takes_words(part: _Part) -> bool:
    return part.high >= 6 and part.low <= 8 and _takes_letters(part)


def _word(part: _Part, more: int, rng: random.Random, words: Words) -> str:
    """A word of the part's length plus `more` characters at most, filled up to its minimum."""
    text = words(rng)[: part.high + more]
    return text + "".join(_one(part.characters, rng) for _ in range(part.low + more - len(text)))


def _only_goes_on(part: _Part, before: _Part | None) -> bool:
    """Is an optional run only the rest of a fixed word (`aws[a-z-]*`), or of punctuation alone (`-*`)?"""
    if not any(c.isalnum() for c in part.characters):
        return part.high > 1
    return part.high > 1 and before is not None and len(before.characters) == 1 and before.characters.isalnum()


def _run(part: _Part, rng: random.Random, words: Words) -> str:
    """A repetition of a class: a word where one fits, else single characters, lower case and digits preferred."""
    if _takes_words(part):
        return _word(part, 0, rng, words)
    high = min(part.high, part.low + _OPEN_REPEAT)
    if high == 1 and part.low == 0:
        return _one(part.characters, rng) if _pick(rng, 4) == 0 else ""
    low = part.low or min(3, high)
    count = low + _pick(rng, high - low + 1)
    characters = _preferred(part.characters)
    size = len(characters)
    return "".join([characters[int(rng.random() * size)] for _ in range(count)])


@lru_cache(maxsize=4096)
def _preferred(allowed: str) -> str:
    plain = "".join(c for c in allowed if c in _LOWER or c in _DIGITS)
    return plain or "".join(c for c in allowed if c.isalnum()) or allowed


def _one(allowed: str, rng: random.Random) -> str:
    characters = _preferred(allowed)
    return characters[_pick(rng, len(characters))]
