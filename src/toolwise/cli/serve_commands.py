"""`toolwise catalog serve`: a catalog's world as an MCP server or an HTTP mock."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from toolwise.cli.options import AsJson, Seed
from toolwise.types import Json


def register(group: typer.Typer) -> None:
    """Add the command to the group `catalog`."""
    group.command("serve")(serve)


def serve(
    catalog: Annotated[Path, typer.Argument(help="A catalog made by `toolwise catalog import`.")],
    served_as: Annotated[str, typer.Option("--as", help="mcp or http.")] = "mcp",
    port: Annotated[
        int | None, typer.Option("--port", help="0 for any free one. Without it, MCP is served over stdio.")
    ] = None,
    host: Annotated[str, typer.Option("--host", help="The address to listen on; this machine alone by default.")] = (
        "127.0.0.1"
    ),
    stdio: Annotated[bool, typer.Option("--stdio", help="Serve MCP over standard input and output.")] = False,
    toolset: Annotated[
        list[str] | None, typer.Option("--toolset", help="Serve only this toolset; may be repeated.")
    ] = None,
    seed: Seed = 0,
    world: Annotated[
        str, typer.Option("--world", help="Where tools run: simulated, http, mcp, …, several in order, or a YAML file.")
    ] = "simulated",
    as_json: AsJson = False,
) -> None:
    """Serve a catalog's tools to an agent: as an MCP server, or as an HTTP mock with its OpenAPI document."""
    from toolwise.pipelines.worlds import world_config
    from toolwise.serve.launching import ServeOptions, serve_catalog

    options = ServeOptions(served_as, port, host, stdio, tuple(toolset or ()), seed, world_config(world))
    serve_catalog(catalog, options, lambda about: _announce(about, as_json))


def _announce(about: Json, as_json: bool) -> None:
    """Say where the server answers; with `--json` as one document on standard output."""
    if as_json:
        typer.echo(orjson.dumps(about).decode())
    typer.echo(_sentence(about), err=True)


def _sentence(about: Any) -> str:
    document = f" (document: {about['openapi']})" if "openapi" in about else ""
    kind = {"mcp": "MCP server", "http": "HTTP mock"}[about["as"]]
    return f"{kind} of {about['tools']:,} tools at {about['address']}{document}; stop it with Ctrl-C"
