from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from toolwise.errors import ConfigError
from toolwise.retrieval import Bm25Retriever, Document, RerankRetriever
from toolwise.retrieval.pretrained.rendering import training_text
from toolwise.retrieval.ranking import Floats


class Longest:
    """Likes the tools with the longest names."""

    def rescore(self, query: str, documents: Sequence[Document]) -> Floats:
        return np.array([len(document.tool) for document in documents], dtype=np.float32)


class Nothing:
    """Tells no tool from another."""

    def rescore(self, query: str, documents: Sequence[Document]) -> Floats:
        return np.zeros(len(documents), dtype=np.float32)


@pytest.fixture
def bm25(documents: list[Document]) -> Bm25Retriever:
    return Bm25Retriever.build(documents)


def _by_tool(documents: list[Document]) -> dict[str, Document]:
    return {document.tool: document for document in documents}


def test_what_is_found_stays_and_only_its_order_changes(bm25: Bm25Retriever, documents: list[Document]) -> None:
    queries = ["delete a record", "list the folders", "qwertyuiop"]
    found = bm25.search(queries, 40)
    again = RerankRetriever(bm25, Longest(), _by_tool(documents)).search(queries, 40)
    assert [{hit.tool for hit in row} for row in again] == [{hit.tool for hit in row} for row in found]
    assert again[0] != found[0]
    assert again[2] == []
    for row in again:
        assert [hit.score for hit in row] == sorted((hit.score for hit in row), reverse=True)


def test_a_reranker_without_an_opinion_changes_nothing(bm25: Bm25Retriever, documents: list[Document]) -> None:
    queries = ["delete a folder", "make an invoice for a business"]
    again = RerankRetriever(bm25, Nothing(), _by_tool(documents)).search(queries, 5)
    assert [[hit.tool for hit in row] for row in again] == [
        [hit.tool for hit in row] for row in bm25.search(queries, 5)
    ]


@pytest.fixture(scope="module")
def cross_encoder(documents: list[Document], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of the smallest size that scores pairs, with random weights."""
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    folder = tmp_path_factory.mktemp("cross")
    words = sorted({word for document in documents for word in training_text(document).lower().split()})
    (folder / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]))
    config = transformers.BertConfig(
        vocab_size=len(words) + 5,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=64,
        num_labels=1,
    )
    torch.manual_seed(0)
    transformers.BertForSequenceClassification(config).save_pretrained(folder)
    transformers.BertTokenizerFast(vocab=str(folder / "vocab.txt")).save_pretrained(folder)
    return folder


def test_a_cross_encoder_scores_as_sentence_transformers_has_it(cross_encoder: Path, documents: list[Document]) -> None:
    theirs = pytest.importorskip("sentence_transformers").CrossEncoder(str(cross_encoder), max_length=64, device="cpu")
    from toolwise.retrieval.pretrained.cross_encoder import CrossEncoder

    some = documents[:20]
    ours = CrossEncoder.open(str(cross_encoder), device="cpu").rescore("delete the folder", some)
    import torch

    expected = theirs.predict(
        [("delete the folder", training_text(document)) for document in some], activation_fn=torch.nn.Identity()
    )
    assert np.ptp(ours) > 0
    np.testing.assert_allclose(ours, np.asarray(expected).reshape(-1), atol=1e-5)


def test_what_is_no_cross_encoder_is_refused(cross_encoder: Path, tmp_path: Path) -> None:
    import transformers

    from toolwise.retrieval.pretrained.cross_encoder import CrossEncoder

    transformers.BertForSequenceClassification.from_pretrained(cross_encoder).bert.save_pretrained(tmp_path / "plain")
    with pytest.raises(ConfigError, match="not a plain encoder"):
        CrossEncoder.open(str(tmp_path / "plain"))
    with pytest.raises(ConfigError, match="cannot load"):
        CrossEncoder.open(str(tmp_path))
