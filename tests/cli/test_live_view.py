"""What people and programs see of a run while it goes on, and of any run afterwards."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from rehearsal import Rehearsal, make_tasks, toolwise
from toolwise.cli.live_view import LiveView, in_a_line, table
from toolwise.cli.status_commands import render
from toolwise.errors import RunError
from toolwise.pipelines.events import Reject, SessionEvent
from toolwise.pipelines.status import run_status
from toolwise.ports import Progress
from toolwise.store import Row, RowStatus, RunFolder

EVENT = SessionEvent(
    "solve",
    40,
    200,
    funnel={"in": 220, "accepted": 50, "rejected": 9, "failed": 1, "pending": 160},
    calls=1234,
    prompt_tokens=5000,
    completion_tokens=600,
    cost=0.25,
    in_flight=17,
    calls_per_s=61.5,
    rows_per_s=2.0,
    seconds=20.0,
    seconds_left=4000.0,
    budget_left={"calls": 766},
    rejects=(Reject("abc", "rejected", "gave_up"), Reject("def", "failed", "policy_error: server")),
)
SHOWN = ("40", "200", "1,234", "61.5 calls/s", "17 in flight", "cost 0.2500", "1:06:40 left", "766 calls")


def test_the_table_shows_rate_tokens_money_funnel_time_left_and_the_last_rejects() -> None:
    console = Console(file=io.StringIO(), width=110, force_terminal=False)
    console.print(table(EVENT))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    for part in (*SHOWN, "5,000 + 600", "accepted 50", "rejected 9", "failed 1", "pending 160", "abc (gave_up)",
                 "def (policy_error: server)"):  # fmt: skip
        assert part in text


def test_a_log_line_says_the_same() -> None:
    text = in_a_line(EVENT)
    for part in (*SHOWN[2:], "40/200", "5,600 tokens", "9 rejected", "1 failed"):
        assert part in text


def test_a_terminal_gets_a_live_table_and_a_file_gets_few_lines() -> None:
    for terminal in (True, False):
        console = Console(file=io.StringIO(), width=110, force_terminal=terminal)
        with LiveView(console=console) as view:
            for _ in range(5):
                view(EVENT)
        text = console.file.getvalue()  # type: ignore[attr-defined]
        assert ("\x1b[" in text) is terminal
        assert ("17 in flight" in text) is terminal  # the first log line comes after ten seconds


def test_json_events_are_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with LiveView(as_json=True) as view:
        view(EVENT)
        view(EVENT)  # too soon
        view(Progress("tasks", 1, 2))
    events = [json.loads(line) for line in capsys.readouterr().err.splitlines() if line.startswith("{")]
    assert len(events) == 1
    assert events[0]["event"] == "progress"
    assert events[0]["rejects"][1] == {"key": "def", "status": "failed", "reason": "policy_error: server"}
    assert events[0]["budget_left"] == {"calls": 766}


def test_the_status_of_any_run_is_read_without_holding_it(tmp_path: Path) -> None:
    with RunFolder(tmp_path / "R", {"verb": "solve"}, resume=False) as run:
        rows = run.rows("solve")
        rows.add(["a", "b", "c"])
        rows.finish(Row("a", RowStatus.REJECTED, {}, "gave_up"))
        running = run_status(tmp_path / "R")
        assert running["state"] == "running"
        assert running["stages"][0]["funnel"]["reasons"] == {"gave_up": 1}
        assert running["last_rejects"] == [{"key": "a", "status": "rejected", "reason": "gave_up"}]
    assert run_status(tmp_path / "R")["state"] == "interrupted"
    with RunFolder(tmp_path / "R", {"verb": "solve"}, resume=True) as run:
        for key in ("b", "c"):
            run.rows("solve").finish(Row(key, RowStatus.DONE, {}))
        run.finish("solve", 1.5, {})
    finished = run_status(tmp_path / "R")
    assert finished["state"] == "finished"
    assert finished["stages"][0]["seconds"] == 1.5
    assert "3 in = 2 accepted + 1 rejected" in render(finished)


def test_what_is_no_run_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="holds no run"):
        run_status(tmp_path)
    result = toolwise("status", tmp_path / "nowhere", "--json")
    assert result.returncode == 2
    assert len(result.stderr.strip().splitlines()) == 1


def test_a_budget_that_is_spent_shows_in_events_and_status(tmp_path: Path) -> None:
    pytest.importorskip("aiohttp")
    tasks = make_tasks(tmp_path, 12)
    server = Rehearsal("--tasks", tasks, "--latency", "0.02")
    try:
        where = ("--policy", "llm", "--base-url", server.url, "--model", "embedded", "--out", tmp_path / "R")
        solved = toolwise("solve", tasks, *where, "--max-calls", 15, "--concurrency", 2, "--json")
    finally:
        server.stop()
    assert solved.returncode == 0, solved.stderr
    events = [json.loads(line) for line in solved.stderr.splitlines()]
    last = events[-1]
    assert last["calls"] == 15
    assert last["budget_left"] == {"calls": 0}
    assert last["done"] == json.loads(solved.stdout)["funnel"]["accepted"] + last["funnel"]["rejected"]
    status = json.loads(toolwise("status", tmp_path / "R", "--json").stdout)
    assert status["state"] == "stopped"
    assert "--max-calls" in status["stopped"]
    assert status["usage"]["calls"] == 15
    assert status["session"]["budget_left"] == {"calls": 0}
