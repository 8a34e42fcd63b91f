"""The journal: every effect (a model call, a real tool call, a judgement) happens once per run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import StrEnum

import orjson

from toolwise.store.database import Database
from toolwise.types import Json, content_key

_INSERT = "INSERT OR IGNORE INTO effects (key, kind, value, scope) VALUES (?, ?, ?, ?)"
_SCOPE: ContextVar[str] = ContextVar("scope", default="")


@contextmanager
def scope(row: str) -> Iterator[None]:
    """Effects recorded within the block are noted as having happened for this row."""
    token = _SCOPE.set(row)
    try:
        yield
    finally:
        _SCOPE.reset(token)


def current_scope() -> str:
    """The row for which effects happen here; empty outside of any."""
    return _SCOPE.get()


class EffectKind(StrEnum):
    """What kind of effect an entry records."""

    MODEL = "model"
    """A chat model's reply."""
    TOOL = "tool"
    """An observation from outside the process."""
    JUDGEMENT = "judgement"
    """A judge's verdict."""


class Journal:
    """Results of effects by content key: what was asked, with which settings, which sample."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._seen = _Seen()
        self._waiting: dict[str, bytes] = {}
        """Recorded, but not on disk yet."""
        for (key,) in database.stream("SELECT key FROM effects"):
            self._seen.add(key)

    async def effect(self, kind: EffectKind, asked: Json, perform: Callable[[], Awaitable[Json]]) -> Json:
        """The journalled result for `asked`; only if there is none, perform the effect and record it."""
        key = content_key(kind.value, asked)
        recorded = self.get(key)
        if recorded is not None:
            return recorded[0]
        value = await perform()
        self.record(kind, key, value)
        return value

    def record(self, kind: EffectKind, key: str, value: Json) -> None:
        """Enter a result; one that the key has already stays."""
        written = orjson.dumps(value)
        if self._database.grouping and not (key in self._seen and self.get(key)):
            self._waiting[key] = written
        self._seen.add(key)
        self._database.write(_INSERT, (key, kind.value, written, _SCOPE.get()))

    async def flush(self) -> None:
        """Write what waits. Raises RunError."""
        self._database.commit()
        self.committed()

    def of_pending(self, stage: str) -> Iterator[tuple[str, str, Json]]:
        """(row, key, value) of the effects that happened for rows of a stage which are still pending."""
        for row, key, value in self._database.stream(
            "SELECT effects.scope, effects.key, effects.value FROM effects JOIN rows "
            "ON rows.stage = ? AND rows.key = effects.scope AND rows.status = 'pending'",
            stage,
        ):
            yield row, key, orjson.loads(value)

    def committed(self) -> None:
        """All that was recorded is on disk."""
        self._waiting.clear()

    def get(self, key: str) -> tuple[Json] | None:
        """The recorded value in a 1-tuple (the value itself may be null), or none."""
        if key not in self._seen:
            return None
        if (waiting := self._waiting.get(key)) is not None:
            return (orjson.loads(waiting),)
        found = self._database.rows("SELECT value FROM effects WHERE key = ?", key)
        return (orjson.loads(found[0][0]),) if found else None

    def values(self, kind: EffectKind) -> Iterator[Json]:
        """The recorded results of one kind, in no particular order."""
        for (value,) in self._database.stream("SELECT value FROM effects WHERE kind = ?", kind.value):
            yield orjson.loads(value)

    def __len__(self) -> int:
        return int(self._database.rows("SELECT count(*) FROM effects")[0][0])


class _Seen:
    """Which keys may have been recorded: never a wrong no, rarely a wrong yes (Bloom, 1970).

    It spares almost all look-ups of a fresh run. With four bits of 2^26 a key, one in 10,000 look-ups is in vain after
    1.6 million keys; the memory is the same whatever their number.
    """

    _BITS = 26
    _MASK = 2**_BITS - 1

    def __init__(self) -> None:
        self._field = bytearray(2**self._BITS // 8)

    def add(self, key: str) -> None:
        number = hash(key)
        field, mask = self._field, self._MASK
        for at in (number & mask, number >> 13 & mask, number >> 26 & mask, number >> 38 & mask):
            field[at >> 3] |= 1 << (at & 7)

    def __contains__(self, key: str) -> bool:
        number = hash(key)
        field, mask = self._field, self._MASK
        for at in (number & mask, number >> 13 & mask, number >> 26 & mask, number >> 38 & mask):
            if not field[at >> 3] & 1 << (at & 7):
                return False
        return True
