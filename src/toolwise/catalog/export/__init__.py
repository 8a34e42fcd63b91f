"""From a catalog to other people's formats: OpenAPI, MCP, OpenAI, ToolBench, ToolAlpaca."""

from toolwise.catalog.export.formats import ExportFormat
from toolwise.catalog.export.writing import ExportSummary, export_catalog

__all__ = ["ExportFormat", "ExportSummary", "export_catalog"]
