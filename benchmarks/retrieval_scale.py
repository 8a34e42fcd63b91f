"""How large and how fast an index is: BM25, dense vectors and both together, over synthetic tools.

    python benchmarks/retrieval_scale.py [--tools 1000000] [--dense 48000]

The tools' words follow Zipf's law over a vocabulary of 50,000, some twenty a tool. Vectors lie around centres, fifty
tools around each, in 64 of their 384 dimensions, with noise in all. Up to 100,000 vectors are searched exactly, more
by HNSW (usearch), of which the recall is given too. Times are of this process alone, one query at a time; the encoder's
time is not in them. A million vectors take some 2 GB of disk and a quarter of an hour on one core.
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
_PER_QUERY, _PER_LONG_QUERY = 8, 60
_QUERIES = 100
_DIMENSIONS, _LATENT = 384, 64
_PER_CENTRE = 50
_CHUNK = 10_000
_K = 10


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


def vectors(count: int, path: Path) -> Floats:
    """Unit vectors of synthetic tools, memory-mapped."""
    rng = np.random.default_rng(2)
    basis = (rng.normal(size=(_LATENT, _DIMENSIONS)) / _DIMENSIONS**0.5).astype(np.float32)
    made = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(count, _DIMENSIONS))
    for start in range(0, count, _CHUNK):
        size = min(_CHUNK, count - start)
        centres = rng.normal(size=(-(-size // _PER_CENTRE), _LATENT)).repeat(_PER_CENTRE, axis=0)[:size]
        latent = (centres + 0.7 * rng.normal(size=(size, _LATENT))).astype(np.float32)
        made[start : start + size] = near(latent @ basis, rng)
    made.flush()
    return np.asarray(made)


def near(places: Floats, rng: np.random.Generator) -> Floats:
    """Unit vectors near some places: a third of their length in noise."""
    noise = rng.normal(size=places.shape).astype(np.float32)
    lengths = np.linalg.norm(places, axis=1, keepdims=True)
    found: Floats = places + 0.3 * lengths * noise / np.linalg.norm(noise, axis=1, keepdims=True)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


class Vectors:
    """Query vectors that cost nothing: each text has its own, near some tool's."""

    def __init__(self, pool: Floats) -> None:
        self._pool = pool

    def encode_queries(self, queries: list[str]) -> Floats:
        """(queries, dimensions)"""
        seeds = [np.random.default_rng(sum(i * ord(c) for i, c in enumerate(query, 1))) for query in queries]
        return np.concatenate([near(self._pool[rng.integers(len(self._pool))][None], rng) for rng in seeds])


def timed(retriever: PoolRetriever, queries: list[str]) -> str:
    """Milliseconds a query: mean, and what 95 of 100 stay within."""
    retriever.search(queries[:1], _K)
    spent = []
    for query in queries:
        began = time.perf_counter()
        retriever.search([query], _K)
        spent.append(1000 * (time.perf_counter() - began))
    return f"{np.mean(spent):6.1f} ms a query, 95% within {np.quantile(spent, 0.95):6.1f} ms"


def recall(near_search: PoolRetriever, exact: PoolRetriever, queries: list[str]) -> float:
    """The share of the exact search's ten best that the other one has among its ten."""
    pairs = zip(near_search.search(queries, _K), exact.search(queries, _K), strict=True)
    return float(np.mean([len({hit.tool for hit in a} & {hit.tool for hit in b}) / len(b) for a, b in pairs]))


def dense_and_hybrid(bm25: Bm25Retriever, folder: Path, queries: list[str], parts: list[str]) -> None:
    """Vectors for all of BM25's tools: build, search, and search together."""
    count = len(bm25.tools)
    made = vectors(count, folder / "vectors.npy")
    encoder = Vectors(made)
    kind, graph = "exact", None
    if count > EXACT_UP_TO:
        began = time.perf_counter()
        graph = open_graph(made, folder / "graph", stale=True)
        size = (folder / "graph").stat().st_size / 1e6
        kind = f"HNSW, built in {(time.perf_counter() - began) / 60:.1f} min, {size:.0f} MB beside the vectors"
    began = time.perf_counter()
    dense = TextDenseRetriever(bm25.tools, encoder, made, graph)  # type: ignore[arg-type]
    print(f"dense, {count:,} tools ({kind}): opened in {time.perf_counter() - began:.1f} s")
    print(f"  one part   {timed(dense, queries)}")
    if graph is not None:
        exact = TextDenseRetriever(bm25.tools, encoder, made)  # type: ignore[arg-type]
        print(f"  recall@{_K} against exact search: {recall(dense, exact, queries):.3f} of {len(queries)} queries")
    hybrid = ClauseRetriever(StandardFusionRetriever(bm25, dense, 0.5), CLAUSE_WEIGHT)
    print(f"hybrid, {count:,} tools")
    print(f"  one part   {timed(hybrid, queries)}")
    print(f"  two parts  {timed(hybrid, parts)}", flush=True)


def main() -> None:
    """Build, save, open and search each index."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tools", type=int, default=1_000_000, help="tools with a BM25 index")
    parser.add_argument("--dense", type=int, default=48_000, help="tools with vectors too; 0 for none")
    parser.add_argument("--folder", type=Path, help="where to put vectors and indexes, by default a temporary folder")
    arguments = parser.parse_args()
    queries = [" ".join(row) for row in words(np.random.default_rng(1), _QUERIES, _PER_QUERY)]
    long = [" ".join(row) for row in words(np.random.default_rng(3), _QUERIES, _PER_LONG_QUERY)]
    parts = [f"find {a}, then delete {b}" for a, b in zip(queries, reversed(queries), strict=True)]
    with tempfile.TemporaryDirectory(dir=arguments.folder) as scratch:
        for count in dict.fromkeys(size for size in (arguments.dense, arguments.tools) if size):
            folder = Path(scratch) / str(count)
            began = time.perf_counter()
            Bm25Retriever.build(documents(count)).save(folder / "bm25")
            built = time.perf_counter() - began
            size = sum(path.stat().st_size for path in (folder / "bm25").iterdir()) / 1e6
            bm25 = Bm25Retriever.load(folder / "bm25")
            print(f"BM25, {count:,} tools: built in {built:.0f} s, {size:.0f} MB")
            print(f"  {_PER_QUERY} words    {timed(bm25, queries)}")
            print(f"  {_PER_LONG_QUERY} words   {timed(bm25, long)}")
            print(f"  two parts  {timed(ClauseRetriever(bm25, CLAUSE_WEIGHT), parts)}", flush=True)
            if count == arguments.dense:
                dense_and_hybrid(bm25, folder, queries, parts)
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB, mapped files included")


if __name__ == "__main__":
    main()
