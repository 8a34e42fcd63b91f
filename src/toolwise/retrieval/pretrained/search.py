"""Dense search on a pretrained encoder: exact over small pools, a proximity graph over large ones."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from toolwise.errors import CatalogError, boundary
from toolwise.files import written_aside
from toolwise.ports import Observer, Progress, silent
from toolwise.retrieval.documents import Document
from toolwise.retrieval.pretrained.encoder import TextEncoder
from toolwise.retrieval.pretrained.rendering import document_text
from toolwise.retrieval.pretrained.store import VECTORS, StoreUpdate, update_vectors
from toolwise.retrieval.ranking import Floats, PoolRetriever, inner_products

EXACT_UP_TO = 100_000
"""Larger pools are searched by HNSW, where usearch is installed; a product over 100,000 vectors takes some 5 ms."""
_SMALL_POOL = 10
"""So many tools are worth as much as the pool's own mean: that of a few tools says too little."""
_NEIGHBOURS = 500
"""Tools that an approximate search scores; the others get nothing."""
_SAMPLE = 4096
"""Tools from which a large pool's mean and deviation are taken."""
_BREADTH = 64
"""Candidates looked at when a tool is put into the graph."""
_CHUNK = 20_000
_GRAPH = "graph-i8.usearch"
_POOL = "pool.json"
"""The catalog that the vectors are of; removed first and written last."""
_STAGE = "index"


class TextDenseRetriever(PoolRetriever):
    """Cosine of query and document, both encoded by a pretrained encoder, with the pool's mean taken from documents.

    What all documents of a pool share says nothing about any of them (Mu and Viswanath, 2018, "All-but-the-Top",
    arXiv 1702.01417, section 2). The vectors are stored as they are, so that a pool can grow.
    """

    name = "dense"

    def __init__(self, tools: Sequence[str], encoder: TextEncoder, vectors: Floats, graph: Any = None) -> None:
        super().__init__(tools)
        self.encoder = encoder
        self._vectors = vectors
        self._graph = graph
        mean = np.asarray(vectors).mean(axis=0) if len(vectors) else np.zeros(vectors.shape[1], dtype=np.float32)
        self._mean: Floats = mean * np.float32(len(vectors) / (len(vectors) + _SMALL_POOL))
        squares = 1 - 2 * (vectors @ self._mean) + self._mean @ self._mean
        self._lengths: Floats = np.sqrt(np.maximum(squares, 1e-6)).astype(np.float32)

    @classmethod
    def stored(cls, encoder: TextEncoder, folder: Path, fingerprint: str) -> TextDenseRetriever | None:
        """What `build` left in `folder` for a catalog of this fingerprint, without reading the catalog; else None."""
        with boundary(CatalogError, f"cannot read the vectors in {folder}; delete the folder to build them again"):
            if not (folder / _POOL).is_file():
                return None
            pool = orjson.loads((folder / _POOL).read_bytes())
            if pool["fingerprint"] != fingerprint:
                return None
            vectors: Floats = np.asarray(np.load(folder / VECTORS, mmap_mode="r"))
        if len(vectors) != len(pool["tools"]):
            return None
        return cls(pool["tools"], encoder, vectors, _graph_over(vectors, folder, stale=False))

    @classmethod
    def build(
        cls,
        documents: Sequence[Document],
        encoder: TextEncoder,
        folder: Path,
        observer: Observer = silent,
        fingerprint: str = "",
    ) -> tuple[TextDenseRetriever, StoreUpdate]:
        """Open the vectors in `folder`, after encoding what is new or changed. Raises CatalogError, RunError.

        With the catalog's fingerprint the next opening can do without its documents (`stored`).
        """
        (folder / _POOL).unlink(missing_ok=True)
        texts = [document_text(document) for document in documents]

        def progress(done: int) -> None:
            observer(Progress(_STAGE, done, len(texts), "documents encoded"))

        vectors, update = update_vectors(folder, texts, encoder.encode_documents, progress)
        graph = _graph_over(vectors, folder, stale=update.encoded > 0, observer=observer)
        tools = [document.tool for document in documents]
        if fingerprint:
            with written_aside(folder / _POOL) as aside:
                aside.write_bytes(orjson.dumps({"fingerprint": fingerprint, "tools": tools}))
        return cls(tools, encoder, vectors, graph), update

    def scores(self, queries: Sequence[str]) -> Floats:
        """Cosines, queries by tools; over a large pool only the nearest tools have one."""
        encoded = self.encoder.encode_queries(queries)
        return self._all(encoded) if self._graph is None else self._nearest(encoded)[0]

    def standard(self, queries: Sequence[str]) -> Floats:
        """Standard scores; over a large pool only of the nearest tools, from a sample's mean and deviation."""
        if self._graph is None:
            return super().standard(queries)
        encoded = self.encoder.encode_queries(queries)
        sample = encoded @ self._sample.T
        rows, near = self._nearest(encoded)
        for row, found, cosines in zip(rows, near, sample, strict=True):
            row[found] = np.maximum(row[found] - cosines.mean(), 0) / max(float(cosines.std()), 1e-6)
        return rows

    @cached_property
    def _sample(self) -> Floats:
        """Documents' vectors as they are compared: the pool's mean taken away, of length 1."""
        rows = np.linspace(0, len(self.tools) - 1, min(_SAMPLE, len(self.tools))).astype(np.int64)
        sample: Floats = (self._vectors[rows] - self._mean) / self._lengths[rows, None]
        return sample

    def _all(self, encoded: Floats) -> Floats:
        product = inner_products(encoded, self._vectors)
        product -= (encoded @ self._mean)[:, None]
        product /= self._lengths
        return product

    def _cosines(self, encoded: Floats, rows: npt.NDArray[np.int64]) -> Floats:
        """Cosines with some of the tools."""
        cosines: Floats = encoded @ self._vectors[rows].T
        cosines -= (encoded @ self._mean)[:, None]
        cosines /= self._lengths[rows]
        return cosines

    def _nearest(self, encoded: Floats) -> tuple[Floats, list[npt.NDArray[np.int64]]]:
        """Cosines with the tools that the graph finds near, nothing elsewhere; and which these are."""
        rows = np.zeros((len(encoded), len(self.tools)), dtype=np.float32)
        near = []
        for i, query in enumerate(encoded):
            found = np.sort(self._graph.search(query, _NEIGHBOURS).keys.astype(np.int64))  # read in the file's order
            rows[i, found] = self._cosines(encoded[i : i + 1], found)[0]
            near.append(found)
        return rows, near


def _graph_over(vectors: Floats, folder: Path, *, stale: bool, observer: Observer = silent) -> Any:
    """The graph, where the pool is large enough for one."""
    if len(vectors) <= EXACT_UP_TO or not find_spec("usearch"):
        return None

    def progress(done: int) -> None:
        observer(Progress(_STAGE, done, len(vectors), "vectors in the graph"))

    return open_graph(vectors, folder / _GRAPH, stale=stale, progress=progress)


def open_graph(vectors: Floats, path: Path, *, stale: bool, progress: Callable[[int], None] = lambda _: None) -> Any:
    """The HNSW graph over the vectors (Malkov and Yashunin, 2018), memory-mapped; built if need be.

    Its vectors are of 8 bits: what is found is scored by the full ones, and it is built in half the time of 16 bits.
    """
    from usearch.index import Index

    def empty() -> Any:
        return Index(ndim=int(vectors.shape[1]), metric="cos", dtype="i8", connectivity=16, expansion_add=_BREADTH)

    if stale or not path.is_file():
        index = empty()
        threads = len(os.sched_getaffinity(0))
        for start in range(0, len(vectors), _CHUNK):
            part = np.ascontiguousarray(vectors[start : start + _CHUNK])
            index.add(np.arange(start, start + len(part), dtype=np.uint64), part, threads=threads)
            progress(start + len(part))
        path.parent.mkdir(parents=True, exist_ok=True)
        with written_aside(path) as aside:
            index.save(str(aside))
    opened = empty()
    opened.view(str(path))
    if len(opened) != len(vectors):
        return open_graph(vectors, path, stale=True, progress=progress)
    return opened
