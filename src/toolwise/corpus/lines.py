"""JSON lines on disk: written aside and renamed, read one by one with the place of every mistake."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import orjson
from pydantic import ValidationError

from toolwise.errors import DataError
from toolwise.files import write_atomic
from toolwise.types import Frozen, SFTExample, Task, Trajectory

RowT = TypeVar("RowT", bound=Frozen)


def line(row: Frozen) -> bytes:
    """A row as one line of JSON, keys in the order of its fields."""
    return orjson.dumps(row.model_dump(mode="json"), option=orjson.OPT_APPEND_NEWLINE)


def write_rows(path: Path, rows: Iterable[Frozen]) -> int:
    """Write rows as JSON lines, one at a time; returns how many. Raises RunError."""
    count = 0
    with write_atomic(path) as file:
        for row in rows:
            file.write(line(row))
            count += 1
    return count


def read_rows(path: Path, kind: type[RowT]) -> Iterator[RowT]:
    """Read JSON lines one at a time; empty lines are skipped. Raises DataError naming file and line."""
    for number, text in _lines(path):
        try:
            yield kind.model_validate_json(text)
        except ValidationError as error:
            raise DataError(f"{path}, line {number}: {_problem(error, kind)}") from error


def read_tasks(path: Path) -> Iterator[Task]:
    """Tasks, one a line. Raises DataError."""
    return read_rows(path, Task)


def read_trajectories(path: Path) -> Iterator[Trajectory]:
    """Trajectories, one a line. Raises DataError."""
    return read_rows(path, Trajectory)


def read_sft(path: Path) -> Iterator[SFTExample]:
    """SFT examples, one a line. Raises DataError."""
    return read_rows(path, SFTExample)


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    try:
        with path.open("rb") as file:
            for number, text in enumerate(file, start=1):
                if text.strip():
                    yield number, text
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}; check the path") from error


def _problem(error: ValidationError, kind: type[Frozen]) -> str:
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return f"not JSON ({first['ctx']['error']}); the file may be cut short, so make it again"
    where = ".".join(str(part) for part in first["loc"]) or "the row"
    return f"not a {kind.__name__}: {where}: {first['msg']}; was the file written by another version?"
