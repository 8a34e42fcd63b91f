"""Terms: the stemmed words by which queries and documents are matched."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import Any

from toolwise.text import identifier_words

_RUN = re.compile(r"\w+")
_QUOTED = re.compile(r"\"[^\"]{0,400}\"|(?<!\w)'[^']{0,400}'(?!\w)|“[^”]{0,400}”|`[^`]{0,400}`")
_ALL_QUOTED = re.compile(r"\"[^\"]+\"|“[^“”]+”", re.DOTALL)
_VALUE = re.compile(r"\d|@|://")
"""What tells a value from a word."""
_FEWEST_TERMS = 2

STOP_WORDS = frozenset(
    """
    a about above after again all also am an and any are as at be because been before being below between both
    but by can could did do does doing down during each few for from further had has have having he her here
    hers him his how i if in into is it its itself just let like may me might more most must my need needs no
    nor not now of off on once only or other our ours out over own per please same shall she should so some such
    than that the their them then there these they this those through to too under until up us very via want was
    we were what when where which while who whom whose why will with would you your yours
    """.split()
)


@cache
def _stemmer() -> Any:
    import Stemmer

    return Stemmer.Stemmer("english")


def _is_term(word: str) -> bool:
    """Numbers and single letters are values, not what a tool is about."""
    return len(word) > 1 and word not in STOP_WORDS and not word.isdigit()


@lru_cache(maxsize=262144)
def _run_terms(run: str) -> tuple[str, ...]:
    words = identifier_words(run) if run.isascii() else tuple(run.lower().replace("_", " ").split())
    return tuple(_stemmer().stemWord(word) for word in words if _is_term(word))


def terms(text: str) -> list[str]:
    """The text's terms in order: identifiers split, lower-cased, stop words and numbers dropped, stemmed.

    Stems are Snowball's English ones (Porter, 1980, and its successor "Porter2").
    """
    return [term for run in _RUN.findall(text) for term in _run_terms(run)]


def without_values(text: str) -> str:
    """A request without what is quoted, addressed or numbered in it; the text itself where too little is left."""
    text = unquoted(text)
    bare = " ".join(word for word in _QUOTED.sub(" ", text).split() if not _VALUE.search(word))
    return bare if len(terms(bare)) >= _FEWEST_TERMS else text


def unquoted(text: str) -> str:
    """The text without the quotation marks around all of it."""
    text = text.strip()
    return text[1:-1].strip() if _ALL_QUOTED.fullmatch(text) else text
