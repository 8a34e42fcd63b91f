"""The run's SQLite file: write-ahead log, one writer."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from toolwise.errors import RunError

# Rows and effects are appended to their tables, whatever their keys: only the small indexes are written here and there,
# so a run's millionth record costs as much as its first.
_TABLES = """
CREATE TABLE IF NOT EXISTS effects (key TEXT PRIMARY KEY, kind TEXT NOT NULL, value BLOB NOT NULL,
    scope TEXT NOT NULL DEFAULT '');
CREATE TABLE IF NOT EXISTS rows (
    stage TEXT NOT NULL, key TEXT NOT NULL, position INTEGER NOT NULL,
    status TEXT NOT NULL, reason TEXT NOT NULL DEFAULT '', value BLOB,
    PRIMARY KEY (stage, key)
);
CREATE INDEX IF NOT EXISTS rows_in_order ON rows (stage, position, status, reason);
CREATE TABLE IF NOT EXISTS notes (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS stages (name TEXT PRIMARY KEY, seconds REAL NOT NULL, summary BLOB) WITHOUT ROWID;
"""
_CACHE_KIB = 32 * 1024
_CHECKPOINT_PAGES = 8 * 1024
"""Pages of the log (32 MB) after which it goes into the database, with a wait for the disk: rarely."""


class Database:
    """The connection of a run's one writer. Records go to disk one by one, or in groups (see `grouped`)."""

    def __init__(self, path: Path) -> None:
        """Open or create the database. Raises RunError if the file is damaged or the disk is full.

        With `synchronous=NORMAL` a killed process loses nothing that was committed; a power cut may lose the
        last commits but never damages the file.
        """
        self.path = path
        with storage(path):
            self._connection = sqlite3.connect(path, isolation_level=None)
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=NORMAL")
            self._connection.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")
            self._connection.execute(f"PRAGMA wal_autocheckpoint={_CHECKPOINT_PAGES}")
            self._connection.executescript(_TABLES)
            if "scope" not in {name for _, name, *_ in self._connection.execute("PRAGMA table_info(effects)")}:
                self._connection.execute("ALTER TABLE effects ADD COLUMN scope TEXT NOT NULL DEFAULT ''")
        self._waiting: dict[str, list[tuple[Any, ...]]] | None = None
        """Records by the statement that writes them; none where each is written at once."""

    @property
    def grouping(self) -> bool:
        """Do records wait for the next commit?"""
        return self._waiting is not None

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """All that a query finds. Raises RunError."""
        with storage(self.path):
            return self._connection.execute(statement, values).fetchall()

    def stream(self, statement: str, *values: Any) -> Iterator[tuple[Any, ...]]:
        """What a query finds, one by one. The tables must not be written to meanwhile. Raises RunError."""
        with storage(self.path):
            yield from self._connection.execute(statement, values)

    def write(self, statement: str, record: tuple[Any, ...]) -> None:
        """Write a record, now or with its group. Raises RunError."""
        if self._waiting is not None:
            self._waiting.setdefault(statement, []).append(record)
            return
        with storage(self.path):
            self._connection.execute(statement, record)

    def write_all(self, statement: str, records: Iterable[tuple[Any, ...]]) -> None:
        """Write records in one transaction, now. Raises RunError, and then none of them is written."""
        with storage(self.path), self._transaction():
            self._connection.executemany(statement, records)

    def commit(self) -> None:
        """Write what waits, in one transaction. Raises RunError; what could not be written waits on."""
        if not self._waiting:
            return
        with storage(self.path), self._transaction():
            for statement, records in self._waiting.items():
                self._connection.executemany(statement, records)
        self._waiting.clear()

    @contextmanager
    def grouped(self) -> Iterator[None]:
        """Within the block, records wait until `commit`, which the end of the block is too."""
        self._waiting = {}
        try:
            yield
        finally:
            try:
                self.commit()
            finally:
                self._waiting = None

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise


@contextmanager
def storage(path: Path | str) -> Iterator[None]:
    """Turn SQLite's errors into one line with the remedy."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        text = str(error)
        code = getattr(error, "sqlite_errorname", "") or ""
        if "full" in text or code.startswith("SQLITE_IOERR_WRITE"):
            remedy = "the disk is full; free some space and run again with --resume"
        elif "malformed" in text or "not a database" in text:
            remedy = "the file is damaged; restore it, or start over with another --out"
        else:
            remedy = "check that the folder is writable, then run again with --resume"
        raise RunError(f"run journal {path}: {text}; {remedy}") from error
