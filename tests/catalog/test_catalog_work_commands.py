"""The commands `catalog export`, `document`, `group` and `dedupe`, as a user runs them."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import orjson
import pytest
from test_document_teacher import STUB, teacher
from work_samples import ferry, library, saved

from toolwise.ports import ChatRequest
from toolwise.types import Message, Toolset


def toolwise(*arguments: object, code: int = 0, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "toolwise", "catalog", *map(str, arguments)]
    environment = {**os.environ, **variables}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=120)
    assert done.returncode == code, done.stderr
    return done


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    copy = library().model_copy(update={"name": "copy"})
    bare = Toolset(name="bare", title="Bare", family="bare", tools=ferry().tools[:1])
    return saved(tmp_path / "C", library(), ferry(), copy, bare)


@pytest.mark.parametrize("to", ["openapi", "mcp", "openai", "toolbench", "toolalpaca"])
def test_export_prints_one_document_and_can_be_imported_again(catalog: Path, tmp_path: Path, to: str) -> None:
    out = tmp_path / "out.json"
    made = orjson.loads(toolwise("export", catalog, "--to", to, "--out", out, "--toolset", "library", "--json").stdout)
    assert (made["format"], made["toolsets"], made["tools"]) == (to, 1, 3)
    assert made["bytes"] > 0
    imported = orjson.loads(toolwise("import", out, "--out", tmp_path / "D", "--json").stdout)
    assert (imported["toolsets"], imported["tools"]) == (1, 3)


def test_every_command_says_what_it_did(catalog: Path, tmp_path: Path) -> None:
    assert (
        "4 toolsets, 10 tools in 4 files" in toolwise("export", catalog, "--to", "mcp", "--out", tmp_path / "m").stdout
    )
    assert "4 of 4 toolsets documented" in toolwise("document", catalog).stdout
    assert "1 toolsets have a new category" in toolwise("group", catalog, "--out", tmp_path / "g").stdout
    shown = toolwise("dedupe", catalog, "--out", tmp_path / "d").stdout
    assert "3 of 4 toolsets, 7 of 10 tools" in shown
    assert "dropped, duplicate toolset: 1" in shown
    assert orjson.loads(toolwise("stats", catalog, "--json").stdout)["documented"] == 4


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("export", "{C}", "--to", "soap", "--out", "{T}/x"), "unknown format 'soap'; choose one of openapi"),
        (("export", "{C}", "--to", "mcp", "--out", "{T}/x", "--toolset", "boat"), "no toolset 'boat'"),
        (("export", "{C}", "--to", "mcp", "--out", "{C}"), "is no earlier export"),
        (("export", "{T}/none", "--to", "mcp", "--out", "{T}/x"), "not a catalog"),
        (("document", "{C}", "--teacher", "owl"), "unknown --teacher 'owl'"),
        (("document", "{C}", "--teacher", "llm"), "needs --base-url and --model"),
        (("group", "{C}", "--out", "{C}"), "choose another --out"),
        (("dedupe", "{C}", "--out", "{T}/x", "--versions", "oldest"), "versions"),
    ],
)
def test_a_mistake_is_one_line(catalog: Path, tmp_path: Path, arguments: tuple[str, ...], complaint: str) -> None:
    done = toolwise(*(a.replace("{C}", str(catalog)).replace("{T}", str(tmp_path)) for a in arguments), code=2)
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


class _Endpoint(BaseHTTPRequestHandler):
    """An OpenAI-compatible server on loopback whose answers are those of the scripted teacher."""

    def do_POST(self) -> None:
        asked = orjson.loads(self.rfile.read(int(self.headers["Content-Length"])))
        messages = tuple(Message(role=m["role"], content=m["content"]) for m in asked["messages"])
        self._say({"role": "assistant", "content": teacher(ChatRequest(messages))}, asked["model"])

    def _say(self, message: dict[str, Any], model: str) -> None:
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        reply = {"id": "1", "object": "chat.completion", "created": 0, "model": model, "choices": [choice]}
        body = orjson.dumps({**reply, "usage": usage})
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def endpoint() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Endpoint)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_teacher_behind_an_endpoint_writes_tools(endpoint: str, tmp_path: Path) -> None:
    catalog = saved(tmp_path / "C", library(), STUB)
    command = ("document", catalog, "--teacher", "llm", "--base-url", endpoint, "--model", "owl", "--json")
    made = orjson.loads(toolwise(*command, "--out", tmp_path / "D").stdout)
    assert (made["documented"], made["failed"], made["tools_written"]) == (2, {}, 5)
    shown = orjson.loads(toolwise("show", tmp_path / "D", "tides", "--json").stdout)
    assert [one["id"] for one in shown["tools"]] == ["tides.listPorts", "tides.getTide"]
    assert shown["documentation"]["author"] == "teacher"
    assert "give --out" in toolwise(*command, code=2).stderr
