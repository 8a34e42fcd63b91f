"""ToolAlpaca's standard documentation of toolsets, composed or written by a teacher."""

from toolwise.catalog.documentation.composing import compose
from toolwise.catalog.documentation.record import DOCUMENTATION, Author, Documentation, DocumentationFile

__all__ = ["DOCUMENTATION", "Author", "Documentation", "DocumentationFile", "compose"]
