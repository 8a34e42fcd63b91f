"""Reports: a run's evidence as one self-contained page, and as Markdown."""

from toolwise.reports.document import (
    CatalogStatistics,
    CorpusStatistics,
    CurvePoint,
    RunDocument,
    Sample,
)
from toolwise.reports.page import render_html, write_report
from toolwise.reports.summary import render_markdown

__all__ = [
    "CatalogStatistics",
    "CorpusStatistics",
    "CurvePoint",
    "RunDocument",
    "Sample",
    "render_html",
    "render_markdown",
    "write_report",
]
