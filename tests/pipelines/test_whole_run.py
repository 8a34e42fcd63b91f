"""The whole chain on a dozen small documents of our own, through the command line."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from small_documents import PROVIDERS, write_documents

pytest.importorskip("torch")

SPLITS = {"seen_toolset", "unseen_toolset", "unseen_category"}
METRICS = {"exact_call", "valid_call", "pass_react", "pass_dfsdt"}
EXACT_ARTEFACTS = ("tasks.jsonl", "trajectories.jsonl", "verdicts.jsonl", "corpus")


def configuration(folder: Path) -> Path:
    """A run that takes seconds; the model learns next to nothing, which is not what is tested."""
    path = folder / "toolwise.yaml"
    config = {
        "sources": [str(write_documents(folder / "documents"))],
        "shard_toolsets": 4,
        "tasks": {"train": 120, "dev": 8, "seen_toolset": 12, "unseen_toolset": 12, "unseen_category": 12},
        "training": {"max_steps": 6, "width": 32, "layers": 1, "heads": 2, "batch_tokens": 1500, "threads": 1},
        "retriever": {"max_steps": 20, "dimensions": 32, "batch_size": 32, "threads": 1},
        "evaluation": {"budget": 3, "max_steps": 2, "samples": 2, "baseline_tasks": 3},
    }
    path.write_text(yaml.safe_dump(config))
    return path


def start(config: Path, out: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "toolwise", "run", str(config), "--out", str(out), "--resume", "--json"]
    return subprocess.Popen(
        [*command, "--workers", "2"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def finish(process: subprocess.Popen[str]) -> Any:
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    return json.loads(output)


def digests(folder: Path) -> dict[str, str]:
    files = [
        file
        for name in EXACT_ARTEFACTS
        for file in ([folder / name] if (folder / name).is_file() else sorted((folder / name).rglob("*")))
        if file.is_file()
    ]
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    folder = tmp_path_factory.mktemp("run")
    return folder / "run", finish(start(configuration(folder), folder / "run"))


def test_the_result_document_is_complete(finished: tuple[Path, Any]) -> None:
    folder, result = finished
    assert result["catalog"]["toolsets"] == len(PROVIDERS)
    assert result["catalog"]["tools"] == 5 * len(PROVIDERS)
    assert set(result["model"]) == SPLITS
    assert set(result["baselines"]) == {"null", "nearest_tool", "untrained"}
    for splits in (result["model"], *result["baselines"].values()):
        for metrics in splits.values():
            assert set(metrics) == METRICS
            for metric in metrics.values():
                assert 0 <= metric["low"] <= metric["value"] <= metric["high"] <= 1 or metric["n"] == 0
    for scores in result["retrieval"].values():
        assert {"ndcg@1", "ndcg@5", "recall@5"} <= set(scores)
    assert set(result["retrieval"]) == {"bm25", "dense", "fusion"}
    assert result["seconds"]["total"] > 0
    assert result["peak_memory_mb"] > 0
    assert Path(result["report"]).read_text().startswith("<!doctype html>")
    assert json.loads((folder / "result.json").read_text()) == result


def test_the_funnel_adds_up(finished: tuple[Path, Any]) -> None:
    funnel = finished[1]["funnel"]
    assert funnel["in"] == sum(funnel[outcome] for outcome in ("accepted", "rejected", "failed", "pending"))
    assert sum(funnel["reasons"].values()) == funnel["rejected"] + funnel["failed"]
    assert funnel["accepted"] > 100


def test_an_agent_that_does_nothing_passes_nothing(finished: tuple[Path, Any]) -> None:
    for metrics in finished[1]["baselines"]["null"].values():
        assert metrics["exact_call"]["value"] == metrics["pass_react"]["value"] == metrics["pass_dfsdt"]["value"] == 0


def test_every_call_that_a_model_makes_is_valid(finished: tuple[Path, Any]) -> None:
    for agent in (finished[1]["model"], finished[1]["baselines"]["untrained"]):
        for metrics in agent.values():
            assert metrics["valid_call"]["n"] == 0 or metrics["valid_call"]["value"] == 1


def test_training_data_and_held_out_toolsets_do_not_meet(finished: tuple[Path, Any]) -> None:
    folder, _ = finished
    tools: dict[str, set[str]] = {}
    for line in (folder / "tasks.jsonl").read_text().splitlines():
        task = json.loads(line)
        toolsets = {candidate.partition(".")[0] for candidate in task["candidates"]}
        tools.setdefault(task["provenance"]["split"], set()).update(toolsets)
    assert set(tools) == {"train", "dev", *SPLITS}
    for split in ("unseen_toolset", "unseen_category"):
        assert not tools["train"] & tools[split]
    assert tools["dev"] <= tools["train"]


def test_a_finished_run_answers_again_at_once_and_its_report_can_be_rewritten(finished: tuple[Path, Any]) -> None:
    folder, result = finished
    again = finish(start(folder.parent / "toolwise.yaml", folder))
    assert again["model"] == result["model"]
    command = [sys.executable, "-m", "toolwise", "report", str(folder), "--out", str(folder.parent / "page.html")]
    assert subprocess.run(command, check=False, capture_output=True).returncode == 0
    assert (folder.parent / "page.html").exists()


def test_other_settings_do_not_resume(finished: tuple[Path, Any]) -> None:
    folder, _ = finished
    other = folder.parent / "other.yaml"
    other.write_text((folder.parent / "toolwise.yaml").read_text() + "seed: 5\n")
    process = start(other, folder)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "seed: 0 -> 5" in errors


def test_a_run_killed_again_and_again_ends_with_the_same_artefacts(finished: tuple[Path, Any], tmp_path: Path) -> None:
    folder, result = finished
    config, out = folder.parent / "toolwise.yaml", tmp_path / "killed"
    for patience in (2.5, 4.0, 7.0):
        process = start(config, out)
        time.sleep(patience)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    survivor = finish(start(config, out))
    assert digests(out) == digests(folder)
    assert survivor["funnel"] == result["funnel"]
    assert survivor["baselines"]["nearest_tool"] == result["baselines"]["nearest_tool"]
