"""McNemar's exact test: do two agents differ on the same tasks, beyond chance?"""

from __future__ import annotations

from math import comb


def mcnemar_exact(only_left: int, only_right: int) -> float:
    """The two-sided exact p-value from the tasks that only one of two agents solves (McNemar, 1947; exact form).

    Twice the binomial tail with probability 1/2, at most 1; with no such task it is 1. Whole numbers throughout, so
    there is nothing to round. It takes tasks as independent: beside it stands a test that does not.
    Raises ValueError for negative counts.
    """
    if only_left < 0 or only_right < 0:
        raise ValueError("counts cannot be negative")
    total = only_left + only_right
    tail = sum(comb(total, k) for k in range(min(only_left, only_right) + 1))
    return min(1.0, 2 * tail / 2**total) if total else 1.0
