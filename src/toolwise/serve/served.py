"""What is served: the chosen toolsets of a catalog, with a legal and unique public name for each tool."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from toolwise.catalog import CatalogFile, open_catalog
from toolwise.errors import CatalogError
from toolwise.types import Tool, Toolset, content_key

MAX_NAME = 64
"""MCP allows 128 characters and dots; the model APIs behind most clients allow 64 and no dots."""
_ILLEGAL = re.compile(r"[^A-Za-z0-9_-]+")


class ServedCatalog:
    """Some or all toolsets of a saved catalog. Toolsets are parsed when they are needed."""

    def __init__(self, catalog: CatalogFile, toolsets: Sequence[str] = ()) -> None:
        """Raises CatalogError for an unknown toolset, or if there is no tool to serve."""
        known = set(catalog.names())
        for name in toolsets:
            if name not in known:
                raise CatalogError(
                    f"{catalog.folder} has no toolset {name!r}; list them with: toolwise catalog stats or show"
                )
        wanted = set(toolsets) or known
        self.catalog = catalog
        self.toolsets: tuple[str, ...] = tuple(name for name in catalog.names() if name in wanted)
        self.ids: tuple[str, ...] = tuple(
            f"{name}.{tool}" for name in self.toolsets for tool in catalog.summary(name).tools
        )
        if not self.ids:
            raise CatalogError(f"{catalog.folder} has no tool to serve; import documents first")

    @property
    def several(self) -> bool:
        """Is more than one toolset served, so that names and paths need the toolset's before them?"""
        return len(self.toolsets) > 1

    def toolset(self, name: str) -> Toolset:
        """Raises KeyError for a toolset that is not served."""
        if name not in self.toolsets:
            raise KeyError(name)
        return self.catalog.toolset(name)

    def tool(self, tool_id: str) -> Tool:
        """Raises KeyError for an unknown id."""
        return self.catalog.tool(tool_id)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """A public name for each of `ids`, in their order."""
        return tuple(public_names(self.ids, prefixed=self.several))

    @cached_property
    def id_of(self) -> dict[str, str]:
        """Public name -> tool id."""
        return dict(zip(self.names, self.ids, strict=True))


def _legal(name: str) -> str:
    legal = _ILLEGAL.sub("_", name).strip("_") or "tool"
    return legal if len(legal) <= MAX_NAME else f"{legal[: MAX_NAME - 9]}_{content_key(name)[:8]}"


def public_names(ids: Sequence[str], *, prefixed: bool) -> list[str]:
    """A name of at most 64 letters, digits, `_` and `-` for each tool id; all are different.

    Of tools whose names become the same, the first keeps it and the others get a suffix that depends on their id.
    """
    taken: set[str] = set()
    names: list[str] = []
    for tool_id in ids:
        toolset, _, own = tool_id.partition(".")
        name, attempt = _legal(f"{toolset}_{own}" if prefixed else own), 0
        while name in taken:
            suffix = content_key(tool_id, attempt)[:8]
            name, attempt = f"{name[: MAX_NAME - 9]}_{suffix}", attempt + 1
        taken.add(name)
        names.append(name)
    return names


def open_served(folder: Path, toolsets: Sequence[str] = ()) -> ServedCatalog:
    """Open a saved catalog for serving. Raises CatalogError."""
    return ServedCatalog(open_catalog(folder), toolsets)
