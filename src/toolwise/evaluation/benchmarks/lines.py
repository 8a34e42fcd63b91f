"""Rows of other people's files: JSON lines, a JSON list, or an object by id; a broken line is counted, not fatal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import orjson

from toolwise.errors import DataError
from toolwise.types import Json


def read_bytes(path: Path) -> bytes:
    """Raises DataError."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}; give the file's path") from error


def read_rows(path: Path, broken: Counter[str]) -> Iterator[Json]:
    """The file's values, whether it holds JSON lines or one list; broken lines are counted. Raises DataError."""
    data = read_bytes(path)
    try:
        whole = orjson.loads(data)
    except orjson.JSONDecodeError:
        yield from _lines(data, broken)
        return
    yield from whole if isinstance(whole, list) else [whole]


def _lines(data: bytes, broken: Counter[str]) -> Iterator[Json]:
    for line in data.splitlines():
        if not line.strip():
            continue
        try:
            yield orjson.loads(line)
        except orjson.JSONDecodeError:
            broken["not JSON"] += 1
