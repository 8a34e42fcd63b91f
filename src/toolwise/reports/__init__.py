"""Reports: a run's evidence as one self-contained page, and as Markdown."""

from toolwise.reports.document import (
    Against,
    CatalogStatistics,
    Contender,
    CorpusStatistics,
    Cost,
    CurvePoint,
    RunDocument,
    Sample,
    Source,
)
from toolwise.reports.page import finite, render_html, write_report
from toolwise.reports.summary import render_markdown

__all__ = [
    "Against",
    "CatalogStatistics",
    "Contender",
    "CorpusStatistics",
    "Cost",
    "CurvePoint",
    "RunDocument",
    "Sample",
    "Source",
    "finite",
    "render_html",
    "render_markdown",
    "write_report",
]
