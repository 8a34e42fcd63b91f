"""Rows of one stage: pending until done, rejected or failed; counted, and never lost."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

import orjson

from toolwise.store.database import storage
from toolwise.types import Funnel, Json


class RowStatus(StrEnum):
    """Where a row stands."""

    PENDING = "pending"
    """Not finished yet."""
    DONE = "done"
    """Finished and accepted."""
    REJECTED = "rejected"
    """Finished, and a check did not pass."""
    FAILED = "failed"
    """Could not be finished."""


@dataclass(frozen=True, slots=True)
class Row:
    """One unit of a stage's work."""

    key: str
    status: RowStatus
    value: Json = None
    reason: str = ""


class Rows:
    """The rows of one stage in the order in which they were added."""

    def __init__(self, connection: sqlite3.Connection, stage: str) -> None:
        self._connection = connection
        self._stage = stage

    def add(self, keys: Iterable[str]) -> None:
        """Enter rows as pending; those already there keep their status."""
        (start,) = self._connection.execute("SELECT count(*) FROM rows WHERE stage = ?", (self._stage,)).fetchone()
        records = [(self._stage, key, start + i, RowStatus.PENDING.value) for i, key in enumerate(keys)]
        with storage("rows"):
            self._connection.execute("BEGIN")
            self._connection.executemany(
                "INSERT OR IGNORE INTO rows (stage, key, position, status) VALUES (?, ?, ?, ?)", records
            )
            self._connection.execute("COMMIT")

    def finish(self, row: Row) -> None:
        """Record a row's result. A row that was never added is an error of the caller (KeyError)."""
        with storage("rows"):
            cursor = self._connection.execute(
                "UPDATE rows SET status = ?, value = ?, reason = ? WHERE stage = ? AND key = ?",
                (row.status.value, orjson.dumps(row.value), row.reason, self._stage, row.key),
            )
        if cursor.rowcount != 1:
            raise KeyError(row.key)

    def pending(self) -> list[str]:
        """Keys of the rows still to be done, in order."""
        return [
            key
            for (key,) in self._connection.execute(
                "SELECT key FROM rows WHERE stage = ? AND status = 'pending' ORDER BY position", (self._stage,)
            )
        ]

    def __iter__(self) -> Iterator[Row]:
        cursor = self._connection.execute(
            "SELECT key, status, value, reason FROM rows WHERE stage = ? ORDER BY position", (self._stage,)
        )
        for key, status, value, reason in cursor:
            yield Row(key, RowStatus(status), None if value is None else orjson.loads(value), reason)

    def funnel(self) -> Funnel:
        """Counts by status and reason."""
        counts = dict.fromkeys(RowStatus, 0)
        reasons: dict[str, int] = {}
        for status, reason, count in self._connection.execute(
            "SELECT status, reason, count(*) FROM rows WHERE stage = ? GROUP BY status, reason ORDER BY reason",
            (self._stage,),
        ):
            counts[RowStatus(status)] += count
            if RowStatus(status) in (RowStatus.REJECTED, RowStatus.FAILED):
                reasons[reason or "unknown"] = reasons.get(reason or "unknown", 0) + count
        return Funnel(
            entered=sum(counts.values()),
            accepted=counts[RowStatus.DONE],
            rejected=counts[RowStatus.REJECTED],
            failed=counts[RowStatus.FAILED],
            pending=counts[RowStatus.PENDING],
            reasons=reasons,
        )
