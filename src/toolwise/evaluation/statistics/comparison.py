"""Two agents on the same tasks: which is better, by how much, how sure, or how many tasks would tell."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from pydantic import Field

from toolwise.evaluation.intervals import difference_with_interval, effective_size
from toolwise.evaluation.statistics.detectable import detectable_difference, tasks_needed
from toolwise.evaluation.statistics.mcnemar import mcnemar_exact
from toolwise.evaluation.statistics.permutation import sign_flip
from toolwise.types import Metric
from toolwise.types.base import Frozen

LEVEL = 0.05


class Better(StrEnum):
    """What a comparison says."""

    LEFT = "left"
    """The first agent is better."""
    RIGHT = "right"
    """The second agent is better."""
    CANNOT_TELL = "cannot_tell"
    """The data allow either, or neither."""


class Pair(Frozen):
    """Two agents' scores on one task."""

    cluster: str
    left: float = Field(ge=0, le=1)
    right: float = Field(ge=0, le=1)


class Comparison(Frozen):
    """What paired scores say. Differences are left minus right."""

    better: Better
    tasks: int
    clusters: int
    left: float
    right: float
    difference: Metric
    only_left: int
    """Tasks on which the left one scores higher."""
    only_right: int
    p_clustered: float
    """By exchanging the agents' names within whole clusters: the one that decides, with the interval."""
    p_mcnemar: float | None
    """Exact, taking tasks as independent; none for scores other than 0 and 1."""
    design_effect: float
    detectable: float
    """The smallest difference that so many tasks show with 80% power, at the observed disagreement."""
    tasks_needed: int | None
    """Tasks that would show the observed difference with 80% power; none where there is no difference at all."""


def compare(pairs: Sequence[Pair], *, seed: int = 0) -> Comparison:
    """Better only if the clustered interval excludes 0 and every p-value is below 5%. Raises ValueError if empty."""
    if not pairs:
        raise ValueError("there is no task to compare on")
    left, right = [pair.left for pair in pairs], [pair.right for pair in pairs]
    clusters = [pair.cluster for pair in pairs]
    differences = [a - b for a, b in zip(left, right, strict=True)]
    difference = difference_with_interval(left, right, clusters, seed=seed)
    more, fewer = sum(d > 0 for d in differences), sum(d < 0 for d in differences)
    binary = set(left) | set(right) <= {0.0, 1.0}
    clustered = sign_flip(differences, clusters, seed=seed)
    mcnemar = mcnemar_exact(more, fewer) if binary else None
    varied = len(set(differences)) > 1
    effect = len(pairs) / effective_size([(d + 1) / 2 for d in differences], clusters) if varied else 1.0
    discordant = sum(d * d for d in differences) / len(pairs)
    sure = max(clustered, mcnemar or 0.0) < LEVEL
    better = Better.CANNOT_TELL
    if sure and difference.low > 0:
        better = Better.LEFT
    elif sure and difference.high < 0:
        better = Better.RIGHT
    return Comparison(
        better=better,
        tasks=len(pairs),
        clusters=len(set(clusters)),
        left=sum(left) / len(left),
        right=sum(right) / len(right),
        difference=difference,
        only_left=more,
        only_right=fewer,
        p_clustered=clustered,
        p_mcnemar=mcnemar,
        design_effect=effect,
        detectable=detectable_difference(len(pairs), discordant, effect),
        tasks_needed=tasks_needed(difference.value, discordant, effect),
    )
