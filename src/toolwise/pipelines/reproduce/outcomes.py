"""Scored attempts of an evaluation, compared: paired by task, or between groups of different tasks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from toolwise.evaluation.intervals import difference_with_interval, mean_with_interval
from toolwise.files import read_json
from toolwise.pipelines.evaluate_run import SCORES_FILE
from toolwise.pipelines.reproduce.findings import Conclusion
from toolwise.pipelines.rescoring import CELLS_FOLDER
from toolwise.types import Json, Metric

MARGIN = 0.05
"""5 points: what counts as better, and what as no worse."""
NOT_MEASURED = Metric(value=0.0, n=0, low=-1.0, high=1.0)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One task's result."""

    group: str
    cluster: str
    passed: float
    model_calls: float


Outcomes = Mapping[str, Outcome]
"""By task."""


def read_outcomes(evaluation: Path, cell: str) -> Outcomes:
    """What an agent reached in one condition; nothing where that was not measured."""
    file = evaluation / CELLS_FOLDER / cell / SCORES_FILE
    if not file.is_file():
        return {}
    return {
        row["id"]: Outcome(row["group"], row["cluster"], row["scores"]["pass"], row["costs"]["model_calls"])
        for row in read_json(file)["verdicts"]
    }


def within(outcomes: Outcomes, groups: Sequence[str]) -> dict[str, Outcome]:
    """Those of some groups."""
    return {key: outcome for key, outcome in outcomes.items() if outcome.group in groups}


def rate(outcomes: Outcomes, groups: Sequence[str] = ()) -> Metric:
    """The pass rate, with an interval clustered by toolset."""
    chosen = [one for one in outcomes.values() if not groups or one.group in groups]
    return mean_with_interval([one.passed for one in chosen], [one.cluster for one in chosen])


def paired(left: Outcomes, right: Outcomes, groups: Sequence[str] = ()) -> Metric:
    """Pass rate of the left less that of the right, on the tasks that both attempted."""
    shared = [key for key, one in left.items() if key in right and (not groups or one.group in groups)]
    if not shared:
        return NOT_MEASURED
    values = [[side[key].passed for key in shared] for side in (left, right)]
    return difference_with_interval(values[0], values[1], [left[key].cluster for key in shared])


def apart(left: Metric, right: Metric) -> Metric:
    """The difference of two rates of different tasks; its interval from theirs (Newcombe, 1998, method 10)."""
    if not left.n or not right.n:
        return NOT_MEASURED
    value = left.value - right.value
    below = math.hypot(left.value - left.low, right.high - right.value)
    above = math.hypot(left.high - left.value, right.value - right.low)
    return Metric(value=value, n=left.n + right.n, low=value - below, high=value + above)


def no_worse(difference: Metric, margin: float = MARGIN) -> Conclusion:
    """Is the left one less than the margin worse? It is not if the whole interval lies below that."""
    if not difference.n:
        return Conclusion.UNCLEAR
    if difference.low > -margin:
        return Conclusion.HOLDS
    return Conclusion.FAILS if difference.high < -margin else Conclusion.UNCLEAR


def rows_of(cells: Mapping[str, Outcomes], groups: Sequence[str]) -> Iterator[Json]:
    """A row for each cell and group, and for all groups together, with the model calls of a task."""
    for name, outcomes in cells.items():
        for group in (*groups, "all"):
            chosen = within(outcomes, groups if group == "all" else (group,))
            calls = [one.model_calls for one in chosen.values()]
            mean = sum(calls) / len(calls) if calls else None
            yield {"cell": name, "group": group, **rate(chosen).model_dump(), "model_calls": mean}
