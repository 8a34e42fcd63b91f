"""Reading a run without holding it: a live one's latest commit, or a dead one's last."""

from __future__ import annotations

import fcntl
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson

from toolwise.errors import RunError
from toolwise.store.database import storage
from toolwise.store.rows import counted
from toolwise.store.run import JOURNAL_FILE, LOCK_FILE, read_config
from toolwise.types import Funnel, Json


@dataclass(frozen=True, slots=True)
class StageState:
    """One stage of a run."""

    name: str
    funnel: Funnel | None
    """None for a stage without rows of its own."""
    seconds: float | None
    """What it took; none while it is not finished."""


class RunReader:
    """A run as its journal tells it. Use as a context manager; nothing is written, and nobody is kept waiting."""

    def __init__(self, path: Path) -> None:
        """Raises RunError where there is no run, or its files cannot be read."""
        self.path = path
        if not (path / JOURNAL_FILE).is_file():
            raise RunError(f"{path} holds no run; give the folder of a --out")
        self.config = read_config(path)
        with storage(path / JOURNAL_FILE):
            where = quote(str((path / JOURNAL_FILE).resolve()))
            self._connection = sqlite3.connect(f"file:{where}?mode=ro", uri=True)

    def __enter__(self) -> RunReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    @property
    def held(self) -> bool:
        """Does a process work in the folder?"""
        try:
            with (self.path / LOCK_FILE).open() as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:  # no lock, or one that cannot be opened: nobody holds it
            return False
        return False

    def stages(self) -> Iterator[StageState]:
        """Stages in the order in which they were begun."""
        with self._reading():
            groups = self._rows("SELECT stage, status, reason, count(*) FROM rows GROUP BY stage, status, reason")
            seconds = dict(self._rows("SELECT name, seconds FROM stages"))
            begun = [name for (name,) in self._rows("SELECT stage FROM rows GROUP BY stage ORDER BY min(rowid)")]
        for name in [*begun, *(name for name in seconds if name not in begun)]:
            counts = [(status, reason, count) for stage, status, reason, count in groups if stage == name]
            yield StageState(name, counted(counts) if counts else None, seconds.get(name))

    def noted(self, name: str) -> Json:
        """A fact that the run keeps under a name; null where there is none."""
        with self._reading():
            found = self._rows("SELECT value FROM notes WHERE name = ?", name)
        return orjson.loads(found[0][0]) if found else None

    def rejects(self, limit: int) -> list[dict[str, str]]:
        """The last rows in order that were rejected or failed, with their reasons."""
        with self._reading():
            found = self._rows(
                "SELECT key, status, reason FROM rows WHERE status IN ('rejected', 'failed') "
                "ORDER BY rowid DESC LIMIT ?",
                limit,
            )
        return [{"key": key, "status": status, "reason": reason} for key, status, reason in reversed(found)]

    def values(self, stage: str) -> Iterator[tuple[str, Json]]:
        """Key and value of a stage's finished rows, in order."""
        with self._reading():
            found = self._rows(
                "SELECT key, value FROM rows WHERE stage = ? AND status = 'done' AND value IS NOT NULL "
                "ORDER BY position",
                stage,
            )
        for key, value in found:
            yield key, orjson.loads(value)

    @property
    def effects(self) -> int:
        """Effects in the journal."""
        with self._reading():
            return int(self._rows("SELECT count(*) FROM effects")[0][0])

    def _rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        try:
            return self._connection.execute(statement, values).fetchall()
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):  # killed before its tables were made, or of an earlier version
                return []
            raise

    @contextmanager
    def _reading(self) -> Iterator[None]:
        with storage(self.path / JOURNAL_FILE):
            yield
