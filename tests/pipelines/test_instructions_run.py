"""`tasks --teacher llm` over real HTTP against the rehearsal teacher: counts, faults, kills, budgets, blueprints."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rehearsal_server import CLI, adds_up, answered, document, lines, rehearsal, toolwise
from small_documents import write_documents

pytest.importorskip("aiohttp")


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("instructions")
    made = toolwise("catalog", "import", write_documents(folder / "documents"), "--out", folder / "C")
    assert made.returncode == 0, made.stderr
    return folder / "C"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with rehearsal() as url:
        yield url


def asking(url: str) -> tuple[str, ...]:
    return ("--teacher", "llm", "--base-url", url, "--model", "embedded")


def test_tasks_of_all_kinds_are_written_counted_and_solved(catalog: Path, server: str, tmp_path: Path) -> None:
    out = tmp_path / "T"
    made = document("tasks", catalog, *asking(server), "--kinds", "single,category", "--out", out)
    funnel = made["funnel"]
    assert adds_up(funnel)
    assert funnel["in"] == 10 * made["model_calls"] > 150
    assert funnel["accepted"] == made["tasks"] == sum(made["splits"].values()) == sum(made["kinds"].values())
    assert {"names_tool", "unrelated_tool", "missing_value"} <= set(funnel["reasons"])  # the embedded teacher errs
    assert funnel["accepted"] > 0.8 * funnel["in"]
    tasks = lines(out / "tasks.jsonl")
    assert len({task["key"] for task in tasks}) == len(tasks) == made["tasks"]
    assert {task["provenance"]["pattern"] for task in tasks} == {"specific", "scenario"}
    several = [task for task in tasks if task["kind"] == "category"]
    assert all(len({tool.partition(".")[0] for tool in task["candidates"]}) > 1 for task in several)
    assert all(set(task["relevant"]) <= set(task["candidates"]) for task in tasks)
    solved = document(
        "solve", out, *asking(server)[2:], "--policy", "llm", "--strategy", "react", "--out", tmp_path / "R"
    )
    assert solved["funnel"]["accepted"] > 0.9 * made["tasks"]
    verified = document("verify", tmp_path / "R", "--workers", 1)
    assert verified["funnel"]["accepted"] > 0.6 * made["tasks"]  # the world holds what the instructions name


def test_killed_faulty_and_out_of_budget_it_ends_with_the_same_bytes(catalog: Path, tmp_path: Path) -> None:
    command = ("tasks", catalog, "--kinds", "single", "--per-toolset", 10)
    with rehearsal("--latency", 0.15, "--fault-rate", 0.1, "--retry-after", 0.05, "--slow", 0.1) as url:
        out = tmp_path / "T"
        first = [*CLI, *map(str, (*command, *asking(url), "--out", out, "--concurrency", 2))]
        process = subprocess.Popen(first, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        while not (out / "run.sqlite").exists():
            time.sleep(0.02)
        time.sleep(0.3)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        spent = document(*command, *asking(url), "--out", out, "--resume", "--max-calls", 8)
        assert spent["stopped_by"] == "budget"
        assert adds_up(spent["funnel"])
        assert spent["funnel"]["pending"] > 0
        assert spent["usage"]["calls"] <= 8
        whole = document(*command, *asking(url), "--out", out, "--resume")
        assert whole["funnel"]["pending"] == 0
        assert whole["session"]["calls"] < whole["usage"]["calls"]
        before = answered(url)
        assert document(*command, *asking(url), "--out", out, "--resume")["tasks"] == whole["tasks"]
        assert answered(url) == before
        calm = document(*command, *asking(url), "--out", tmp_path / "calm")
    assert (out / "tasks.jsonl").read_bytes() == (tmp_path / "calm" / "tasks.jsonl").read_bytes()
    assert calm["funnel"] == whole["funnel"]


def test_blueprints_are_worded_and_kept_only_where_they_read_back(catalog: Path, server: str, tmp_path: Path) -> None:
    embedded = tmp_path / "T0"
    document("tasks", catalog, "--count", 60, "--held-out", 3, "--workers", 1, "--out", embedded)
    made = document("tasks", catalog, *asking(server), "--from", embedded, "--out", tmp_path / "T")
    funnel = made["funnel"]
    old = {task["world"]["seed"]: task for task in lines(embedded / "tasks.jsonl")}
    assert adds_up(funnel)
    assert funnel["in"] + made["without_blueprint"] == len(old)
    assert funnel["accepted"] > 0.7 * funnel["in"]
    for task in lines(tmp_path / "T" / "tasks.jsonl"):
        before = old[task["world"]["seed"]]
        assert task["instruction"] != before["instruction"]
        assert task["key"] != before["key"]
        assert (task["blueprint"], task["checks"]) == (before["blueprint"], before["checks"])
        assert task["provenance"]["teacher"] == "llm"
    document("solve", tmp_path / "T", "--workers", 1, "--out", tmp_path / "R")  # the blueprints still solve them
    verified = document("verify", tmp_path / "R", "--workers", 1)["funnel"]
    assert verified["accepted"] > 0.8 * verified["in"]


def test_an_estimate_asks_nothing(catalog: Path, server: str, tmp_path: Path) -> None:
    before = answered(server)
    command = ("tasks", catalog, *asking(server), "--kinds", "single", "--dry-run", "--out", tmp_path / "T")
    guess = document(*command, "--price-in", 1, "--price-out", 2)
    assert guess["tasks"] == 120
    assert guess["expected"]["calls"] == 12
    assert 0 < guess["expected"]["cost"] < guess["at_most"]["cost"]
    assert not (tmp_path / "T").exists()
    assert answered(server) == before


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--teacher", "nobody"), "choose embedded or llm"),
        (("--teacher", "llm"), "needs --base-url"),
        (("--kinds", "pairs"), "kinds"),
        (("--language", "xx"), "unknown language"),
        (("--from", "nowhere"), "holds no tasks"),
    ],
)
def test_a_mistake_is_one_line(catalog: Path, server: str, tmp_path: Path, options: tuple[str, ...], said: str) -> None:
    given = () if options[0] == "--teacher" else asking(server)
    result = toolwise("tasks", catalog, *given, *options, "--out", tmp_path / "T")
    assert result.returncode == 2, result.stdout
    assert said in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert "Traceback" not in result.stderr
