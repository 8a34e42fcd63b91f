"""recall@k: how many of the relevant tools are among the first k?"""

from __future__ import annotations

from collections.abc import Collection, Sequence


def recall_at_k(ranking: Sequence[str], relevant: Collection[str], k: int) -> float:
    """|relevant ∩ first k| / |relevant|, in [0, 1] (Manning et al., 2008, section 8.3).

    With nothing relevant it is 0.
    """
    wanted = set(relevant)
    return len(wanted.intersection(ranking[:k])) / len(wanted) if wanted else 0.0
