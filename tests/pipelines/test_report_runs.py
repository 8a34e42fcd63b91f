"""Reporting folders: what is read, what is counted, what is refused, and what the numbers are."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner

from toolwise.cli.app import app
from toolwise.errors import ConfigError, DataError, RunError
from toolwise.pipelines.report import write_reports
from toolwise.pipelines.report_compare import entries, samples
from toolwise.pipelines.report_inspect import write_inspect_logs
from toolwise.pipelines.report_sources import read_runs
from toolwise.types import (
    Blueprint,
    BlueprintCall,
    Check,
    Message,
    Node,
    Provenance,
    RejectReason,
    Role,
    Split,
    StopReason,
    Task,
    ToolCall,
    Trajectory,
    Verdict,
)

SPLITS = (Split.SEEN_TOOLSET, Split.UNSEEN_TOOLSET)


def task(number: int) -> Task:
    """Twelve toolsets, two splits."""
    tool = f"shop{number % 12}.find"
    return Task(
        instruction=f"Find lamp {number} <b>now</b>",
        candidates=(tool, f"shop{number % 12}.drop"),
        relevant=(tool,),
        blueprint=Blueprint(calls=(BlueprintCall(tool=tool, arguments={"number": number}),)),
        provenance=Provenance(split=SPLITS[number % 2]),
    ).with_key()


def attempt(of: Task, right: bool, policy: str = "model", strategy: str = "react") -> Trajectory:
    assert of.blueprint is not None
    wanted = of.blueprint.calls[0]
    call = ToolCall(id="c", name=wanted.tool, arguments=wanted.arguments if right else {"number": -1})
    nodes = (
        Node(parent=None, message=Message(role=Role.USER, content=of.instruction)),
        Node(parent=0, message=Message(role=Role.ASSISTANT, thought="I look.", tool_calls=(call,)), sampled=True),
        Node(parent=1, message=Message(role=Role.TOOL, content='{"ok": true}', tool_call_id="c")),
        Node(parent=2, message=Message(role=Role.ASSISTANT, content="Done."), sampled=True),
    )
    return Trajectory(
        task_key=of.key, strategy=strategy, policy=policy, nodes=nodes, ends={3: StopReason.ANSWERED}, model_calls=2
    )


def verdict(of: Task, right: bool) -> Verdict:
    reason = None if right else RejectReason.WRONG_STATE
    return Verdict(key=of.key, checks=(Check(name="state", passed=right, reason=reason),))


def lines(path: Path, rows: list[Any], extra: tuple[str, ...] = ()) -> None:
    path.write_text("\n".join([*(row.model_dump_json() for row in rows), *extra]) + "\n")


def folder(
    path: Path, numbers: range, right: int, *, missing: int = 0, extra: tuple[str, ...] = (), policy: str = "model"
) -> Path:
    """A verified folder: every task whose number is not a multiple of `right` passes."""
    path.mkdir(parents=True)
    tasks = [task(number) for number in numbers]
    made = tasks[missing:]
    passes = {one.key: bool(number % right) for one, number in zip(tasks, numbers, strict=True)}
    lines(path / "tasks.jsonl", tasks)
    lines(path / "trajectories.jsonl", [attempt(one, passes[one.key], policy) for one in made], extra)
    lines(path / "verdicts.jsonl", [verdict(one, passes[one.key]) for one in made])
    inputs = {
        "catalog": "absent",
        **{name: str(path / f"{name}.jsonl") for name in ("tasks", "trajectories", "verdicts")},
    }
    (path / "inputs.json").write_text(json.dumps(inputs))
    return path


@pytest.fixture
def two(tmp_path: Path) -> list[Path]:
    stray = attempt(task(999), True).model_dump_json()
    twice = attempt(task(3), True).model_dump_json()
    loose = json.loads(attempt(task(4), True).model_dump_json())
    loose["nodes"][1]["parent"] = 7
    extra = ('{"broken', '{"task_key": 1}', stray, twice, json.dumps(loose))
    return [
        folder(tmp_path / "a", range(0, 60), 4, extra=extra),
        folder(tmp_path / "b", range(20, 80), 2, missing=5),
    ]


def test_two_runs_are_paired_on_the_tasks_that_they_share(two: list[Path], tmp_path: Path) -> None:
    found = write_reports(two, tmp_path / "r.html")
    first, second = found["leaderboard"]
    assert (first["name"], second["name"]) == ("a", "b")
    assert first["passed"]["value"] == 45 / 60
    assert second["passed"]["n"] == 60
    right = sum(1 for n in range(25, 80) if n % 2)
    assert second["passed"]["value"] == pytest.approx(right / 60)
    assert second["against"]["tasks"] == 40
    mine = sum(1 for n in range(25, 60) if n % 2)
    others = sum(1 for n in range(20, 60) if n % 4)
    assert second["against"]["difference"]["value"] == pytest.approx((mine - others) / 40)
    assert second["against"]["better"] == "cannot_tell"  # all of the difference lies in a few toolsets
    assert found["notes"] == ["a and b have 40 tasks in common, of 60 and 60; only those are compared."]
    assert set(first["by_setting"]) == {"seen_toolset", "unseen_toolset"}


def test_everything_that_is_not_used_is_counted(two: list[Path], tmp_path: Path) -> None:
    found = write_reports(two, tmp_path / "r.json")
    a, b = found["sources"]
    assert a["left_out"] == {
        "a second attempt on a task": 1,
        "a tree whose nodes do not hang together": 1,
        "of a task that is not in the tasks": 1,
        "trajectories.jsonl: not JSON": 1,
        "trajectories.jsonl: not a row of this kind": 1,
    }
    assert (a["tasks"], a["rows"], a["missing"]) == (60, 63, 0)
    assert b["missing"] == 5
    assert found["leaderboard"][1]["failures"]["no_attempt"] == 5
    assert found["leaderboard"][0]["failures"] == {"wrong_argument": 15}
    written = orjson.loads((tmp_path / "r.json").read_bytes())
    assert written["leaderboard"] == found["leaderboard"]
    failed = next(sample for sample in written["samples"] if sample["failure"])
    assert failed["failure_detail"].startswith("number is -1, right is ")
    raw = (tmp_path / failed["raw"]).read_text().splitlines()[failed["line"] - 1]
    assert json.loads(raw)["task_key"] == failed["task"]


def test_runs_without_a_common_task_are_shown_and_not_compared(tmp_path: Path) -> None:
    paths = [folder(tmp_path / "x" / "run", range(0, 12), 5), folder(tmp_path / "y" / "run", range(50, 62), 5)]
    found = write_reports(paths, tmp_path / "r.md")
    assert [row["against"] for row in found["leaderboard"]] == [None, None]
    assert found["notes"] == ["x/run and y/run have 0 tasks in common, of 12 and 12; they cannot be compared."]
    text = (tmp_path / "r.md").read_text()
    assert "no task in common" in text
    assert "| 1 | " in text


def test_the_same_input_gives_the_same_bytes(two: list[Path], tmp_path: Path) -> None:
    for name in ("one.html", "two.html"):
        write_reports(two, tmp_path / name)
    assert (tmp_path / "one.html").read_bytes() == (tmp_path / "two.html").read_bytes()


def test_shown_attempts_are_few_and_of_every_kind(two: list[Path], tmp_path: Path) -> None:
    board = entries(read_runs(two))
    shown = samples(board, tmp_path, shown=20)
    assert 10 <= len(shown) <= 20
    both = {s.task.key for s in shown if s.contender == "c1"} & {s.task.key for s in shown if s.contender == "c2"}
    assert len(both) >= 8
    assert {(s.contender, bool(s.failure)) for s in shown} == {(c, f) for c in ("c1", "c2") for f in (True, False)}
    assert {s.split for s in shown} == {"seen_toolset", "unseen_toolset"}


def test_cells_of_an_evaluation_are_contenders(tmp_path: Path) -> None:
    run = tmp_path / "ev"
    for name, agent, candidates in (("m", "mine", "given"), ("n", "null", "retrieved:5")):
        cell = folder(run / "cells" / name, range(12), 3, policy="whatever")
        (cell / "verdicts.jsonl").unlink()
        rows = [
            {
                "id": task(n).key,
                "task": task(n).key,
                "group": "I1-Tool" if n < 6 else "I2-Cat",
                "cluster": f"shop{n}",
                "passed": bool(n % 3),
                "scores": {"pass": float(bool(n % 3))},
                "costs": {"model_calls": 3, "prompt_tokens": 90, "completion_tokens": 10, "cost": 0.5, "seconds": 2.0},
                "reason": "" if n % 3 else "wrong_state",
            }
            for n in range(12)
        ]
        repeats = 1 if name == "m" else 3
        (cell / "scores.json").write_text(json.dumps({"verdicts": [*rows, {"id": "x"}], "repeats": repeats}))
        inputs = json.loads((cell / "inputs.json").read_text())
        del inputs["verdicts"]
        inputs |= {"agent": agent, "strategy": "dfsdt", "candidates": candidates, "transient": 0.0}
        (cell / "inputs.json").write_text(json.dumps(inputs))
    (run / "inputs.json").write_text(json.dumps({**inputs, "cells": ["m", "n"]}))
    found = write_reports([run], None)
    assert found["report"] == str(run / "report.html")
    first, second = found["leaderboard"]
    assert (first["name"], second["name"]) == ("Mine", "Does nothing, retrieved:5")
    assert (first["baseline"], second["baseline"]) == (False, True)
    assert first["by_setting"]["I1-Tool"]["n"] == 6
    assert first["costs"]["tokens"] == {"mean": 100.0, "n": 12, "per_solved": 150.0}
    assert first["costs"]["money"]["per_solved"] == 0.75
    assert second["costs"]["model_calls"]["mean"] == 1.0  # three repeats together made three
    assert first["failures"] == {"wrong_argument": 4}
    assert found["sources"][0]["left_out"] == {"a score without id or verdict": 2}


def test_scores_alone_are_enough_for_a_leaderboard(tmp_path: Path) -> None:
    for name, right in (("a", 3), ("b", 2)):
        rows = [{"id": n, "passed": bool(n % right), "cluster": str(n % 10)} for n in range(40)]
        (tmp_path / f"{name}.json").write_text(json.dumps({"verdicts": rows}))
    found = write_reports([tmp_path / "a.json", tmp_path / "b.json"], tmp_path / "r.html")
    assert [row["name"] for row in found["leaderboard"]] == ["a", "b"]
    assert found["leaderboard"][1]["against"]["tasks"] == 40
    assert found["leaderboard"][0]["failures"] == {}


@pytest.mark.parametrize(
    ("name", "content", "kind", "said"),
    [
        ("empty", None, RunError, "holds nothing to report"),
        ("absent/x", None, RunError, "does not exist"),
        ("bad.json", "{}", DataError, "holds no scored task"),
        ("text.json", "no", DataError, "holds no scored task"),
    ],
)
def test_what_holds_nothing_is_refused_in_one_line(
    tmp_path: Path, name: str, content: str | None, kind: type[Exception], said: str
) -> None:
    (tmp_path / "empty").mkdir()
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(kind, match=said) as raised:
        write_reports([tmp_path / name], tmp_path / "r.html")
    assert "\n" not in str(raised.value)


def test_other_mistakes_are_refused(two: list[Path], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"\.html, \.md, \.json"):
        write_reports(two, tmp_path / "r.pdf")
    with pytest.raises(RunError, match="at least one"):
        read_runs([])
    (two[0] / "tasks.jsonl").write_text("\n")
    with pytest.raises(DataError, match="no task that can be read"):
        write_reports(two, tmp_path / "r.html")
    (two[1] / "inputs.json").write_text('{"tasks": "t"}')
    with pytest.raises(DataError, match="no trajectories yet"):
        write_reports(two[1:], tmp_path / "r.html")


def test_a_folder_that_nobody_verified_does_not_pass_where_replay_would_call_real_tools(tmp_path: Path) -> None:
    path = folder(tmp_path / "a", range(4), 9)
    inputs = json.loads((path / "inputs.json").read_text())
    del inputs["verdicts"]
    (path / "verdicts.jsonl").unlink()
    (path / "inputs.json").write_text(json.dumps({**inputs, "world": {"layers": ["http"]}}))
    found = write_reports([path], tmp_path / "r.md")
    assert found["leaderboard"][0]["passed"]["value"] == 0
    assert "toolwise verify" in found["notes"][0]


def test_the_command(two: list[Path], tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["report", *map(str, two), "--out", str(tmp_path / "r.html"), "--json"])
    assert done.exit_code == 0, done.output
    assert len(json.loads(done.stdout)["leaderboard"]) == 2
    done = CliRunner().invoke(app, ["report", str(two[0])])
    assert "Trained model, ReAct   75.0%" in done.stdout
    assert "most often: wrong argument (15 of 60)" in done.stdout
    assert (two[0] / "report.html").read_text().startswith("<!doctype html>")
    command = [sys.executable, "-m", "toolwise", "report", str(two[0]), "--out", str(tmp_path / "r.txt")]
    failed = subprocess.run(command, check=False, capture_output=True, text=True)
    assert failed.returncode == 2
    assert len(failed.stderr.strip().splitlines()) == 1


def test_inspect_reads_the_logs_back(two: list[Path], tmp_path: Path) -> None:
    pytest.importorskip("inspect_ai")
    from inspect_ai.log import list_eval_logs, read_eval_log

    found = write_inspect_logs(two, tmp_path / "logs")
    assert [log["samples"] for log in found["logs"]] == [60, 60]
    assert len(list_eval_logs(str(tmp_path / "logs"))) == 2
    log = read_eval_log(found["logs"][0]["file"])
    assert log.status == "success"
    assert log.results is not None
    assert log.results.scores[0].metrics["pass_rate"].value == 45 / 60
    assert log.samples is not None
    by_id = {sample.id: sample for sample in log.samples}
    failed = by_id[task(4).key]
    assert failed.scores is not None
    assert failed.scores["toolwise"].value == 0
    assert failed.scores["toolwise"].metadata == {"failure": "wrong_argument"}
    assert [message.role for message in failed.messages] == ["user", "assistant", "tool", "assistant"]
    assert failed.messages[2].text == '{"ok": true}'
    assert by_id[task(5).key].scores["toolwise"].value == 1  # type: ignore[index]
