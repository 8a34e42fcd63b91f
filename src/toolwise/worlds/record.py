"""The record of real calls: an append-only file of JSON lines that threads, tasks and processes may share."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson
from pydantic import ValidationError

from toolwise.errors import RunError
from toolwise.files import append_line
from toolwise.types import Frozen, Json, Observation, ToolErrorKind

_TRANSIENT = frozenset({ToolErrorKind.TIMEOUT, ToolErrorKind.CONNECTION, ToolErrorKind.RATE_LIMITED})
"""Failures that say nothing about the call itself; a later answer to the same question counts instead."""


class RecordedCall(Frozen):
    """One line of the record."""

    key: str
    """`call_key` of the call."""
    tool: str
    arguments: dict[str, Json]
    read: bool
    """Is the tool known to change nothing? Only other calls enter `after`."""
    task: str
    """Key of the task in whose session it was made."""
    after: str
    """Digest of the calls made before it in its branch that may have changed something; empty for none."""
    again: int
    """How often the same call was made before it in its branch since the last of those."""
    occurrence: int
    """How often the same call was made before it in its branch at all."""
    observation: Observation
    state: dict[str, Json] | None = None
    """The session's state after it, as the world tells it; none for a call that only reads."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Where in which branch a call is made."""

    key: str
    task: str
    after: str
    again: int
    occurrence: int


class CallRecord:
    """Recorded calls by key. Reads what other processes append; writes whole lines under the file's lock.

    A last line that a killed process left half written, and any other damaged line, is skipped and counted.
    """

    def __init__(self, path: Path) -> None:
        """Raises RunError if the file cannot be read. A file that does not exist is an empty record."""
        self.path = path
        self.damaged = 0
        """Lines that could not be read."""
        self._calls: dict[str, list[RecordedCall]] = {}
        self._read_to = 0
        self._file_id: tuple[int, int] | None = None
        self._lock = threading.Lock()
        self._refresh()

    def __len__(self) -> int:
        return sum(map(len, self._calls.values()))

    def append(self, call: RecordedCall) -> None:
        """Add a call. Raises RunError if the file cannot be written."""
        line = orjson.dumps(call.model_dump(mode="json"), option=orjson.OPT_NON_STR_KEYS)
        with self._lock, self._storage("write"):
            append_line(self.path, line)

    def find(self, moment: Moment, *, exact: bool = False) -> RecordedCall | None:
        """The recorded call that fits best; none where there is none (see `docs/worlds.md`).

        The same moment of the same task, else of another task; else, unless `exact`, the call's record by its
        number, and the last one beyond that.
        """
        with self._lock:
            self._refresh()
            calls = self._calls.get(moment.key)
            if not calls:
                return None
            here = [c for c in calls if c.after == moment.after and c.again == moment.again]
            best = [c for c in here if c.task == moment.task] or here
            if best:
                return _lasting(best)
            return None if exact else _numbered(calls, moment.occurrence)

    def _refresh(self) -> None:
        """Read the lines that were appended since the last time; from the start if the file is another one."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            self._forget(None)
            return
        except OSError as error:
            raise RunError(f"cannot read the record {self.path}: {error.strerror}; check the path") from error
        file_id = (found.st_dev, found.st_ino)
        if file_id != self._file_id or found.st_size < self._read_to:
            self._forget(file_id)
        if found.st_size == self._read_to:
            return
        with self._storage("read"), self.path.open("rb") as file:
            file.seek(self._read_to)
            text = file.read()
        whole, newline, _ = text.rpartition(b"\n")
        self._read_to += len(whole) + len(newline)
        for line in whole.split(b"\n"):
            self._learn(line)

    def _forget(self, file_id: tuple[int, int] | None) -> None:
        self._calls.clear()
        self._read_to = 0
        self.damaged = 0
        self._file_id = file_id

    def _learn(self, line: bytes) -> None:
        if not line.strip():
            return
        try:
            call = RecordedCall.model_validate(orjson.loads(line))
        except (orjson.JSONDecodeError, ValidationError):
            self.damaged += 1
            return
        self._calls.setdefault(call.key, []).append(call)

    @contextmanager
    def _storage(self, doing: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise RunError(
                f"cannot {doing} the record {self.path}: {error.strerror}; check the path and the free space"
            ) from error


def _lasting(calls: list[RecordedCall]) -> RecordedCall:
    """The first answer; not one that only says that the tool could not be reached, if there is another."""
    lasting = (call for call in calls if call.observation.error not in _TRANSIENT)
    return next(lasting, calls[0])


def _numbered(calls: list[RecordedCall], occurrence: int) -> RecordedCall:
    same = [call for call in calls if call.occurrence == occurrence]
    return _lasting(same) if same else calls[-1]
