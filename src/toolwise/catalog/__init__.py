"""From tool documents to a catalog: importers, and the catalog saved on disk."""

from toolwise.catalog.documents import SourceFormat
from toolwise.catalog.importing import ImportSummary, import_catalog, import_sources
from toolwise.catalog.left_out import LeftOut, LeftOutReason
from toolwise.catalog.saved import CatalogFile, ToolsetSummary, catalog_stats, open_catalog
from toolwise.catalog.saving import write_catalog

__all__ = [
    "CatalogFile",
    "ImportSummary",
    "LeftOut",
    "LeftOutReason",
    "SourceFormat",
    "ToolsetSummary",
    "catalog_stats",
    "import_catalog",
    "import_sources",
    "open_catalog",
    "write_catalog",
]
