"""Reading a judge's words: a verdict only where there is exactly one, else what went wrong."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from enum import StrEnum

import orjson

from toolwise.types import Json
from toolwise.types.base import Frozen

_REFUSALS = re.compile(
    r"\b(?:i(?:'m| am) (?:sorry|unable|not able)|i (?:cannot|can't|won't|will not)|as an ai\b|i must decline)",
    re.IGNORECASE,
)
_OBJECT = re.compile(r"\{[^{}]*\}")
_DECORATION = re.compile(r"[*_`#\[\]\"']")


class Readability(StrEnum):
    """Could a judge's answer be read?"""

    READ = "read"
    """It holds exactly one verdict."""
    EMPTY = "empty"
    """It holds nothing."""
    REFUSED = "refused"
    """It declines to judge."""
    NONSENSE = "nonsense"
    """It holds no verdict, or several that differ."""
    FAILED = "failed"
    """The judge did not answer at all."""


class Vote(Frozen):
    """One answer of a judge, kept whole."""

    label: str = ""
    """The verdict in the judge's closed set; empty where it cannot be read."""
    readability: Readability
    text: str = ""
    """What the judge wrote."""


def read_label(text: str, name: str, labels: Collection[str]) -> Vote:
    """One label of a closed set, after `name:` (the last such line counts), as a JSON member, or alone.

    Case, Markdown and brackets do not matter; a sentence that only mentions a label is no verdict.
    """
    known = {label.casefold(): label for label in labels}
    found = _named(text, name, known) or _member(text, name, known) or _alone(text, known)
    return Vote(label=found, readability=_readability(text, bool(found)), text=text)


def _readability(text: str, found: bool) -> Readability:
    if found:
        return Readability.READ
    if not text.strip():
        return Readability.EMPTY
    return Readability.REFUSED if _REFUSALS.search(text) else Readability.NONSENSE


def _named(text: str, name: str, known: Mapping[str, str]) -> str:
    """The label after the name in the last block of the text; none where two lines differ."""
    plain = _DECORATION.sub("", text)
    lines = re.findall(rf"{re.escape(name)}\s*[:=]\s*([A-Za-z]+)(?=[\s.,;!)]|$)", plain, re.IGNORECASE)
    labels = [known[word.casefold()] for word in lines if word.casefold() in known]
    return labels[-1] if labels and len(labels) == len(lines) and len(set(labels)) == 1 else ""


def _member(text: str, name: str, known: Mapping[str, str]) -> str:
    wanted = name.casefold().replace(" ", "_")
    labels = set()
    for part in _OBJECT.findall(text):
        try:
            value: Json = orjson.loads(part)
        except orjson.JSONDecodeError:
            continue
        for key, label in value.items():
            if key.casefold().replace(" ", "_") == wanted and str(label).casefold() in known:
                labels.add(known[str(label).casefold()])
    return labels.pop() if len(labels) == 1 else ""


def _alone(text: str, known: Mapping[str, str]) -> str:
    return known.get(_DECORATION.sub("", text).strip(" .!\n\t").casefold(), "")


PROCESS, RESPONSE = "Process Correctness", "Final Response Correctness"
YES_NO = ("Yes", "No", "Uncertain")


def read_toolalpaca(text: str) -> tuple[Vote, Vote]:
    """ToolAlpaca's two verdicts: of the process and of the final response."""
    results = text.rpartition("## Results")[2] or text
    return read_label(results, PROCESS, YES_NO), read_label(results, RESPONSE, YES_NO)
