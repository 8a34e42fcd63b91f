from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from toolwise.errors import CatalogError
from toolwise.retrieval import Bm25Retriever, Document
from toolwise.retrieval.bm25 import document_terms
from toolwise.retrieval.tokens import terms


def _scores_from_the_definition(documents: list[Document], query: str) -> list[float]:
    """Lucene's BM25, k1 = 1.2, b = 0.75, without its constant factor."""
    bags = [Counter(document_terms(document)) for document in documents]
    mean = sum(bag.total() for bag in bags) / len(bags)
    scores = []
    for bag in bags:
        score = 0.0
        for term in set(terms(query)):
            frequency = sum(term in other for other in bags)
            idf = math.log(1 + (len(bags) - frequency + 0.5) / (frequency + 0.5))
            score += idf * bag[term] / (bag[term] + 1.2 * (0.25 + 0.75 * bag.total() / mean))
        scores.append(score)
    return scores


@pytest.mark.parametrize("query", ["delete the folder", "list invoices, list vehicles", "created at business records"])
def test_scores_agree_with_the_definition(documents: list[Document], query: str) -> None:
    found = Bm25Retriever.build(documents).scores([query])[0]
    np.testing.assert_allclose(found, _scores_from_the_definition(documents, query), rtol=1e-4, atol=1e-6)


def test_search_finds_the_tool_and_leaves_out_what_does_not_match(documents: list[Document]) -> None:
    hits = Bm25Retriever.build(documents).search(["delete a folder", "qwertyuiop", ""], 3)
    assert hits[0][0].tool == "alpha.deleteFolder"
    assert [len(row) for row in hits] == [3, 0, 0]
    assert [hit.score for hit in hits[0]] == sorted((hit.score for hit in hits[0]), reverse=True)


def test_a_saved_index_gives_the_same_results(documents: list[Document], tmp_path: Path) -> None:
    built = Bm25Retriever.build(documents)
    built.save(tmp_path / "index")
    queries = ["delete a folder", "make a meeting"]
    assert Bm25Retriever.load(tmp_path / "index").search(queries, 5) == built.search(queries, 5)


def test_nothing_to_index_and_a_broken_index_are_said(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="nothing to index"):
        Bm25Retriever.build([])
    with pytest.raises(CatalogError, match="rebuild"):
        Bm25Retriever.load(tmp_path)
