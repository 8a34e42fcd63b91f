"""Artefacts on disk: written aside and renamed, so that a reader never sees half a file."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import orjson

from toolwise.errors import DataError, RunError
from toolwise.types import Json


@contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """A path to write to, which becomes `path` when the block ends well and vanishes otherwise. Raises RunError."""
    aside = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield aside
        aside.replace(path)
    except OSError as error:
        cause = error.strerror or str(error)
        raise RunError(f"cannot write {path}: {cause}; free some space or choose another folder") from error
    finally:
        with suppress(OSError):  # the folder itself may be what cannot be used
            aside.unlink(missing_ok=True)


@contextmanager
def write_atomic(path: Path) -> Iterator[IO[bytes]]:
    """A binary file that appears, whole and flushed to disk, when the block ends well. Raises RunError."""
    with written_aside(path) as aside, aside.open("wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def write_lines(path: Path, lines: Iterable[bytes]) -> int:
    """Write JSON lines (each without its newline); returns how many. Raises RunError."""
    count = 0
    with write_atomic(path) as file:
        for line in lines:
            file.write(line)
            file.write(b"\n")
            count += 1
    return count


def write_json(path: Path, value: Json) -> None:
    """Write one JSON document, indented, with sorted keys. Raises RunError."""
    options = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS | orjson.OPT_APPEND_NEWLINE
    with write_atomic(path) as file:
        file.write(orjson.dumps(value, option=options))


def append_line(path: Path, line: bytes) -> None:
    """Append a line (given without its newline) in one piece, under the file's lock: any number of processes may.

    What a killed writer left without an end gets one first. Raises OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        size = os.fstat(descriptor).st_size
        text = line + b"\n"
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            text = b"\n" + text
        while text:
            text = text[os.write(descriptor, text) :]
    finally:
        os.close(descriptor)  # which unlocks it


def read_json(path: Path) -> Json:
    """Raises DataError if the file is absent or no JSON."""
    try:
        return orjson.loads(path.read_bytes())
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    except orjson.JSONDecodeError as error:
        raise DataError(f"{path} is not JSON ({error}); restore it or make it again") from error
