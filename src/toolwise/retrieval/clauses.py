"""Requests with several parts: one search a part, so that a set of tools comes back and not five copies of the best."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from toolwise.retrieval.ranking import Floats, PoolRetriever, prominence, relative
from toolwise.retrieval.tokens import terms, unquoted

_VERBS = (
    "access activate add adjust alert analyze apply approve archive arrange ask assess assign attach begin block "
    "book browse build buy calculate call cancel capture change check choose clear clone close collect combine "
    "compare complete compute configure confirm connect convert copy count create delete deploy describe detect "
    "determine disable discover display divide download draft draw edit email enable ensure enter estimate evaluate "
    "examine execute explain export extract fetch figure fill filter find finish fix follow forward gather generate "
    "get give go grant help identify import include inform initiate insert inspect install integrate invite join "
    "know launch learn let list locate lock log look make mark measure merge message monitor move navigate notify "
    "obtain open optimize order organize output parse pause pay perform plan play populate post predict prepare "
    "print process produce provide publish pull purchase push query rank rate read recommend record refresh "
    "register release remind remove rename replace reply report request reserve reset resize resolve restart "
    "restore resume retrieve return review rotate run save scan schedule search see select send set share show "
    "simulate solve sort specify split start stop store stream submit subscribe suggest summarize switch sync "
    "synchronize tag take tell test track transcribe transfer translate trigger try turn unlock update upgrade "
    "upload use validate verify view visualize watch write"
)
_VERB = "|".join(_VERBS.split())
_SEQUENCE = (
    "then|afterwards|after that|next|finally|lastly|subsequently|additionally|furthermore|moreover|in addition|besides"
)
_BREAK = re.compile(
    r"(?<=[.!?;])\s+|;\s*|\n+"
    rf"|,?\s+(?:and\s+)?(?:{_SEQUENCE})\b,?\s+"
    r"|,?\s+(?:and\s+|but\s+)?(?:also|as well as|along with|followed by)\s+"
    rf"|,?\s+and\s+(?=(?:please\s+|i\s|we\s|could\s|can\s|what|which|how|where|when|who|is\s|are\s|{_VERB})\b)"
    rf"|,\s+(?=(?:please\s+|{_VERB})\b)",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"\"[^\"\n]{0,400}\"|“[^”\n]{0,400}”|`[^`\n]{0,400}`")
_BLANKS, _LINES = re.compile(r"[^\S\n]+"), re.compile(r" ?\n[ \n]*")
_FEWEST_TERMS = 2
_LONGEST = 4000
"""Characters in which parts are looked for; what follows belongs to the last one."""
MAX_CLAUSES = 6
CLAUSE_WEIGHT = 0.4
"""How much the best of a request's parts counts beside the whole, unless a retriever says otherwise."""


def clauses(query: str) -> list[str]:
    """The parts of a request that may each need a tool, in order; none where it has one part only.

    Splits at sentence ends, at words of sequence, and before verbs that begin a further request; never inside
    quotation marks, but for those around the whole request. A part with fewer than two terms joins its neighbour.
    """
    query = _LINES.sub("\n", _BLANKS.sub(" ", unquoted(query)))
    hidden = _QUOTED.sub(lambda found: "\x00" * len(found.group()), query)
    parts: list[str] = []
    start = 0
    for found in [*_BREAK.finditer(hidden, 0, _LONGEST), None]:
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
        if not any(parts):
            return relative(asked)
        prominent = prominence(asked)
        asked = relative(asked)
        rows: Floats = asked[: len(queries)]
        start = len(queries)
        for i, found in enumerate(parts):
            if found:
                best = np.zeros(len(self.tools), dtype=np.float32)
                for part in range(start, start + len(found)):
                    share = min(1.0, float(prominent[part] / prominent[i])) if prominent[i] > 0 else 1.0
                    np.maximum(best, _sharpened(asked[part], self._weight * share), out=best)
                rows[i] += best
                rows[i] /= 1 + self._weight
            start += len(found)
        return rows


def _sharpened(scores: Floats, weight: float) -> Floats:
    """`weight` times the sixth power: near-copies of a part's best tool stay below the best itself, though the
    whole request favours them for sharing words with its other parts.
    """
    cube = scores * scores
    cube *= scores
    cube *= cube
    cube *= np.float32(weight)
    return cube
