"""BM25 over stemmed terms of tool documents (bm25s, Lù 2024, arXiv 2407.03618)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import orjson

from toolwise.errors import CatalogError, boundary
from toolwise.retrieval.documents import FIELDS, Document, Field
from toolwise.retrieval.ranking import Floats, PoolRetriever
from toolwise.retrieval.tokens import terms

REPEATS: Mapping[Field, int] = MappingProxyType(
    {
        Field.CATEGORY: 1,
        Field.TOOLSET: 1,
        Field.NAME: 3,
        Field.DESCRIPTION: 2,
        Field.PARAMETERS: 1,
        Field.PARAMETER_DESCRIPTIONS: 1,
        Field.RETURNS: 1,
    }
)
"""How often a field's terms count: the plain form of BM25F (Robertson et al., 2004, "Simple BM25 extension")."""
_K1, _B = 1.2, 0.75


def document_terms(document: Document) -> list[str]:
    """A document's terms, each field's repeated by its weight."""
    found: list[str] = []
    for field, text in zip(FIELDS, document.fields, strict=True):
        if text and (repeats := REPEATS[field]):
            found += terms(text) * repeats
    return found


class Bm25Retriever(PoolRetriever):
    """Lexical search."""

    name = "bm25"

    def __init__(self, tools: Sequence[str], engine: Any, vocabulary: Mapping[str, int]) -> None:
        super().__init__(tools)
        self._engine = engine
        self._vocabulary = vocabulary

    @classmethod
    def build(cls, documents: Iterable[Document]) -> Bm25Retriever:
        """Index documents. Raises CatalogError if there are none with a word in them."""
        import bm25s

        tools: list[str] = []
        vocabulary: dict[str, int] = {}
        token_ids: list[list[int]] = []
        for document in documents:
            tools.append(document.tool)
            token_ids.append([vocabulary.setdefault(term, len(vocabulary)) for term in document_terms(document)])
        if not vocabulary:
            raise CatalogError("nothing to index: the catalog has no tool with any words; import documents first")
        engine = bm25s.BM25(k1=_K1, b=_B, method="lucene")
        engine.vocab_dict = vocabulary
        engine.scores = engine.build_index_from_ids(list(range(len(vocabulary))), token_ids, show_progress=False)
        return cls(tools, engine, vocabulary)

    def scores(self, queries: Sequence[str]) -> Floats:
        """BM25 scores, queries by tools; a term of the query counts once."""
        rows = np.zeros((len(queries), len(self.tools)), dtype=np.float32)
        for row, query in zip(rows, queries, strict=True):
            known = dict.fromkeys(self._vocabulary[term] for term in terms(query) if term in self._vocabulary)
            if known:
                row[:] = self._engine.get_scores_from_ids(list(known))
        return rows

    def save(self, folder: Path) -> None:
        """Write the index; the folder is made."""
        folder.mkdir(parents=True, exist_ok=True)
        self._engine.save(str(folder), show_progress=False)
        (folder / "tools.json").write_bytes(orjson.dumps(list(self.tools)))

    @classmethod
    def load(cls, folder: Path) -> Bm25Retriever:
        """Open a saved index, memory-mapped. Raises CatalogError if it cannot be read."""
        with boundary(CatalogError, f"cannot read the BM25 index in {folder}; rebuild the index"):
            import bm25s

            tools = orjson.loads((folder / "tools.json").read_bytes())
            engine = bm25s.BM25.load(str(folder), mmap=True, load_vocab=False, show_progress=False)
            vocabulary = orjson.loads((folder / "vocab.index.json").read_bytes())
        return cls(tools, engine, vocabulary)
