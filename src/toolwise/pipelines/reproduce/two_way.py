"""Intervals for what several models did on the same tasks: neither the models nor the tasks are independent."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from toolwise.evaluation.intervals import wilson
from toolwise.evaluation.student import student_quantile
from toolwise.types import Metric

_LEVEL = 0.975


def two_way(values: Sequence[Sequence[float]], lowest: float = 0.0) -> Metric:
    """The mean of [models, tasks] values within [lowest, 1], with the wider of two 95% intervals.

    One is Student's over the models' means, the other over the tasks' means (of all models). Where no value differs
    from another, both say nothing: then the interval is Wilson's for none of so many tasks.
    With no values: value 0, n 0, and the whole range.
    """
    data = np.asarray([row for row in values if len(row)], dtype=np.float64)
    if not data.size:
        return Metric(value=0.0, n=0, low=lowest, high=1.0)
    mean = float(data.mean())
    reach = max(_reach(data.mean(axis=1)), _reach(data.mean(axis=0)))
    if float(np.ptp(data)) == 0:
        reach = wilson(0.0, data.shape[1])[1]
    return Metric(value=mean, n=int(data.size), low=max(lowest, mean - reach), high=min(1.0, mean + reach))


def _reach(means: np.ndarray) -> float:
    """Half of the interval of the mean of these; nothing can be said of one."""
    if len(means) < 2:
        return 0.0
    return student_quantile(_LEVEL, len(means) - 1) * float(means.std(ddof=1)) / math.sqrt(len(means))
