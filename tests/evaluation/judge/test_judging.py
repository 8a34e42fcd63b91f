from __future__ import annotations

import asyncio
from pathlib import Path

import orjson
import pytest

from bfcl_rows import write_rows
from toolwise.errors import DataError, ModelError
from toolwise.evaluation.calls.procedure import Solution, StepDone
from toolwise.evaluation.judge.agreement import corrected_rate, kappa
from toolwise.evaluation.judge.judging import Judge, Outcome
from toolwise.evaluation.judge.reading import Readability, read_label, read_toolalpaca
from toolwise.llm.scripted import ScriptedModel
from toolwise.pipelines.judging import judge_against_labels
from toolwise.ports import ChatRequest

DATA = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "toolalpaca"
GOOD, BAD = Solution((StepDone("f", {}, "{}"),), "good"), Solution((), "bad")


@pytest.mark.parametrize(
    ("text", "label", "readability"),
    [
        ("Because.\nAnswer status: Solved", "Solved", Readability.READ),
        ("**Answer Status:** `unsolved`.", "Unsolved", Readability.READ),
        ('{"answer_status": "Unsure"}', "Unsure", Readability.READ),
        ("Solved.", "Solved", Readability.READ),
        ("It may be solved or not.", "", Readability.NONSENSE),
        ("Answer status: Solved\nAnswer status: Unsolved", "", Readability.NONSENSE),
        ("Answer status: banana", "", Readability.NONSENSE),
        ("I'm sorry, I cannot judge this.", "", Readability.REFUSED),
        ("  ", "", Readability.EMPTY),
    ],
)
def test_a_verdict_is_read_only_where_there_is_exactly_one(text: str, label: str, readability: Readability) -> None:
    vote = read_label(text, "Answer status", ("Solved", "Unsure", "Unsolved"))
    assert (vote.label, vote.readability) == (label, readability)
    assert vote.text == text


@pytest.mark.skipif(not DATA.is_dir(), reason="the public samples are not here")
@pytest.mark.parametrize(("name", "read", "empty"), [("ToolAlpaca7b.json", 99, 1), ("ToolAlpaca13b.json", 97, 3)])
def test_real_verdicts_are_read(name: str, read: int, empty: int) -> None:
    document = orjson.loads((DATA / name).read_bytes())
    rows = [row for title, rows in document.items() if title != "statistics" for row in rows]
    counts = {Readability.READ: 0, Readability.EMPTY: 0}
    for row in rows:
        process, response = read_toolalpaca(row["output"])
        counts[process.readability] += 1
        assert process.label == row.get("process_correctness", "")
        assert response.label == row.get("final_response_correctness", "")
    assert counts == {Readability.READ: read, Readability.EMPTY: empty}


def by_content(request: ChatRequest) -> str:
    text = request.messages[0].content
    if "First assistant" not in text:
        return "Answer status: Solved" if "Final answer: good" in text else "Answer status: Unsolved"
    return f"Better: {'First' if text.index('good') < text.index('bad') else 'Second'}"


def test_a_consistent_judge_wins_and_loses_without_flips() -> None:
    judge = Judge(ScriptedModel(by_content), votes=2)
    win = asyncio.run(judge.prefer("1", "c", "do", GOOD, BAD))
    assert (win.outcomes, win.win, win.flips) == ((Outcome.WIN, Outcome.WIN), 1.0, 0)
    assert asyncio.run(judge.prefer("1", "c", "do", BAD, GOOD)).win == 0.0


def test_a_judge_that_prefers_a_place_makes_ties_and_flips() -> None:
    found = asyncio.run(Judge(ScriptedModel(lambda _: "Better: First"), votes=3).prefer("1", "c", "do", GOOD, BAD))
    assert (found.win, found.solvable_win, found.flips) == (0.5, 0.5, 3)
    assert len(found.left_first) == len(found.right_first) == 3


def test_missing_predictions_fail_and_nobody_is_asked() -> None:
    model = ScriptedModel([])
    judge = Judge(model)
    assert asyncio.run(judge.status("1", "c", "do", "", None)).passed == 0
    assert asyncio.run(judge.prefer("1", "c", "do", None, GOOD)).win == 0
    assert asyncio.run(judge.prefer("1", "c", "do", None, None)).win == 0.5
    assert model.requests == []


def test_nonsense_and_failures_are_kept_and_pass_nothing() -> None:
    judged = asyncio.run(Judge(ScriptedModel(lambda _: "banana"), votes=2).status("1", "c", "do", "", GOOD))
    assert (judged.passed, judged.solvable_pass) == (0, 0)
    assert {vote.readability for vote in judged.answer_votes} == {Readability.NONSENSE}

    def down(request: ChatRequest) -> str:
        raise ModelError("the endpoint is down")

    failed = asyncio.run(Judge(ScriptedModel(down), votes=1).status("1", "c", "do", "", GOOD))
    assert failed.answer_votes[0].readability is Readability.FAILED


def test_an_unsolvable_task_is_passed_by_not_solving_it() -> None:
    model = ScriptedModel(lambda r: "Task status: Unsolvable" if "Tools:" in r.messages[0].content else by_content(r))
    assert asyncio.run(Judge(model, votes=2).status("1", "c", "do", "f", BAD)).passed == 1
    assert asyncio.run(Judge(ScriptedModel(by_content), votes=2).status("1", "c", "do", "f", BAD)).passed == 0


def test_kappa_by_hand() -> None:
    human, judge = ["pass"] * 25 + ["fail"] * 25, ["pass"] * 20 + ["fail"] * 5 + ["pass"] * 10 + ["fail"] * 15
    assert kappa(human, judge) == pytest.approx(0.4)  # observed 0.7, by chance 0.5
    assert kappa(["a", "a"], ["a", "a"]) == 1.0


def test_the_corrected_rate_undoes_a_known_bias() -> None:
    human = [True] * 100 + [False] * 100
    labelled = [True] * 90 + [False] * 10 + [True] * 30 + [False] * 70
    found = corrected_rate([True] * 60 + [False] * 40, human, labelled)
    assert found.rate is not None
    assert found.rate.value == pytest.approx((0.6 + 0.7 - 1) / (0.9 + 0.7 - 1))
    assert found.rate.low < found.rate.value < found.rate.high
    assert corrected_rate([True], [True, False], [False, True]).rate is None, "worse than chance"
    assert corrected_rate([True], [True], [True]).rate is None, "one side only"


def test_labels_are_counted_whatever_they_hold(tmp_path: Path) -> None:
    rows = [
        *({"id": f"p{i}", "human": "yes", "judge": "Solved"} for i in range(20)),
        *({"id": f"f{i}", "human": 0, "judge_text": "Answer status: Unsolved"} for i in range(15)),
        {"id": "x", "human": "yes", "judge_text": "banana"},
        {"id": "y", "human": "purple", "judge": "yes"},
        {"id": "only", "judge": "yes"},
        {"id": "p1", "human": "yes", "judge": "yes"},
        b"{",
    ]
    document = judge_against_labels(write_rows(tmp_path / "l.jsonl", list(rows)))
    assert (document["labelled"], document["judged_only"], document["unreadable_verdicts"]) == (36, 1, 1)
    assert document["agreement"]["value"] == pytest.approx(35 / 36)
    assert sum(document["broken"].values()) == 3
    with pytest.raises(DataError, match="no row with a human label"):
        judge_against_labels(write_rows(tmp_path / "n.jsonl", [{"id": 1, "judge": "yes"}]))
