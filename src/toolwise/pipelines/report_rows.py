"""What a report compares: runs with their contenders, and a scored row for every task of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import orjson
from pydantic import ValidationError

from toolwise.errors import DataError
from toolwise.evaluation import passed
from toolwise.types import Json, Task, Trajectory, Verdict
from toolwise.types.base import Frozen

RowT = TypeVar("RowT", bound=Frozen)

MODEL_CALLS = "model_calls"


@dataclass(frozen=True, slots=True)
class Row:
    """One contender's attempt on one task; without a trajectory where none is kept, or none was made."""

    id: str
    """Rows of one id are of the same task, whoever attempted it."""
    setting: str
    cluster: str
    passed: bool
    missing: bool = False
    """There is no attempt at all: counted as failed."""
    task: Task | None = None
    trajectory: Trajectory | None = None
    verdict: Verdict | None = None
    score: float | None = None
    """The share of its repeats that passed, where it was attempted several times."""
    costs: Mapping[str, float] = field(default_factory=dict)
    """What the attempt took: `model_calls`, `tokens`, `seconds`, `money`, as far as it is known."""
    file: Path | None = None
    line: int = 0
    """Where the raw row is, from 1."""

    @property
    def value(self) -> float:
        """What the task counts for, in [0, 1]."""
        return float(self.passed) if self.score is None else self.score


@dataclass(frozen=True, slots=True)
class Group:
    """A contender of one run: an agent with a strategy."""

    agent: str
    strategy: str
    rows: tuple[Row, ...]
    note: str = ""
    """What else tells it from the others: the candidates it was given."""


@dataclass(slots=True)
class Run:
    """One folder or file as it was read."""

    name: str
    path: Path
    groups: list[Group] = field(default_factory=list)
    tasks: int = 0
    rows: int = 0
    """Rows of attempts in the file."""
    left_out: Counter[str] = field(default_factory=Counter)
    """Reason -> rows that could not be used."""
    notes: list[str] = field(default_factory=list)
    record: Json = None
    """A finished run's record."""
    curve: list[Json] = field(default_factory=list)


def read_leniently(path: Path, kind: type[RowT], left_out: Counter[str]) -> Iterator[tuple[int, RowT]]:
    """Rows of JSON lines with their line numbers; a broken line is counted, and stops nothing. Raises DataError."""
    try:
        with path.open("rb") as file:
            for number, text in enumerate(file, start=1):
                if not text.strip():
                    continue
                try:
                    yield number, kind.model_validate_json(text)
                except ValidationError as error:
                    what = "not JSON" if error.errors()[0]["type"] == "json_invalid" else "not a row of this kind"
                    left_out[f"{path.name}: {what}"] += 1
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}; check the path") from error


def read_json_lines(path: Path, left_out: Counter[str]) -> Iterator[Json]:
    """Objects of JSON lines; anything else is counted. Raises DataError."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}; check the path") from error
    for line in filter(bytes.strip, lines):
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError:
            value = None
        if isinstance(value, dict):
            yield value
        else:
            left_out[f"{path.name}: not JSON"] += 1


def cluster_of(task: Task) -> str:
    """The toolset that a task is about: tasks of one resemble each other."""
    return (task.relevant or task.candidates or ("",))[0].split(".", 1)[0]


def judged(task: Task, trajectory: Trajectory, verdict: Verdict | None) -> bool:
    """Did it pass? What was not verified did not."""
    return verdict is not None and passed(task, trajectory, verdict)


def usable(trajectory: Trajectory) -> bool:
    """Can its nodes be walked: does every end, parent and answer point to a node that is there?"""
    size = len(trajectory.nodes)
    ends = all(0 <= leaf < size for leaf in trajectory.ends)
    parents = all(node.parent is None or 0 <= node.parent < at for at, node in enumerate(trajectory.nodes))
    return size > 0 and ends and parents
