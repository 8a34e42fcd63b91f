"""SFT rows as parquet that Hugging Face trainers read as it is. Imports pyarrow: import this module where it is used.

`messages` is a list of structs in which nothing is ever null: a turn without calls has an empty list, one without a
call id an empty string. `tools` and each call's `arguments` are JSON strings, because Arrow merges structs of different
shapes and would give every row all other rows' keys as nulls, on which a model then trains.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from toolwise.corpus.formats.conversations import Conversation, json_text, read_chat
from toolwise.corpus.formats.openai_chat import string_calls
from toolwise.files import written_aside
from toolwise.types import ChatMessage, Json, SFTExample

_BATCH = 1000


def _struct(**fields: pa.DataType) -> pa.DataType:
    return pa.struct([pa.field(name, kind, nullable=False) for name, kind in fields.items()])


def _list(of: pa.DataType) -> pa.DataType:
    return pa.list_(pa.field("item", of, nullable=False))


_TEXT = pa.string()
_CALL = _struct(id=_TEXT, type=_TEXT, function=_struct(name=_TEXT, arguments=_TEXT))
_MESSAGE = _struct(role=_TEXT, content=_TEXT, tool_calls=_list(_CALL), tool_call_id=_TEXT, reasoning_content=_TEXT)
SCHEMA = pa.schema(
    [
        pa.field("key", _TEXT, nullable=False),
        pa.field("task_key", _TEXT, nullable=False),
        pa.field("messages", _list(_MESSAGE), nullable=False),
        pa.field("tools", _TEXT, nullable=False),
    ]
)


def write_dataset(path: Path, examples: Iterable[SFTExample]) -> int:
    """Write one split; returns the rows. Raises RunError."""
    written = 0
    rows = iter(examples)
    with written_aside(path) as aside, pq.ParquetWriter(aside, SCHEMA, compression="zstd") as writer:
        while batch := [_row(example) for example in islice(rows, _BATCH)]:
            writer.write_batch(pa.RecordBatch.from_pylist(batch, schema=SCHEMA))
            written += len(batch)
    return written


def read_dataset(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a parquet file, as Arrow gives them."""
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(_BATCH):
            yield from batch.to_pylist()


def read_dataset_row(row: dict[str, Any]) -> Conversation:
    """A row of ours, or of another data set in the chat shape. Raises RowError."""
    messages = row.get("messages")
    if isinstance(messages, list):
        messages = [_without_blanks(m) if isinstance(m, dict) else m for m in messages]
    return read_chat(messages, row.get("tools"))


def _row(example: SFTExample) -> dict[str, Json]:
    return {
        "key": example.key,
        "task_key": example.task_key,
        "messages": [_message(message) for message in example.messages],
        "tools": json_text(list(example.tools)),
    }


def _message(message: ChatMessage) -> dict[str, Json]:
    return {
        "role": message["role"],
        "content": message["content"],
        "tool_calls": string_calls(message),
        "tool_call_id": message.get("tool_call_id", ""),
        "reasoning_content": message.get("reasoning_content", ""),
    }


def _without_blanks(message: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in message.items() if value or key in ("role", "content")}
