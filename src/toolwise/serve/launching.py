"""The verb `catalog serve`: open a catalog, choose its world, and serve it until told to end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from toolwise.errors import ConfigError, MissingExtraError
from toolwise.pipelines.assemble import simulated_world
from toolwise.ports import World
from toolwise.serve.listening import DEFAULT_HOST, address_of, listen, run_app
from toolwise.serve.served import ServedCatalog, open_served
from toolwise.serve.sessions import MAX_SEED, Sessions
from toolwise.types import Json


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
    world: str = "simulated"


WORLDS: dict[str, Callable[[ServedCatalog], World]] = {"simulated": simulated_world}
"""The worlds that a catalog can be served in."""


def serve_catalog(folder: Path, options: ServeOptions, announce: Callable[[Json], None]) -> None:
    """Serve until the client hangs up (stdio) or a signal comes; `announce` gets the address once it answers.

    Raises CatalogError, ConfigError, MissingExtraError.
    """
    kind = _kind(options)
    served = open_served(folder, options.toolsets)
    sessions = Sessions(_world(options.world, served), options.seed)
    about = {"as": kind.value, "toolsets": len(served.toolsets), "tools": len(served.ids)}
    try:
        if kind is ServeAs.HTTP:
            _serve_http(served, sessions, options, about, announce)
        elif options.stdio or options.port is None:
            _serve_stdio(served, sessions)
        else:
            _serve_mcp(served, sessions, options, about, announce)
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


def _world(name: str, served: ServedCatalog) -> World:
    make = WORLDS.get(name)
    if make is None:
        raise ConfigError(f"cannot serve the world {name!r}; use one of: {', '.join(WORLDS)}")
    return make(served)


def _serve_stdio(served: ServedCatalog, sessions: Sessions) -> None:
    import anyio

    from toolwise.serve.mcp_server import mcp_server, serve_stdio

    anyio.run(serve_stdio, mcp_server(served, sessions))


def _serve_mcp(
    served: ServedCatalog, sessions: Sessions, options: ServeOptions, about: Json, announce: Callable[[Json], None]
) -> None:
    from toolwise.serve.mcp_server import PATH, mcp_app, mcp_server

    app = mcp_app(mcp_server(served, sessions), options.host)
    listening = listen(options.host, options.port or 0)
    address = address_of(listening, options.host)
    run_app(app, listening, lambda: announce({**about, "address": f"{address}{PATH}"}))


def _serve_http(
    served: ServedCatalog, sessions: Sessions, options: ServeOptions, about: Json, announce: Callable[[Json], None]
) -> None:
    from toolwise.serve.http_mock import HttpMock

    listening = listen(options.host, options.port or 0)
    address = address_of(listening, options.host)
    app = HttpMock(served, sessions, address=address, host=options.host, world=options.world)
    run_app(app, listening, lambda: announce({**about, "address": address, "openapi": f"{address}/openapi.json"}))
