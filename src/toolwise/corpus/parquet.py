"""Examples as parquet. Imports pyarrow: import this module only where it is used."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from toolwise.corpus.lines import RowT, read_rows
from toolwise.files import written_aside
from toolwise.types import Frozen, Json

_BATCH = 1000
"""Rows that are held at once."""


def write_parquet(source: Path, target: Path, kind: type[Frozen]) -> int:
    """Turn JSON lines into parquet; returns the rows written.

    Every list or object is kept as a JSON *string*: Arrow merges structs and would give each row every other
    row's keys as nulls, on which a model then trains. Raises DataError, RunError.
    """
    schema = pa.schema([(name, pa.string()) for name in kind.model_fields])
    written = 0
    with written_aside(target) as aside, pq.ParquetWriter(aside, schema, compression="zstd") as writer:
        rows = read_rows(source, kind)
        while batch := list(islice(rows, _BATCH)):
            columns = [[_cell(value) for value in column] for column in _columns(batch, kind)]
            writer.write_batch(pa.record_batch([pa.array(c, pa.string()) for c in columns], schema=schema))
            written += len(batch)
    return written


def read_parquet(path: Path, kind: type[RowT]) -> Iterator[RowT]:
    """Rows of a parquet file that `write_parquet` wrote."""
    plain = {name for name, field in kind.model_fields.items() if _is_text(field.annotation)}
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(_BATCH):
            for row in batch.to_pylist():
                values = {name: cell if name in plain else orjson.loads(cell) for name, cell in row.items()}
                yield kind.model_validate(values)


def _columns(batch: list[Frozen], kind: type[Frozen]) -> list[list[Json]]:
    rows = [row.model_dump(mode="json") for row in batch]
    return [[row[name] for row in rows] for name in kind.model_fields]


def _cell(value: Json) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _is_text(annotation: object) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, str)
