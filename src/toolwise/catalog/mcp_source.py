"""An MCP server's tools as a toolset."""

from __future__ import annotations

from typing import Any

from toolwise.catalog.draft import Draft, slug
from toolwise.catalog.functions import Builder, Function
from toolwise.catalog.left_out import LeftOutReason
from toolwise.catalog.prose import TOOL_LIMIT, plain
from toolwise.connections.background import background
from toolwise.connections.mcp import Listing, McpFailure, McpLimits, McpServer
from toolwise.connections.mcp_spec import ServerSpec, read_spec
from toolwise.connections.workspace import empty_copy
from toolwise.errors import CatalogError
from toolwise.text import first_sentence

_HINTS = (("read_only", "readOnlyHint"), ("idempotent", "idempotentHint"), ("destructive", "destructiveHint"))


def mcp_drafts(spec: str, limits: McpLimits | None = None) -> list[Draft]:
    """The toolset of one server: `mcp:[NAME=value …] command …` or `mcp:[Header=value …] http(s)://…`.

    The server runs for as long as listing takes; a `{workspace}` is an empty folder then. Raises CatalogError, in one
    line, for a server that cannot be started or reached, hangs, dies, floods, or answers with what is not MCP; and
    MissingExtraError.
    """
    server = read_spec(spec)
    workspace = empty_copy()
    try:
        listing = background().run_blocking(_listing(server, str(workspace.folder), limits))
    except McpFailure as error:
        raise CatalogError(str(workspace.outward(str(error)))) from error
    finally:
        workspace.remove()
    return [_draft(server, listing)]


async def _listing(spec: ServerSpec, workspace: str, limits: McpLimits | None) -> Listing:
    server = McpServer(spec, limits, workspace=workspace if spec.uses_workspace else "")
    try:
        await server.start()
        return await server.listing()
    finally:
        await server.close()


def _draft(spec: ServerSpec, listing: Listing) -> Draft:
    title = listing.title or listing.name or spec.shown
    about = plain(listing.instructions, TOOL_LIMIT)
    draft = Draft(
        slug=slug(listing.name.rsplit("/", 1)[-1] or title, "mcp_server"),
        source=f"mcp:{spec.text}",
        title=plain(title, 200),
        description=about,
        introduction=first_sentence(about),
        family=f"mcp-{slug(listing.name or title, 'server')}",
        servers=[spec.text],
        hints=[f"{tool['name']} {first_sentence(plain(tool.get('description'), 160))}" for tool in listing.tools[:40]],
    )
    for name, problem in listing.dropped:
        draft.leave_out(name, LeftOutReason.INVALID_SCHEMA, problem)
    builder = Builder(draft)
    names: set[str] = set()
    for tool in listing.tools:
        if not tool["name"].strip() or tool["name"] in names:
            reason = "another tool of the server has this name" if tool["name"].strip() else "it has no name"
            draft.leave_out(tool["name"][:80], LeftOutReason.INVALID_OPERATION, reason)
            continue
        names.add(tool["name"])
        _add(builder, tool, spec)
    draft = builder.finish()
    if not draft.tools:
        raise CatalogError(f"{spec.shown}: the server offers no tool that can be used")
    return draft


def _add(builder: Builder, tool: dict[str, Any], spec: ServerSpec) -> None:
    builder.add(
        Function(
            name=tool["name"],
            where=tool["name"][:80],
            description=tool.get("description") or _title(tool),
            parameters=tool.get("inputSchema"),
            returns=tool.get("outputSchema"),
            hints=_hints(tool.get("annotations") or {}),
            binding={"kind": "mcp", "server": spec.text, "tool": tool["name"]},
        )
    )


def _title(tool: dict[str, Any]) -> str:
    return str(tool.get("title") or (tool.get("annotations") or {}).get("title") or "")


def _hints(annotations: dict[str, Any]) -> dict[str, bool]:
    """The server's own hints. A tool that says it writes and not whether it destroys may destroy: MCP's default."""
    hints = {ours: annotations[theirs] for ours, theirs in _HINTS if isinstance(annotations.get(theirs), bool)}
    if hints.get("read_only") is True:
        return {"read_only": True, "idempotent": True, "destructive": False}
    if hints.get("read_only") is False and "destructive" not in hints:
        hints["destructive"] = True
    return hints
