"""How large a difference so many tasks can show, and how many tasks a difference needs."""

from __future__ import annotations

import math
from statistics import NormalDist

POWER = 0.8
"""The chance to find a difference that is there."""
_ALPHA_Z = NormalDist().inv_cdf(0.975)
_POWER_Z = NormalDist().inv_cdf(POWER)


def tasks_needed(difference: float, discordant: float, design_effect: float = 1.0) -> int | None:
    """Paired tasks that show `difference` at 5% two-sided with 80% power (Connor, 1987, for McNemar's test).

    `discordant` is the share of tasks that only one agent solves, at least |difference|; the design effect says how
    much more is needed because tasks of a cluster resemble each other. None for no difference: no number would do.
    """
    difference = abs(difference)
    if difference == 0:
        return None
    discordant = min(1.0, max(discordant, difference))
    root = _ALPHA_Z * math.sqrt(discordant) + _POWER_Z * math.sqrt(max(0.0, discordant - difference**2))
    return max(2, math.ceil(design_effect * (root / difference) ** 2))


def detectable_difference(tasks: int, discordant: float, design_effect: float = 1.0) -> float:
    """The smallest difference that `tasks` paired tasks show with 80% power; 1 where not even a total one would do."""
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        needed = tasks_needed(middle, discordant, design_effect)
        low, high = (low, middle) if needed is not None and needed <= tasks else (middle, high)
    return high
