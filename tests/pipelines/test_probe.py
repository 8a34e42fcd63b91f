"""Probing over real HTTP: a loopback server with every kind of tool that a probe meets."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from toolwise.catalog import open_catalog, write_catalog
from toolwise.errors import ConfigError
from toolwise.pipelines.probe import PROBE_FILE, ProbeConfig, probe_catalog
from toolwise.pipelines.probing import BodyKind, body_kind, is_html
from toolwise.pipelines.worlds import WorldConfig, world_config
from toolwise.types import Hints, HttpBinding, ParameterLocation, Tool, Toolset

PAGE = "<!DOCTYPE html><html><body>Please sign in</body></html>"
ANSWERS: dict[str, tuple[int, str, str]] = {
    "/good": (200, "application/json", '{"id": 1, "name": "x"}'),
    "/missing_record": (404, "application/json", '{"message": "no item 7"}'),
    "/bad_values": (400, "application/json", '{"error": "bad id"}'),
    "/page": (200, "text/html", PAGE),
    "/not_found_page": (404, "text/html", PAGE),
    "/gone": (404, "text/plain", "404 page not found"),
    "/gone_silently": (404, "", ""),
    "/broken": (500, "application/json", '{"error": "boom"}'),
    "/login": (401, "application/json", '{"error": "no key"}'),
    "/cut": (200, "application/json", '{"id": 1, "na'),
    "/nothing": (200, "application/json", ""),
    "/prose": (200, "text/plain", "Service retired, see our blog."),
    "/hidden_error": (200, "application/json", '{"success": false, "message": "Invalid API key"}'),
    "/busy": (429, "application/json", '{"error": "slow down"}'),
    "/slow": (200, "application/json", '{"id": 1}'),
}
EXPECTED = {
    "good": "ok",
    "missing_record": "answered_no",
    "bad_values": "answered_no",
    "page": "html",
    "not_found_page": "html",
    "gone": "dead",
    "gone_silently": "dead",
    "broken": "dead",
    "login": "unauthorized",
    "cut": "malformed",
    "nothing": "empty",
    "prose": "error_page",
    "hidden_error": "error_page",
    "busy": "rate_limited",
    "write": "not_safe",
    "destroy": "not_safe",
    "impossible": "no_example",
    "hung_up": "dead",
}
SLOW_S = 0.8


class Handler(BaseHTTPRequestHandler):
    seen: ClassVar[list[tuple[str, str]]] = []

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        Handler.seen.append((self.command, self.path))
        if path == "/hung_up":
            self.connection.close()
            return
        if path == "/slow":
            time.sleep(SLOW_S * 1.6)
        status, media_type, text = ANSWERS.get(path, (200, "application/json", "{}"))
        body = text.encode()
        self.send_response(status)
        if media_type:
            self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_DELETE = do_GET  # noqa: N815 - the names that the library calls

    def log_message(self, *arguments: Any) -> None:
        pass


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def _tool(name: str, method: str = "GET", **more: Any) -> Tool:
    returns = {"type": "object", "properties": {"id": {"type": "integer"}, "name": {"type": "string"}}}
    properties = {"id": {"type": "integer", "minimum": 1, "maximum": 9}}
    return Tool(
        id=f"shop.{name}",
        name=name,
        parameters=more.get("parameters", {"type": "object", "properties": properties, "required": ["id"]}),
        returns=returns,
        examples=more.get("examples", ()),
        hints=Hints(read_only=method == "GET", destructive=method == "DELETE"),
        binding=HttpBinding(method=method, path=f"/{name}", locations={"id": ParameterLocation.QUERY}),
    )


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    Handler.seen.clear()
    impossible = {"type": "object", "properties": {"id": {"type": "string", "enum": []}}, "required": ["id"]}
    tools = [_tool(path.strip("/")) for path in ANSWERS if path != "/slow"]
    tools[0] = _tool("good", examples=({"id": "wrong"}, {"id": 4}))
    tools += [_tool("hung_up"), _tool("write", "POST"), _tool("destroy", "DELETE")]
    tools.append(_tool("impossible", parameters=impossible))
    servers = ("https://api.shop.invalid",)  # the documented one, which must never be asked
    write_catalog([Toolset(name="shop", servers=servers, tools=tuple(tools))], tmp_path / "catalog")
    return tmp_path / "catalog"


def settings(address: str) -> WorldConfig:
    return world_config("http", allow_hosts=["127.0.0.1"], servers=[f"shop={address}"])


QUICK = ProbeConfig(slow_s=20.0, per_second=500)


def outcomes(catalog: Path) -> dict[str, dict[str, Any]]:
    lines = (catalog / PROBE_FILE).read_text().splitlines()
    return {entry["tool"].removeprefix("shop."): entry for entry in map(json.loads, lines)}


def test_every_kind_of_tool_gets_its_verdict(catalog: Path, address: str, tmp_path: Path) -> None:
    summary = probe_catalog(catalog, settings(address), QUICK, apply=tmp_path / "kept")
    probed = outcomes(catalog)
    assert {name: entry["outcome"] for name, entry in probed.items()} == EXPECTED
    assert summary["outcomes"] == dict(Counter(EXPECTED.values()))
    assert summary["tools"] == summary["kept"] + summary["dropped"] == len(EXPECTED)
    assert {method for method, _ in Handler.seen} == {"GET"}
    good, page, missing = probed["good"], probed["page"], probed["missing_record"]
    assert (good["arguments"], good["documented"]) == ({"id": 4}, True)  # the first example that is valid
    assert (good["status"], good["body"], good["bytes"]) == (200, "object", 19)
    assert good["latency_ms"] > 0
    assert (page["status"], page["body"], page["kept"]) == (200, "html", False)
    assert (missing["kept"], missing["documented"]) == (True, False)
    kept = open_catalog(tmp_path / "kept")
    assert set(kept.tool_ids()) == {f"shop.{name}" for name, entry in probed.items() if entry["kept"]}
    left_out = {item.where: item for item in kept.left_out()}
    assert left_out["shop.page"].reason.value == "failed_probe"
    assert left_out["shop.page"].detail.startswith("html")


def test_a_tool_is_slow_if_it_is_so_twice(tmp_path: Path, address: str) -> None:
    Handler.seen.clear()
    write_catalog([Toolset(name="shop", tools=(_tool("good"), _tool("slow")))], tmp_path / "catalog")
    probe_catalog(tmp_path / "catalog", settings(address), QUICK.model_copy(update={"slow_s": SLOW_S}))
    assert {name: entry["outcome"] for name, entry in outcomes(tmp_path / "catalog").items()} == {
        "good": "ok",
        "slow": "slow",
    }
    assert sum(path.startswith("/slow") for _, path in Handler.seen) == 2


def test_a_second_run_goes_on_and_asks_again_only_what_is_open(catalog: Path, address: str) -> None:
    first = probe_catalog(catalog, settings(address), QUICK)
    calls = len(Handler.seen)
    again = probe_catalog(catalog, settings(address), QUICK)
    assert again["outcomes"] == first["outcomes"]
    assert [path.partition("?")[0] for _, path in Handler.seen[calls:]] == ["/busy"]


def test_a_killed_run_loses_only_the_calls_in_flight(catalog: Path, address: str) -> None:
    first = probe_catalog(catalog, settings(address), QUICK)
    path = catalog / PROBE_FILE
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:10]) + lines[10][:25])  # killed while it wrote
    known = {json.loads(line)["tool"] for line in lines[:10]}
    Handler.seen.clear()
    assert probe_catalog(catalog, settings(address), QUICK)["outcomes"] == first["outcomes"]
    asked = {f"shop.{path.partition('?')[0].strip('/')}" for _, path in Handler.seen}
    assert asked & known <= {"shop.busy"}
    assert json.loads(path.read_bytes().splitlines()[-1])


def test_other_settings_are_another_probe(catalog: Path, address: str) -> None:
    probe_catalog(catalog, settings(address), QUICK)
    calls = len(Handler.seen)
    probe_catalog(catalog, settings(address), QUICK.model_copy(update={"seed": 1}))
    assert len(Handler.seen) == 2 * calls


def test_a_host_is_not_hurried(catalog: Path, address: str) -> None:
    start = time.monotonic()
    probe_catalog(catalog, settings(address), QUICK.model_copy(update={"per_second": 20.0}))
    assert len(Handler.seen) == 15
    assert time.monotonic() - start >= 14 / 20  # never sooner, however busy the machine is


def test_a_private_host_is_not_called_without_leave(catalog: Path, address: str) -> None:
    summary = probe_catalog(catalog, world_config("http", servers=[f"shop={address}"]), QUICK)
    assert Handler.seen == []
    assert summary["outcomes"]["refused"] == 15
    assert summary["dropped"] == 1  # `impossible`, which was not called either


def test_the_command(catalog: Path, address: str) -> None:
    command = [sys.executable, "-m", "toolwise", "catalog", "probe", str(catalog), "--world", "http", "--json"]
    command += ["--allow-host", "127.0.0.1", "--server", f"shop={address}", "--slow", "20", "--per-second", "500"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["outcomes"] == dict(Counter(EXPECTED.values()))
    assert "probe: 18/18" in done.stderr
    into_itself = subprocess.run([*command, "--apply", str(catalog)], capture_output=True, text=True, check=False)
    assert into_itself.returncode == 2
    assert "choose another folder" in into_itself.stderr


@pytest.mark.parametrize("text", ["weather", "http,", "", "replay", "llm", "http,replay", "http,http", "nowhere.yaml"])
def test_worlds_that_make_no_sense_are_refused_in_one_line(text: str) -> None:
    with pytest.raises(ConfigError) as refused:
        world_config(text)
    assert "\n" not in str(refused.value)


def test_bodies_are_told_apart() -> None:
    bodies = {None: "empty", "": "empty", PAGE: "html", "plain": "text", 3: "scalar"}
    assert {body: body_kind(body).value for body in bodies} == bodies
    assert (body_kind({}), body_kind([])) == (BodyKind.OBJECT, BodyKind.ARRAY)
    assert not is_html('{"html": "<b>bold</b>"}')
    assert is_html("<?xml version='1.0'?><!DOCTYPE html PUBLIC 'x'><html></html>")
