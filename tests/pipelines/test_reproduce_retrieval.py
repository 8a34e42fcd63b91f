from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from small_documents import write_documents
from toolwise.catalog import open_catalog
from toolwise.corpus import SplitConfig, read_rows, split_catalog
from toolwise.errors import ConfigError
from toolwise.pipelines.catalog import import_documents
from toolwise.pipelines.reproduce.findings import Conclusion
from toolwise.pipelines.reproduce.request import Request
from toolwise.pipelines.reproduce.retrieval import reproduce_retrieval, retrieval_experiment
from toolwise.pipelines.reproduce.retrieval_results import Found, findings_of
from toolwise.pipelines.reproduce.retrieval_search import (
    BM25,
    RETRIEVERS,
    SCORES,
    TRAINED,
    UNTRAINED,
    Query,
    nested_pools,
    untrained_encoder,
)
from toolwise.pipelines.reproduce.retrieval_settings import RetrievalExperiment
from toolwise.retrieval import DenseRetriever, RetrieverConfig, tool_documents
from toolwise.types import Split, TaskKind

NO_LEAKS = {"toolsets": 0, "tools": 0, "relevant": 5}


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("catalog")
    import_documents([str(write_documents(folder / "documents"))], folder / "catalog", "auto")
    return folder / "catalog"


def test_a_run_searches_nested_pools_for_held_out_tools_only(catalog: Path, tmp_path: Path) -> None:
    config = RetrievalExperiment(
        pools=(25, 40, 5000), queries=8, held_out=30, train_tasks=40, tool_queries=20,
        retriever=RetrieverConfig(max_steps=5, dimensions=16, batch_size=8, evaluate_every=5, threads=1),
    )  # fmt: skip
    out = tmp_path / "out"
    document = reproduce_retrieval(config, Request(out, "toolwise x", catalog, workers=1))
    opened = open_catalog(catalog)
    placed = split_catalog(opened.summaries, SplitConfig())
    queries = list(read_rows(out / "queries.jsonl", Query))
    assert queries and sum(document["queries"].values()) == len(queries)
    assert all(placed[tool.partition(".")[0]] is not Split.TRAIN for query in queries for tool in query.relevant)
    assert {row["pool"] for row in document["rates"]} == {25, 40, len(opened)}
    assert {row["retriever"] for row in document["rates"]} == set(RETRIEVERS)
    assert next(f for f in document["findings"] if "trained on" in f["claim"])["verdict"] == "holds"
    page = (out / "retrieval.md").read_text()
    assert "toolwise x" in page and "78.0 / 84.9" in page
    assert (out / "retrieval.svg").read_text().startswith("<svg")
    assert document == reproduce_retrieval(config, Request(out, "toolwise x", catalog, workers=1))


def test_the_untrained_encoder_knows_words_and_nothing_else(catalog: Path) -> None:
    documents = list(tool_documents(open_catalog(catalog)))
    retriever = DenseRetriever.build(documents, untrained_encoder(256))
    (hits,) = retriever.search(["Deletes a crossing for good"], 1)
    assert hits[0].tool.endswith("delete_crossing")
    assert retriever.search(["zzqx"], 3) == [[]]


@given(st.sets(st.integers(0, 99), min_size=1, max_size=30), st.lists(st.integers(1, 200), max_size=5))
def test_pools_are_nested_of_the_size_said_and_hold_what_is_relevant(relevant: set[int], sizes: list[int]) -> None:
    tools = [f"s.{i}" for i in range(100)]
    wanted = tuple(f"s.{i}" for i in sorted(relevant))
    pools = nested_pools(tools, [Query(query="q", kind=TaskKind.SINGLE, relevant=wanted)], sizes, 0)
    assert pools[-1] == tools
    assert [len(pool) for pool in pools[:-1]] == sorted({s for s in sizes if len(relevant) <= s < 100})
    for smaller, larger in pairwise(pools):
        assert set(wanted) <= set(smaller) <= set(larger)


def found(trained: float, bm25: float) -> Found:
    """15 queries of each kind, each on a toolset of its own; a share of them is found by each retriever."""
    queries = [Query(query="q", kind=kind, relevant=(f"{kind.value}{i}.t",)) for kind in TaskKind for i in range(15)]
    shares = dict.fromkeys(RETRIEVERS, 0.1) | {TRAINED: trained, BM25: bm25}
    values = {
        name: {score: [float(i % 15 < 15 * share) for i in range(len(queries))] for score in SCORES}
        for name, share in shares.items()
    }
    return Found(queries, {"50": values, "900": values}, values)


@pytest.mark.parametrize(
    ("trained", "bm25", "verdict"),
    [(0.8, 0.3, Conclusion.HOLDS), (0.3, 0.8, Conclusion.FAILS), (0.5, 0.5, Conclusion.UNCLEAR)],
)
def test_verdicts_follow_paired_intervals(trained: float, bm25: float, verdict: Conclusion) -> None:
    verdicts = {finding.claim: finding.verdict for finding in findings_of(found(trained, bm25), NO_LEAKS)}
    assert verdicts["trained encoder finds tools better than BM25"] is verdict
    assert verdicts["trained encoder finds tools better than BM25, category tasks"] is verdict
    assert verdicts["tasks over one category are the hardest for the trained encoder"] is Conclusion.UNCLEAR
    assert verdicts[f"trained encoder finds tools better than {UNTRAINED}"] is Conclusion.HOLDS
    leaked = findings_of(found(trained, bm25), {**NO_LEAKS, "tools": 1})
    assert leaked[-1].verdict is Conclusion.FAILS


def test_an_empty_pool_is_the_users_mistake() -> None:
    with pytest.raises(ConfigError, match="at least one tool"):
        retrieval_experiment(True, [0])
    assert retrieval_experiment(True, [500, 20, 500]).pools == (20, 500)
