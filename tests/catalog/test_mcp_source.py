"""MCP servers as sources, over real pipes and a real HTTP server on loopback."""

import asyncio
import shlex
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from toolwise.catalog.mcp_source import mcp_drafts
from toolwise.catalog.validity import check
from toolwise.connections.mcp import McpLimits
from toolwise.connections.mcp_spec import read_spec
from toolwise.errors import CatalogError, UserError
from toolwise.types import Catalog, Task, ToolCall, ToolErrorKind, Toolset
from toolwise.worlds.mcp import McpWorld, McpWorldConfig

pytest.importorskip("mcp")
SERVER = f"{shlex.quote(sys.executable)} {shlex.quote(str(Path(__file__).resolve().parents[1] / 'odd_mcp_server.py'))}"
QUICK = McpLimits(start_seconds=10.0, call_seconds=10.0, message_bytes=1 << 20)


def drafts(mode: str = "good", before: str = "", limits: McpLimits = QUICK) -> dict:
    [draft] = mcp_drafts(f"mcp:{before}{SERVER} {mode}", limits)
    return {"draft": draft, **{tool["name"]: tool for tool in draft.tools}}


def test_a_server_becomes_a_toolset_with_hints_schemas_and_bindings() -> None:
    found = drafts()
    draft = found["draft"]
    assert (draft.title, draft.slug) == ("The Odd Server", "server")
    assert draft.description == "Keeps notes. Use with care."
    assert found["say"]["hints"] == {"read_only": True, "idempotent": True, "destructive": False}
    assert found["note"]["hints"] == {"read_only": False, "destructive": False}
    assert found["count"]["returns"]["properties"]["count"] == {"type": "integer"}
    assert found["say_json"]["binding"] == {"kind": "mcp", "server": f"{SERVER} good", "tool": "say json"}
    assert found["say"]["parameters"]["required"] == ["text"]


def test_all_pages_of_a_listing_are_read() -> None:
    paged, whole = drafts("pages"), drafts()
    assert [tool["name"] for tool in paged["draft"].tools] == [tool["name"] for tool in whole["draft"].tools]


def test_a_server_that_lies_about_its_schemas_loses_those_tools_only() -> None:
    draft = drafts("lying")["draft"]
    check(draft, thorough=True)
    names = [tool["name"] for tool in draft.tools]
    assert "good" in names
    assert len(names) == len(set(names))
    left_out = {item.where: item.detail for item in draft.left_out}
    assert "inputSchema" in left_out["no_schema"] + left_out["text_schema"]
    assert "another tool" in left_out["good"]
    assert any("never fetched" in detail for detail in left_out.values())


@pytest.mark.parametrize(
    ("mode", "says"),
    [
        ("silent", "no answer within 1 s"),
        ("crash", "ended with status 4; it wrote: no licence found"),
        ("not_mcp", "no answer within 1 s"),
        ("endless", "its listing does not end"),
        ("empty", "offers no tool"),
    ],
)
def test_a_bad_server_costs_one_clear_line(mode: str, says: str) -> None:
    impatient = mode in ("silent", "not_mcp")
    with pytest.raises(CatalogError) as caught:
        drafts(mode, limits=McpLimits(start_seconds=1.0) if impatient else QUICK)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_command_that_does_not_exist_is_one_line() -> None:
    with pytest.raises(CatalogError, match="cannot be started: No such file"):
        mcp_drafts("mcp:/no/such/program --flag")


def test_variables_reach_the_server_and_only_their_names_the_catalog(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HIDDEN_VALUE", "s3cr3t-value")
    draft = drafts(before="API_TOKEN=$HIDDEN_VALUE ")["draft"]
    assert "s3cr3t-value" not in repr(draft)
    assert draft.servers == [f"API_TOKEN=$HIDDEN_VALUE {SERVER} good"]


def test_a_variable_that_is_not_set_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOT_SET_HERE", raising=False)
    with pytest.raises(UserError, match="no variable NOT_SET_HERE"):
        drafts(before="KEY=$NOT_SET_HERE ")


@pytest.mark.parametrize(
    "spec",
    [
        "mcp:API_KEY=abc123 server",
        "mcp:server --token abc123",
        "mcp:server --api-key=abc123",
        "mcp:Authorization='Bearer abc' https://example.com/mcp",
        "mcp:https://user:pass@example.com/mcp",
        "mcp:https://example.com/mcp?access_token=abc",
        "mcp:server ghp_0123456789abcdefghij",
    ],
)
def test_a_secret_written_out_is_refused(spec: str) -> None:
    with pytest.raises(CatalogError, match="looks like a secret") as caught:
        read_spec(spec)
    assert "abc" not in str(caught.value).replace("abcdef", "")


@pytest.mark.parametrize("spec", ["mcp:", "mcp:A=1", "mcp:server 'unclosed", "mcp:https:///x", "mcp:http://h/ more"])
def test_a_spec_that_names_no_server_is_one_line(spec: str) -> None:
    with pytest.raises(CatalogError):
        read_spec(spec)


def test_a_spec_is_filled_from_the_environment_alone() -> None:
    launch = read_spec("FILE={workspace}/m.json server --root {workspace} ${ROOT} $$5").filled({"ROOT": "/srv"}, "/w")
    assert launch.command == ("server", "--root", "/w", "/srv", "$5")
    assert launch.variables == {"FILE": "/w/m.json"}


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    import uvicorn
    from mcp.server.mcpserver import MCPServer

    server = MCPServer("over-http", instructions="Adds numbers.")

    @server.tool()
    def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    running = uvicorn.Server(uvicorn.Config(server.streamable_http_app(), port=port, log_level="error"))
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    for _ in range(200):
        if running.started:
            break
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port}/mcp"
    running.should_exit = True
    thread.join(timeout=5)


def test_a_server_over_streamable_http_is_imported(address: str) -> None:
    [draft] = mcp_drafts(f"mcp:{address}")
    [tool] = draft.tools
    assert (draft.slug, tool["name"], tool["description"]) == ("over-http", "add", "Add two numbers.")
    assert tool["returns"]["properties"]["result"]["type"] == "integer"
    assert tool["binding"]["server"] == address
    made = Toolset.model_validate({"name": "adder", "tools": [{"id": "adder.add", **tool}]})
    world = McpWorld(Catalog(toolsets=(made,)), McpWorldConfig(hosts=("127.0.0.1",)))
    session = world.open(Task(instruction="", candidates=(), relevant=()))
    seen = asyncio.run(session.call(ToolCall(id="c", name="adder.add", arguments={"a": 2, "b": 3})))
    assert seen.body == {"result": 5}
    bad = asyncio.run(session.call(ToolCall(id="c", name="adder.add", arguments={"a": "two"})))
    assert bad.error is ToolErrorKind.INVALID_ARGUMENTS


def test_nothing_listening_is_one_line() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(CatalogError, match="ConnectError"):
        mcp_drafts(f"mcp:http://127.0.0.1:{port}/mcp", QUICK)
