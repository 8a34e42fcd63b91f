from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from toolwise.retrieval import Bm25Retriever, Document, NarrowRetriever
from toolwise.retrieval.narrowing import Groups
from toolwise.retrieval.ranking import Floats, PoolRetriever


class Given(PoolRetriever):
    """The same scores for every query."""

    name = "given"

    def __init__(self, scores: dict[str, float]) -> None:
        super().__init__(list(scores))
        self._scores = np.array([list(scores.values())], dtype=np.float32)

    def scores(self, queries: list[str]) -> Floats:  # type: ignore[override]
        return np.repeat(self._scores, len(queries), axis=0)


SCORES = {"a.x": 0.9, "b.x": 0.8, "a.y": 0.1, "c.x": 0.7, "b.y": 0.75, "d.x": 0.6}
CATEGORIES = {"a": "one", "b": "two", "c": "one", "d": "two"}


def ranked(categories: int, toolsets: int) -> list[str]:
    narrow = NarrowRetriever(Given(SCORES), CATEGORIES, categories, toolsets)
    return [hit.tool for hit in narrow.search(["anything"], 10)[0]]


def test_only_the_best_toolsets_of_the_best_categories_are_left() -> None:
    assert ranked(1, 1) == ["a.x", "a.y"]
    assert ranked(1, 2) == ["a.x", "c.x", "a.y"]
    assert ranked(2, 2) == ["a.x", "b.x", "b.y", "a.y"]
    assert set(ranked(2, 4)) == set(SCORES)


def test_a_category_is_left_with_fewer_toolsets_than_asked_for() -> None:
    assert set(ranked(1, 4)) == {"a.x", "a.y", "c.x"}


@given(st.lists(st.sampled_from("abcd"), min_size=1, max_size=30))
def test_a_group_is_as_good_as_its_best_column(names: list[str]) -> None:
    groups = Groups(names)
    scores = np.random.default_rng(len(names)).normal(size=(2, len(names))).astype(np.float32)
    expected = [[max(row[i] for i, n in enumerate(names) if n == name) for name in groups.names] for row in scores]
    np.testing.assert_array_equal(groups.best(scores), np.array(expected, dtype=np.float32))


def test_what_matches_nothing_stays_out(documents: list[Document]) -> None:
    narrow = NarrowRetriever(Bm25Retriever.build(documents), {})
    found = narrow.search(["delete the folder", "qwertyuiop"], 5)
    assert found[0][0].tool == "alpha.deleteFolder"
    assert found[1] == []
