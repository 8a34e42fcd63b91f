"""Durable runs: a folder with its configuration, a journal of effects, and rows that never vanish."""

from toolwise.store.database import Database
from toolwise.store.journal import Journal
from toolwise.store.reading import RunReader, StageState
from toolwise.store.rows import Row, Rows, RowStatus
from toolwise.store.run import RunFolder

__all__ = [
    "Database",
    "Journal",
    "Row",
    "RowStatus",
    "Rows",
    "RunFolder",
    "RunReader",
    "StageState",
]
