from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from toolwise.retrieval import (
    Bm25Retriever,
    DenseRetriever,
    Document,
    Encoder,
    FusionRetriever,
    cautious_share,
)
from toolwise.retrieval.encoder import document_features, inverse_document_frequencies
from toolwise.retrieval.ranking import Floats, PoolRetriever


class Fixed(PoolRetriever):
    name = "fixed"

    def __init__(self, tools: str, row: list[float]) -> None:
        super().__init__(list(tools))
        self._row = np.array(row, dtype=np.float32)

    def scores(self, queries: Sequence[str]) -> Floats:
        return np.tile(self._row, (len(queries), 1))


def test_scores_are_a_convex_combination_of_shares_of_the_best() -> None:
    fused = FusionRetriever(Fixed("abc", [4, 2, 0]), Fixed("abc", [-1, 0.5, 0.25]), 0.25).scores(["q"])
    np.testing.assert_allclose(fused, [[0.75, 0.625, 0.125]])


@pytest.mark.parametrize(("weight", "first"), [(0.0, "a"), (1.0, "b")])
def test_the_extreme_weights_are_one_retriever(weight: float, first: str) -> None:
    fused = FusionRetriever(Fixed("abc", [4, 2, 0]), Fixed("abc", [-1, 0.5, 0.25]), weight)
    assert fused.search(["q"], 1)[0][0].tool == first


def test_a_query_that_matches_nothing_finds_nothing() -> None:
    assert FusionRetriever(Fixed("ab", [0, 0]), Fixed("ab", [0, -0.5]), 0.5).search(["q"], 2) == [[]]


def test_different_pools_are_refused() -> None:
    with pytest.raises(ValueError, match="same tools"):
        FusionRetriever(Fixed("ab", [0, 0]), Fixed("ba", [0, 0]), 0.5)


def test_a_stranger_counts_for_half(documents: list[Document]) -> None:
    features = [document_features(document) for document in documents]
    idf = inverse_document_frequencies(features)
    lexical = Bm25Retriever.build(documents)
    for known, share in ((list(idf), 0.8), ([], 0.4)):
        encoder = Encoder(
            vocabulary={term: row for row, term in enumerate(known)},
            vectors=np.ones((len(known), 8), dtype=np.float32),
            query_weights=np.ones(len(known), dtype=np.float32),
            document_weights=np.ones(len(known), dtype=np.float32),
            field_gains=np.ones(7, dtype=np.float32),
            fusion_weight=0.8,
        )
        dense = DenseRetriever.build(documents, encoder, features)
        assert dense.unknown_mentions == pytest.approx(0 if known else lexical.mentions)
        assert cautious_share(lexical, dense) == pytest.approx(share)
