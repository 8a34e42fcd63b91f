"""The journal: every effect (a model call, a real tool call, a judgement) happens once per run."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from enum import StrEnum

import orjson

from toolwise.store.database import storage
from toolwise.types import Json, content_key


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

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    async def effect(self, kind: EffectKind, asked: Json, perform: Callable[[], Awaitable[Json]]) -> Json:
        """The journalled result for `asked`; only if there is none, perform the effect and record it."""
        key = content_key(kind.value, asked)
        recorded = self.get(key)
        if recorded is not None:
            return recorded[0]
        value = await perform()
        with storage("effects"):
            self._connection.execute(
                "INSERT OR IGNORE INTO effects VALUES (?, ?, ?)", (key, kind.value, orjson.dumps(value))
            )
        return value

    def get(self, key: str) -> tuple[Json] | None:
        """The recorded value in a 1-tuple (the value itself may be null), or none."""
        with storage("effects"):
            found = self._connection.execute("SELECT value FROM effects WHERE key = ?", (key,)).fetchone()
        return None if found is None else (orjson.loads(found[0]),)

    def values(self, kind: EffectKind) -> Iterator[Json]:
        """The recorded results of one kind, in no particular order."""
        with storage("effects"):
            for (value,) in self._connection.execute("SELECT value FROM effects WHERE kind = ?", (kind.value,)):
                yield orjson.loads(value)

    def __len__(self) -> int:
        (count,) = self._connection.execute("SELECT count(*) FROM effects").fetchone()
        return int(count)
