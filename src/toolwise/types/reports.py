"""Report: numbers with their uncertainty, and where each came from."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from toolwise.types.base import Frozen, Json


class Metric(Frozen):
    """One measured number with a 95% interval."""

    value: float
    n: int
    low: float
    high: float
    unit: str = "fraction"


class Table(Frozen):
    """Rows of numbers or text under named columns."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Json, ...], ...]
    note: str = ""


class Report(Frozen):
    """What a run found."""

    title: str
    metrics: Mapping[str, Metric] = Field(default_factory=dict)
    tables: tuple[Table, ...] = ()
    provenance: Mapping[str, Json] = Field(default_factory=dict)
