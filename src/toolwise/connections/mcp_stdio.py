"""MCP over a child process's pipes, with bounds on what a server may send and a sure end."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import anyio
import anyio.abc
import orjson

from toolwise.connections.server_life import LAST_WORDS, ServerLife

if TYPE_CHECKING:
    from mcp.client._transport import TransportStreams

_MAX_IDLE_MESSAGES = 20_000
"""Messages in a row that answer nothing, after which a server is said to flood."""
_GRACE_SECONDS = 0.5
_TERM_SECONDS = 1.0


@asynccontextmanager
async def stdio_streams(
    command: Sequence[str], environment: Mapping[str, str], cwd: str | None, life: ServerLife, message_bytes: int
) -> AsyncIterator[TransportStreams]:
    """Start a server and exchange messages with it, a line each.

    A line longer than `message_bytes`, or too many messages that answer nothing, end the server. Leaving closes its
    input, waits half a second, then ends its whole process group. Raises OSError if it cannot be started.
    """
    from mcp.shared.message import SessionMessage

    process = await anyio.open_process(
        list(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=dict(environment), cwd=cwd, start_new_session=True,
    )  # fmt: skip
    life.pid = process.pid
    to_session, incoming = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    outgoing, from_session = anyio.create_memory_object_stream[SessionMessage](0)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_read, process, to_session, life, message_bytes)
        tasks.start_soon(_write, process, from_session, to_session)
        tasks.start_soon(_listen, process, life)
        try:
            yield incoming, outgoing
        finally:
            with anyio.CancelScope(shield=True):
                incoming.close()
                outgoing.close()
                await _end(process, life)
            tasks.cancel_scope.cancel()


async def _read(process: anyio.abc.Process, to_session: Any, life: ServerLife, message_bytes: int) -> None:
    from mcp.shared.message import SessionMessage
    from mcp_types import jsonrpc_message_adapter

    assert process.stdout is not None  # noqa: S101 - it was opened with a pipe
    buffer = bytearray()
    idle = 0
    async with to_session:
        with suppress(anyio.EndOfStream, anyio.ClosedResourceError, anyio.BrokenResourceError, ConnectionError):
            while not life.fault:
                buffer += await process.stdout.receive(1 << 16)
                if b"\n" not in buffer[-(1 << 16) :]:
                    if len(buffer) > message_bytes:
                        life.fault = f"the server sent a message of more than {message_bytes >> 10:,} KiB"
                    continue
                *lines, rest = bytes(buffer).split(b"\n")
                buffer = bytearray(rest)
                for line in filter(bytes.strip, lines):
                    if len(line) > message_bytes:
                        life.fault = f"the server sent a message of more than {message_bytes >> 10:,} KiB"
                        break
                    idle = 0 if _answers(line) else idle + 1
                    if idle > _MAX_IDLE_MESSAGES:
                        life.fault = f"the server flooded us: {idle:,} lines in a row that answer nothing"
                        break
                    try:
                        message = jsonrpc_message_adapter.validate_json(line, by_name=False)
                    except ValueError:
                        continue  # servers that print to standard output are common, and harmless
                    await to_session.send(SessionMessage(message))
        if process.returncode is None and not life.fault:
            with anyio.move_on_after(_GRACE_SECONDS):
                await process.wait()
        life.returncode = process.returncode
    if life.fault:
        life.kill()


def _answers(line: bytes) -> bool:
    try:
        message = orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return isinstance(message, dict) and "id" in message and ("result" in message or "error" in message)


async def _write(process: anyio.abc.Process, from_session: Any, to_session: Any) -> None:
    assert process.stdin is not None  # noqa: S101 - it was opened with a pipe
    try:
        async with from_session:
            async for message in from_session:
                line = message.message.model_dump_json(by_alias=True, exclude_unset=True)
                await process.stdin.send(line.encode() + b"\n")
    except (anyio.ClosedResourceError, anyio.BrokenResourceError, OSError):
        await to_session.aclose()  # the session sees the end instead of waiting for an answer


async def _listen(process: anyio.abc.Process, life: ServerLife) -> None:
    assert process.stderr is not None  # noqa: S101 - it was opened with a pipe
    with suppress(anyio.EndOfStream, anyio.ClosedResourceError, anyio.BrokenResourceError, ConnectionError):
        while True:
            life.said.append((await process.stderr.receive(4096))[-LAST_WORDS:])


async def _end(process: anyio.abc.Process, life: ServerLife) -> None:
    """Close its input, and end the whole process group if it does not go by itself."""
    if process.stdin is not None:
        with suppress(OSError, anyio.BrokenResourceError, anyio.ClosedResourceError):
            await process.stdin.aclose()
    with anyio.move_on_after(_GRACE_SECONDS):
        await process.wait()
    for sign, seconds in ((signal.SIGTERM, _TERM_SECONDS), (signal.SIGKILL, _TERM_SECONDS)):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, sign)  # also what it left behind
        if process.returncode is not None:
            break
        with anyio.move_on_after(seconds):
            await process.wait()
    life.returncode = process.returncode
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            with suppress(OSError, anyio.BrokenResourceError, anyio.ClosedResourceError):
                await stream.aclose()
