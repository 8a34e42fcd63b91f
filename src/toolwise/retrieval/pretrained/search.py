"""Dense search on a pretrained encoder: exact over small pools, a proximity graph over large ones."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from toolwise.ports import Observer, Progress, silent
from toolwise.retrieval.documents import Document
from toolwise.retrieval.pretrained.encoder import TextEncoder
from toolwise.retrieval.pretrained.rendering import document_text
from toolwise.retrieval.pretrained.store import StoreUpdate, update_vectors
from toolwise.retrieval.ranking import Floats, PoolRetriever

EXACT_UP_TO = 100_000
"""Larger pools are searched by HNSW, where usearch is installed; a product over 100,000 vectors takes some 5 ms."""
_NEIGHBOURS = 1000
"""Tools that an approximate search scores; the others get nothing."""
_GRAPH = "graph.usearch"
_STAGE = "index"


class TextDenseRetriever(PoolRetriever):
    """Cosine of query and document, both encoded by a pretrained encoder."""

    name = "dense"

    def __init__(self, tools: Sequence[str], encoder: TextEncoder, vectors: Floats, graph: Any = None) -> None:
        super().__init__(tools)
        self.encoder = encoder
        self._vectors = vectors
        self._graph = graph

    @classmethod
    def build(
        cls, documents: Sequence[Document], encoder: TextEncoder, folder: Path, observer: Observer = silent
    ) -> tuple[TextDenseRetriever, StoreUpdate]:
        """Open the vectors in `folder`, after encoding what is new or changed. Raises CatalogError, RunError."""
        texts = [document_text(document) for document in documents]

        def progress(done: int) -> None:
            observer(Progress(_STAGE, done, len(texts), "documents encoded"))

        vectors, update = update_vectors(folder, texts, encoder.encode_documents, progress)
        graph = None
        if len(texts) > EXACT_UP_TO and find_spec("usearch"):
            graph = open_graph(vectors, folder / _GRAPH, stale=update.encoded > 0)
        return cls([document.tool for document in documents], encoder, vectors, graph), update

    def scores(self, queries: Sequence[str]) -> Floats:
        """Cosines, queries by tools; over a large pool only the nearest tools have one."""
        encoded = self.encoder.encode_queries(queries)
        if self._graph is None:
            product: Floats = encoded @ self._vectors.T
            return product
        rows = np.zeros((len(queries), len(self.tools)), dtype=np.float32)
        for row, query in zip(rows, encoded, strict=True):
            found = self._graph.search(query, _NEIGHBOURS)
            row[np.asarray(found.keys, dtype=np.int64)] = 1.0 - np.asarray(found.distances, dtype=np.float32)
        return rows


def open_graph(vectors: Floats, path: Path, *, stale: bool) -> Any:
    """The HNSW graph over the vectors (Malkov and Yashunin, 2018), memory-mapped; half precision, built if need be."""
    from usearch.index import Index

    index = Index(ndim=int(vectors.shape[1]), metric="cos", dtype="f16", connectivity=16)
    if stale or not path.is_file():
        index.add(np.arange(len(vectors), dtype=np.uint64), vectors)
        path.parent.mkdir(parents=True, exist_ok=True)
        index.save(str(path))
    opened = Index(ndim=int(vectors.shape[1]), metric="cos", dtype="f16", connectivity=16)
    opened.view(str(path))
    if len(opened) != len(vectors):
        return open_graph(vectors, path, stale=True)
    return opened
