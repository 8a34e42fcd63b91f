"""The MCP server of a catalog's world, over stdio and streamable HTTP."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

import mcp_types as types
from mcp.server.caching import CacheHint
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp.shared.exceptions import MCPError
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS
from starlette.routing import Route

from toolwise import __version__
from toolwise.serve.mcp_tools import BadCursorError, McpTools, result_of
from toolwise.serve.served import ServedCatalog
from toolwise.serve.sessions import MAX_SESSIONS, Sessions

if TYPE_CHECKING:
    from mcp.server.context import ServerRequestContext
    from starlette.applications import Starlette
    from starlette.types import Receive, Scope, Send

PATH = "/mcp"
_SESSION_HEADER = "mcp-session-id"
_LIST_FRESH_MS = 3_600_000
"""The tools of a running server never change."""
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def mcp_server(served: ServedCatalog, sessions: Sessions) -> Server[Any]:
    """The server; its state lives in `sessions`, one for each MCP session."""
    tools = McpTools(served)

    async def list_tools(
        context: ServerRequestContext[Any], params: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        try:
            page, following = tools.page(params.cursor if params else None)
        except BadCursorError as error:
            raise MCPError(code=types.INVALID_PARAMS, message="Invalid cursor") from error
        return types.ListToolsResult(tools=page, next_cursor=following)

    async def call_tool(
        context: ServerRequestContext[Any], params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        offered = tools.find(params.name)
        if offered is None:
            raise MCPError(code=types.INVALID_PARAMS, message=f"Unknown tool: {params.name[:200]}")
        session = sessions.get(_session_key(context))
        return result_of(offered, await session.call(offered.tool.id, params.arguments or {}))

    return Server(
        "toolwise",
        version=__version__,
        title=f"Toolwise: {_title(served)}",
        instructions=(
            f"A practice world of {len(served.ids)} tools: calls are checked against the tools' schemas, "
            "and records that they make can be found, changed and removed again."
        ),
        cache_hints={"tools/list": CacheHint(ttl_ms=_LIST_FRESH_MS, scope="public")},
        get_tool_input_schema=tools.input_schema,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )


def _title(served: ServedCatalog) -> str:
    first = ", ".join(served.toolsets[:3])
    return first if len(served.toolsets) <= 3 else f"{first} and {len(served.toolsets) - 3} more"


def _session_key(context: ServerRequestContext[Any]) -> str:
    """The name of the caller's session: its own path, else the transport's session; one for all of stdio."""
    request = context.request
    if request is None:
        return ""
    named = request.path_params.get("session")
    if named:
        return f"path:{named}"
    session = request.headers.get(_SESSION_HEADER)
    return f"mcp:{session}" if session else ""


async def serve_stdio(server: Server[Any]) -> None:
    """Serve one client over standard input and output, until its end of the pipe closes."""
    # The thread that reads standard input cannot be interrupted; there is nothing to save, so ending at once is clean.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    async with stdio_server() as (incoming, outgoing):
        await server.run(incoming, outgoing, server.create_initialization_options())


def mcp_app(server: Server[Any], host: str) -> Starlette:
    """Streamable HTTP under `/mcp`, and under `/mcp/<name>` with a session of that name.

    The world has state, so the server announces the protocol versions that have sessions; a client of a version
    without them names its session in the path.
    """

    async def discover(context: ServerRequestContext[Any], params: types.RequestParams) -> types.DiscoverResult:
        return types.DiscoverResult(
            supported_versions=list(HANDSHAKE_PROTOCOL_VERSIONS),
            capabilities=server.get_capabilities(protocol_version=context.protocol_version),
            instructions=server.instructions,
        )

    server.add_request_handler("server/discover", types.RequestParams, discover)
    return server.streamable_http_app(
        streamable_http_path=PATH,
        max_sessions=MAX_SESSIONS,
        host="127.0.0.1" if host in _LOOPBACK else host,
        custom_starlette_routes=[Route(f"{PATH}/{{session}}", endpoint=_NamedSession(server))],
    )


class _NamedSession:
    """The same endpoint under a path that names the session."""

    def __init__(self, server: Server[Any]) -> None:
        self._server = server

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._server.session_manager.handle_request(scope, receive, send)
