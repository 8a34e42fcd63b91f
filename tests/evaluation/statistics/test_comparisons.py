from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bfcl_rows import write_rows
from toolwise.errors import DataError
from toolwise.evaluation.statistics.comparison import Better, Pair, compare
from toolwise.evaluation.statistics.detectable import detectable_difference, tasks_needed
from toolwise.evaluation.statistics.holm import holm
from toolwise.evaluation.statistics.mcnemar import mcnemar_exact
from toolwise.evaluation.statistics.permutation import sign_flip
from toolwise.evaluation.statistics.pooled import pooled_scores
from toolwise.evaluation.student import student_quantile
from toolwise.pipelines.compare import compare_files


def test_against_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    for freedom in (1, 2, 3, 9, 30, 200):
        assert student_quantile(0.975, freedom) == pytest.approx(stats.t.ppf(0.975, freedom), abs=1e-9)
    for left, right in ((0, 0), (3, 9), (10, 10), (0, 12), (40, 55)):
        expected = stats.binomtest(left, left + right).pvalue if left + right else 1.0
        assert mcnemar_exact(left, right) == pytest.approx(expected)


def test_the_sign_test_is_exact_for_few_clusters() -> None:
    assert sign_flip([1.0] * 5, list("abcde")) == pytest.approx(2 / 32)
    assert sign_flip([1.0] * 5, ["a"] * 5) == 1.0, "one cluster says nothing"
    assert sign_flip([0.0] * 4, list("abcd")) == 1.0


def test_holm_is_no_smaller_than_what_it_corrects_and_keeps_the_order() -> None:
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03}) == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06})


@given(st.integers(20, 20000), st.floats(0.02, 1))
def test_detectable_differences_need_as_many_tasks(tasks: int, discordant: float) -> None:
    difference = detectable_difference(tasks, discordant)
    if difference < 1:
        needed = tasks_needed(difference, discordant)
        assert needed is not None and needed <= tasks + 1


def pairs(left: float, right: float, *, groups: int, size: int, seed: int) -> list[Pair]:
    rng = np.random.default_rng(seed)
    return [
        Pair(cluster=f"c{group}", left=float(rng.random() < left), right=float(rng.random() < right))
        for group in range(groups)
        for _ in range(size)
    ]


def test_a_clear_winner_is_named_and_a_draw_is_not() -> None:
    assert compare(pairs(0.8, 0.5, groups=40, size=8, seed=1)).better is Better.LEFT
    assert compare(pairs(0.5, 0.8, groups=40, size=8, seed=1)).better is Better.RIGHT
    draw = compare(pairs(0.6, 0.58, groups=20, size=5, seed=2))
    assert draw.better is Better.CANNOT_TELL
    assert draw.tasks_needed is None or draw.tasks_needed > draw.tasks


def test_equal_agents_are_rarely_told_apart() -> None:
    wrong = sum(
        compare(pairs(0.6, 0.6, groups=20, size=5, seed=seed)).better is not Better.CANNOT_TELL for seed in range(100)
    )
    assert wrong <= 10


def test_precision_and_recall_are_pooled_and_wide_for_few_clusters() -> None:
    counts = [(1, 2, 1), (2, 2, 4)] * 10
    precision, recall, f1 = pooled_scores(counts, [f"c{i}" for i in range(20)])
    assert (precision.value, recall.value) == (30 / 40, 30 / 50)
    assert f1.value == pytest.approx(60 / 90)
    assert all(metric.low < metric.value < metric.high for metric in (precision, recall, f1))
    few = pooled_scores(counts, ["a", "b"] * 10)[0]
    assert few.high - few.low > precision.high - precision.low


def test_files_are_paired_by_task_and_other_versions_are_counted(tmp_path: Path) -> None:
    left = [{"id": str(i), "passed": True, "cluster": str(i % 20), "task": "a"} for i in range(60)]
    right = [{**row, "passed": i % 2 == 0, "task": "b" if i == 0 else "a"} for i, row in enumerate(left)][:50]
    document = compare_files(write_rows(tmp_path / "l.jsonl", left), write_rows(tmp_path / "r.jsonl", right))
    assert document["better"] == "left"
    assert document["tasks"] == 49
    assert document["unpaired"] == {"only_in_left": 10, "only_in_right": 0, "another_version_of_the_task": 1}
    with pytest.raises(DataError, match="cannot be compared"):
        compare_files(write_rows(tmp_path / "x.jsonl", [*left, left[0]]), tmp_path / "r.jsonl")
