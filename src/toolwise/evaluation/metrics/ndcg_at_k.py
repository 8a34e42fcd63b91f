"""nDCG@k: are the relevant tools at the top of the ranking?"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence


def _discounted_gain(gains: Sequence[bool]) -> float:
    return sum(1.0 / math.log2(position + 2) for position, gain in enumerate(gains) if gain)


def ndcg_at_k(ranking: Sequence[str], relevant: Collection[str], k: int) -> float:
    """Normalised discounted cumulative gain of the first `k` results, in [0, 1].

    DCG@k = sum over positions i = 1..k of rel(i) / log2(i + 1), with rel(i) in {0, 1};
    nDCG@k = DCG@k / DCG@k of an ideal ranking (Järvelin and Kekäläinen, 2002, section 2.2, binary gains).
    A result that is listed twice counts once, at its first position. With nothing relevant it is 0.
    """
    wanted = set(relevant)
    seen: set[str] = set()
    gains: list[bool] = []
    for tool in ranking[:k]:
        gains.append(tool in wanted and tool not in seen)
        seen.add(tool)
    ideal = _discounted_gain([True] * min(k, len(wanted)))
    return _discounted_gain(gains) / ideal if ideal else 0.0
