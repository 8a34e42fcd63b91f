"""Conversations read in part, anew in each epoch: more of them in the same time.

Choosing a candidate and telling an answer are soon learnt; which stated value belongs to which parameter takes many
examples. So a part of the conversations is read with fewer wrong candidates, or without what follows the first call.
"""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np

from toolwise.training.batching import Encoded


def shortened(example: Encoded, share: float, rng: random.Random) -> Encoded:
    """The example, or with probability `share` a part of it; never without a tool that it calls."""
    if rng.random() >= share or not example.called:  # that no candidate fits can only be said of all of them
        return example
    kept = np.ones(len(example), dtype=bool)
    if rng.random() < share:
        first = example.turns[np.argmax(example.names > 0)]
        kept[int(np.flatnonzero(example.turns == first)[-1]) + 1 :] = False
    wrong = [line for line in range(1, int(example.lines.max()) + 1) if line not in example.called]
    dropped = rng.sample(wrong, rng.randint(0, len(wrong)))
    kept &= ~np.isin(example.lines, dropped)
    left = np.flatnonzero(kept & (example.lines > 0))
    if example.lines[left[0]] > 1:  # the break before what is now the first line
        kept[left[0]] = False
    return _part(example, kept)


def _part(example: Encoded, kept: np.ndarray) -> Encoded:
    places = np.cumsum(kept) - 1
    probes = example.probes[kept[example.probes[:, 0]]]
    return replace(
        example,
        ids=example.ids[kept],
        weights=example.weights[kept],
        names=example.names[kept],
        turns=example.turns[kept],
        lines=example.lines[kept],
        probes=np.column_stack([places[probes[:, 0]], probes[:, 1:]]),
    )
