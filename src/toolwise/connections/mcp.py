"""The MCP client: start or reach a server, list its tools, call them; every wait and every size has a bound."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from toolwise.connections.environment import inherited_environment
from toolwise.connections.guard import AddressPolicy, RefusedAddressError
from toolwise.connections.mcp_screen import screened
from toolwise.connections.mcp_spec import Launch, ServerSpec
from toolwise.connections.server_life import ServerLife
from toolwise.errors import MissingExtraError, ToolwiseError
from toolwise.types import Json, ToolErrorKind

if TYPE_CHECKING:
    from mcp.client import ClientSession
    from mcp.client._transport import TransportStreams

MAX_PAGES = 1_000
MAX_TOOLS = 20_000
_SPARE_SECONDS = 2.0
"""How much longer than the SDK's own time limit we wait before we no longer trust it."""


class McpFailure(ToolwiseError):  # noqa: N818 - the server's failure, not an error of the program
    """A server that cannot be reached or used, in one line."""

    def __init__(self, kind: ToolErrorKind, detail: str) -> None:
        super().__init__(" ".join(detail.split())[:400])
        self.kind = kind


@dataclass(frozen=True, slots=True)
class McpLimits:
    """How long to wait and how much to take."""

    start_seconds: float = 30.0
    """To start a server, and for each page of its listing."""
    call_seconds: float = 30.0
    message_bytes: int = 8 * 1024 * 1024
    """One message; a server that sends a longer one is ended."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What a server says of itself."""

    name: str
    title: str
    version: str
    instructions: str
    tools: tuple[dict[str, Any], ...]
    """In the protocol's own form (`inputSchema`, `outputSchema`, `annotations`)."""
    dropped: tuple[tuple[str, str], ...] = ()
    """Tools that are not well-formed: name, what is wrong."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a tool answered."""

    blocks: tuple[dict[str, Any], ...]
    structured: Json = None
    is_error: bool = False
    has_structured: bool = False
    code: int = field(default=0)
    """The JSON-RPC error's code, where the server answered with one instead of a result."""


class McpServer:
    """One live server. All methods are coroutines of one event loop; see `toolwise.connections.background`."""

    def __init__(
        self,
        spec: ServerSpec,
        limits: McpLimits | None = None,
        *,
        workspace: str = "",
        policy: AddressPolicy | None = None,
    ) -> None:
        """`policy` says which hosts may be asked; none for the one that the spec names, wherever it is.

        Raises CatalogError for a variable that is not set.
        """
        self.spec = spec
        self.limits = limits or McpLimits()
        self.life = ServerLife()
        self._launch: Launch = spec.filled(os.environ, workspace)
        self._cwd = workspace or None
        self._policy = policy
        self._dropped: list[tuple[str, str]] = []
        self._client: Any = None
        self._owner: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()
        self._lock = asyncio.Lock()

    @property
    def alive(self) -> bool:
        return self._client is not None and not self.life.fault and self.life.returncode is None

    def redacted(self, text: str) -> str:
        """The text without values that came from the environment by `$NAME`."""
        return self._launch.redacted(text)

    async def start(self) -> None:
        """Connect, once. Raises McpFailure, MissingExtraError."""
        async with self._lock:
            if self.alive:
                return
            ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._owner = asyncio.create_task(self._own(ready))
            try:
                async with asyncio.timeout(self.limits.start_seconds):
                    await asyncio.shield(ready)
            except TimeoutError:
                self.life.fault = self.life.fault or f"no answer within {self.limits.start_seconds:g} s"
                account = self._account()
                await self._leave()
                raise McpFailure(ToolErrorKind.TIMEOUT, account) from None

    async def _own(self, ready: asyncio.Future[None]) -> None:
        """Hold the connection open: the SDK wants it entered and left by the same task."""
        try:
            async with self._connected() as client:
                self._client = client
                if not ready.done():
                    ready.set_result(None)
                await self._stop.wait()
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # the SDK raises groups and foreign errors: all of them become ours
            if not ready.done():
                ready.set_exception(self._failure(error))
        finally:
            self._client = None
            if not ready.done():
                ready.cancel()

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Any]:
        try:
            from mcp.client import Client
        except ImportError as error:
            raise MissingExtraError("reaching an MCP server", "mcp") from error
        transport = self._http() if self._launch.address else self._stdio()
        async with Client(
            screened(transport, self._dropped), read_timeout_seconds=self.limits.start_seconds, cache=None
        ) as client:
            yield client

    @asynccontextmanager
    async def _stdio(self) -> AsyncIterator[TransportStreams]:
        from toolwise.connections.mcp_stdio import stdio_streams

        environment = {**inherited_environment(os.environ), **self._launch.variables}
        async with stdio_streams(
            self._launch.command, environment, self._cwd, self.life, self.limits.message_bytes
        ) as streams:
            yield streams

    @asynccontextmanager
    async def _http(self) -> AsyncIterator[TransportStreams]:
        from mcp.client.streamable_http import streamable_http_client

        from toolwise.connections.mcp_http import bounded_http_client

        limits, policy = self.limits, self._policy or AddressPolicy([self._launch.address])
        headers = dict(self._launch.variables)
        async with (
            bounded_http_client(
                headers, policy, limits.start_seconds, limits.call_seconds, limits.message_bytes
            ) as client,
            streamable_http_client(
                self._launch.address, http_client=client, max_sse_event_size=self.limits.message_bytes
            ) as streams,
        ):
            yield streams

    async def listing(self) -> Listing:
        """The server's tools, page by page. Raises McpFailure."""
        import mcp_types

        session: ClientSession = self._session()
        tools: list[dict[str, Any]] = []
        cursors: set[str] = set()
        cursor: str | None = None
        for _ in range(MAX_PAGES):
            try:
                async with asyncio.timeout(self.limits.start_seconds + _SPARE_SECONDS):
                    page = await session.list_tools(params=mcp_types.PaginatedRequestParams(cursor=cursor))
            except Exception as error:
                raise self._failure(error) from error
            tools += [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in page.tools]
            cursor = page.next_cursor
            if not cursor:
                break
            if cursor in cursors or len(tools) > MAX_TOOLS:
                raise McpFailure(ToolErrorKind.MALFORMED, f"its listing does not end ({len(tools):,} tools so far)")
            cursors.add(cursor)
        else:
            raise McpFailure(ToolErrorKind.MALFORMED, f"its listing has more than {MAX_PAGES:,} pages")
        info = self._client.server_info
        return Listing(
            name=info.name if info else "",
            title=(info.title or "") if info else "",
            version=info.version if info else "",
            instructions=self._client.instructions or "",
            tools=tuple(tools),
            dropped=tuple(self._dropped),
        )

    async def call(self, tool: str, arguments: Mapping[str, Json]) -> Answer:
        """Call a tool by the server's own name for it. Raises McpFailure; an error of the tool's is an Answer."""
        import mcp_types
        from mcp.shared.exceptions import MCPError
        from pydantic import TypeAdapter

        request = mcp_types.CallToolRequest(
            params=mcp_types.CallToolRequestParams(name=tool, arguments=dict(arguments))
        )
        try:
            async with asyncio.timeout(self.limits.call_seconds + _SPARE_SECONDS):
                result = await self._session().send_request(
                    request,
                    TypeAdapter(mcp_types.CallToolResult),  # unlike `call_tool` it neither lists nor validates
                    request_read_timeout_seconds=self.limits.call_seconds,
                )
        except MCPError as error:
            if error.code in (mcp_types.CONNECTION_CLOSED, mcp_types.REQUEST_TIMEOUT) or self.life.fault:
                raise self._failure(error) from error
            return Answer(({"type": "text", "text": str(error.message)},), is_error=True, code=error.code)
        except Exception as error:
            raise self._failure(error) from error
        return Answer(
            tuple(block.model_dump(mode="json", by_alias=True, exclude_none=True) for block in result.content),
            result.structured_content,
            result.is_error,
            has_structured="structured_content" in result.model_fields_set and result.structured_content is not None,
        )

    async def close(self) -> None:
        """End the connection, and the process if we started one. Never raises."""
        async with self._lock:
            await self._leave()

    async def _leave(self) -> None:
        self._stop.set()
        owner, self._owner = self._owner, None
        if owner is not None:
            if self._client is None:
                owner.cancel()  # still connecting: it does not look at `_stop` yet
            with suppress(BaseException):
                await asyncio.wait_for(owner, timeout=5.0)
        self.life.kill()

    def _session(self) -> ClientSession:
        if self._client is None:
            raise McpFailure(ToolErrorKind.CONNECTION, self._account())
        session: ClientSession = self._client.session
        return session

    def _account(self) -> str:
        if self._launch.address:
            return f"{self.spec.shown}: {self.life.fault or 'the connection is closed'}"
        return self.redacted(f"{self.spec.shown}: {self.life.account()}")

    def _failure(self, error: BaseException) -> McpFailure | MissingExtraError:
        """The one line for whatever the SDK or the system raised."""
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        if isinstance(error, McpFailure | MissingExtraError):
            return error
        kind, cause = self._kind_and_cause(error)
        if isinstance(error, RefusedAddressError):
            return McpFailure(kind, cause)
        return McpFailure(kind, self.redacted(f"{self.spec.shown}: {cause}") if cause else self._account())

    def _kind_and_cause(self, error: BaseException) -> tuple[ToolErrorKind, str]:
        """What went wrong; no cause where the server's own end says it best."""
        from mcp_types import CONNECTION_CLOSED, REQUEST_TIMEOUT
        from pydantic import ValidationError

        code = getattr(error, "code", 0)
        if isinstance(error, RefusedAddressError):
            return ToolErrorKind.REFUSED, str(error)
        if self.life.fault or code == CONNECTION_CLOSED:
            return ToolErrorKind.CONNECTION, ""
        if isinstance(error, TimeoutError) or code == REQUEST_TIMEOUT:
            seconds = self.limits.call_seconds if self._client is not None else self.limits.start_seconds
            return ToolErrorKind.TIMEOUT, f"no answer within {seconds:g} s"
        if isinstance(error, FileNotFoundError | PermissionError | NotADirectoryError):
            return (
                ToolErrorKind.CONNECTION,
                f"cannot be started: {error.strerror}; is it installed and on the PATH?",
            )
        first = (str(error).strip().splitlines() or ["no detail"])[0]
        if isinstance(error, ValidationError):
            return ToolErrorKind.MALFORMED, f"answered with what is not MCP: {first}"
        return ToolErrorKind.CONNECTION, f"{type(error).__name__}: {first}"
