"""The teacher of a catalog's commands, over HTTP: paid once, and within a budget."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from rehearsal import Rehearsal, toolwise
from small_documents import write_documents


@pytest.fixture(scope="module")
def server() -> Iterator[Rehearsal]:
    server = Rehearsal()
    yield server
    server.stop()


def test_a_budget_stops_the_command_and_the_next_run_asks_for_the_rest_only(tmp_path: Path, server: Rehearsal) -> None:
    catalog = tmp_path / "C"
    assert toolwise("catalog", "import", write_documents(tmp_path / "documents"), "--out", catalog).returncode == 0
    command = ["catalog", "compress", catalog, "--base-url", server.url, "--model", "embedded", "--json"]

    short = toolwise(*command, "--teacher", "llm", "--max-calls", 2)
    assert short.returncode == 2
    assert "the budget of 2 calls is spent" in short.stderr
    assert "Traceback" not in short.stderr
    assert server.stats["answered"] == 2

    whole = json.loads(toolwise(*command, "--teacher", "llm").stdout)
    assert whole["usage"]["calls"] == server.stats["answered"] > 2

    again = json.loads(toolwise(*command, "--teacher", "llm").stdout)
    assert again == whole
    assert server.stats["answered"] == whole["usage"]["calls"]


def test_an_unknown_teacher_or_no_address_is_one_line(tmp_path: Path) -> None:
    for options, words in (
        (("--teacher", "oracle"), "choose embedded or llm"),
        (("--teacher", "llm"), "needs --base-url and --model"),
    ):
        refused = toolwise("catalog", "compress", tmp_path, *options)
        assert refused.returncode == 2
        assert words in refused.stderr
        assert len(refused.stderr.strip().splitlines()) == 1
