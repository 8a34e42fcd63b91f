from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from bfcl_rows import write_bfcl, write_rows
from toolwise.cli.app import app
from toolwise.errors import DataError
from toolwise.evaluation.benchmarks.bfcl import read_bfcl, score_bfcl
from toolwise.evaluation.calls.attempts import Attempted
from toolwise.pipelines.scoring import score_bfcl as score_file

TEA, MILK = "shop.order(item='green tea', count=2)", "shop.order(item='milk', count=1)"
RIGHT = {
    "simple_python_0": f"[{TEA}]",
    "multiple_0": [{"shop.order": '{"item": "milk", "count": 1}'}],
    "parallel_0": f"[{MILK}, {TEA}]",
    "irrelevance_0": "No tool fits.",
    "live_relevance_0-0-0": f"[{TEA}]",
}


def test_right_predictions_pass_and_baselines_stand_beside(tmp_path: Path) -> None:
    data = write_bfcl(tmp_path / "data")
    file = write_rows(tmp_path / "p.jsonl", [{"id": key, "result": value} for key, value in RIGHT.items()])
    document = score_file(data, file)
    assert document["tasks"] == 5
    assert document["scores"]["accuracy"]["value"] == 1
    assert set(document["baselines"]) == {"null", "nearest_tool"}
    assert document["baselines"]["null"]["scores"]["accuracy"]["value"] == pytest.approx(1 / 5), "only irrelevance"


def test_everything_wrong_with_a_file_is_counted_and_the_denominator_stays(tmp_path: Path) -> None:
    data = write_bfcl(tmp_path / "data")
    rows: list[Any] = [
        {"id": "simple_python_0", "result": RIGHT["simple_python_0"]},
        {"id": "simple_python_0", "result": "[]"},
        {"id": "stranger_1", "result": "[]"},
        {"result": "[]"},
        b"{broken",
    ]
    document = score_file(data, write_rows(tmp_path / "p.jsonl", rows), baselines=False)
    given_rows = document["predictions"]
    assert (given_rows["missing"], given_rows["duplicate"], given_rows["unknown"]) == (4, 1, 1)
    assert given_rows["broken"] == {"no id or no output": 1, "not JSON": 1}
    assert given_rows["rows"] == 5
    assert document["scores"]["accuracy"]["value"] == pytest.approx(1 / 5)
    assert document["scores"]["accuracy"]["n"] == 5
    assert document["attempts"] == {"called": 1, "abstained": 0, "unparsable": 0, "missing": 4}


def test_an_attempt_that_cannot_be_read_is_no_abstention(tmp_path: Path) -> None:
    benchmark = read_bfcl(write_bfcl(tmp_path))
    item = next(item for item in benchmark.items if item.id == "irrelevance_0")
    score = score_bfcl(item, "[shop.order(item='tea'")
    assert score.attempted is Attempted.UNPARSABLE
    assert score.values == {"accuracy": 1.0, "strict": 0.0}, "BFCL lets it pass; strictly it is no abstention"


@given(st.lists(st.sampled_from([TEA, MILK]), max_size=3))
@settings(max_examples=40, deadline=None)
def test_scores_are_in_range_and_an_extra_call_never_helps(calls: list[str]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        items = read_bfcl(write_bfcl(Path(folder))).items
    for item in items:
        before = score_bfcl(item, f"[{', '.join(calls)}]").values
        after = score_bfcl(item, f"[{', '.join([*calls, 'shop.order(colour=1)'])}]").values
        assert all(0 <= value <= 1 for value in (*before.values(), *after.values()))
        if item.group != "live_relevance":  # any call passes there
            assert all(after[name] <= before[name] for name in before)


def test_bad_paths_are_one_line(tmp_path: Path) -> None:
    data = write_bfcl(tmp_path / "data")
    with pytest.raises(DataError, match="cannot read"):
        score_file(data, tmp_path / "none.jsonl")
    with pytest.raises(DataError, match="no prediction"):
        score_file(data, write_rows(tmp_path / "p.jsonl", [{"id": "x", "result": ""}]))
    with pytest.raises(DataError, match="no single-turn"):
        read_bfcl(tmp_path)
    with pytest.raises(DataError, match="no category"):
        read_bfcl(data, ["none"])


def test_the_command_prints_one_document_with_a_verdict_a_row(tmp_path: Path) -> None:
    data = write_bfcl(tmp_path / "data")
    file = write_rows(tmp_path / "p.jsonl", [{"id": key, "result": value} for key, value in RIGHT.items()])
    arguments = ["evaluate", "bfcl", "--data", str(data), "--predictions", str(file), "--json"]
    result = CliRunner().invoke(app, arguments)
    document = orjson.loads(result.stdout)
    assert [row["passed"] for row in document["verdicts"]] == [True] * 5
    assert "accuracy" in CliRunner().invoke(app, arguments[:-1]).stdout
