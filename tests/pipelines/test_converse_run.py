"""`converse` over real HTTP against the rehearsal teacher: verified turns, proportions, kills, worlds, a corpus."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rehearsal_server import CLI, adds_up, answered, document, lines, rehearsal, toolwise
from small_documents import write_documents

pytest.importorskip("aiohttp")


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("converse")
    made = toolwise("catalog", "import", write_documents(folder / "documents"), "--out", folder / "C")
    assert made.returncode == 0, made.stderr
    return folder / "C"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with rehearsal() as url:
        yield url


def asking(url: str) -> tuple[str, ...]:
    return ("--base-url", url, "--model", "embedded")


@pytest.fixture(scope="module")
def held(catalog: Path, server: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    out = tmp_path_factory.mktemp("held") / "R"
    return document("converse", catalog, *asking(server), "--n", 60, "--out", out), out


def test_conversations_pass_every_check_and_their_proportions_are_told(held: tuple[Any, Path]) -> None:
    made, out = held
    assert adds_up(made["funnel"])
    assert made["funnel"]["in"] == 60
    assert made["funnel"]["accepted"] > 40
    rows = {row["task_key"]: row for row in lines(out / "trajectories.jsonl")}
    tasks = {row["key"]: row for row in lines(out / "tasks.jsonl")}
    verdicts = lines(out / "verdicts.jsonl")
    assert set(rows) == set(tasks) == {verdict["key"] for verdict in verdicts}
    accepted = [v["key"] for v in verdicts if all(check["passed"] for check in v["checks"])]
    assert len(accepted) == made["funnel"]["accepted"]
    users = {key: [n for n in rows[key]["nodes"] if n["message"]["role"] == "user"] for key in accepted}
    turns = made["proportions"]["turns"]
    assert turns["single"]["n"] == sum(len(said) == 1 for said in users.values()) > 5
    assert turns["multi"]["n"] == sum(len(said) > 1 for said in users.values()) > 5
    assert turns["single"]["share"] + turns["multi"]["share"] == pytest.approx(1, abs=1e-3)
    calls = made["proportions"]["calls"]
    assert calls["single"]["n"] + calls["multi"]["n"] == len(accepted)
    assert set(made["proportions"]["styles"]) == {"question", "imperative", "scenario"}
    assert {"open", "change", "add", "withhold"} <= set(made["proportions"]["acts"])
    for key in accepted:
        assert tasks[key]["instruction"] == users[key][0]["message"]["content"]


def test_verify_and_corpus_read_the_folder(held: tuple[Any, Path], tmp_path: Path) -> None:
    made, out = held
    again = document("verify", out, "--workers", 1, "--out", tmp_path / "V")
    assert again["funnel"] == made["verified"]
    corpus = document("corpus", out, "--out", tmp_path / "corpus")
    assert corpus["funnel"]["accepted"] > 0.8 * made["verified"]["accepted"]
    examples = lines(tmp_path / "corpus" / "sft" / "train.jsonl") if (tmp_path / "corpus" / "sft").exists() else []
    examples = examples or [row for path in (tmp_path / "corpus").rglob("*.jsonl") for row in lines(path)]
    talks = [row["messages"] for row in examples if "messages" in row]
    assert any(sum(m["role"] == "user" for m in messages) > 1 for messages in talks)


def test_killed_and_resumed_over_a_faulty_endpoint_it_ends_with_the_same_bytes(catalog: Path, tmp_path: Path) -> None:
    options = ("--latency", 0.02, "--fault-rate", 0.08, "--retry-after", 0.05, "--slow", 0.05)
    with rehearsal(*options) as url:
        out = tmp_path / "R"
        command = ("converse", catalog, *asking(url), "--n", 12, "--concurrency", 4)
        for seconds in (0.3, 0.5):
            started = [*CLI, *map(str, (*command, "--out", out, "--resume"))]
            process = subprocess.Popen(started, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
            while not (out / "run.sqlite").exists() and process.poll() is None:
                time.sleep(0.02)
            time.sleep(seconds)
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        resumed = document(*command, "--out", out, "--resume")
        before = answered(url)
        assert document(*command, "--out", out, "--resume")["conversations"] == resumed["conversations"]
        assert answered(url) == before
        whole = document(*command, "--out", tmp_path / "whole")
    assert resumed["funnel"] == whole["funnel"]
    assert resumed["usage"]["calls"] == whole["usage"]["calls"]
    for name in ("tasks.jsonl", "trajectories.jsonl", "verdicts.jsonl"):
        assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_the_model_may_play_the_tools_and_its_answers_are_journalled(
    catalog: Path, server: str, tmp_path: Path
) -> None:
    made = document("converse", catalog, *asking(server), "--world", "llm", "--n", 20, "--out", tmp_path / "R")
    assert adds_up(made["funnel"])
    assert made["funnel"]["accepted"] > 8
    assert made["replayed"] is False
    nodes = [node for row in lines(tmp_path / "R" / "trajectories.jsonl") for node in row["nodes"]]
    assert {node["source"] for node in nodes if node["message"]["role"] == "tool"} == {"llm"}
    before = answered(server)
    document("converse", catalog, *asking(server), "--world", "llm", "--n", 20, "--out", tmp_path / "R", "--resume")
    assert answered(server) == before


def test_a_budget_stops_cleanly_and_an_estimate_asks_nothing(catalog: Path, server: str, tmp_path: Path) -> None:
    command = ("converse", catalog, *asking(server), "--n", 10, "--out", tmp_path / "R")
    before = answered(server)
    guess = document(*command, "--dry-run", "--price-in", 1, "--price-out", 1)
    assert guess["expected"]["calls"] <= guess["at_most"]["calls"]
    assert answered(server) == before
    stopped = document(*command, "--max-calls", 12)
    assert stopped["stopped_by"] == "budget"
    assert adds_up(stopped["funnel"])
    assert stopped["funnel"]["pending"] > 0
    assert answered(server) == before + 12
    assert document(*command, "--resume")["funnel"]["pending"] == 0


def test_a_closed_port_is_one_line(catalog: Path, tmp_path: Path) -> None:
    result = toolwise("converse", catalog, *asking("http://127.0.0.1:9/v1"), "--n", 2, "--out", tmp_path / "R")
    assert result.returncode == 2
    assert "is the server running" in result.stderr
    assert "Traceback" not in result.stderr
