"""The catalog of an experiment: the one that is given, or the embedded real documents, imported once."""

from __future__ import annotations

from pathlib import Path

from toolwise.catalog import open_catalog
from toolwise.pipelines.catalog import import_documents
from toolwise.pipelines.context import Context
from toolwise.pipelines.settings import RunConfig
from toolwise.types import Json

CATALOG_FOLDER = "catalog"


def catalog_of(context: Context, given: Path | None) -> Path:
    """Raises CatalogError, and MissingExtraError where the embedded documents are not installed."""
    if given is not None:
        open_catalog(given)
        return given
    out = context.path(CATALOG_FOLDER)
    context.stage("catalog", lambda: _import(out, context))
    return out


def _import(out: Path, context: Context) -> Json:
    return import_documents(RunConfig().sources, out, "auto", context.observer)
