"""COMPLETE@k: are all relevant tools among the first k?"""

from __future__ import annotations

from collections.abc import Collection, Sequence


def complete_at_k(ranking: Sequence[str], relevant: Collection[str], k: int) -> float:
    """1 if every relevant tool is among the first `k` results, else 0 (COLT, Qu et al., arXiv 2405.16089, section 4.1).

    A task with several calls can only be solved when all its tools are found. With nothing relevant it is 0.
    """
    wanted = set(relevant)
    return float(bool(wanted) and wanted.issubset(ranking[:k]))
