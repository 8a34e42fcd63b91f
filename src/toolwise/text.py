"""Words in names and prose: splitting identifiers, normalising, and matching facts."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_BOUNDARY = re.compile(
    r"[^0-9A-Za-z]+"  # punctuation and separators
    r"|(?<=[a-z0-9])(?=[A-Z])"  # fooBar -> foo Bar
    r"|(?<=[A-Z])(?=[A-Z][a-z])"  # HTTPServer -> HTTP Server
)
_SPACE = re.compile(r"\s+")
_WORD = frozenset("0123456789abcdefghijklmnopqrstuvwxyz")


@lru_cache(maxsize=65536)
def identifier_words(identifier: str) -> tuple[str, ...]:
    """The lower-case words of an identifier: `listUserIDs_v2` -> list, user, ids, v2.

    A plural acronym stays one word; digits stay with the word before them.
    """
    marked = re.sub(r"([A-Z]{2,})s(?![a-z])", lambda m: m.group(1).capitalize() + "s", identifier)
    return tuple(word.lower() for word in _BOUNDARY.split(marked) if word)


def phrase(identifier: str) -> str:
    """An identifier as words: `maxResults` -> `max results`."""
    return " ".join(identifier_words(identifier))


def normalise(text: str) -> str:
    """Case-folded, NFKC, with runs of white space made one space."""
    return _SPACE.sub(" ", unicodedata.normalize("NFKC", text)).strip().casefold()


def contains_fact(answer: str, fact: str) -> bool:
    """Does the answer state the fact, as a whole word, whatever its case and spacing?"""
    needle, hay = normalise(fact), normalise(answer)
    if not needle:
        return False
    start = hay.find(needle)
    while start >= 0:  # a compiled pattern per fact would cost more than the rest of verification
        before, after = hay[max(start - 1, 0) : start], hay[start + len(needle) : start + len(needle) + 1]
        if before not in _WORD and after not in _WORD:
            return True
        start = hay.find(needle, start + 1)
    return False


def first_sentence(text: str, limit: int = 160) -> str:
    """The first sentence of a description, on one line, at most `limit` characters, cut at a word."""
    line = _SPACE.sub(" ", text).strip()
    match = re.search(r"(?<!e\.g)(?<!i\.e)(?<!etc)[.!?](?=\s|$)", line)
    sentence = line[: match.start()] if match else line
    if len(sentence) <= limit:
        return sentence
    return sentence[:limit].rsplit(" ", 1)[0]
