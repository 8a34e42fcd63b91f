"""Corpora in and out, through the command line: several runs into one corpus, in every format, and read again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from small_documents import write_documents
from toolwise.cli.app import app
from toolwise.corpus import read_sft, read_tasks, read_trajectories, write_rows
from toolwise.corpus.formats import Conversation, read_openai_row, read_sharegpt_row
from toolwise.errors import ConfigError, DataError, RunError
from toolwise.types import Node, Role, Task, Trajectory

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"
FORMATS = ("toolbench", "toolalpaca", "sharegpt", "openai", "parquet")


def run(*arguments: object) -> Any:
    result = CliRunner().invoke(app, [*map(str, arguments), "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalog, two solved runs of it (none verified), and the corpus of both in every format."""
    folder = tmp_path_factory.mktemp("formats")
    run("catalog", "import", write_documents(folder / "documents"), "--out", folder / "catalog")
    for name, seed in (("one", 0), ("two", 5)):
        counts = ("--count", "30", "--held-out", "4", "--seed", seed, "--workers", "1")
        run("tasks", folder / "catalog", "--out", folder / f"tasks-{name}", *counts)
        run("solve", folder / f"tasks-{name}", "--out", folder / name, "--workers", "1")
    runs = (folder / "one", folder / "two" / "trajectories.jsonl")
    document = run("corpus", *runs, "--out", folder / "corpus", "--to", ",".join(FORMATS), "--workers", "1")
    (folder / "document.json").write_text(json.dumps(document))
    return folder


def _document(made: Path) -> Any:
    return json.loads((made / "document.json").read_text())


def _solved(made: Path) -> dict[str, tuple[Task, Trajectory]]:
    """Instruction -> task and trajectory of both runs."""
    found: dict[str, tuple[Task, Trajectory]] = {}
    for name in ("two", "one"):
        tasks = {task.key: task for task in read_tasks(made / f"tasks-{name}" / "tasks.jsonl")}
        for trajectory in read_trajectories(made / name / "trajectories.jsonl"):
            task = tasks[trajectory.task_key]
            found[task.instruction] = (task, trajectory)
    return found


def test_runs_are_verified_and_merged_and_the_counts_add_up(made: Path) -> None:
    document = _document(made)
    funnel = document["funnel"]
    assert (made / "one-verified" / "verdicts.jsonl").exists()
    assert funnel["in"] == sum(1 for name in ("one", "two") for _ in read_tasks(made / f"tasks-{name}" / "tasks.jsonl"))
    assert funnel["in"] == funnel["accepted"] + funnel["rejected"] + funnel["failed"] + funnel["pending"]
    rows = sum(document["examples"]["sft"].values())
    assert rows == document["statistics"]["tasks"] == funnel["accepted"] > 60
    for name in FORMATS:
        export = document["exports"][name]
        assert sum(export["rows"].values()) + sum(export["left_out"].values()) == rows, name
    assert not document["exports"]["openai"]["left_out"] and not document["exports"]["toolbench"]["left_out"]


def test_the_chat_formats_hold_the_examples(made: Path) -> None:
    corpus = made / "corpus"
    examples = list(read_sft(corpus / "sft" / "train.jsonl"))
    expected = [Conversation(json.loads(json.dumps(e.messages)), e.tools) for e in examples]
    for name, read in (("openai", read_openai_row), ("sharegpt", read_sharegpt_row)):
        lines = (corpus / name / "train.jsonl").read_text().splitlines()
        assert [list(read(json.loads(line)).messages) for line in lines] == [talk.messages for talk in expected]
    table = pq.read_table(corpus / "huggingface" / "train.parquet").to_pylist()
    assert [row["key"] for row in table] == [example.key for example in examples]
    assert "null" not in json.dumps([[row["messages"], row["key"]] for row in table])
    assert "sft/train.parquet" in (corpus / "README.md").read_text()


def test_toolbench_files_come_back_as_they_went(made: Path, tmp_path: Path) -> None:
    solved = _solved(made)
    folder = made / "corpus" / "toolbench" / "train"
    document = run(
        "trajectories",
        "import",
        folder,
        "--format",
        "toolbench",
        "--out",
        tmp_path / "r",
        "--catalog",
        made / "catalog",
    )
    count = _document(made)["exports"]["toolbench"]["rows"]["train"]
    assert (document["tasks"], document["trajectories"], document["funnel"]["rejected"]) == (count, count, 0)
    assert document["reading"]["dropped"] == {"duplicate": count}  # the conversations tell of the same tasks
    tasks = {task.key: task for task in read_tasks(tmp_path / "r" / "tasks.jsonl")}
    single = 0
    for trajectory in read_trajectories(tmp_path / "r" / "trajectories.jsonl"):
        read = tasks[trajectory.task_key]
        task, original = solved[read.instruction]
        assert (read.candidates, read.relevant, read.kind) == (task.candidates, task.relevant, task.kind)
        if all(len(node.message.tool_calls) < 2 for node in original.nodes):
            single += 1
            nodes = tuple(node.model_copy(update={"source": None, "fault": None}) for node in original.nodes)
            assert trajectory == original.model_copy(update={"task_key": read.key, "nodes": nodes})
    assert single > 20


def test_toolalpaca_files_come_back_as_they_went(made: Path, tmp_path: Path) -> None:
    solved = _solved(made)
    file = made / "corpus" / "toolalpaca" / "train.json"
    document = run("trajectories", "import", file, "--format", "toolalpaca", "--out", tmp_path / "r")
    assert (
        document["funnel"]["accepted"] == document["tasks"] == _document(made)["exports"]["toolalpaca"]["rows"]["train"]
    )
    tasks = {task.key: task for task in read_tasks(tmp_path / "r" / "tasks.jsonl")}
    for trajectory in read_trajectories(tmp_path / "r" / "trajectories.jsonl"):
        task, original = solved[tasks[trajectory.task_key].instruction]
        leaf = original.answer_leaf
        assert leaf is not None
        path = original.path(leaf)
        if all(len(node.message.tool_calls) < 2 for node in path):
            assert [_told(node) for node in trajectory.nodes] == [_told(node) for node in path]
        assert set(tasks[trajectory.task_key].relevant) >= set(task.relevant)  # every tool that a call succeeded with


def _told(node: Node) -> Any:
    calls = [(call.name, call.arguments) for call in node.message.tool_calls]
    return node.message.role, node.message.content, node.message.thought, calls, node.error


@pytest.mark.parametrize(("name", "path"), [("sharegpt", "sharegpt"), ("openai", "openai"), ("parquet", "huggingface")])
def test_conversations_are_imported_and_make_the_same_corpus(made: Path, tmp_path: Path, name: str, path: str) -> None:
    folder = made / "corpus" / path
    files = [file for file in folder.iterdir() if file.stem == "train"]
    run("trajectories", "import", *files, "--format", name, "--out", tmp_path / "r")
    document = run("corpus", tmp_path / "r", "--out", tmp_path / "c", "--to", "openai")
    before = _document(made)["examples"]["sft"]["train"]
    assert document["examples"]["sft"] == {"train": before}
    assert not (tmp_path / "c" / "sft" / "train.parquet").exists()
    ours = [_words(row.messages) for row in read_sft(tmp_path / "c" / "sft" / "train.jsonl")]
    assert ours == [_words(row.messages) for row in read_sft(made / "corpus" / "sft" / "train.jsonl")]


def _words(messages: Any) -> Any:
    """What is said and called; tools may be renamed where two toolsets share a name."""
    calls = [[call["function"]["arguments"] for call in m.get("tool_calls", ())] for m in messages]
    return [m["role"] for m in messages], [m["content"] for m in messages], calls


def test_an_export_is_the_same_bytes_again_and_replaces_the_one_before(made: Path, tmp_path: Path) -> None:
    again = tmp_path / "corpus"
    shutil.copytree(made / "corpus", again)
    runs = (made / "one-verified", made / "two-verified")
    run("corpus", *runs, "--out", again, "--to", ",".join(FORMATS))
    files = sorted(p.relative_to(again) for p in again.rglob("*") if p.is_file())
    assert files == sorted(p.relative_to(made / "corpus") for p in (made / "corpus").rglob("*") if p.is_file())
    assert all((again / name).read_bytes() == (made / "corpus" / name).read_bytes() for name in files)
    run("corpus", made / "one-verified", "--out", again, "--to", "sharegpt")
    assert not any((again / name).exists() for name in ("toolbench", "toolalpaca", "openai", "huggingface"))


def test_bad_rows_and_files_are_dropped_with_their_reasons(tmp_path: Path) -> None:
    good = {
        "messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho"}],
        "tools": [{"name": "f"}],
    }
    surrogate = json.dumps(good).replace("Hi", "\\ud800")
    lines = ["{", "[]", json.dumps({**good, "tools": []}), surrogate, json.dumps(good), json.dumps(good), "[" * 5000]
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    (tmp_path / "b.json").write_bytes(b"\xff\xfe not text")
    (tmp_path / "c.parquet").write_text("no parquet")
    document = run(
        "trajectories",
        "import",
        *(tmp_path / n for n in ("a.jsonl", "b.json")),
        "--format",
        "openai",
        "--out",
        tmp_path / "r",
    )
    reading = document["reading"]
    assert reading["rows"] == 8 == reading["kept"] + sum(reading["dropped"].values()) and reading["kept"] == 1
    assert reading["dropped"] == {"duplicate": 1, "no_tools": 1, "not_json": 3, "unknown_shape": 1, "unwritable": 1}
    assert all(problem["where"] and problem["detail"] for problem in reading["problems"])
    funnel = document["funnel"]
    assert (funnel["in"], funnel["accepted"], funnel["failed"]) == (8, 1, 7)
    broken = run("trajectories", "import", tmp_path / "c.parquet", "--format", "parquet", "--out", tmp_path / "p")
    assert broken["reading"]["dropped"] == {"unknown_shape": 1}


def test_a_users_mistake_is_named(made: Path, tmp_path: Path) -> None:
    def refused(kind: type[Exception], match: str, *arguments: object) -> None:
        with pytest.raises(kind, match=match):
            CliRunner().invoke(app, [*map(str, arguments)], catch_exceptions=False)

    out = ("--out", tmp_path / "out")
    refused(ConfigError, "unknown format 'excel'", "corpus", made / "one", *out, "--to", "openai,excel")
    refused(DataError, "holds no trajectories", "corpus", tmp_path / "nowhere", *out)
    refused(DataError, "solve its tasks first", "corpus", made / "tasks-one", *out)
    refused(DataError, "does not exist", "trajectories", "import", tmp_path / "x.json", "--format", "openai", *out)
    refused(ConfigError, "unknown --format", "trajectories", "import", made, "--format", "csv", *out)
    refused(ConfigError, "unknown --split", "trajectories", "import", made, "--format", "openai", "--split", "x", *out)
    (tmp_path / "out" / "openai").mkdir(parents=True)
    (tmp_path / "out" / "openai" / "mine.txt").write_text("keep")
    refused(RunError, "no earlier export", "corpus", made / "one-verified", *out, "--to", "openai")
    assert (tmp_path / "out" / "openai" / "mine.txt").read_text() == "keep"


def test_verdicts_that_are_older_than_the_run_are_refused(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made / "one", tmp_path / "one")
    rows = list(read_trajectories(tmp_path / "one" / "trajectories.jsonl"))
    inputs = json.loads((tmp_path / "one" / "inputs.json").read_text())
    inputs["trajectories"] = str((tmp_path / "one" / "trajectories.jsonl").resolve())
    (tmp_path / "one" / "inputs.json").write_text(json.dumps(inputs))
    write_rows(tmp_path / "one" / "trajectories.jsonl", rows[:5])
    run("corpus", tmp_path / "one", "--out", tmp_path / "c")
    write_rows(tmp_path / "one" / "trajectories.jsonl", rows)
    with pytest.raises(DataError, match="verify them again"):
        CliRunner().invoke(app, ["corpus", str(tmp_path / "one"), "--out", str(tmp_path / "c")], catch_exceptions=False)


@pytest.mark.skipif(not SHARED.exists(), reason="the shared data are not here")
def test_the_shared_samples_become_runs(tmp_path: Path) -> None:
    document = run("trajectories", "import", SHARED / "toolbench", "--format", "toolbench", "--out", tmp_path / "b")
    assert (document["trajectories"], document["tasks"]) == (15, 25)
    assert document["reading"]["dropped"] == {"no_tools": 2}  # APIs without documentation, and a query without any
    verdicts = [json.loads(line) for line in (tmp_path / "b" / "verdicts.jsonl").read_text().splitlines()]
    reasons = [next((c["reason"] for c in v["checks"] if not c["passed"]), None) for v in verdicts]
    assert reasons.count(None) == 6 and reasons.count("no_answer") == 6
    done = run("corpus", tmp_path / "b", "--out", tmp_path / "c", "--to", "toolbench,openai")
    assert done["exports"]["openai"]["rows"] == {"train": 6}
    answers = [t.answer for t in read_trajectories(tmp_path / "b" / "trajectories.jsonl") if t.answer]
    lines = [json.loads(line) for line in (tmp_path / "c" / "openai" / "train.jsonl").read_text().splitlines()]
    assert all(
        line["messages"][-1]["content"] in answers and line["messages"][0]["role"] == Role.USER for line in lines
    )
    alpaca = run(
        "trajectories",
        "import",
        SHARED / "toolalpaca" / "eval_simulated.json",
        "--format",
        "toolalpaca",
        "--out",
        tmp_path / "a",
    )
    assert (alpaca["tasks"], alpaca["toolsets"], alpaca["funnel"]["pending"]) == (100, 10, 100)
