from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolwise.evaluation import complete_at_k, ndcg_at_k, recall_at_k, reciprocal_rank

RANKINGS = st.lists(st.sampled_from("abcdefgh"), max_size=8, unique=True)
RELEVANT = st.sets(st.sampled_from("abcdefgh"), max_size=4)
DEPTHS = st.integers(1, 10)


def _gain(ranking: list[str], relevant: set[str], k: int) -> float:
    total = 0.0
    for rank in range(1, k + 1):
        if rank <= len(ranking) and ranking[rank - 1] in relevant:
            total += 1 / (math.log(rank + 1) / math.log(2))
    return total


@given(RANKINGS, RELEVANT, DEPTHS)
def test_ndcg_is_the_gain_over_the_best_gain_of_any_order(ranking: list[str], relevant: set[str], k: int) -> None:
    ideal = max(_gain(list(order), relevant, k) for order in itertools.permutations(sorted(relevant)))
    expected = _gain(ranking, relevant, k) / ideal if relevant else 0.0
    assert ndcg_at_k(ranking, relevant, k) == pytest.approx(expected)


def test_ndcg_of_a_worked_example() -> None:
    # Relevant at ranks 2 and 4 of 5, three relevant in all.
    expected = (1 / math.log2(3) + 1 / math.log2(5)) / (1 + 1 / math.log2(3) + 1 / 2)
    assert ndcg_at_k(["x", "a", "y", "b", "z"], ["a", "b", "c"], 5) == pytest.approx(expected)
    assert ndcg_at_k(["x", "a"], ["a"], 1) == 0
    assert ndcg_at_k(["a", "a"], ["a", "b"], 2) < 1, "a repeated result counts once"


@given(RANKINGS, RELEVANT, DEPTHS)
def test_recall_counts_and_complete_is_full_recall(ranking: list[str], relevant: set[str], k: int) -> None:
    found = sum(tool in ranking[:k] for tool in relevant)
    expected = found / len(relevant) if relevant else 0.0
    assert recall_at_k(ranking, relevant, k) == pytest.approx(expected)
    assert complete_at_k(ranking, relevant, k) == float(expected == 1)


@given(RANKINGS, RELEVANT)
def test_reciprocal_rank_is_that_of_the_first_relevant(ranking: list[str], relevant: set[str]) -> None:
    ranks = [ranking.index(tool) + 1 for tool in relevant if tool in ranking]
    assert reciprocal_rank(ranking, relevant) == (1 / min(ranks) if ranks else 0)


@given(RANKINGS, RELEVANT, DEPTHS)
def test_deeper_never_finds_less(ranking: list[str], relevant: set[str], k: int) -> None:
    assert recall_at_k(ranking, relevant, k) <= recall_at_k(ranking, relevant, k + 1)
    assert 0 <= ndcg_at_k(ranking, relevant, k) <= 1 + 1e-12
