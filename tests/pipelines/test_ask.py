import json
from pathlib import Path
from typing import Any

import pytest
from tests.training.tiny_llm import save_tiny_qwen3
from typer.testing import CliRunner

from small_documents import write_documents

pytest.importorskip("torch")

RUNNER = CliRunner()


@pytest.fixture(scope="module")
def places(tmp_path_factory: Any) -> Any:
    import torch

    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("ask")
    documents = write_documents(folder / "documents")
    assert run("catalog", "import", str(documents), "--out", str(folder / "catalog")).exit_code == 0
    return folder / "catalog", save_tiny_qwen3(folder / "model")


def run(*words: str) -> Any:
    from toolwise.cli.app import app

    return RUNNER.invoke(app, list(words))


def test_a_stock_model_searches_and_the_tree_is_whole(places: Any) -> None:
    catalog, model = places
    done = run("ask", "Create a box", "--catalog", str(catalog), "--model", str(model), "-k", "2", "--json")
    document = json.loads(done.stdout)
    assert len(document["candidates"]) == 2
    assert set(document["seconds"]) == {"retrieval", "loading", "search"}
    nodes = document["trajectory"]["nodes"]
    assert [line["parent"] for line in document["tree"]] == [node["parent"] for node in nodes]
    ends = {index for index, line in enumerate(document["tree"]) if line["end"]}
    assert ends == {int(index) for index in document["trajectory"]["ends"]}
    shown = run("ask", "Create a box", "--catalog", str(catalog), "--model", str(model), "-k", "2").stdout
    assert "you: Create a box" in shown
    assert document["candidates"][0]["tool"] in shown


def test_a_mistake_is_said_before_anything_is_loaded(places: Any, tmp_path: Path) -> None:
    from toolwise.errors import ConfigError, DataError
    from toolwise.pipelines.ask import answer

    catalog, model = places
    with pytest.raises(ConfigError, match="empty"):
        answer(" ", catalog, model)
    with pytest.raises(DataError, match="no model"):
        answer("Create a box", catalog, tmp_path / "none")


def test_forks_are_shown_as_branches() -> None:
    from toolwise.cli.answer_tree import render_answer

    def line(parent: Any, role: str, text: str, calls: int = 0, end: Any = None) -> Any:
        return {"parent": parent, "role": role, "text": text, "calls": calls, "end": end}

    tree = [
        line(None, "user", "do"), line(0, "assistant", "a({})", 1), line(1, "tool", "{}"),
        line(2, "assistant", "", end="gave_up"), line(0, "assistant", "Done.", end="answered"),
    ]  # fmt: skip
    document = {
        "instruction": "do", "candidates": [], "tree": tree, "answer": "Done.", "model_calls": 3,
        "seconds": {"retrieval": 0, "loading": 0, "search": 0},
    }  # fmt: skip
    assert render_answer(document).splitlines()[2:7] == [
        "you: do", "├─ calls a({})", "│     → {}", "│  gives up: nothing new to try from here", "└─ says: Done.",
    ]  # fmt: skip
