"""Stating a value in words, so that exactly the JSON value can be read back."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

from toolwise.synthesis.filling import value_text
from toolwise.synthesis.specs import Leaf
from toolwise.synthesis.wording.phrases import article
from toolwise.types import Json

_PLACES = frozenset(
    {
        "zone",
        "region",
        "location",
        "project",
        "bucket",
        "account",
        "namespace",
        "workspace",
        "folder",
        "organization",
        "database",
        "catalog",
        "environment",
        "directory",
    }
)
_SWITCH = frozenset(
    {
        "enable",
        "enabled",
        "disable",
        "disabled",
        "is",
        "has",
        "include",
        "use",
        "allow",
        "force",
        "should",
        "no",
        "not",
        "skip",
        "ignore",
        "without",
        "exclude",
    }
)
_NEEDS_QUOTES = re.compile(r"[\s,;:()?!=]|^[^\w/]|[^\w/]$")
QUOTE_SHARE = 0.12
DESCRIBED_SHARE = 0.2
"""Of the values whose parameter's description names it: how many are stated in those words."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One value with the words that introduce it."""

    label: str
    text: str
    """The value as written."""
    flag: bool | None = None
    """The value itself where it is a boolean."""
    place: bool = False
    """Reads naturally after `in`."""
    many: bool = False
    """Several values."""
    subject: bool = False
    """It alone tells which thing the request is about."""

    @property
    def verb(self) -> str:
        """`is` or `are`."""
        return "are" if self.many and self.label.endswith("s") else "is"


def state_values(
    pairs: Sequence[tuple[Leaf, Json]], rng: random.Random, subject: Leaf | None = None
) -> list[Statement]:
    """Each value as a statement, in random order, under labels that differ within the call."""
    statements: list[Statement] = []
    labels = [leaf.label for leaf, _ in pairs]
    for leaf, value in pairs:
        label = leaf.label
        if labels.count(label) > 1:
            label = " ".join(part for part in leaf.path)
        elif leaf.described and not isinstance(value, bool) and rng.random() < DESCRIBED_SHARE:
            taken = {pair.described for pair, _ in pairs if pair is not leaf} | set(labels)
            label = leaf.described if leaf.described not in taken else label
        flag = value if isinstance(value, bool) else None
        place = (
            label == leaf.label
            and leaf.label.split()[0] in _PLACES
            and not isinstance(value, list)
            and len(leaf.label.split()) < 3
        )
        if rng.random() < 0.3:
            label = re.sub(r"\bid\b", "ID", label)
        many = isinstance(value, list)
        statements.append(Statement(label, _written(value, rng), flag, place, many, leaf is subject))
    rng.shuffle(statements)
    return statements


def _written(value: Json, rng: random.Random) -> str:
    if isinstance(value, list):
        parts = [_written(item, rng) for item in value]
        return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
    text = value_text(value)
    if isinstance(value, str) and (_NEEDS_QUOTES.search(text) or rng.random() < QUOTE_SHARE):
        return f'"{text}"' if rng.random() < 0.7 else f"'{text}'"
    return text


def inline(statements: Sequence[Statement], rng: random.Random) -> str:
    """Statements as one continuation of a request: ` with name Blue and size 4`, ` in zone a-1`, ` (name: Blue)`."""
    if not statements:
        return ""
    style = rng.random()
    if style < 0.15:
        mark = rng.choice((": ", " = ", " "))
        joint = rng.choice((", ", "; "))
        return f" ({joint.join(f'{s.label}{mark}{s.text}' for s in statements)})"
    if style < 0.27 and all(s.flag is None for s in statements):
        return f" using {_join([f'{s.text} as the {s.label}' for s in statements])}"
    places = [s for s in statements if s.place][:1]
    others = [s for s in statements if s not in places]
    where = "".join(f" in {rng.choice(('', 'the ', ''))}{s.label} {s.text}" for s in places)
    if not others:
        return where
    if style < 0.42 and len(others) == 1 and others[0].flag is None:
        return f"{where} for {others[0].label} {others[0].text}"
    return f"{where} {rng.choice(('with', 'with', 'with', 'using'))} {_equations(others, rng)}"


def introduced(subject: Statement, rng: random.Random) -> str:
    """The thing that a request is about, straight after its noun: ` called Blue`, ` Blue`, ` with id 7`."""
    forms = ["", "", "", f" with {subject.label}", f" with the {subject.label}", f" whose {subject.label} is"]
    if subject.label.split()[-1].lower() in {"name", "title"}:
        forms = ["", "", " called", " called", " named", " named", f" with the {subject.label}"]
    return f"{rng.choice(forms)} {subject.text}"


def _equations(statements: Sequence[Statement], rng: random.Random) -> str:
    return _join([_equation(statement, rng) for statement in statements])


def _equation(s: Statement, rng: random.Random) -> str:
    draw = rng.random()
    if s.flag is not None or draw < 0.15:
        return f"{s.label} set to {s.text}"
    if draw < 0.25 and not s.many and not s.label.endswith("s"):
        return f"{article(s.label)} {s.label} of {s.text}"
    return f"{s.label} {s.text}"


def _join(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def sentences(statements: Sequence[Statement], rng: random.Random) -> list[str]:
    """Each statement as a sentence of its own: `The zone is a-1.`, `Use Blue as the name.`"""
    made: list[str] = []
    for s in statements:
        if s.flag is not None:
            made.append(_switched(s, rng))
            continue
        form = rng.choice(
            (
                "The {label} {verb} {text}.",
                "The {label} should be {text}.",
                "Use {text} as the {label}.",
                "Use {text} for the {label}.",
                "Set the {label} to {text}.",
                "{Label}: {text}.",
                "The {label} {verb} {text}.",
                "For the {label}, use {text}.",
                "I want {text} as the {label}.",
            )
        )
        made.append(form.format(verb=s.verb, label=s.label, Label=capital(s.label), text=s.text))
    if len(made) > 1 and rng.random() < 0.25 and all(s.flag is None for s in statements):
        listed = ", ".join(f"{s.label} {s.text}" for s in statements)
        return [f"{rng.choice(('Here are the details', 'Details', 'Use these values'))}: {listed}."]
    return made


def _switched(statement: Statement, rng: random.Random) -> str:
    plain = not set(statement.label.lower().split()) & _SWITCH
    if plain and rng.random() < 0.4:
        verb = rng.choice(("Enable", "Turn on")) if statement.flag else rng.choice(("Disable", "Turn off"))
        return f"{verb} {statement.label}."
    return f"Set {statement.label} to {statement.text}."


def capital(text: str) -> str:
    """With its first letter in upper case."""
    return text[:1].upper() + text[1:]
