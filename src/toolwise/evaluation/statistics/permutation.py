"""A randomisation test of a paired difference that respects clusters."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_EXACT = 12
"""With up to so many clusters every assignment of signs is tried."""
_DRAWS = 9999


def sign_flip(differences: Sequence[float], clusters: Sequence[str], *, seed: int = 0) -> float:
    """Two-sided p-value of the sum of paired differences when whole clusters change sign at random (Fisher, 1935).

    Under the hypothesis that the two agents are alike, their names can be exchanged within each cluster. Exact with up
    to 12 clusters that differ, else from 9,999 seeded draws. With no difference at all it is 1.
    """
    sums: dict[str, float] = {}
    for value, cluster in zip(differences, clusters, strict=True):
        sums[cluster] = sums.get(cluster, 0.0) + value
    data = np.array([value for value in sums.values() if value], dtype=np.float64)
    if not len(data):
        return 1.0
    observed = abs(float(data.sum())) - 1e-9
    if len(data) <= _EXACT:
        signs = 1 - 2 * ((np.arange(2 ** len(data))[:, None] >> np.arange(len(data))) & 1)
        return float((np.abs(signs @ data) >= observed).mean())
    random = np.random.Generator(np.random.PCG64(seed))
    signs = 1 - 2 * random.integers(0, 2, size=(_DRAWS, len(data)))
    return (1 + int((np.abs(signs @ data) >= observed).sum())) / (_DRAWS + 1)
