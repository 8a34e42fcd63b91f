"""How large and how fast an index is: BM25, and dense vectors, over synthetic tools.

    python benchmarks/retrieval_scale.py [--tools 1000000] [--dense 100000]

The tools' words follow Zipf's law over a vocabulary of 50,000, some twenty a tool; the vectors are random. Times are
of this process alone, one query at a time; the encoder's time is not in them.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from toolwise.retrieval import CLAUSE_WEIGHT, Bm25Retriever, ClauseRetriever, Document, StandardFusionRetriever
from toolwise.retrieval.pretrained.search import EXACT_UP_TO, TextDenseRetriever, open_graph
from toolwise.retrieval.ranking import Floats, PoolRetriever

_WORDS = 50_000
_PER_TOOL = 20
_PER_QUERY = 8
_QUERIES = 50
_DIMENSIONS = 384
_CHUNK = 10_000


def words(rng: np.random.Generator, count: int, each: int) -> list[list[str]]:
    """Rows of words, frequent ones most often."""
    ranks = rng.zipf(1.2, size=(count, each)) % _WORDS
    return [[f"w{rank:x}q" for rank in row] for row in ranks.tolist()]


def documents(count: int) -> Iterator[Document]:
    """Synthetic tools."""
    rng = np.random.default_rng(0)
    for start in range(0, count, _CHUNK):
        for i, row in enumerate(words(rng, min(_CHUNK, count - start), _PER_TOOL), start):
            fields = ("", "", " ".join(row[:3]), " ".join(row[3:14]), " ".join(row[14:]), "", "")
            yield Document(tool=f"toolset{i // 50}.tool{i}", fields=fields)


def timed(retriever: PoolRetriever, queries: list[str]) -> str:
    """Milliseconds a query: mean and worst of ten."""
    retriever.search(queries[:1], 10)
    spent = []
    for query in queries:
        began = time.perf_counter()
        retriever.search([query], 10)
        spent.append(1000 * (time.perf_counter() - began))
    return f"{np.mean(spent):.1f} ms a query, 90% within {np.quantile(spent, 0.9):.1f} ms"


class Vectors:
    """Query vectors that cost nothing."""

    def __init__(self, vectors: Floats) -> None:
        self._vectors = vectors

    def encode_queries(self, queries: list[str]) -> Floats:
        """Some documents' own vectors."""
        return self._vectors[[sum(map(ord, query)) % len(self._vectors) for query in queries]]


def main() -> None:
    """Build, save, open and search each index."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tools", type=int, default=1_000_000)
    parser.add_argument("--dense", type=int, default=0, help="tools with vectors too; 0 for none")
    arguments = parser.parse_args()
    queries = [" ".join(row) for row in words(np.random.default_rng(1), _QUERIES, _PER_QUERY)]
    parts = [f"find {a}, then delete {b}" for a, b in zip(queries, reversed(queries), strict=True)]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for count in dict.fromkeys(size for size in (arguments.tools, arguments.dense) if size):
            began = time.perf_counter()
            Bm25Retriever.build(documents(count)).save(folder / f"bm25-{count}")
            built = time.perf_counter() - began
            size = sum(path.stat().st_size for path in (folder / f"bm25-{count}").iterdir()) / 1e6
            bm25 = Bm25Retriever.load(folder / f"bm25-{count}")
            print(f"BM25, {count:,} tools: built in {built:.0f} s, {size:.0f} MB")
            print(f"  one part   {timed(bm25, queries)}")
            print(f"  two parts  {timed(ClauseRetriever(bm25, CLAUSE_WEIGHT), parts)}", flush=True)
            if count != arguments.dense:
                continue
            vectors = np.random.default_rng(2).normal(size=(count, _DIMENSIONS)).astype(np.float32)
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
            began = time.perf_counter()
            graph = open_graph(vectors, folder / "graph", stale=True) if count > EXACT_UP_TO else None
            kind = f"HNSW, built in {time.perf_counter() - began:.0f} s" if graph is not None else "exact"
            dense = TextDenseRetriever(bm25.tools, Vectors(vectors), vectors, graph)  # type: ignore[arg-type]
            print(f"dense, {count:,} tools ({kind}): {timed(dense, queries)}")
            hybrid = ClauseRetriever(StandardFusionRetriever(bm25, dense, 0.5), CLAUSE_WEIGHT)
            print(f"hybrid, {count:,} tools: one part {timed(hybrid, queries)}; two parts {timed(hybrid, parts)}")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
