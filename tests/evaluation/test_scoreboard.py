from __future__ import annotations

from collections.abc import Sequence

import pytest

import toolwise.evaluation
from toolwise.errors import DataError
from toolwise.evaluation import TaskResult, passed, retrieval_scores, scoreboard
from toolwise.ports import Hit
from toolwise.types import (
    Check,
    Message,
    Node,
    RejectReason,
    RetrievalPair,
    Role,
    Split,
    StopReason,
    Task,
    Trajectory,
    Verdict,
)


def test_the_public_names_are_exported() -> None:
    assert all(hasattr(toolwise.evaluation, name) for name in toolwise.evaluation.__all__)
    assert len(set(toolwise.evaluation.__all__)) == len(toolwise.evaluation.__all__)


def test_a_scoreboard_counts_what_was_measured() -> None:
    results = [
        TaskResult(cluster="a", exact=True, valid=True, passed_react=True, passed_dfsdt=True),
        TaskResult(cluster="a", exact=False, valid=True, passed_react=False, passed_dfsdt=True),
        TaskResult(cluster="b", exact=None, valid=False, passed_react=False, passed_dfsdt=True),
    ]
    board = scoreboard(results)
    assert list(board) == ["exact_call", "valid_call", "pass_react", "pass_dfsdt"]
    assert [(m.value, m.n) for m in board.values()] == [
        (0.5, 2),
        (pytest.approx(2 / 3), 3),
        (pytest.approx(1 / 3), 3),
        (1, 3),
    ]
    assert scoreboard([])["exact_call"].n == 0


class Fixed:
    """Always the same answer."""

    name = "fixed"

    def __init__(self, *tools: str) -> None:
        self._tools = tools

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        return [[Hit(tool, 1.0) for tool in self._tools[:k]] for _ in queries]


def _pair(*relevant: str) -> RetrievalPair:
    return RetrievalPair(key="", split=Split.TRAIN, query="q", relevant=relevant)


def test_retrieval_scores_average_over_queries() -> None:
    scores = retrieval_scores(Fixed("s.a", "s.b", "t.c"), [_pair("s.a"), _pair("s.b"), _pair("u.none")])
    assert scores["ndcg@1"].value == pytest.approx(1 / 3)
    assert scores["recall@5"].value == pytest.approx(2 / 3)
    assert scores["mrr@10"].value == pytest.approx((1 + 1 / 2) / 3)
    assert scores["ndcg@5"].n == 3


def test_equivalent_tools_count_as_one_only_on_request() -> None:
    retriever, pairs = Fixed("v2.a", "v1.a", "v1.b"), [_pair("v1.a"), _pair("v1.b")]
    assert retrieval_scores(retriever, pairs)["ndcg@1"].value == 0
    merged = retrieval_scores(retriever, pairs, equivalent={"v2.a": "v1.a", "v1.a": "v1.a"})
    assert merged["ndcg@1"].value == 0.5
    assert merged["mrr@10"].value == pytest.approx((1 + 1 / 2) / 2)


def _attempt(answer: str, *, ok: bool) -> tuple[Task, Trajectory, Verdict]:
    task = Task(key="k", instruction="do", candidates=(), relevant=())
    nodes = (
        Node(parent=None, message=Message(role=Role.USER, content="do")),
        Node(parent=0, message=Message(role=Role.ASSISTANT, content=answer), sampled=True),
    )
    trajectory = Trajectory(task_key="k", strategy="react", nodes=nodes, ends={1: StopReason.ANSWERED})
    check = Check(name="state", passed=ok, reason=None if ok else RejectReason.WRONG_STATE)
    return task, trajectory, Verdict(key="k", checks=(check,))


@pytest.mark.parametrize(
    ("answer", "ok", "expected"), [("done", True, True), ("done", False, False), (" ", True, False)]
)
def test_passing_needs_an_answer_and_every_check(answer: str, ok: bool, expected: bool) -> None:
    assert passed(*_attempt(answer, ok=ok)) is expected


def test_a_trajectory_of_another_task_is_refused() -> None:
    task, trajectory, verdict = _attempt("done", ok=True)
    with pytest.raises(DataError, match="pair them"):
        passed(task.model_copy(update={"key": "other"}), trajectory, verdict)
