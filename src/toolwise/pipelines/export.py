"""The verb `catalog export`: a catalog in other people's formats."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from toolwise.catalog import CatalogFile, open_catalog
from toolwise.catalog.documentation import Documentation, DocumentationFile, compose
from toolwise.catalog.export import ExportFormat, export_catalog
from toolwise.errors import CatalogError, ConfigError
from toolwise.ports import Observer, silent
from toolwise.types import Json, Toolset


def chosen_names(catalog: CatalogFile, wanted: Sequence[str]) -> list[str]:
    """The toolsets to work on, in the catalog's order; all where none is named. Raises CatalogError."""
    known = set(catalog.names())
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise CatalogError(f"{catalog.folder} has no toolset {unknown[0]!r}; list them with: toolwise catalog stats")
    return [name for name in catalog.names() if not wanted or name in wanted]


def streamed(catalog: CatalogFile, names: Iterable[str]) -> Iterator[Toolset]:
    """Toolsets one at a time."""
    return (catalog.toolset(name) for name in names)


def export_documents(
    catalog: Path, to: str, out: Path, toolsets: Sequence[str] = (), observer: Observer = silent
) -> Json:
    """Write a catalog, or some of its toolsets, in another format; counts, and what the format could not hold.

    ToolAlpaca's documentation is what `catalog document` wrote beside the catalog, where there is some, and is
    composed otherwise. Raises ConfigError for an unknown format, CatalogError, RunError.
    """
    try:
        wanted = ExportFormat(to)
    except ValueError as error:
        raise ConfigError(f"unknown format {to!r}; choose one of {', '.join(ExportFormat)}") from error
    opened = CatalogFile(open_catalog(catalog).folder, keep=1)
    names = chosen_names(opened, toolsets)
    known = DocumentationFile(catalog) if wanted is ExportFormat.TOOLALPACA else None

    def documentation(toolset: Toolset) -> Documentation:
        return (known.get(toolset.name) if known else None) or compose(toolset)

    summary = export_catalog(
        streamed(opened, names), wanted, out, total=len(names), documentation=documentation, observer=observer
    )
    return {"out": str(out), **summary.model_dump(mode="json")}
