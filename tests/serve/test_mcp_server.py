"""The MCP server as a real process, with the official client, over stdio and streamable HTTP."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp.shared.exceptions import MCPError
from serving_catalog import ABACUS, DEPOT, command, many_tools, running, save

Use = Callable[[Client], Awaitable[None]]


@asynccontextmanager
async def stdio(catalog: Path, *options: str, mode: str = "auto") -> AsyncIterator[Client]:
    program, *arguments = command(catalog, "--as", "mcp", *options)
    async with Client(StdioServerParameters(command=program, args=arguments), mode=mode) as client:
        yield client


async def structured(client: Client, tool: str, **arguments: Any) -> Any:
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    return result.structured_content


async def keep_a_crate(client: Client) -> None:
    """Create, find, remove, and no longer find."""
    made = await structured(client, "create_crate", label="north wall", weight=2.5)
    assert made["label"] == "north wall"
    assert (await structured(client, "get_crate", crate_id=made["id"]))["weight"] == 2.5
    await client.call_tool("delete_crate", {"crateId": made["id"]})
    gone = await client.call_tool("get_crate", {"crate_id": made["id"]})
    assert gone.is_error
    assert json.loads(gone.content[0].text)["status"] == 404  # type: ignore[union-attr]
    assert gone.structured_content is None


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_stdio_of_either_protocol_keeps_state(one: Path, mode: str) -> None:
    async def use() -> None:
        async with stdio(one, mode=mode) as client:
            await keep_a_crate(client)

    asyncio.run(use())


def test_tools_are_listed_with_schemas_that_stand_alone(two: Path) -> None:
    async def use() -> None:
        async with stdio(two) as client:
            listed = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert len(listed) == len(DEPOT.tools) + len(ABACUS.tools)
        for tool in listed.values():
            Draft202012Validator(tool.input_schema)
            assert tool.input_schema["type"] == "object"
        create = listed["depot_create_crate"]
        assert create.input_schema["properties"]["inner"] == {"$ref": "#/$defs/Crate"}
        assert "minLength" in create.input_schema["$defs"]["Crate"]["properties"]["label"]
        assert create.output_schema is not None
        assert "minLength" not in create.output_schema["properties"]["label"]
        assert create.annotations is None
        remove = listed["depot_delete_crate"].annotations
        assert remove is not None
        assert (remove.destructive_hint, remove.read_only_hint) == (True, False)
        assert "abacus_math_add" in listed

    asyncio.run(use())


def test_an_answer_that_is_no_object_is_wrapped(two: Path) -> None:
    async def use() -> None:
        async with stdio(two, "--toolset", "abacus") as client:
            answer = await structured(client, "say")
            assert isinstance(answer["result"], str)
            assert isinstance((await structured(client, "math_add", a=1, b=2))["sum"], int | float)

    asyncio.run(use())


def test_failures_are_results_and_unknown_tools_are_errors(one: Path) -> None:
    async def use() -> None:
        async with stdio(one) as client:
            wrong = await client.call_tool("create_crate", {"label": 7})
            assert wrong.is_error
            assert "label" in wrong.content[0].text  # type: ignore[union-attr]
            with pytest.raises(MCPError, match="Unknown tool"):
                await client.call_tool("no_such_tool", {})
            with pytest.raises(MCPError, match="cursor"):
                await client.list_tools(cursor="bm9uZQ==")
            await keep_a_crate(client)

    asyncio.run(use())


def test_thousands_of_tools_come_in_pages(tmp_path: Path) -> None:
    catalog = save(tmp_path / "catalog", many_tools(3000))

    async def use() -> None:
        async with stdio(catalog) as client:
            names: list[str] = []
            cursor: str | None = None
            while True:
                page = await client.list_tools(cursor=cursor)
                assert len(page.tools) <= 200
                names += [tool.name for tool in page.tools]
                cursor = page.next_cursor
                if cursor is None:
                    break
        assert names == [f"tool_{n}" for n in range(3000)]

    asyncio.run(use())


def test_streamable_http_keeps_sessions_apart(one: Path) -> None:
    async def use(address: str) -> None:
        async with Client(address) as first, Client(address) as second:
            made = await structured(first, "create_crate", label="mine")
            assert (await structured(first, "list_crates"))["crates"][0]["id"] == made["id"]
            assert await structured(second, "list_crates") == {"crates": []}
            await keep_a_crate(second)
        async with Client(address) as third:
            assert await structured(third, "list_crates") == {"crates": []}

    with running(one, "--as", "mcp") as about:
        asyncio.run(use(about["address"]))


def test_a_client_without_sessions_names_one_in_the_path(one: Path) -> None:
    async def use(address: str) -> None:
        async with Client(f"{address}/mine", mode="2026-07-28") as client:
            await structured(client, "create_crate", label="mine")
        async with Client(f"{address}/mine", mode="2026-07-28") as again:
            assert len((await structured(again, "list_crates"))["crates"]) == 1
        async with Client(f"{address}/yours", mode="2026-07-28") as other:
            assert await structured(other, "list_crates") == {"crates": []}

    with running(one, "--as", "mcp") as about:
        asyncio.run(use(about["address"]))


def test_standard_output_is_the_protocols_and_the_end_is_clean(one: Path) -> None:
    hello = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
    }
    process = subprocess.Popen(
        command(one, "--stdio"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("no JSON\n")
    for message in (hello, {"jsonrpc": "2.0", "id": 2, "method": "ping"}):
        process.stdin.write(json.dumps(message) + "\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["id"] == message["id"]
    rest, errors = process.communicate(timeout=60)  # closes standard input
    assert (process.returncode, rest) == (0, "")
    assert "Traceback" not in errors
