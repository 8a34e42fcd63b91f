"""The rehearsal teacher over real HTTP, and `solve --policy llm` against it: faults, budgets, kills, fallbacks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from small_documents import write_documents

pytest.importorskip("aiohttp")

CLI = [sys.executable, "-m", "toolwise"]
KEY = "sk-rehearsal-777"


def toolwise(*arguments: object, key: str = "") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "REHEARSAL_KEY": key}
    command = [*CLI, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=100, env=environment)


class Server:
    """A `toolwise serve teacher` process."""

    def __init__(self, *options: object) -> None:
        command = [*CLI, "serve", "teacher", "--port", "0", "--json", *map(str, options)]
        environment = {**os.environ, "REHEARSAL_KEY": KEY}
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        assert self.process.stdout is not None
        self.url = json.loads(self.process.stdout.readline())["address"]

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.url.removesuffix("/v1") + path, timeout=10) as response:  # noqa: S310
            return json.load(response)

    def ask(self, document: Any, **headers: str) -> tuple[int, Any]:
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        request = urllib.request.Request(f"{self.url}/chat/completions", body, headers)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(10)


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rehearsal")
    documents = write_documents(folder / "documents")
    made = toolwise("catalog", "import", documents, "--out", folder / "C")
    assert made.returncode == 0, made.stderr
    made = toolwise("tasks", folder / "C", "--count", 60, "--held-out", 4, "--workers", 1, "--out", folder / "T")
    assert made.returncode == 0, made.stderr
    return folder / "T"


@pytest.fixture(scope="module")
def plain(tasks: Path) -> Iterator[Server]:
    server = Server("--tasks", tasks)
    yield server
    server.stop()


def solve(server: Server, tasks: Path, out: Path, *options: object) -> subprocess.CompletedProcess[str]:
    where = ("--policy", "llm", "--base-url", server.url, "--model", "embedded", "--out", out, "--json")
    return toolwise("solve", tasks, *where, "--api-key-env", "REHEARSAL_KEY", *options, key=KEY)


@pytest.fixture(scope="module")
def solved(plain: Server, tasks: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, bytes, Path]:
    """An undisturbed run: its document, its trajectories, its folder."""
    out = tmp_path_factory.mktemp("solved") / "R"
    result = solve(plain, tasks, out)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout), (out / "trajectories.jsonl").read_bytes(), out


def adds_up(funnel: Any) -> bool:
    outcomes = funnel["accepted"] + funnel["rejected"] + funnel["failed"] + funnel["pending"]
    return bool(funnel["in"] == outcomes)


def test_most_tasks_are_solved_and_verified(solved: tuple[Any, bytes, Path]) -> None:
    document, _, out = solved
    funnel = document["funnel"]
    assert adds_up(funnel)
    assert funnel["accepted"] > 0.8 * funnel["in"] > 40
    assert document["usage"]["calls"] > funnel["in"]
    assert document["usage"]["cost"] is None
    assert 0.3 < document["session"]["shared_prefix"] < 1
    verified = toolwise("verify", out, "--workers", 1, "--json")
    assert verified.returncode == 0, verified.stderr
    assert json.loads(verified.stdout)["funnel"]["accepted"] > 0.8 * funnel["accepted"]


def test_trees_branch_and_the_diversity_message_reaches_one_child_only(solved: tuple[Any, bytes, Path]) -> None:
    trees = [json.loads(line) for line in solved[1].splitlines()]
    assert any(len(tree["ends"]) > 1 for tree in trees)
    assert not any("first attempt" in node["message"]["content"] for tree in trees for node in tree["nodes"])


def test_a_finished_run_asks_nothing_again(plain: Server, tasks: Path, solved: tuple[Any, bytes, Path]) -> None:
    before = plain.get("/stats")["calls"]
    again = solve(plain, tasks, solved[2], "--resume")
    assert again.returncode == 0, again.stderr
    assert plain.get("/stats")["calls"] == before


def test_killed_and_resumed_it_is_byte_identical_and_repeats_nothing_recorded(
    tasks: Path, tmp_path: Path, solved: tuple[Any, bytes, Path]
) -> None:
    server = Server("--tasks", tasks, "--latency", "0.05")
    out = tmp_path / "R"
    try:
        for seconds in (1.6, 1.9):
            command = [*CLI, "solve", str(tasks), "--policy", "llm", "--base-url", server.url, "--model", "embedded"]
            process = subprocess.Popen(
                [*command, "--out", str(out), "--resume", "--concurrency", "4"], stderr=subprocess.DEVNULL
            )
            time.sleep(seconds)
            process.kill()
            process.wait()
        result = solve(server, tasks, out, "--resume")
        assert result.returncode == 0, result.stderr
        calls = server.get("/stats")["answered"]
    finally:
        server.stop()
    document, expected, _ = solved
    assert (out / "trajectories.jsonl").read_bytes() == expected
    # What was in flight (4 requests) or not yet on disk at each kill may be asked again, and nothing else.
    assert json.loads(result.stdout)["usage"]["calls"] == document["usage"]["calls"]
    assert document["usage"]["calls"] <= calls <= document["usage"]["calls"] + 2 * 3 * 4


def test_with_faults_of_all_kinds_every_task_ends_somewhere(tasks: Path, tmp_path: Path) -> None:
    options = ("--tasks", tasks, "--fault-rate", "0.2", "--retry-after", "0.05", "--slow", "0.1", "--seed", "3")
    results = []
    for name in ("R", "R2"):
        server = Server(*options)
        try:
            result = solve(server, tasks, tmp_path / name)
            assert result.returncode == 0, result.stderr
            stats = server.get("/stats")
        finally:
            server.stop()
        assert set(stats["faults"]) == {
            "rate_limit", "server_error", "reset", "slow_body", "invalid_json", "unknown_tool", "bad_arguments",
            "truncation",
        }  # fmt: skip
        funnel = json.loads(result.stdout)["funnel"]
        assert adds_up(funnel)
        assert funnel["pending"] == 0
        assert funnel["accepted"] > 0.7 * funnel["in"]
        results.append((tmp_path / name / "trajectories.jsonl").read_bytes())
    assert results[0] == results[1]


def test_a_budget_is_kept_to_and_a_larger_one_goes_on(
    plain: Server, tasks: Path, tmp_path: Path, solved: tuple[Any, bytes, Path]
) -> None:
    out = tmp_path / "R"
    priced = ("--price-in", "1", "--price-out", "2")
    stopped = solve(plain, tasks, out, "--max-calls", 40, *priced)
    assert stopped.returncode == 0, stopped.stderr
    document = json.loads(stopped.stdout)
    assert document["usage"]["calls"] == 40
    assert "--max-calls" in document["stopped"]
    assert document["funnel"]["pending"] > 0
    assert adds_up(document["funnel"])
    spent = solve(plain, tasks, out, "--max-cost", document["usage"]["cost"], "--resume", *priced)
    assert json.loads(spent.stdout)["usage"]["calls"] == 40
    finished = solve(plain, tasks, out, "--resume", *priced)
    document = json.loads(finished.stdout)
    assert document["stopped"] is None
    assert document["usage"]["cost"] > 0
    assert (out / "trajectories.jsonl").read_bytes() == solved[1]


def test_a_cost_limit_needs_a_price(plain: Server, tasks: Path, tmp_path: Path) -> None:
    result = solve(plain, tasks, tmp_path / "R", "--max-cost", 1)
    assert result.returncode == 2
    assert "--price-in" in result.stderr


def test_a_dry_run_estimates_and_asks_nothing(
    plain: Server, tasks: Path, tmp_path: Path, solved: tuple[Any, bytes, Path]
) -> None:
    before = plain.get("/stats")["calls"]
    result = solve(plain, tasks, tmp_path / "R", "--dry-run", "--price-in", 1, "--price-out", 2)
    document = json.loads(result.stdout)
    assert plain.get("/stats")["calls"] == before
    assert not (tmp_path / "R").exists()
    used = solved[0]["usage"]["calls"]
    assert 0.7 * used < document["expected"]["calls"] < 1.5 * used
    assert document["expected"]["cost"] < document["at_most"]["cost"]


def test_a_model_without_tools_still_solves_in_text_form_and_it_is_said(tasks: Path, tmp_path: Path) -> None:
    server = Server("--tasks", tasks, "--without-tools")
    try:
        result = solve(server, tasks, tmp_path / "R")
    finally:
        server.stop()
    document = json.loads(result.stdout)
    assert any("takes no tools" in notice for notice in document["notices"])
    assert document["funnel"]["accepted"] > 0.7 * document["funnel"]["in"]
    trees = [json.loads(line) for line in (tmp_path / "R" / "trajectories.jsonl").read_bytes().splitlines()]
    assert any(node["message"].get("tool_calls") for tree in trees for node in tree["nodes"])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--base-url", "http://127.0.0.1:9/v1", "--model", "embedded"), "is the server running"),
        (("--base-url", "nonsense", "--model", "embedded"), "http://localhost"),
        (("--model", "embedded"), "--base-url"),
    ],
)
def test_a_mistake_is_one_line(tasks: Path, tmp_path: Path, options: tuple[str, ...], words: str) -> None:
    result = toolwise("solve", tasks, "--policy", "llm", "--out", tmp_path / "R", *options)
    assert result.returncode == 2
    assert words in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_wrong_key_and_unknown_model_stop_the_run(tasks: Path, tmp_path: Path) -> None:
    server = Server("--tasks", tasks, "--api-key-env", "REHEARSAL_KEY")
    try:
        where = ("solve", tasks, "--policy", "llm", "--base-url", server.url, "--api-key-env", "REHEARSAL_KEY")
        wrong = toolwise(*where, "--model", "embedded", "--out", tmp_path / "R", key="sk-wrong-0000")
        assert wrong.returncode == 2
        assert "REHEARSAL_KEY" in wrong.stderr
        assert "sk-wrong-0000" not in wrong.stderr
        unknown = toolwise(*where, "--model", "grand", "--out", tmp_path / "R2", key=KEY)
        assert unknown.returncode == 2
        assert "'grand'" in unknown.stderr
        mended = toolwise(*where, "--model", "embedded", "--out", tmp_path / "R", "--resume", "--json", key=KEY)
        assert mended.returncode == 0, mended.stderr
        assert json.loads(mended.stdout)["pending"] == 0
    finally:
        server.stop()
    written = b"".join(file.read_bytes() for file in (tmp_path / "R").iterdir() if file.is_file())
    assert KEY.encode() not in written


def test_the_server_speaks_openai(plain: Server) -> None:
    assert plain.get("/v1/models")["data"][0]["id"] == "embedded"
    assert plain.get("/health") == {"status": "ok"}
    tool = {"name": "find_book", "description": "Find a book by its title", "parameters": {
        "type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]}}  # fmt: skip
    question = {
        "model": "embedded",
        "messages": [{"role": "user", "content": 'Find the book with the title "Emma".'}],
        "tools": [{"type": "function", "function": tool}],
    }
    status, answer = plain.ask(question)
    assert status == 200
    call = answer["choices"][0]["message"]["tool_calls"][0]["function"]
    assert call["name"] == "find_book"
    assert json.loads(call["arguments"]) == {"title": "Emma"}
    assert plain.ask(question)[1] == answer


def test_the_official_client_reads_the_server(plain: Server) -> None:
    openai = pytest.importorskip("openai")
    client = openai.OpenAI(base_url=plain.url, api_key="any", max_retries=0)
    function = {"name": "find_book", "description": "Find a book", "parameters": {"type": "object", "properties": {}}}
    answer = client.chat.completions.create(
        model="embedded",
        messages=[{"role": "user", "content": "Find a book."}],
        tools=[{"type": "function", "function": function}],
    )
    assert answer.choices[0].finish_reason == "tool_calls"
    assert answer.choices[0].message.tool_calls[0].function.name == "find_book"
    assert answer.usage.prompt_tokens > 0
    assert [model.id for model in client.models.list()] == ["embedded"]
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="other", messages=[{"role": "user", "content": "hi"}])


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"messages": []}', b'{"messages": [{"role": "king"}]}', b'{"messages": [5]}',
             b'{"messages": [{"role": "assistant", "tool_calls": [7]}]}', b'{"messages": [{}], "tools": 5}']
)  # fmt: skip
def test_the_server_refuses_what_is_no_request(plain: Server, body: bytes) -> None:
    status, answer = plain.ask(body)
    assert status == 400
    assert answer["error"]["message"]
    assert plain.get("/health") == {"status": "ok"}


def test_the_server_writes_instructions_for_documented_tools(plain: Server) -> None:
    tool = {"name": "shop.add_book", "description": "Add a book to the shelf.", "parameters": {
        "type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]}}  # fmt: skip
    item = {
        "type": "object",
        "properties": {"instruction": {"type": "string"}, "tools": {"type": "array", "items": {"type": "string"}}},
        "required": ["instruction", "tools"],
    }
    schema = {"type": "object", "properties": {"instructions": {"type": "array", "items": item, "minItems": 10}},
              "required": ["instructions"]}  # fmt: skip
    question = {
        "model": "embedded",
        "messages": [{"role": "user", "content": f"Write ten.\n{json.dumps(tool)}"}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}},
    }
    status, answer = plain.ask(question)
    written = json.loads(answer["choices"][0]["message"]["content"])["instructions"]
    assert status == 200
    assert len(written) == 10
    assert all(entry["tools"] == ["shop.add_book"] for entry in written)
    assert not any("add_book" in entry["instruction"] for entry in written)
    assert all("title" in entry["instruction"] for entry in written)


def test_limits_answer_429_with_retry_after(tasks: Path) -> None:
    server = Server("--rate-limit", "60")
    try:
        question = {"model": "embedded", "messages": [{"role": "user", "content": "hello"}]}
        assert [server.ask(question)[0] for _ in range(3)] == [200, 429, 429]
    finally:
        assert server.stop() == 0
