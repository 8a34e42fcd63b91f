"""BM25 over stemmed terms of tool documents (bm25s, Lù 2024, arXiv 2407.03618)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, Self

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


_ARRAYS = ("data.csc.index.npy", "indices.csc.index.npy", "indptr.csc.index.npy")
_VOCABULARY, _TOOLS = "vocab.index.json", "tools.json"
"""An index is stored as bm25s stores it, but read without it: importing it, and scipy with it, takes a quarter of a
second, more than all the rest of a search."""


class Matrix(NamedTuple):
    """Each term's score in each document, as compressed sparse columns."""

    data: Floats
    """The scores, column after column."""
    indices: np.ndarray[Any, Any]
    """The documents that they are of."""
    indptr: np.ndarray[Any, Any]
    """Where each term's column starts, and, last, where the last one ends."""

    def add(self, column: int, scores: Floats) -> None:
        """Add a term's scores to those of the documents, in place."""
        part = slice(int(self.indptr[column]), int(self.indptr[column + 1]))
        np.add.at(scores, self.indices[part], self.data[part])  # a third of the time of `scores[...] +=`


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

    def __init__(self, tools: Sequence[str], matrix: Matrix, vocabulary: Mapping[str, int]) -> None:
        super().__init__(tools)
        self._matrix = matrix
        self._vocabulary = vocabulary

    @property
    def mentions(self) -> int:
        """How many (document, term) pairs the pool has."""
        return len(self._matrix.indices)

    @staticmethod
    def document_words(document: Document) -> list[str]:
        """What is indexed of a document."""
        return document_terms(document)

    @staticmethod
    def query_words(query: str) -> list[str]:
        """What is looked up of a query."""
        return terms(query)

    @classmethod
    def build(cls, documents: Iterable[Document]) -> Self:
        """Index documents. Raises CatalogError if there are none with a word in them."""
        import bm25s

        tools: list[str] = []
        vocabulary: dict[str, int] = {}
        token_ids: list[list[int]] = []
        for document in documents:
            tools.append(document.tool)
            words = cls.document_words(document)
            token_ids.append([vocabulary.setdefault(word, len(vocabulary)) for word in words])
        if not vocabulary:
            raise CatalogError("nothing to index: the catalog has no tool with any words; import documents first")
        engine = bm25s.BM25(k1=_K1, b=_B, method="lucene")
        made = engine.build_index_from_ids(list(range(len(vocabulary))), token_ids, show_progress=False)
        return cls(tools, Matrix(made["data"], made["indices"], made["indptr"]), vocabulary)

    def scores(self, queries: Sequence[str]) -> Floats:
        """BM25 scores, queries by tools; a term of the query counts once."""
        rows = np.zeros((len(queries), len(self.tools)), dtype=np.float32)
        for row, query in zip(rows, queries, strict=True):
            for term in dict.fromkeys(self.query_words(query)):
                if (column := self._vocabulary.get(term)) is not None:
                    self._matrix.add(column, row)
        return rows

    def save(self, folder: Path) -> None:
        """Write the index; the folder is made."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, array in zip(_ARRAYS, self._matrix, strict=True):
            np.save(folder / name, array)
        (folder / _VOCABULARY).write_bytes(orjson.dumps(dict(self._vocabulary)))
        (folder / _TOOLS).write_bytes(orjson.dumps(list(self.tools)))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Open a saved index, memory-mapped. Raises CatalogError if it cannot be read."""
        with boundary(CatalogError, f"cannot read the BM25 index in {folder}; rebuild the index"):
            tools = orjson.loads((folder / _TOOLS).read_bytes())
            matrix = Matrix(*(np.asarray(np.load(folder / name, mmap_mode="r")) for name in _ARRAYS))
            vocabulary = orjson.loads((folder / _VOCABULARY).read_bytes())
        return cls(tools, matrix, vocabulary)
