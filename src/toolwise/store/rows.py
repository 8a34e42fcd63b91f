"""Rows of one stage: pending until done, rejected or failed; counted, and never lost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

import orjson

from toolwise.store.database import Database
from toolwise.types import Funnel, Json

_FINISH = "UPDATE rows SET status = ?, value = ?, reason = ? WHERE stage = ? AND key = ?"
_PENDING = (
    "SELECT position, key FROM rows WHERE stage = ? AND status = 'pending' AND position > ? ORDER BY position LIMIT ?"
)
_PIECE = 500


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
    """A JSON value; an `orjson.Fragment` where it is written already."""
    reason: str = ""


class Rows:
    """The rows of one stage in the order in which they were added."""

    def __init__(self, database: Database, stage: str) -> None:
        self._database = database
        self._stage = stage

    def add(self, keys: Iterable[str]) -> None:
        """Enter rows as pending; those already there keep their status. `keys` may be any number: they are streamed."""
        ((start,),) = self._database.rows(
            "SELECT coalesce(max(position) + 1, 0) FROM rows WHERE stage = ?", self._stage
        )
        self._database.write_all(
            "INSERT OR IGNORE INTO rows (stage, key, position, status) VALUES (?, ?, ?, ?)",
            ((self._stage, key, start + i, RowStatus.PENDING.value) for i, key in enumerate(keys)),
        )

    def finish(self, row: Row) -> None:
        """Record a row's result, now or with its group. A row that was never added is an error of the caller
        (KeyError, where it is recorded at once)."""
        value = orjson.dumps(row.value)
        self._database.write(_FINISH, (row.status.value, value, row.reason, self._stage, row.key))
        if not self._database.grouping and not self._database.rows(
            "SELECT 1 FROM rows WHERE stage = ? AND key = ?", self._stage, row.key
        ):
            raise KeyError(row.key)

    def pending(self) -> list[str]:
        """Keys of the rows still to be done, in order."""
        return list(self.still_pending())

    def still_pending(self) -> Iterator[str]:
        """As `pending`, read piece by piece: rows may be finished meanwhile, and memory does not grow with them."""
        after = -1
        while True:
            found = self._database.rows(_PENDING, self._stage, after, _PIECE)
            if not found:
                return
            yield from (key for _, key in found)
            after = found[-1][0]

    def __iter__(self) -> Iterator[Row]:
        for key, status, value, reason in self._database.stream(
            "SELECT key, status, value, reason FROM rows WHERE stage = ? ORDER BY position", self._stage
        ):
            yield Row(key, RowStatus(status), None if value is None else orjson.loads(value), reason)

    def written(self, *statuses: RowStatus) -> Iterator[bytes]:
        """The results of the rows of these statuses in order, as the JSON that was recorded."""
        marks = ", ".join("?" * len(statuses))
        query = f"SELECT value FROM rows WHERE stage = ? AND status IN ({marks}) ORDER BY position"  # noqa: S608
        for (value,) in self._database.stream(query, self._stage, *(status.value for status in statuses)):
            yield value

    def reasons(self, status: RowStatus) -> dict[str, int]:
        """How many rows of a status have which reason."""
        query = "SELECT reason, count(*) FROM rows WHERE stage = ? AND status = ? GROUP BY reason ORDER BY reason"
        return dict(self._database.rows(query, self._stage, status.value))

    def funnel(self) -> Funnel:
        """Counts by status and reason."""
        return counted(
            self._database.rows(
                "SELECT status, reason, count(*) FROM rows WHERE stage = ? GROUP BY status, reason ORDER BY reason",
                self._stage,
            )
        )


def counted(groups: Iterable[tuple[str, str, int]]) -> Funnel:
    """A funnel from (status, reason, count)."""
    counts = dict.fromkeys(RowStatus, 0)
    reasons: dict[str, int] = {}
    for status, reason, count in groups:
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
