"""Predictions: what agents did on tasks, as rows that can be scored again at any time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson
from pydantic import Field, ValidationError

from toolwise.evaluation.benchmarks.lines import read_rows
from toolwise.files import write_lines
from toolwise.types import Frozen, Json, Task, ToolCall, Trajectory

PREDICTIONS_FILE, SECONDS_FILE = "predictions.jsonl", "seconds.jsonl"


class Spent(Frozen):
    """What an attempt took."""

    model_calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float | None = 0.0
    """Money; none where the price is unknown."""
    seconds: float = 0.0
    """A local model's own time, shared out within its batches; otherwise from the first call to the answer."""


class Prediction(Frozen):
    """One attempt on one task."""

    id: str
    """The task's key, which is a hash of its content: another version of a task is another task."""
    repeat: int = 0
    group: str = ""
    policy: str = ""
    strategy: str = ""
    candidates: tuple[str, ...] = ()
    """What was on offer, in the order shown."""
    calls: tuple[ToolCall, ...] = ()
    """Those of the branch that answered."""
    answer: str = ""
    trajectory: Trajectory | None = None
    error: str = ""
    """Why there is no trajectory."""
    spent: Spent = Field(default_factory=Spent)
    transient: bool = False
    """Did the world refuse some calls for the moment? Then they are refused again when this is verified."""


def prediction_of(task: Task, trajectory: Trajectory, group: str, repeat: int, spent: Spent) -> Prediction:
    """The row of an attempt."""
    leaf = trajectory.answer_leaf
    messages = [] if leaf is None else trajectory.messages(leaf)
    return Prediction(
        id=task.key,
        repeat=repeat,
        group=group,
        policy=trajectory.policy,
        strategy=trajectory.strategy,
        candidates=task.candidates,
        calls=tuple(call for message in messages for call in message.tool_calls),
        answer=trajectory.answer,
        trajectory=trajectory,
        spent=spent,
    )


@dataclass(frozen=True)
class GivenPredictions:
    """The usable rows of a file, and the counts of the others."""

    found: Mapping[tuple[str, int], Prediction]
    """By task and repeat; of several rows the first."""
    counts: Mapping[str, Json]


def write_predictions(path: Path, rows: Sequence[Json]) -> None:
    """Write rows that are JSON already: the same ones give the same file, whenever and wherever they are made.

    What differs from time to time, their seconds, goes into `seconds.jsonl` beside it.
    """
    steady = ({**row, "spent": {k: v for k, v in row["spent"].items() if k != "seconds"}} for row in rows)
    write_lines(path, (orjson.dumps(row) for row in steady))
    seconds = ({"id": row["id"], "repeat": row["repeat"], "seconds": row["spent"]["seconds"]} for row in rows)
    write_lines(path.with_name(SECONDS_FILE), (orjson.dumps(row) for row in seconds))


def _seconds(path: Path) -> dict[tuple[str, int], float]:
    """Task and repeat -> what the attempt took; nothing where that was not kept."""
    if not path.is_file():
        return {}
    rows = [row for row in read_rows(path, Counter()) if isinstance(row, dict)]
    return {(row["id"], row["repeat"]): row["seconds"] for row in rows if row.keys() == {"id", "repeat", "seconds"}}


def _timed(prediction: Prediction, seconds: float | None) -> Prediction:
    if seconds is None:
        return prediction
    return prediction.model_copy(update={"spent": prediction.spent.model_copy(update={"seconds": seconds})})


def read_predictions(path: Path, known: Sequence[str], repeats: int = 1) -> GivenPredictions:
    """Rows of a file; those that are broken, duplicate or of an unknown task are counted. Raises DataError."""
    broken: Counter[str] = Counter()
    found: dict[tuple[str, int], Prediction] = {}
    tasks, seconds = set(known), _seconds(path.with_name(SECONDS_FILE))
    rows = duplicate = unknown = 0
    for row in read_rows(path, broken):
        rows += 1
        try:
            prediction = Prediction.model_validate(row)
        except ValidationError:
            broken["not a prediction"] += 1
            continue
        place = (prediction.id, prediction.repeat)
        trajectory = prediction.trajectory
        if trajectory is not None and trajectory.task_key != prediction.id:
            broken["a trajectory of another task"] += 1
        elif prediction.id not in tasks or not 0 <= prediction.repeat < repeats:
            unknown += 1
        elif place in found:
            duplicate += 1
        else:
            found[place] = _timed(prediction, seconds.get(place))
    counts: dict[str, Json] = {
        "rows": rows + broken["not JSON"],
        "used": len(found),
        "duplicate": duplicate,
        "unknown": unknown,
        "missing": len(tasks) * repeats - len(found),
        "broken": {why: count for why, count in broken.items() if count},
    }
    return GivenPredictions(found, counts)
