from __future__ import annotations

import random
from pathlib import Path

import pytest

from toolwise.errors import DataError
from toolwise.ports import Progress
from toolwise.retrieval import DenseRetriever, Document, Encoder, RetrieverConfig, RetrieverSummary, train_retriever
from toolwise.retrieval.batches import draw_batch, training_set
from toolwise.retrieval.train import split_pairs
from toolwise.types import RetrievalPair, Split

torch = pytest.importorskip("torch")

CONFIG = RetrieverConfig(
    dimensions=64, minutes=5, max_steps=60, batch_size=16, evaluate_every=20, threads=1, patience=50
)


class KilledError(Exception):
    pass


def _seen(documents: list[Document]) -> list[Document]:
    return [document for document in documents if document.toolset != "gamma"]


def _accuracy(encoder: Encoder, documents: list[Document], pairs: list[RetrievalPair]) -> float:
    hits = DenseRetriever.build(documents, encoder).search([pair.query for pair in pairs], 1)
    return sum(bool(row) and row[0].tool in pair.relevant for row, pair in zip(hits, pairs, strict=True)) / len(pairs)


def test_training_learns_synonyms_that_serve_unseen_tools(
    documents: list[Document], pairs: list[RetrievalPair], tmp_path: Path
) -> None:
    seen = _seen(documents)
    held = [pair for pair in pairs if pair.split is Split.UNSEEN_TOOLSET]
    untrained = Encoder.load(_trained(seen, pairs, tmp_path / "one", max_steps=1, learning_rate=1e-9)[0])
    folder, summary = _trained(seen, pairs, tmp_path / "full")
    assert summary.steps == 60
    assert summary.losses[-1][1] < summary.losses[0][1]
    assert _accuracy(Encoder.load(folder), documents, held) > _accuracy(untrained, documents, held) + 0.3
    assert not (folder / "checkpoint.pt").exists()


def _trained(
    documents: list[Document], pairs: list[RetrievalPair], out: Path, **changes: float
) -> tuple[Path, RetrieverSummary]:
    return out, train_retriever(pairs, documents, out, CONFIG.model_copy(update=changes))


def test_a_killed_training_goes_on_and_ends_the_same(
    documents: list[Document], pairs: list[RetrievalPair], tmp_path: Path
) -> None:
    seen = _seen(documents)
    whole, _ = _trained(seen, pairs, tmp_path / "whole", learning_rate=1e-3)
    config = CONFIG.model_copy(update={"learning_rate": 1e-3})

    def kill(event: Progress) -> None:
        if event.done == 40 and "loss" in event.values:
            raise KilledError

    with pytest.raises(KilledError):
        train_retriever(pairs, seen, tmp_path / "cut", config, kill)
    assert (tmp_path / "cut" / "checkpoint.pt").exists()
    steps = []
    summary = train_retriever(
        pairs, seen, tmp_path / "cut", config, lambda e: steps.append(e.done) if e.values else None
    )
    assert min(steps) > 20, "the steps before the checkpoint are not done again"
    assert [step for step, _ in summary.losses] == [20, 40, 60]
    # Learning rates follow the clock a little, so the two are near, not equal.
    left, right = Encoder.load(whole), Encoder.load(tmp_path / "cut")
    assert float(abs(left.vectors - right.vectors).max()) < 0.02


def test_held_out_pairs_are_never_looked_at(
    documents: list[Document], pairs: list[RetrievalPair], tmp_path: Path
) -> None:
    train, dev = split_pairs(pairs, 0)
    assert {pair.split for pair in train + dev} == {Split.TRAIN}
    assert not {p.relevant[0].split(".")[0] for p in train} & {p.relevant[0].split(".")[0] for p in dev}


def test_nothing_to_train_on_is_said(documents: list[Document], pairs: list[RetrievalPair], tmp_path: Path) -> None:
    held = [pair for pair in pairs if pair.split is Split.UNSEEN_TOOLSET]
    with pytest.raises(DataError, match="no training pair"):
        train_retriever(held, documents, tmp_path)


def test_right_and_duplicate_documents_are_no_negatives(documents: list[Document]) -> None:
    rows = {document.tool: i for i, document in enumerate(documents)}
    both = ("alpha.createInvoice", "alpha.deleteInvoice")
    data = training_set(
        [
            RetrievalPair(key="1", split=Split.TRAIN, query="invoices", relevant=both),
            RetrievalPair(key="2", split=Split.TRAIN, query="folders", relevant=("alpha.createFolder",)),
            RetrievalPair(key="3", split=Split.TRAIN, query="folders", relevant=("alpha.listFolder",)),
            RetrievalPair(key="4", split=Split.TRAIN, query="gone", relevant=("no.such",)),
        ],
        documents,
    )
    assert data.queries == ["invoices", "folders", "folders"]
    for seed in range(20):
        batch = draw_batch(data, [0, 1, 2], 3, random.Random(seed))
        shown = batch.documents.tolist()
        for query, target, masked in zip(batch.queries, batch.targets, batch.masked, strict=True):
            right = {rows[t] for t in (both if query == 0 else ("alpha.createFolder", "alpha.listFolder"))}
            assert shown[target] in right
            assert {shown[i] for i in masked.nonzero()[0]} == {row for row in shown if row in right} - {shown[target]}
