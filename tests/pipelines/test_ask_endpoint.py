import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from small_documents import write_documents

RUNNER = CliRunner()
KEY = "sk-very-secret-4242"


class Endpoint(ThreadingHTTPServer):
    """Calls the first tool, then answers; keeps what was sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.sent: list[Any] = []
        self.keys: set[str | None] = set()
        self.status = 200

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class _Handler(BaseHTTPRequestHandler):
    server: Endpoint

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.sent.append(asked)
        self.server.keys.add(self.headers.get("authorization"))
        told = any(message["role"] == "tool" for message in asked["messages"])
        function = {"name": asked["tools"][0]["function"]["name"], "arguments": "{}"}
        call = {"id": "c", "type": "function", "function": function}
        message = {"role": "assistant", "content": "There you are." if told else ""}
        message |= {} if told else {"tool_calls": [call]}
        usage = {"prompt_tokens": 10, "completion_tokens": 2}
        reply = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": usage}
        body = json.dumps(reply if self.server.status == 200 else {"error": {"message": "no such key"}}).encode()
        self.send_response(self.server.status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *unused: Any) -> None:
        pass


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    server = Endpoint()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: Any) -> Path:
    folder = tmp_path_factory.mktemp("ask-endpoint")
    run("catalog", "import", str(write_documents(folder / "documents")), "--out", str(folder / "catalog"))
    return Path(folder / "catalog")


def run(*words: str) -> Any:
    from toolwise.cli.app import app

    return RUNNER.invoke(app, list(words))


def ask(catalog: Path, endpoint: Endpoint, *more: str) -> Any:
    return run("ask", "Create a box", "--catalog", str(catalog), "--base-url", endpoint.url, "--model", "m", *more)


def test_an_endpoint_answers_once_and_its_key_is_nowhere(
    catalog: Path, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    done = ask(catalog, endpoint, "--api-key-env", "MY_KEY", "--json")
    document = json.loads(done.stdout)
    assert document["answer"] == "There you are."
    assert [line["role"] for line in document["tree"]] == ["user", "assistant", "tool", "assistant"]
    assert document["usage"]["calls"] == len(endpoint.sent) == 2
    assert endpoint.keys == {f"Bearer {KEY}"}
    again = json.loads(ask(catalog, endpoint, "--api-key-env", "MY_KEY", "--json").stdout)
    assert len(endpoint.sent) == 2, "what was answered is not asked again"
    assert again["trajectory"] == document["trajectory"]
    files = [path for path in Path(document["journal"]).rglob("*") if path.is_file()]
    assert files
    assert all(KEY.encode() not in path.read_bytes() for path in files)


def test_where_it_is_journalled_can_be_said(catalog: Path, endpoint: Endpoint, tmp_path: Path) -> None:
    shown = ask(catalog, endpoint, "--strategy", "react", "--out", str(tmp_path / "journal"))
    assert "answer: There you are." in shown.stdout
    assert (tmp_path / "journal" / "trajectories.jsonl").is_file()


def test_an_endpoint_that_refuses_is_one_line(catalog: Path, endpoint: Endpoint, tmp_path: Path) -> None:
    from toolwise.cli.app import main

    endpoint.status = 401
    words = ["ask", "Open a box", "--catalog", str(catalog), "--base-url", endpoint.url, "--model", "m"]
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as end:
        patch.setattr("sys.argv", ["toolwise", *words, "--out", str(tmp_path / "j")])
        main()
    assert end.value.code == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--policy", "none", "--model", "m"], "unknown --policy"),
        (["--policy", "llm", "--model", "m"], "--base-url"),
        ([], "--model"),
        (["--model", "m", "--out", "o"], "--out is of --policy llm"),
    ],
)
def test_mistakes_are_one_line(words: list[str], said: str, catalog: Path, capsys: Any) -> None:
    from toolwise.cli.app import main

    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as end:
        patch.setattr("sys.argv", ["toolwise", "ask", "Create a box", "--catalog", str(catalog), *words])
        main()
    assert end.value.code == 2
    (line,) = [one for one in capsys.readouterr().err.splitlines() if one.startswith("toolwise:")]
    assert said in line
