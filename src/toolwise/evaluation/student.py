"""Student's t quantiles, without a library for them: intervals from few clusters need them."""

from __future__ import annotations

import math
from functools import lru_cache


@lru_cache(maxsize=256)
def student_quantile(probability: float, freedom: int) -> float:
    """The quantile of Student's t with `freedom` degrees, by bisection of its distribution function.

    The function is the finite sum for whole degrees of freedom (Abramowitz and Stegun, 1964, 26.7.3 and 26.7.4).
    """
    if not 0 < probability < 1 or freedom < 1:
        raise ValueError("a probability within (0, 1) and at least one degree of freedom are needed")
    if probability < 0.5:
        return -student_quantile(1 - probability, freedom)
    low, high = 0.0, 1.0
    while _central(high, freedom) < 2 * probability - 1:
        high *= 2
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if _central(middle, freedom) < 2 * probability - 1 else (low, middle)
    return (low + high) / 2


def _central(t: float, freedom: int) -> float:
    """The chance of a value within [-t, t]."""
    angle = math.atan(t / math.sqrt(freedom))
    odd = freedom % 2 == 1
    step = 2 if odd else 1
    term = math.cos(angle) if odd else 1.0
    total = term if freedom > 1 else 0.0
    while step + 1 < freedom:
        term *= math.cos(angle) ** 2 * step / (step + 1)
        total += term
        step += 2
    if odd:
        return 2 / math.pi * (angle + math.sin(angle) * total)
    return math.sin(angle) * total
