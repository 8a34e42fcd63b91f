"""The verb `catalog serve`: open a catalog, choose its world, and serve it until told to end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from socket import socket
from typing import TYPE_CHECKING

from toolwise.errors import ConfigError, MissingExtraError
from toolwise.pipelines.assemble import opened_world
from toolwise.pipelines.worlds import WorldConfig
from toolwise.serve.listening import DEFAULT_HOST, address_of, end_cleanly_on_signals, listen, serve_app
from toolwise.serve.served import ServedCatalog, open_served
from toolwise.serve.sessions import MAX_SEED, Sessions
from toolwise.types import Json

if TYPE_CHECKING:
    from starlette.types import ASGIApp


class ServeAs(StrEnum):
    """What a catalog is served as."""

    MCP = "mcp"
    """An MCP server: over stdio, or streamable HTTP where a port is given."""
    HTTP = "http"
    """An HTTP mock of the tools' APIs, with its OpenAPI document."""


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """How a catalog is served."""

    served_as: str = ServeAs.MCP.value
    port: int | None = None
    """0 takes a free one; none is stdio for MCP, and a free one for HTTP."""
    host: str = DEFAULT_HOST
    stdio: bool = False
    toolsets: Sequence[str] = ()
    """Serve only these."""
    seed: int = 0
    world: WorldConfig = field(default_factory=WorldConfig)


def serve_catalog(folder: Path, options: ServeOptions, announce: Callable[[Json], None]) -> None:
    """Serve until the client hangs up (stdio) or a signal comes; `announce` gets the address once it answers.

    Raises CatalogError, ConfigError, MissingExtraError.
    """
    kind = _kind(options)
    served = open_served(folder, options.toolsets)
    try:
        import anyio

        if options.port is None and kind is ServeAs.MCP:
            anyio.run(_serve_stdio, served, options)
        else:
            with listen(options.host, options.port or 0) as listening:
                end_cleanly_on_signals()
                anyio.run(_serve_port, served, options, listening, announce)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in {"mcp", "mcp_types", "starlette", "uvicorn", "anyio"}:
            raise MissingExtraError("serving a catalog", "serve") from error
        raise


def _kind(options: ServeOptions) -> ServeAs:
    try:
        kind = ServeAs(options.served_as)
    except ValueError as error:
        known = " or ".join(ServeAs)
        raise ConfigError(f"cannot serve a catalog as {options.served_as!r}; use --as {known}") from error
    if options.stdio and (kind is ServeAs.HTTP or options.port is not None):
        raise ConfigError("--stdio is for --as mcp without --port; leave one of them away")
    if not 0 <= options.seed <= MAX_SEED:
        raise ConfigError(f"--seed {options.seed} is out of range; use 0 to {MAX_SEED}")
    return kind


async def _serve_stdio(served: ServedCatalog, options: ServeOptions) -> None:
    from toolwise.serve.mcp_server import mcp_server, serve_stdio

    async with opened_world(options.world, served.catalog) as world:
        await serve_stdio(mcp_server(served, Sessions(world, options.seed)))


async def _serve_port(
    served: ServedCatalog, options: ServeOptions, listening: socket, announce: Callable[[Json], None]
) -> None:
    address = address_of(listening, options.host)
    about: dict[str, Json] = {"as": options.served_as, "toolsets": len(served.toolsets), "tools": len(served.ids)}
    async with opened_world(options.world, served.catalog) as world:
        sessions = Sessions(world, options.seed)
        app: ASGIApp
        if options.served_as == ServeAs.HTTP.value:
            from toolwise.serve.http_mock import HttpMock

            app = HttpMock(served, sessions, address=address, host=options.host, simulated=world.name == "simulated")
            about |= {"address": address, "openapi": f"{address}/openapi.json"}
        else:
            from toolwise.serve.mcp_server import PATH, mcp_app, mcp_server

            app = mcp_app(mcp_server(served, sessions), options.host)
            about |= {"address": f"{address}{PATH}"}
        await serve_app(app, listening, lambda: announce(about))
