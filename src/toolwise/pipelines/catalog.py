"""The verb `catalog`: import documents, count them, describe what they hold."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from toolwise.catalog import SourceFormat, catalog_stats, import_catalog, open_catalog
from toolwise.catalog.documentation import DocumentationFile
from toolwise.errors import CatalogError, ConfigError
from toolwise.ports import Observer, silent
from toolwise.schemas import bundle
from toolwise.types import Json, Tool


def import_documents(sources: Sequence[str], out: Path, source_format: str, observer: Observer = silent) -> Json:
    """Import into the folder `out`; the counts, and each thing left out with its reason."""
    try:
        wanted = SourceFormat(source_format)
    except ValueError as error:
        raise ConfigError(f"unknown format {source_format!r}; choose one of {', '.join(SourceFormat)}") from error
    return dict(import_catalog(sources, out, format=wanted, observer=observer).model_dump(mode="json"))


def statistics(catalog: Path) -> Json:
    """Counts of everything, and what was left out by reason."""
    return {**catalog_stats(open_catalog(catalog)), "documented": len(DocumentationFile(catalog))}


def describe(catalog: Path, name: str) -> Json:
    """One tool with its schemas, or one toolset with its tools in short. Raises CatalogError if there is none."""
    opened = open_catalog(catalog)
    if name in opened:
        return _tool(opened.tool(name))
    if name not in opened.names():
        raise CatalogError(f"{catalog} has no toolset or tool {name!r}; find one with `toolwise retrieve`")
    toolset = opened.toolset(name)
    head = toolset.model_dump(mode="json", exclude={"tools", "definitions"})
    if (made := DocumentationFile(catalog).get(name)) is not None:
        head["documentation"] = made.model_dump(mode="json", include={"introduction", "author", "plain"})
    return {**head, "tools": [{"id": tool.id, "description": tool.description} for tool in toolset.tools]}


def _tool(tool: Tool) -> Json:
    document = tool.model_dump(mode="json")
    document["parameters"] = bundle(tool.parameters, tool.definitions)
    document["returns"] = bundle(tool.returns, tool.definitions) if tool.returns else None
    return document
