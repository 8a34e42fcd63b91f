"""Requests with several parts: one search a part, so that a set of tools comes back and not five copies of the best."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from toolwise.retrieval.ranking import Floats, PoolRetriever, prominence, relative
from toolwise.retrieval.tokens import terms

_VERBS = (
    "add analyze apply assess book buy calculate cancel change check choose close compare compute confirm convert "
    "count create delete detect determine download draw edit email estimate evaluate explain extract fetch figure find "
    "follow generate get give go help identify inform know learn list locate look make mark measure monitor notify "
    "open order organize pay perform plan play post predict prepare provide pull purchase query rank read recommend "
    "record remind remove rename reply report request reserve retrieve run save schedule search see select send set "
    "share show sort start stop store submit subscribe suggest summarize tell test track transfer translate turn "
    "update upload use validate verify view visualize write"
)
_VERB = "|".join(_VERBS.split())
_BREAK = re.compile(
    r"(?<=[.!?;])\s+|;\s*|\n+"
    r"|,?\s+(?:and\s+)?(?:then|afterwards|after that|next|additionally|furthermore|moreover|in addition|besides)\b,?\s+"
    r"|,?\s+(?:and\s+|but\s+)?(?:also|as well as|along with|followed by)\s+"
    rf"|,?\s+and\s+(?=(?:please\s+|i\s|we\s|could\s|can\s|what|which|how|where|when|who|is\s|are\s|{_VERB})\b)"
    rf"|,\s+(?=(?:please\s+|{_VERB})\b)",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"\"[^\"\n]{0,400}\"|“[^”\n]{0,400}”|`[^`\n]{0,400}`")
_FEWEST_TERMS = 2
MAX_CLAUSES = 6
CLAUSE_WEIGHT = 0.4
"""How much the best of a request's parts counts beside the whole, unless a retriever says otherwise."""


def clauses(query: str) -> list[str]:
    """The parts of a request that may each need a tool, in order; none where it has one part only.

    Splits at sentence ends, at words of sequence, and before verbs that begin a further request; never inside
    quotation marks. A part with fewer than two terms joins its neighbour.
    """
    hidden = _QUOTED.sub(lambda found: "\x00" * len(found.group()), query)
    parts: list[str] = []
    start = 0
    for found in [*_BREAK.finditer(hidden), None]:
        end = found.start() if found else len(query)
        part = query[start:end].strip(" ,;")
        start = found.end() if found else end
        if not part:
            continue
        if parts and len(set(terms(parts[-1]))) < _FEWEST_TERMS:  # "Finally", "Then": of the part that follows
            parts[-1] = f"{parts[-1]} {part}"
        else:
            parts.append(part)
    if len(parts) > 1 and len(set(terms(parts[-1]))) < _FEWEST_TERMS:
        parts[-2:] = [f"{parts[-2]} {parts[-1]}"]
    return parts[:MAX_CLAUSES] if len(parts) > 1 else []


class ClauseRetriever(PoolRetriever):
    """Another retriever asked for the whole request and for its parts.

    Scores are relative to each search's best. A tool's score is its score for the whole request plus `weight` times
    the sharpened best of its scores for a part: what is best for one part comes up, however little it has to do with
    the rest. A part whose best stands out less than the whole request's counts less: it may only tell the story.
    """

    def __init__(self, inner: PoolRetriever, weight: float) -> None:
        super().__init__(inner.tools)
        self.name = inner.name
        self._inner = inner
        self._weight = weight

    def scores(self, queries: Sequence[str]) -> Floats:
        """Scores, queries by tools."""
        parts = [clauses(query) for query in queries]
        asked = self._inner.scores([*queries, *(part for row in parts for part in row)])
        prominent = prominence(asked) if any(parts) else np.zeros(len(asked), dtype=np.float32)
        asked = relative(asked)
        rows: Floats = asked[: len(queries)]
        start = len(queries)
        for i, found in enumerate(parts):
            if found:
                part = slice(start, start + len(found))
                sharpened = _sixth_power(asked[part])
                if prominent[i] > 0:
                    sharpened *= np.minimum(1, prominent[part] / prominent[i])[:, None]
                rows[i] += self._weight * sharpened.max(axis=0)
                rows[i] /= 1 + self._weight
            start += len(found)
        return rows


def _sixth_power(scores: Floats) -> Floats:
    """Sharpened relative scores: near-copies of a part's best tool stay below the best itself, though the
    whole request favours them for sharing words with its other parts.
    """
    cube = scores * scores
    cube *= scores
    cube *= cube
    return cube
