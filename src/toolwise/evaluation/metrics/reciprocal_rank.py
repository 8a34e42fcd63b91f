"""Reciprocal rank: how far down is the first relevant tool?"""

from __future__ import annotations

from collections.abc import Collection, Sequence


def reciprocal_rank(ranking: Sequence[str], relevant: Collection[str]) -> float:
    """1 / the position (from 1) of the first relevant result; 0 if there is none (TREC-8, Voorhees, 1999)."""
    wanted = set(relevant)
    return next((1.0 / position for position, tool in enumerate(ranking, start=1) if tool in wanted), 0.0)
