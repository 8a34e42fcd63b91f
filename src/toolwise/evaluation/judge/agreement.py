"""A judge against people: agreement, Cohen's kappa, and a rate corrected for the judge's errors."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

from toolwise.evaluation.intervals import mean_with_interval
from toolwise.types import Metric
from toolwise.types.base import Frozen

_RESAMPLES = 2000
_Z = 1.959963984540054


def kappa(human: Sequence[str], judge: Sequence[str]) -> float:
    """Cohen's kappa (1960): agreement beyond what the two label frequencies give by chance, in [-1, 1].

    1 where both use one and the same label throughout. Raises ValueError if the lengths differ or are 0.
    """
    if not human or len(human) != len(judge):
        raise ValueError("as many labels of the judge as of people are needed, and at least one")
    count = len(human)
    observed = sum(a == b for a, b in zip(human, judge, strict=True)) / count
    people, machine = Counter(human), Counter(judge)
    chance = sum(people[label] * machine[label] for label in people) / count**2
    return 1.0 if chance == 1.0 else (observed - chance) / (1 - chance)


def kappa_with_interval(human: Sequence[str], judge: Sequence[str], *, seed: int = 0) -> Metric:
    """Kappa with a 95% percentile bootstrap over rows; with few rows it is wide, and with one it says nothing."""
    value = kappa(human, judge)
    codes = {label: index for index, label in enumerate(dict.fromkeys([*human, *judge]))}
    a, b = np.array([codes[label] for label in human]), np.array([codes[label] for label in judge])
    random = np.random.Generator(np.random.PCG64(seed))
    drawn = random.integers(0, len(a), size=(_RESAMPLES, len(a)))
    x, y = a[drawn], b[drawn]
    observed = (x == y).mean(axis=1)
    chance = sum(((x == code).mean(axis=1) * (y == code).mean(axis=1) for code in codes.values()), np.zeros(_RESAMPLES))
    values = np.where(chance < 1, (observed - chance) / np.maximum(1 - chance, 1e-12), 1.0)
    low, high = np.quantile(values, [0.025, 0.975]) if len(a) > 1 else (-1.0, 1.0)
    return Metric(value=value, n=len(a), low=min(float(low), value), high=max(float(high), value), unit="kappa")


def agreement(human: Sequence[str], judge: Sequence[str], clusters: Sequence[str], *, seed: int = 0) -> Metric:
    """The share of rows with the same label."""
    return mean_with_interval([float(a == b) for a, b in zip(human, judge, strict=True)], clusters, seed=seed)


class Corrected(Frozen):
    """A rate as people would have found it, from a judge whose errors are known from a labelled set."""

    observed: float
    """The judge's rate over all rows."""
    sensitivity: float
    """The judge's yes among people's yes."""
    specificity: float
    """The judge's no among people's no."""
    positives: int
    negatives: int
    rate: Metric | None
    """None where the labels show no judge better than chance, or lack one side: then nothing can be corrected."""


def corrected_rate(judged: Sequence[bool], human: Sequence[bool], labelled: Sequence[bool]) -> Corrected:
    """Rogan and Gladen's estimate (1978) with the interval of Lang and Reiczigel (2014).

    `judged` holds the judge's verdicts on all rows; `human` and `labelled` people's and the judge's on the labelled
    ones. The interval counts both the rows' sampling and that sensitivity and specificity are estimates.
    """
    pairs = list(zip(human, labelled, strict=True))
    positives, negatives = sum(human), len(human) - sum(human)
    sensitivity = sum(a and b for a, b in pairs) / positives if positives else 0.0
    specificity = sum(not a and not b for a, b in pairs) / negatives if negatives else 0.0
    observed = sum(judged) / len(judged) if judged else 0.0
    usable = bool(judged) and positives > 0 and negatives > 0 and sensitivity + specificity > 1
    rate = (
        _lang_reiczigel(observed, len(judged), (sensitivity, positives), (specificity, negatives)) if usable else None
    )
    return Corrected(
        observed=observed,
        sensitivity=sensitivity,
        specificity=specificity,
        positives=positives,
        negatives=negatives,
        rate=rate,
    )


def _lang_reiczigel(
    observed: float, n: int, sensitivity: tuple[float, int], specificity: tuple[float, int]
) -> Metric | None:
    value = (observed + specificity[0] - 1) / (sensitivity[0] + specificity[0] - 1)
    n_p, p = n + _Z**2, (n * observed + _Z**2 / 2) / (n + _Z**2)
    n_se, se = sensitivity[1] + 2, (sensitivity[1] * sensitivity[0] + 1) / (sensitivity[1] + 2)
    n_sp, sp = specificity[1] + 2, (specificity[1] * specificity[0] + 1) / (specificity[1] + 2)
    skill = se + sp - 1
    if skill <= 0:
        return None
    centre = (p + sp - 1) / skill
    shift = 2 * _Z**2 * (centre * se * (1 - se) / n_se - (1 - centre) * sp * (1 - sp) / n_sp)
    variance = p * (1 - p) / n_p + centre**2 * se * (1 - se) / n_se + (1 - centre) ** 2 * sp * (1 - sp) / n_sp
    half = _Z * math.sqrt(variance) / skill
    value, low, high = (min(1.0, max(0.0, bound)) for bound in (value, centre + shift - half, centre + shift + half))
    return Metric(value=value, n=n, low=min(low, value), high=max(high, value))
