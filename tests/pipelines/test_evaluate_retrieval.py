from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from toolwise.catalog import import_catalog, open_catalog
from toolwise.errors import ConfigError, DataError
from toolwise.pipelines.evaluate_retrieval import Question, ranking_metrics, read_questions, score_retrieval
from toolwise.pipelines.retrievers import VECTORS_FOLDER, named_retriever

ROWS = [
    {"api_name": f"{verb}{noun}", "api_description": f"{verb} the {noun}", "field": "Trade/Shop", "parameters": {}}
    for verb in ("list", "delete", "print")
    for noun in ("Invoice", "Folder", "Ticket", "Recipe")
]


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("catalog")
    source = folder / "tool.jsonl"
    tools = [row | {"required": [], "responses": {}} for row in ROWS]
    source.write_text("\n".join(json.dumps(row) for row in tools))
    import_catalog([str(source)], folder / "made")
    return folder / "made"


def _queries(path: Path, rows: list[object]) -> Path:
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows))
    return path


def test_scores_agree_with_an_independent_implementation() -> None:
    ranx = pytest.importorskip("ranx")
    rng = random.Random(3)
    tools = [f"t.{i}" for i in range(40)]
    questions = [Question(query="q", relevant=tuple(rng.sample(tools, rng.randint(1, 7)))) for _ in range(60)]
    rankings = [rng.sample(tools, 30) for _ in questions]
    qrels = {f"q{i}": dict.fromkeys(q.relevant, 1) for i, q in enumerate(questions)}
    run = {f"q{i}": {t: float(100 - rank) for rank, t in enumerate(row)} for i, row in enumerate(rankings)}
    ours = ranking_metrics(rankings, questions)
    names = [f"{metric}@{k}" for metric in ("ndcg", "recall") for k in (1, 3, 5, 10)] + ["mrr"]
    theirs = ranx.evaluate(ranx.Qrels(qrels), ranx.Run(run), names)
    for name in names:
        assert ours[name].value == pytest.approx(theirs[name], abs=1e-6), name
    for k in (1, 3, 5, 10):
        recalls = ranx.evaluate(ranx.Qrels(qrels), ranx.Run(run), f"recall@{k}", return_mean=False)
        assert ours[f"complete@{k}"].value == pytest.approx(sum(r == 1 for r in recalls) / len(recalls), abs=1e-6)


def test_bm25_is_scored_over_the_whole_catalog_and_bad_rows_are_counted(catalog: Path, tmp_path: Path) -> None:
    invoice = next(tool for tool in open_catalog(catalog).tool_ids() if tool.endswith("deleteInvoice"))
    queries = _queries(
        tmp_path / "q.jsonl",
        [
            {"query": "delete the invoice", "relevant": [invoice, invoice, "shop.gone"]},
            {"query": "nothing of this", "relevant": ["shop.gone"]},
            {"query": " ", "relevant": [invoice]},
            {"query": "delete", "relevant": []},
            {"query": "delete", "relevant": "shop.x"},
            [1],
            "{half",
        ],
    )
    document = score_retrieval(catalog, queries, "bm25")
    assert (document["pool"], document["queries"]) == (len(ROWS), 1)
    assert document["scores"]["ndcg@1"]["value"] == 1.0
    assert document["scores"]["ndcg@1"]["low"] < 1.0
    assert document["file"]["rows"] == 7
    assert document["file"]["unknown_tools"]["mentions"] == 2
    assert document["file"]["broken"] == {
        "no query": 1,
        "no relevant tool is in the catalog": 1,
        "not JSON": 1,
        "not an object": 1,
        "nothing is relevant": 1,
        "relevant is not a list of tool ids": 1,
    }


@pytest.mark.parametrize("name", ["bm25-plain", "hybrid:bm25", "whole:bm25", "narrow:hybrid:bm25"])
def test_every_retriever_that_needs_no_training_is_found_by_name(catalog: Path, tmp_path: Path, name: str) -> None:
    opened = open_catalog(catalog)
    rows: list[object] = [{"query": "print the recipe", "relevant": [t]} for t in opened.tool_ids() if "Recipe" in t]
    document = score_retrieval(catalog, _queries(tmp_path / "q.jsonl", rows), name)
    assert document["scores"]["recall@3"]["value"] > 0


def test_vectors_of_tools_rendered_otherwise_are_not_taken(
    catalog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    transformers = pytest.importorskip("transformers")
    encoder = tmp_path / "encoder"
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    transformers.BertModel(transformers.BertConfig(vocab_size=7, **sizes)).save_pretrained(encoder)
    (encoder / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nprint\nrecipe")
    transformers.BertTokenizerFast(vocab=str(encoder / "vocab.txt")).save_pretrained(encoder)
    opened = open_catalog(catalog)

    def stores() -> set[Path]:
        named_retriever(opened, str(encoder))
        return set((catalog / VECTORS_FOLDER).iterdir())

    before = stores()
    assert stores() == before
    monkeypatch.setattr("toolwise.retrieval.pretrained.rendering.TEXT_RENDERING", "another")
    assert stores() > before


def test_mistakes_are_one_line(catalog: Path, tmp_path: Path) -> None:
    queries = _queries(tmp_path / "q.jsonl", [{"query": "x", "relevant": ["a.b"]}])
    with pytest.raises(DataError, match="no usable row"):
        score_retrieval(catalog, queries, "bm25")
    good = _queries(tmp_path / "g.jsonl", [{"query": "x", "relevant": [next(open_catalog(catalog).tool_ids())]}])
    with pytest.raises(ConfigError, match="no retriever in"):
        score_retrieval(catalog, good, "./nowhere")
    for nameless in ("hybrid:", "narrow:", "whole:hybrid:"):
        with pytest.raises(ConfigError, match="name of a retriever is missing"):
            score_retrieval(catalog, good, nameless)
    with pytest.raises(ConfigError, match="no cross-encoder in"):
        score_retrieval(catalog, good, "bm25+rerank:")
    found, _ = read_questions(good, open_catalog(catalog))
    assert len(found) == 1
