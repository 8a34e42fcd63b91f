"""Addresses, MCP servers and Python modules as sources: only when asked for, and a failure is a reason."""

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from catalog_samples import OPENAPI, save
from row_samples import BREW, lines

from toolwise.catalog import LeftOut, LeftOutReason, import_catalog, import_sources
from toolwise.catalog.sources import locate
from toolwise.errors import CatalogError, UserError
from toolwise.types import Toolset

PAGES: dict[str, tuple[int, dict[str, str], bytes]] = {
    "/openapi.json": (200, {}, orjson.dumps(OPENAPI)),
    "/tools.jsonl": (200, {}, lines([BREW])),
    "/moved": (302, {"Location": "/openapi.json"}, b""),
    "/elsewhere": (302, {"Location": "http://127.0.0.2:9/secret"}, b""),
    "/metadata": (302, {"Location": "http://169.254.169.254/latest/"}, b""),
    "/file": (302, {"Location": "file:///etc/hostname"}, b""),
    "/page": (200, {}, b"<html>no</html>"),
}


class Pages(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status, headers, body = PAGES.get(self.path.split("?")[0], (404, {}, b"gone"))
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base class's name)
        del format, args


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()
        thread.join()


@pytest.mark.parametrize("path", ["/openapi.json?key=hidden", "/tools.jsonl", "/moved"])
def test_an_address_that_the_user_typed_is_read(server: str, path: str) -> None:
    pytest.importorskip("httpx")
    (toolset,) = [item for item in import_sources([server + path]) if isinstance(item, Toolset)]
    assert toolset.tools
    assert toolset.source == (server + path).partition("?")[0]


@pytest.mark.parametrize("path", ["/elsewhere", "/metadata", "/file", "/missing", "/page"])
def test_an_address_that_leads_astray_is_one_line(server: str, path: str) -> None:
    pytest.importorskip("httpx")
    with pytest.raises(CatalogError) as caught:
        list(import_sources([server + path]))
    assert "\n" not in str(caught.value)
    assert server in str(caught.value)


def test_a_bad_address_among_good_files_is_left_out(server: str, tmp_path: Path) -> None:
    pytest.importorskip("httpx")
    summary = import_catalog([f"{server}/elsewhere", str(save(tmp_path, "a.json", OPENAPI))], tmp_path / "out")
    assert summary.toolsets == 1
    assert [(item.source, item.reason) for item in summary.left_out] == [
        (f"{server}/elsewhere", LeftOutReason.UNREACHABLE)
    ]


def test_nothing_is_fetched_that_was_not_typed(tmp_path: Path) -> None:
    asked: list[str] = []

    def fetch(url: str) -> bytes:
        asked.append(url)
        return orjson.dumps(OPENAPI)

    document = {**OPENAPI, "components": {"schemas": {"Pot": {"$ref": "https://tea.test/pot.json"}}}}
    list(import_sources([str(save(tmp_path, "a.json", document))], fetch=fetch))
    assert asked == []
    (toolset, *_) = import_sources(["https://user:secret@tea.test/openapi.json?token=t"], fetch=fetch)
    assert asked == ["https://user:secret@tea.test/openapi.json?token=t"]
    assert isinstance(toolset, Toolset)
    assert toolset.source == "https://tea.test/openapi.json"


def test_an_address_beside_its_double_is_read_once() -> None:
    assert len(locate(["https://a.test/x", "https://a.test/x", "https://a.test/y"])) == 2


def test_sources_that_cannot_be_asked(tmp_path: Path) -> None:
    with pytest.raises(CatalogError):
        locate(["http://[bad"])
    with pytest.raises(CatalogError):
        locate(["x" * 5000])
    with pytest.raises(CatalogError):
        locate(["a\0b"])
    good = str(save(tmp_path, "a.json", OPENAPI))
    found = list(import_sources([good, "mcp:"]))
    assert [item.reason for item in found if isinstance(item, LeftOut)] == [LeftOutReason.UNREACHABLE]
    with pytest.raises(UserError):
        list(import_sources(["mcp:"]))


def test_no_secret_of_a_server_s_command_is_told() -> None:
    (source,) = locate(["mcp:MODE=fast MY_VALUE=hush python server.py"])
    assert source.source == "mcp:python server.py"
