"""The run's SQLite file: write-ahead log, one writer."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from toolwise.errors import RunError

_TABLES = """
CREATE TABLE IF NOT EXISTS effects (key TEXT PRIMARY KEY, kind TEXT NOT NULL, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS rows (
    stage TEXT NOT NULL, key TEXT NOT NULL, position INTEGER NOT NULL,
    status TEXT NOT NULL, reason TEXT NOT NULL DEFAULT '', value BLOB,
    PRIMARY KEY (stage, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS stages (name TEXT PRIMARY KEY, seconds REAL NOT NULL, summary BLOB) WITHOUT ROWID;
"""


def connect(path: Path) -> sqlite3.Connection:
    """Open or create the database. Raises RunError if the file is damaged or the disk is full.

    With `synchronous=NORMAL` a killed process loses nothing that was committed; a power cut may lose the
    last commits but never damages the file.
    """
    with storage(path):
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.executescript(_TABLES)
    return connection


@contextmanager
def storage(path: Path | str) -> Iterator[None]:
    """Turn SQLite's errors into one line with the remedy."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        text = str(error)
        if "full" in text:
            remedy = "the disk is full; free some space and run again with --resume"
        elif "malformed" in text or "not a database" in text:
            remedy = "the file is damaged; restore it, or start over with another --out"
        else:
            remedy = "check that the folder is writable, then run again with --resume"
        raise RunError(f"run journal {path}: {text}; {remedy}") from error
