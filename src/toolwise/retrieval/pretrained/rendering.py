"""A tool's document as the text that a pretrained encoder reads."""

from __future__ import annotations

from toolwise.retrieval.documents import RENDERING as FIELDS_RENDERING
from toolwise.retrieval.documents import Document

TEXT_RENDERING = f"text-1/{FIELDS_RENDERING}"
"""Raised whenever texts read differently; stored with every encoder and every index."""


def document_text(document: Document) -> str:
    """What the tool is called and does first, so that truncation costs the least; then where it belongs.

    Sentences rather than labelled lines, because that is what sentence encoders were trained on.
    """
    category, toolset, name, description, parameters, described, returns = document.fields
    parts = [
        f"{name}: {description}" if description else name,
        " - ".join(part for part in (toolset, category) if part),
        f"Parameters: {parameters}" if parameters else "",
        described,
        f"Returns: {returns}" if returns else "",
    ]
    return ". ".join(part.rstrip(". ") for part in parts if part)
