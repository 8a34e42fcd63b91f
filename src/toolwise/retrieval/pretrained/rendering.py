"""A tool's document as the texts that a pretrained encoder reads."""

from __future__ import annotations

from toolwise.retrieval.documents import RENDERING as FIELDS_RENDERING
from toolwise.retrieval.documents import Document

TEXT_RENDERING = f"text-2/{FIELDS_RENDERING}"
"""Raised whenever texts read differently; stored with every encoder and every index."""
VIEW_WEIGHTS = (2.0, 1.0, 1.0)
"""How much each of a document's views counts in its vector."""
VIEW_TOKENS = (128, 32, 64)
"""Where each view is cut: the last one's first words say as much as all of them, at two thirds of the time."""


def document_views(document: Document) -> tuple[str, str, str]:
    """What the tool is called and does; its name alone; what it belongs to, takes and returns.

    Requests are as short as one view, and a mean-pooled encoder likes texts of a kind: in one long text the
    parameters drown what the tool does. Sentences, because that is what sentence encoders were trained on.
    """
    category, toolset, name, description, parameters, described, returns = document.fields
    does = f"{name}: {description}" if description else name
    rest = ". ".join(part.rstrip(". ") for part in (name, toolset, category, parameters, described, returns) if part)
    return _line(does), _line(name), _line(rest)


def document_text(document: Document) -> str:
    """The views, a line each: the form in which encoders and stores of vectors take a document."""
    return "\n".join(document_views(document))


def training_text(document: Document) -> str:
    """One text, what the tool is called and does first, so that cutting it short costs the least."""
    category, toolset, name, description, parameters, described, returns = document.fields
    parts = [
        f"{name}: {description}" if description else name,
        " - ".join(part for part in (toolset, category) if part),
        f"Parameters: {parameters}" if parameters else "",
        described,
        f"Returns: {returns}" if returns else "",
    ]
    return ". ".join(part.rstrip(". ") for part in parts if part)


def _line(text: str) -> str:
    return " ".join(text.split())
