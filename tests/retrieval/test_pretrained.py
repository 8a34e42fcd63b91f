"""On a real BERT of the smallest size, made here: its weights are random, so what it learns comes from the training."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from toolwise.errors import ConfigError, DataError, ModelError
from toolwise.retrieval import Document
from toolwise.retrieval.batches import training_set
from toolwise.retrieval.pretrained.config import TextTrainingConfig
from toolwise.retrieval.pretrained.memory import VectorMemory
from toolwise.retrieval.pretrained.rendering import document_text
from toolwise.retrieval.pretrained.store import update_vectors
from toolwise.types import RetrievalPair, Split

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from toolwise.retrieval.pretrained.encoder import SETTINGS, TextEncoder  # noqa: E402
from toolwise.retrieval.pretrained.search import TextDenseRetriever, open_graph  # noqa: E402
from toolwise.retrieval.pretrained.training import train_text_retriever  # noqa: E402

CONFIG = TextTrainingConfig(
    minutes=5,
    max_steps=200,
    batch_size=16,
    evaluations=2,
    patience=9,
    learning_rate=3e-3,
    train_words=True,
    blend=1.0,
    threads=1,
)


@pytest.fixture(scope="module")
def base(documents: list[Document], pairs: list[RetrievalPair], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    texts = [document_text(d) for d in documents] + [p.query for p in pairs]
    words = sorted(
        {word for text in texts for word in "".join(c if c.isalnum() else " " for c in text.lower()).split()}
    )
    (folder / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", ":", ",", *words]))
    tokenizer = transformers.BertTokenizerFast(vocab=str(folder / "vocab.txt"))
    config = transformers.BertConfig(
        vocab_size=len(words) + 8,
        hidden_size=48,
        num_hidden_layers=1,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=128,
    )
    torch.manual_seed(0)
    transformers.BertModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _recall(encoder: TextEncoder, documents: list[Document], pairs: list[RetrievalPair], folder: Path) -> float:
    dense, _ = TextDenseRetriever.build(documents, encoder, folder)
    hits = dense.search([pair.query for pair in pairs], 4)
    return sum(pair.relevant[0] in {h.tool for h in row} for row, pair in zip(hits, pairs, strict=True)) / len(pairs)


def test_training_helps_and_what_is_saved_opens_again(
    base: Path, documents: list[Document], pairs: list[RetrievalPair], tmp_path: Path
) -> None:
    seen = [pair for pair in pairs if pair.split is Split.TRAIN]
    held = [pair.model_copy(update={"split": Split.DEV}) for pair in seen[2::3]]
    train = [pair for i, pair in enumerate(seen) if i % 3 != 2]
    summary = train_text_retriever([*train, *held], documents, str(base), tmp_path / "out", CONFIG)
    assert (summary.steps, summary.stopped) == (200, "steps")
    assert summary.losses[-1][1] < summary.losses[0][1]
    before = _recall(TextEncoder.open(str(base)), documents, held, tmp_path / "a")
    after = _recall(TextEncoder.open(str(tmp_path / "out")), documents, held, tmp_path / "b")
    assert after > before + 0.1
    settings = json.loads((tmp_path / "out" / SETTINGS).read_text())
    assert settings["fusion_weight"] == summary.fusion_weight


def test_the_same_seed_gives_the_same_weights(
    base: Path, documents: list[Document], pairs: list[RetrievalPair], tmp_path: Path
) -> None:
    config = CONFIG.model_copy(update={"max_steps": 3})
    for name in ("one", "two"):
        train_text_retriever(pairs, documents, str(base), tmp_path / name, config)
    one, two = (TextEncoder.open(str(tmp_path / name)).encode(["remove a folder"]) for name in ("one", "two"))
    assert np.array_equal(one, two)


def test_a_base_that_does_worse_tuned_is_kept(
    base: Path, documents: list[Document], pairs: list[RetrievalPair], tmp_path: Path
) -> None:
    config = CONFIG.model_copy(update={"max_steps": 2, "blend": 0.0})
    summary = train_text_retriever(pairs, documents, str(base), tmp_path / "out", config)
    assert summary.chosen_step == 0
    queries = ["remove a folder", "make a ticket"]
    same = TextEncoder.open(str(tmp_path / "out")).encode(queries)
    assert np.allclose(same, TextEncoder.open(str(base)).encode(queries), atol=1e-6)


def test_bad_bases_and_data_are_one_line(
    base: Path, documents: list[Document], pairs: list[RetrievalPair], tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="cannot load the encoder"):
        TextEncoder.open(str(tmp_path))
    held = [pair for pair in pairs if pair.split is Split.UNSEEN_TOOLSET]
    with pytest.raises(DataError, match="no training pair"):
        train_text_retriever(held, documents, str(base), tmp_path / "out", CONFIG)
    TextEncoder.open(str(base)).save(tmp_path / "old")
    path = tmp_path / "old" / SETTINGS
    path.write_text(path.read_text().replace('"rendering": "text-', '"rendering": "other-'))
    with pytest.raises(ModelError, match="rendering"):
        TextEncoder.open(str(tmp_path / "old"))


def test_only_changed_documents_are_encoded_again(tmp_path: Path) -> None:
    asked: list[str] = []

    def encode(texts: object) -> np.ndarray:
        assert isinstance(texts, list)
        asked.extend(texts)
        return np.array([[len(text), 1.0] for text in texts], dtype=np.float32)

    def update(texts: list[str]) -> tuple[list[float], list[str]]:
        asked.clear()
        vectors, _ = update_vectors(tmp_path, texts, encode, lambda done: None)
        return vectors[:, 0].tolist(), list(asked)

    assert update(["a", "bb", "a"]) == ([1, 2, 1], ["a", "bb"])
    assert update(["a", "bb", "a"]) == ([1, 2, 1], [])
    assert update(["bb", "ccc"]) == ([2, 3], ["ccc"])
    (tmp_path / "hashes.json").write_text('{"hashes": ["x"]}')  # not of these vectors
    assert update(["bb", "ccc"]) == ([2, 3], ["bb", "ccc"])


def test_the_graph_finds_what_exact_search_finds(tmp_path: Path) -> None:
    pytest.importorskip("usearch")
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(2000, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    tools = [str(i) for i in range(len(vectors))]

    class Same:
        def encode_queries(self, queries: list[str]) -> np.ndarray:
            return vectors[[int(query) for query in queries]]

    asked = [str(i) for i in range(0, 2000, 50)]
    graph = open_graph(vectors, tmp_path / "graph", stale=True)
    exact = TextDenseRetriever(tools, Same(), vectors).search(asked, 10)  # type: ignore[arg-type]
    near = TextDenseRetriever(tools, Same(), vectors, graph).search(asked, 10)  # type: ignore[arg-type]
    found = [len({h.tool for h in a} & {h.tool for h in b}) / 10 for a, b in zip(exact, near, strict=True)]
    assert np.mean(found) > 0.9
    whole = TextDenseRetriever(tools, Same(), vectors).standard(asked)  # type: ignore[arg-type]
    part = TextDenseRetriever(tools, Same(), vectors, graph).standard(asked)  # type: ignore[arg-type]
    assert (part > 0).sum(axis=1).max() <= 500 < (whole > 0).sum(axis=1).min()
    np.testing.assert_allclose(part[part > 0], whole[part > 0], rtol=0.01, atol=0.01)


def test_the_memory_gives_wrong_documents_only(documents: list[Document], pairs: list[RetrievalPair]) -> None:
    data = training_set(pairs, documents)
    memory = VectorMemory(2, size=4)
    assert memory.hardest(data, [0], np.ones((1, 2), dtype=np.float32)) == {}
    right = data.relevant[0][0]
    memory.put([right, right + 1], np.array([[1, 0], [0.5, 0.5]], dtype=np.float32))
    assert memory.hardest(data, [0], np.array([[1, 0]], dtype=np.float32)) == {0: right + 1}
    memory.put(range(10, 14), np.eye(4, 2, dtype=np.float32))
    assert len(memory) == 4


def test_a_stored_pool_opens_without_its_documents(base: Path, documents: list[Document], tmp_path: Path) -> None:
    encoder = TextEncoder.open(str(base))
    assert TextDenseRetriever.stored(encoder, tmp_path, "one") is None
    built, update = TextDenseRetriever.build(documents, encoder, tmp_path, fingerprint="one")
    assert update.encoded == len({document_text(document) for document in documents})
    stored = TextDenseRetriever.stored(encoder, tmp_path, "one")
    assert stored is not None
    assert stored.search(["remove a folder"], 5) == built.search(["remove a folder"], 5)
    assert TextDenseRetriever.stored(encoder, tmp_path, "two") is None


def test_the_pools_mean_is_taken_from_its_documents() -> None:
    rng = np.random.default_rng(1)
    vectors = rng.normal(loc=1.0, size=(30, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)

    class Same:
        def encode_queries(self, queries: list[str]) -> np.ndarray:
            return vectors[: len(queries)]

    centred = vectors - vectors.mean(axis=0) * 30 / 40
    centred /= np.linalg.norm(centred, axis=1, keepdims=True)
    found = TextDenseRetriever([str(i) for i in range(30)], Same(), vectors).scores(["a", "b"])  # type: ignore[arg-type]
    assert np.allclose(found, vectors[:2] @ centred.T, atol=1e-5)
    one = TextDenseRetriever(["0"], Same(), vectors[:1])  # type: ignore[arg-type]
    assert [hit.tool for hit in one.search(["a"], 5)[0]] == ["0"]
