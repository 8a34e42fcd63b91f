"""Facts: what the final answer must report, picked from the responses of an executed blueprint."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass

from toolwise.answers import scalar_text
from toolwise.synthesis.wording.lexicon import word_set
from toolwise.synthesis.wording.phrases import singular
from toolwise.text import contains_fact, identifier_words
from toolwise.types import Json

_PLUMBING = word_set("""
    nexttoken nextpagetoken pagetoken token marker etag kind requestid selflink fingerprint nextmarker cursor
    continuationtoken selflinkwithid
""")
_HOLDERS = word_set("data results result items item entries values value list records content elements rows objects")
"""Names of arrays that say nothing of what is in them."""
_FACT = re.compile(r"[^\s\"'`<>{}\[\]\\|](?:[^\n\r\t\"`<>{}\[\]\\|]{0,38}[^\s\"'`<>{}\[\]\\|.,;:!?])?")
_MAX_DEPTH = 3


@dataclass(frozen=True, slots=True)
class Fact:
    """One scalar of a response, with the words by which an instruction can ask for it."""

    label: str
    text: str
    weight: float
    """How good a thing to ask for: higher where it is neither guessable nor plumbing."""


def _scalars(body: Json, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Json]]:
    if isinstance(body, dict) and len(path) < _MAX_DEPTH:
        for name, part in body.items():
            yield from _scalars(part, (*path, str(name)))
    elif isinstance(body, list) and body and len(path) < _MAX_DEPTH:
        yield from _scalars(body[0], (*path, 0))
    elif path and body is not None and not isinstance(body, dict | list):
        yield path, body


def _label(path: tuple[str | int, ...], full: bool) -> str:
    """`status`; with its holder's name where `full`; `name of the first instance` inside a list."""
    names = [part for part in path if isinstance(part, str)]
    words = list(identifier_words(names[-1]))
    if path[-1] == 0:
        return f"first {' '.join([*words[:-1], singular(words[-1])])}"
    if 0 in path:
        holder = [part for part in path[: path.index(0)] if isinstance(part, str)]
        noun = list(identifier_words(holder[-1])) if holder else ["item"]
        noun = ["result"] if len(noun) == 1 and noun[0] in _HOLDERS else noun
        inner = [part for part in path[path.index(0) : -1] if isinstance(part, str)]
        words = [word for part in inner for word in identifier_words(part)] + words
        return f"{' '.join(words)} of the first {' '.join([*noun[:-1], singular(noun[-1])])}"
    if full and len(names) > 1:
        words = [word for word in identifier_words(names[-2]) if word not in words] + words
    return " ".join(words)


def candidate_facts(body: Json, promised: frozenset[str], stated: str) -> list[Fact]:
    """The facts that can be asked of a response, each with a label that fits no other scalar of it.

    `promised` are the field names of the response's schema: what a free-form map happens to hold is not asked for.
    `stated` is the instruction so far: a value that it holds already is worth little as a question.
    """
    found = [(path, value) for path, value in _scalars(body) if any(isinstance(part, str) for part in path)]
    short: dict[str, int] = {}
    for path, _ in found:
        short[_label(path, False)] = short.get(_label(path, False), 0) + 1
    full: dict[str, int] = {}
    for path, _ in found:
        full[_label(path, True)] = full.get(_label(path, True), 0) + 1
    facts: list[Fact] = []
    for path, value in found:
        label = _label(path, False)
        if short[label] > 1:
            label = _label(path, True)
            if full[label] > 1:
                continue
        text = scalar_text(value)
        if not re.fullmatch(r"[a-z0-9 ]{2,48}", label) or not _FACT.fullmatch(text):
            continue
        names = [part for part in path if isinstance(part, str)]
        if not set(names) <= promised or "error" in names or "".join(identifier_words(names[-1])) in _PLUMBING:
            continue
        facts.append(Fact(label, text, _weight(path, value, text, stated)))
    return facts


def _weight(path: tuple[str | int, ...], value: Json, text: str, stated: str) -> float:
    if isinstance(value, bool) or text in {"0", "1"} or contains_fact(stated, text):
        return 0.02
    weight = 1.0 / len(path)
    return weight * (0.3 if len(text) < 2 or len(text) > 30 else 1.0)


def pick_facts(body: Json, promised: frozenset[str], stated: str, rng: random.Random) -> list[Fact]:
    """One fact of a response, now and then two; none if it has none worth asking for."""
    facts = [fact for fact in candidate_facts(body, promised, stated) if fact.weight > 0.1]
    if not facts:
        return []
    first = rng.choices(facts, weights=[fact.weight for fact in facts])[0]
    others = [fact for fact in facts if fact.text != first.text and fact.label != first.label]
    if others and rng.random() < 0.2:
        return [first, rng.choices(others, weights=[fact.weight for fact in others])[0]]
    return [first]
