"""BM25 as it comes: the baseline that everything else is held against."""

from __future__ import annotations

import re

from toolwise.retrieval.bm25 import Bm25Retriever
from toolwise.retrieval.documents import Document

_WORD = re.compile(r"\b\w\w+\b")


class PlainBm25Retriever(Bm25Retriever):
    """Lower-cased words of the whole document: no stemming, no stop words, no weights of fields."""

    name = "bm25-plain"

    @staticmethod
    def document_words(document: Document) -> list[str]:
        """Words of the document's lines."""
        return _WORD.findall(document.text.lower())

    @staticmethod
    def query_words(query: str) -> list[str]:
        """Words of the query."""
        return _WORD.findall(query.lower())
