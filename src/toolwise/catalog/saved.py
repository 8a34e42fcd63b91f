"""Reading a saved catalog lazily: the index is small, and a toolset is parsed when it is asked for."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson
from pydantic import ValidationError

from toolwise.catalog.left_out import LeftOut
from toolwise.catalog.saving import FORMAT, INDEX, LEFT_OUT, TOOLSETS, VERSION
from toolwise.errors import CatalogError
from toolwise.types import Catalog, Frozen, Tool, Toolset

_KEPT = 64
"""Parsed toolsets kept in memory by default, the latest used ones."""


class ToolsetSummary(Frozen):
    """What the index knows of a toolset without parsing it."""

    name: str
    title: str
    category: str
    collections: tuple[str, ...]
    family: str
    source: str
    tools: tuple[str, ...]
    """The tools' names; a tool's id is `<toolset>.<name>`."""
    parameters: int
    hints: dict[str, int]
    """Number of tools that are known to be `read_only`, `idempotent`, `destructive`; and `unknown`."""
    offset: int
    """Where the toolset's line starts in `toolsets.jsonl`, in bytes."""
    length: int
    """The line's length in bytes."""


class CatalogFile:
    """A saved catalog, opened lazily. Implements the `Tools` port."""

    def __init__(self, folder: Path, *, keep: int = _KEPT) -> None:
        """Raises CatalogError if the folder holds no catalog. `keep` parsed toolsets stay in memory."""
        self.folder = Path(folder)
        self._keep = max(1, keep)
        self._parsed: OrderedDict[str, Toolset] = OrderedDict()
        self._file = self.folder / TOOLSETS
        self.summaries: tuple[ToolsetSummary, ...] = _read_index(self.folder)
        self._by_name = {summary.name: summary for summary in self.summaries}

    def names(self) -> tuple[str, ...]:
        """The toolsets' names, in the catalog's order."""
        return tuple(self._by_name)

    def tool_ids(self) -> Iterator[str]:
        """Every tool's id, in the catalog's order, without parsing a toolset."""
        return (f"{summary.name}.{name}" for summary in self.summaries for name in summary.tools)

    def summary(self, name: str) -> ToolsetSummary:
        """Raises KeyError."""
        return self._by_name[name]

    def toolset(self, name: str) -> Toolset:
        """Raises KeyError for an unknown name, CatalogError for a damaged file."""
        known = self._parsed.get(name)
        if known is not None:
            self._parsed.move_to_end(name)
            return known
        toolset = self._parse(self._by_name[name])
        self._parsed[name] = toolset
        if len(self._parsed) > self._keep:
            self._parsed.popitem(last=False)
        return toolset

    def tool(self, tool_id: str) -> Tool:
        """Raises KeyError for an unknown id, CatalogError for a damaged file."""
        toolset, _, name = tool_id.partition(".")
        return self.toolset(toolset).by_name[name]

    def tools(self) -> Iterator[Tool]:
        """Every tool; toolsets are parsed one at a time and not kept."""
        for toolset in self:
            yield from toolset.tools

    def __iter__(self) -> Iterator[Toolset]:
        """Every toolset; parsed one at a time and not kept."""
        for summary in self.summaries:
            yield self._parsed.get(summary.name) or self._parse(summary)

    def __contains__(self, tool_id: object) -> bool:
        if not isinstance(tool_id, str):
            return False
        toolset, _, name = tool_id.partition(".")
        return name in self._names_of.get(toolset, ())

    @cached_property
    def _names_of(self) -> dict[str, frozenset[str]]:
        return {summary.name: frozenset(summary.tools) for summary in self.summaries}

    def __len__(self) -> int:
        """Number of tools."""
        return sum(len(summary.tools) for summary in self.summaries)

    def subset(self, names: set[str]) -> Catalog:
        """The toolsets with these names as a Catalog in memory, in this catalog's order."""
        return Catalog(toolsets=tuple(self.toolset(name) for name in self.names() if name in names))

    def left_out(self) -> Iterator[LeftOut]:
        """What the import left out. Raises CatalogError for a damaged file."""
        path = self.folder / LEFT_OUT
        if not path.exists():
            return
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                try:
                    yield LeftOut.model_validate(orjson.loads(line))
                except (orjson.JSONDecodeError, ValidationError) as error:
                    raise CatalogError(f"{path}: line {number} is damaged; import the catalog again") from error

    def _parse(self, summary: ToolsetSummary) -> Toolset:
        try:
            with self._file.open("rb") as file:
                file.seek(summary.offset)
                line = file.read(summary.length)
            return Toolset.model_validate(orjson.loads(line))
        except OSError as error:
            raise CatalogError(f"{self._file}: cannot be read: {error.strerror}") from error
        except (orjson.JSONDecodeError, ValidationError) as error:
            raise CatalogError(
                f"{self._file}: toolset {summary.name!r} is damaged or of another version; import the catalog again"
            ) from error


def _read_index(folder: Path) -> tuple[ToolsetSummary, ...]:
    path = folder / INDEX
    remedy = "make one with: toolwise catalog import SOURCE --out CATALOG"
    if not path.is_file() or not (folder / TOOLSETS).is_file():
        raise CatalogError(f"{folder}: not a catalog (it has no {INDEX} and {TOOLSETS}); {remedy}")
    try:
        index: Any = orjson.loads(path.read_bytes())
        if index["format"] != FORMAT:
            raise CatalogError(f"{folder}: not a catalog; {remedy}")
        if index["version"] != VERSION:
            raise CatalogError(f"{folder}: catalog version {index['version']} is not {VERSION}; import it again")
        return tuple(ToolsetSummary.model_validate(entry) for entry in index["toolsets"])
    except OSError as error:
        raise CatalogError(f"{path}: cannot be read: {error.strerror}") from error
    except (orjson.JSONDecodeError, ValidationError, KeyError, TypeError) as error:
        raise CatalogError(f"{path}: the index is damaged; import the catalog again") from error


def open_catalog(path: Path | str) -> CatalogFile:
    """Open a catalog's folder. Raises CatalogError."""
    return CatalogFile(Path(path))


def catalog_stats(catalog: CatalogFile) -> dict[str, Any]:
    """Counts for people and scripts, from the index and the list of what was left out."""
    categories = Counter(summary.category for summary in catalog.summaries)
    tools_of = Counter[str]()
    collections: Counter[str] = Counter()
    hints: Counter[str] = Counter()
    for summary in catalog.summaries:
        tools_of[summary.category] += len(summary.tools)
        collections.update(summary.collections)
        hints.update(summary.hints)
    reasons = Counter(item.reason.value for item in catalog.left_out())
    return {
        "toolsets": len(catalog.summaries),
        "tools": len(catalog),
        "parameters": sum(summary.parameters for summary in catalog.summaries),
        "families": len({summary.family for summary in catalog.summaries}),
        "categories": {name: {"toolsets": categories[name], "tools": tools_of[name]} for name in sorted(categories)},
        "collections": dict(sorted(collections.items())),
        "hints": dict(sorted(hints.items())),
        "left_out": dict(sorted(reasons.items())),
    }
