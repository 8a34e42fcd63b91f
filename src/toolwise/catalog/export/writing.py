"""Writing a catalog in another format: one toolset in memory at a time, and all or nothing on the disk."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import orjson

from toolwise.catalog.documentation.composing import compose
from toolwise.catalog.documentation.losses import Losses
from toolwise.catalog.documentation.record import Documentation
from toolwise.catalog.documentation.specification import openapi_document
from toolwise.catalog.draft import Names
from toolwise.catalog.export.formats import ExportFormat
from toolwise.catalog.export.functions import mcp_head, mcp_tools, openai_functions
from toolwise.catalog.export.toolalpaca import toolalpaca_entry
from toolwise.catalog.export.toolbench import toolbench_tool
from toolwise.errors import CatalogError, RunError
from toolwise.files import write_atomic
from toolwise.ports import Observer, Progress, silent
from toolwise.types import Frozen, Toolset

MARK = ".toolwise-export"
"""In a folder that an export wrote, so that the next one may replace it."""
UNCATEGORISED = "Uncategorised"
"""The folder of toolsets without a category."""

_ILLEGAL = re.compile(r"[^A-Za-z0-9_-]+")

DocumentationOf = Callable[[Toolset], Documentation]


class ExportSummary(Frozen):
    """What an export wrote."""

    format: ExportFormat
    toolsets: int
    tools: int
    files: int
    bytes: int
    lost: dict[str, int]
    """What the format could not hold, by `Loss`: how many tools (or toolsets) lost it."""
    seconds: float
    tools_per_second: float


def _json(value: Any) -> bytes:
    return orjson.dumps(value)


def _list_document(head: dict[str, Any], key: str, items: Iterable[Any]) -> Iterator[bytes]:
    """One JSON object with a long list, an item at a time."""
    yield b"{"
    for name, value in head.items():
        yield _json(name) + b":" + _json(value) + b","
    yield _json(key) + b":["
    yield from _separated(map(_json, items), b",\n")
    yield b"]}\n"


def _separated(items: Iterable[bytes], separator: bytes) -> Iterator[bytes]:
    first = True
    for item in items:
        if not first:
            yield separator
        first = False
        yield item


@contextmanager
def replaced_folder(out: Path) -> Iterator[Path]:
    """A new folder that takes the place of `out` when the block ends well; other content is refused."""
    target = out.resolve()
    if out.exists() and not (out.is_dir() and ((out / MARK).is_file() or not any(out.iterdir()))):
        raise CatalogError(f"{out}: exists and is no earlier export; choose another --out, or remove it first")
    new, old = target.with_name(f".{target.name}.exporting"), target.with_name(f".{target.name}.replaced")
    try:
        shutil.rmtree(new, ignore_errors=True)  # of an export that was killed
        new.mkdir(parents=True)
        yield new
        shutil.rmtree(old, ignore_errors=True)
        if target.exists():
            target.rename(old)
        new.rename(target)
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        cause = error.strerror or str(error)
        raise RunError(f"cannot write {out}: {cause}; free some space or choose another folder") from error
    finally:
        shutil.rmtree(new, ignore_errors=True)


class _Export:
    """Counts while toolsets go by."""

    def __init__(self, to: ExportFormat, documentation: DocumentationOf) -> None:
        self._to = to
        self._documentation = documentation
        self._names = Names()
        self._titles: set[tuple[str, str]] = set()
        self.losses = Losses()
        self.toolsets = self.tools = self.files = self.size = 0

    def into_folder(self, toolsets: Iterable[Toolset], folder: Path) -> None:
        for toolset in toolsets:
            path = folder / self._path(toolset)
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                self._write(file, self._document(toolset))
            self._count(toolset)
            self.files += 1
        (folder / MARK).write_bytes(_json({"format": self._to.value, "toolsets": self.toolsets, "tools": self.tools}))

    def into_file(self, toolsets: Iterable[Toolset], file: IO[bytes], *, lines: bool) -> None:
        """A JSON array, an element a line; or without brackets and commas, JSON lines."""
        elements = map(_json, self._elements(toolsets))
        if lines:
            self._write(file, (element + b"\n" for element in elements))
        else:
            self._write(file, [b"[\n"])
            self._write(file, _separated(elements, b",\n"))
            self._write(file, [b"\n]\n"])
        self.files += 1

    def _write(self, file: IO[bytes], pieces: Iterable[bytes]) -> None:
        for piece in pieces:
            file.write(piece)
            self.size += len(piece)

    def _count(self, toolset: Toolset) -> None:
        self.toolsets += 1
        self.tools += len(toolset.tools)

    def _path(self, toolset: Toolset) -> Path:
        """Made of letters, digits, `_` and `-` alone, whatever a toolset or a category calls itself."""
        name = _ILLEGAL.sub("_", toolset.name) or "toolset"
        if self._to is not ExportFormat.TOOLBENCH:
            return Path(f"{self._names.give(name.lower())}.json")
        category = _ILLEGAL.sub("_", toolset.category).strip("_") or UNCATEGORISED
        return Path(f"{self._names.give(f'{category}/{name.lower()}')}.json")

    def _title(self, toolset: Toolset) -> str:
        """The toolset's title, with its name behind it where a title came before in the category."""
        title = toolset.title or toolset.name
        mark = (toolset.category.casefold(), title)
        if mark in self._titles:
            return f"{title} ({toolset.name})"
        self._titles.add(mark)
        return title

    def _document(self, toolset: Toolset) -> Iterator[bytes]:
        """One toolset's file, in pieces."""
        if self._to is ExportFormat.MCP:
            yield from _list_document(mcp_head(toolset), "tools", mcp_tools(toolset, self.losses))
        elif self._to is ExportFormat.OPENAPI:
            yield _json(openapi_document(toolset, self.losses)) + b"\n"
        else:
            yield _json(toolbench_tool(toolset, self._title(toolset), self.losses)) + b"\n"

    def _elements(self, toolsets: Iterable[Toolset]) -> Iterator[Any]:
        for toolset in toolsets:
            if self._to is ExportFormat.OPENAI:
                yield from openai_functions(toolset, self.losses)
            else:
                yield toolalpaca_entry(toolset, self._documentation(toolset), self.losses)
            self._count(toolset)


def _watched(toolsets: Iterable[Toolset], total: int, observer: Observer) -> Iterator[Toolset]:
    done = 0
    for toolset in toolsets:
        observer(Progress("export", done, total, toolset.name))
        yield toolset
        done += 1
    observer(Progress("export", done, total))


def export_catalog(
    toolsets: Iterable[Toolset],
    to: ExportFormat,
    out: Path,
    *,
    total: int = 0,
    documentation: DocumentationOf = compose,
    observer: Observer = silent,
) -> ExportSummary:
    """Write toolsets in a format: a folder for OpenAPI, MCP and ToolBench, one file for OpenAI and ToolAlpaca.

    `out` appears, complete, only when all is written; an earlier export is replaced, anything else refused.
    `documentation` gives what ToolAlpaca's format needs beside the tools. Raises CatalogError, RunError.
    """
    started = time.perf_counter()
    export = _Export(to, documentation)
    watched = _watched(toolsets, total, observer)
    if to in (ExportFormat.OPENAI, ExportFormat.TOOLALPACA):
        if out.is_dir():
            raise CatalogError(f"{out}: is a folder, and {to.value} is written as one file; name a .json file")
        with write_atomic(out) as file:
            export.into_file(watched, file, lines=out.suffix in (".jsonl", ".ndjson"))
    else:
        with replaced_folder(out) as folder:
            export.into_folder(watched, folder)
    seconds = time.perf_counter() - started
    return ExportSummary(
        format=to,
        toolsets=export.toolsets,
        tools=export.tools,
        files=export.files,
        bytes=export.size,
        lost={name: count for name, count in sorted(export.losses.items()) if count},
        seconds=round(seconds, 3),
        tools_per_second=round(export.tools / seconds, 1) if seconds > 0 else 0.0,
    )
