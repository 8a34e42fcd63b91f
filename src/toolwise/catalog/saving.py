"""Writing a catalog's folder: all or nothing.

`toolsets.jsonl` (one Toolset a line), `index.json` (where each line starts, and what it holds), `left_out.jsonl` and
`summary.json`. The same input gives the same bytes.
"""

from __future__ import annotations

import contextlib
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import orjson

from toolwise.catalog.left_out import LeftOut
from toolwise.errors import CatalogError
from toolwise.types import Catalog, Toolset

FORMAT = "toolwise-catalog"
VERSION = 1
TOOLSETS, INDEX, LEFT_OUT, SUMMARY = "toolsets.jsonl", "index.json", "left_out.jsonl", "summary.json"

_HINTS = ("read_only", "idempotent", "destructive")


@contextmanager
def _writing(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CatalogError(
            f"{out}: cannot write the catalog: {error.strerror or error}; nothing was changed there, "
            "free some space or choose another --out"
        ) from error


def is_catalog(folder: Path) -> bool:
    """Does this folder hold a saved catalog?"""
    return (folder / INDEX).is_file() and (folder / TOOLSETS).is_file()


def _refuse_other_content(out: Path) -> None:
    if not out.exists() or (out.is_dir() and (is_catalog(out) or not any(out.iterdir()))):
        return
    raise CatalogError(f"{out}: exists and is not a catalog; choose another --out, or remove it first")


def hint_counts(tools: Iterable[dict[str, Any]]) -> dict[str, int]:
    """How many tools are known to be read-only, idempotent, destructive; and of how many nothing is known."""
    counts: Counter[str] = Counter()
    for tool in tools:
        hints = tool.get("hints") or {}
        for hint in _HINTS:
            if hints.get(hint) is True:
                counts[hint] += 1
        if not any(value is not None for value in hints.values()):
            counts["unknown"] += 1
    return {hint: counts[hint] for hint in (*_HINTS, "unknown")}


class CatalogWriter:
    """Collects toolsets in a folder beside `out`, and puts it in its place on `commit`."""

    def __init__(self, out: Path) -> None:
        """Raises CatalogError if `out` holds something that is not a catalog."""
        self._out = Path(out)
        self.toolsets = self.tools = self.parameters = 0
        self._offset = 0
        self._index: list[dict[str, Any]] = []
        self._reasons: Counter[str] = Counter()
        self._toolsets_file: BinaryIO | None = None
        self._left_out_file: BinaryIO | None = None
        with _writing(self._out):
            _refuse_other_content(self._out)
            target = self._out.resolve()
            self._new = target.with_name(f".{target.name}.importing")
            self._old = target.with_name(f".{target.name}.replaced")
            self._target = target

    def __enter__(self) -> Self:
        with _writing(self._out):
            shutil.rmtree(self._new, ignore_errors=True)  # of an import that was killed
            self._new.mkdir(parents=True)
            self._toolsets_file = (self._new / TOOLSETS).open("wb")
            self._left_out_file = (self._new / LEFT_OUT).open("wb")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for file in (self._toolsets_file, self._left_out_file):
            if file is not None:
                with contextlib.suppress(OSError):  # a full disk was already reported
                    file.close()
        shutil.rmtree(self._new, ignore_errors=True)

    def add(self, toolset: dict[str, Any]) -> None:
        """Append one toolset, given as a Toolset's JSON. Raises CatalogError if the disk is full."""
        if self._toolsets_file is None:
            raise RuntimeError("the writer is used outside its `with` block")
        line = orjson.dumps(toolset, option=orjson.OPT_APPEND_NEWLINE)
        with _writing(self._out):
            self._toolsets_file.write(line)
        tools = toolset["tools"]
        parameters = sum(len(tool["parameters"].get("properties") or ()) for tool in tools)
        entry = {key: toolset[key] for key in ("name", "title", "category", "collections", "family", "source")}
        entry |= {"offset": self._offset, "length": len(line), "parameters": parameters}
        entry |= {"hints": hint_counts(tools), "tools": [tool["name"] for tool in tools]}
        self._index.append(entry)
        self._offset += len(line)
        self.toolsets += 1
        self.tools += len(tools)
        self.parameters += parameters

    def leave_out(self, item: LeftOut) -> None:
        """Record something that is not in the catalog."""
        if self._left_out_file is None:
            raise RuntimeError("the writer is used outside its `with` block")
        self._reasons[item.reason.value] += 1
        with _writing(self._out):
            self._left_out_file.write(orjson.dumps(item.as_json(), option=orjson.OPT_APPEND_NEWLINE))

    def commit(self) -> None:
        """Put the new catalog in the place of the old one. Raises CatalogError."""
        summary = {
            "toolsets": self.toolsets,
            "tools": self.tools,
            "parameters": self.parameters,
            "left_out": dict(sorted(self._reasons.items())),
        }
        index = {"format": FORMAT, "version": VERSION, "toolsets": self._index}
        with _writing(self._out):
            for file in (self._toolsets_file, self._left_out_file):
                if file is not None:
                    file.close()
            (self._new / INDEX).write_bytes(orjson.dumps(index))
            (self._new / SUMMARY).write_bytes(orjson.dumps(summary, option=orjson.OPT_INDENT_2))
            self._swap()

    def _swap(self) -> None:
        shutil.rmtree(self._old, ignore_errors=True)
        if self._target.exists():
            self._target.rename(self._old)
        try:
            self._new.rename(self._target)
        except OSError:
            if self._old.exists():
                self._old.rename(self._target)
            raise
        shutil.rmtree(self._old, ignore_errors=True)


def write_catalog(toolsets: Iterable[Toolset] | Catalog, out: Path, left_out: Iterable[LeftOut] = ()) -> None:
    """Save toolsets that were made or chosen in Python. Raises CatalogError."""
    with CatalogWriter(out) as writer:
        for toolset in toolsets.toolsets if isinstance(toolsets, Catalog) else toolsets:
            writer.add(toolset.model_dump(mode="json", exclude_defaults=False))
        for item in left_out:
            writer.leave_out(item)
        writer.commit()
