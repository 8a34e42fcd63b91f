"""The MCP world: tools run on live MCP servers, each session on servers and a folder of its own."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Mapping
from pathlib import Path

from pydantic import Field

from toolwise.config import Config
from toolwise.connections.background import background
from toolwise.connections.guard import AddressPolicy
from toolwise.connections.mcp import Answer, McpFailure, McpLimits, McpServer
from toolwise.connections.mcp_spec import ServerSpec, read_spec
from toolwise.connections.workspace import Copy, Template
from toolwise.errors import CatalogError, WorldError
from toolwise.schemas import Validator
from toolwise.types import Json, McpBinding, Observation, Task, Tool, ToolCall, ToolErrorKind
from toolwise.worlds.consent import is_destructive, why_refused
from toolwise.worlds.failures import failed
from toolwise.worlds.mcp_answers import output_validator, read_answer
from toolwise.worlds.tooling import ToolsetSource

_REPLACED = frozenset({ToolErrorKind.TIMEOUT, ToolErrorKind.CONNECTION})
"""After such a failure the server is ended, and the next call starts another."""


class McpWorldConfig(Config):
    """How live servers are run."""

    workspace: Path | None = None
    """A folder of which every session gets a fresh copy: `{workspace}` in a server's command and variables."""
    shared: tuple[str, ...] = ()
    """Toolsets whose server keeps nothing between calls: one process then serves all sessions."""
    consent: bool = False
    """Call destructive tools too."""
    hosts: tuple[str, ...] = ()
    """Hosts that servers given by address may have, wherever they are; others must be public."""
    start_seconds: float = Field(default=30.0, gt=0)
    call_seconds: float = Field(default=30.0, gt=0)
    answer_bytes: int = Field(default=1 << 20, ge=1_000)
    """A longer answer is an error (as JSON)."""


class McpWorld:
    """Runs the tools that have an MCP binding. Opening a session starts nothing; its first call of a server does.

    A session's servers are its own (unless shared) and work on its own copy of the workspace, so that sessions do not
    see each other and a replay starts where the first run started. The world sees what is in the workspace, and
    nothing of a server's memory: without a workspace a session's state is empty.
    """

    name = "mcp"
    can_fork = False

    def __init__(self, tools: ToolsetSource, config: McpWorldConfig | None = None) -> None:
        """Raises ConfigError for a workspace that cannot be copied, RefusedAddressError for a host that is none."""
        self.config = config or McpWorldConfig()
        self.template = Template(self.config.workspace) if self.config.workspace else None
        self.policy = AddressPolicy(self.config.hosts)
        self.limits = McpLimits(self.config.start_seconds, self.config.call_seconds, 8 * self.config.answer_bytes)
        self._tools = tools
        self._validators: dict[str, Validator | None] = {}
        self._shared = Held()
        self._finalizer = weakref.finalize(self, self._shared.release)

    def find(self, tool_id: str) -> Tool | None:
        """The tool of that id, or none."""
        toolset, _, name = tool_id.partition(".")
        try:
            return self._tools.toolset(toolset).by_name.get(name)
        except KeyError:
            return None

    def validator(self, tool: Tool) -> Validator | None:
        if tool.id not in self._validators:
            self._validators[tool.id] = output_validator(tool)
        return self._validators[tool.id]

    def held_for(self, tool: Tool, session: Held) -> Held:
        """Who holds the tool's server: the world for a shared one, else the session."""
        return self._shared if tool.toolset in self.config.shared else session

    def open(self, task: Task) -> McpSession:
        """A fresh session. Raises WorldError if the workspace is no longer what the task was made in."""
        start = task.world.start.get("workspace")
        if start is not None and (self.template is None or self.template.digest != start):
            raise WorldError(
                "the task was made in another workspace than this world's; give the folder as it was when it was made"
            )
        return McpSession(self, task)

    def close(self) -> None:
        """End the shared servers; sessions end theirs when they are no longer used."""
        self._finalizer()


class Held:
    """The servers and the folder that must be given back."""

    def __init__(self) -> None:
        self.servers: dict[str, McpServer] = {}
        self.copy: Copy | None = None

    def release(self) -> None:
        """End the servers and remove the folder, without waiting for it."""
        servers, copy = list(self.servers.values()), self.copy
        self.servers, self.copy = {}, None
        if servers or copy:
            background().say_farewell(_farewell(servers, copy))


async def _farewell(servers: list[McpServer], copy: Copy | None) -> None:
    await asyncio.gather(*(server.close() for server in servers))
    if copy is not None:
        try:
            await asyncio.to_thread(copy.remove)
        except RuntimeError:  # the interpreter ends, and starts no more threads
            copy.remove()


class McpSession:
    """One run of one task on live servers."""

    def __init__(self, world: McpWorld, task: Task) -> None:
        self._world = world
        self._candidates = frozenset(task.candidates)
        self._held = Held()
        weakref.finalize(self, self._held.release)

    async def call(self, call: ToolCall) -> Observation:
        """Run a tool on its server; whatever goes wrong is an Observation. Raises MissingExtraError."""
        tool = self._world.find(call.name)
        if tool is None or (self._candidates and call.name not in self._candidates):
            return failed(ToolErrorKind.UNKNOWN_TOOL, f"There is no tool named '{call.name}'.")
        if not isinstance(tool.binding, McpBinding):
            return failed(ToolErrorKind.REFUSED, f"'{call.name}' is on no MCP server.")
        if is_destructive(tool) and not self._world.config.consent:
            return failed(ToolErrorKind.REFUSED, why_refused(tool))
        try:
            spec = read_spec(tool.binding.server)
            copy = await asyncio.to_thread(self._copy)
        except CatalogError as error:
            return failed(ToolErrorKind.REFUSED, str(error))
        if spec.uses_workspace and copy is None:
            return failed(
                ToolErrorKind.REFUSED, f"The server of '{tool.toolset}' needs a workspace; open the world with one."
            )
        return await self._on_server(tool, spec, copy, call.arguments)

    async def _on_server(
        self, tool: Tool, spec: ServerSpec, copy: Copy | None, arguments: Mapping[str, Json]
    ) -> Observation:
        assert isinstance(tool.binding, McpBinding)  # noqa: S101 - `call` looked
        held = self._world.held_for(tool, self._held)
        try:
            server = self._server(held, spec, copy)
            wire_names = tool.binding.wire_names
            named = {wire_names.get(name, name): value for name, value in arguments.items()}
            given = copy.inward(named) if copy else named
            answer = await background().run(_ask(server, tool.binding.tool, given))
            seen = read_answer(answer, tool, self._world.validator(tool), self._world.config.answer_bytes)
        except CatalogError as error:
            return failed(ToolErrorKind.REFUSED, str(error))
        except McpFailure as error:
            if error.kind in _REPLACED and held.servers.get(spec.text) is server:
                del held.servers[spec.text]
                background().say_farewell(server.close())
            seen = failed(error.kind, str(error))
        body = copy.outward(seen.body) if copy else seen.body
        return seen.model_copy(update={"body": _redacted(body, server)})

    def _copy(self) -> Copy | None:
        if self._held.copy is None and self._world.template is not None:
            self._held.copy = self._world.template.copy()
        return self._held.copy

    def _server(self, held: Held, spec: ServerSpec, copy: Copy | None) -> McpServer:
        server = held.servers.get(spec.text)
        if server is None:
            folder = str(copy.folder) if copy and spec.uses_workspace else ""
            server = McpServer(spec, self._world.limits, workspace=folder, policy=self._world.policy)
            held.servers[spec.text] = server
        return server

    def state(self) -> Mapping[str, Json]:
        """`workspace`: a digest of all its files' names and contents; empty where the world has no workspace."""
        if self._world.template is None:
            return {}
        if self._held.copy is None:
            return {"workspace": self._world.template.digest}
        return self._held.copy.state()

    def snapshot(self) -> object:
        """Raises WorldError: a live server's state cannot be kept."""
        raise WorldError("the MCP world cannot fork: a live server's state cannot be kept; open a fresh session")

    def restore(self, snapshot: object) -> None:
        """Raises WorldError, as `snapshot` does."""
        self.snapshot()

    def prepare(self, call: ToolCall) -> None:
        """Nothing: what a call needs must be in the workspace, or come from an earlier call."""


async def _ask(server: McpServer, tool: str, arguments: Mapping[str, Json]) -> Answer:
    await server.start()
    return await server.call(tool, arguments)


def _redacted(value: Json, server: McpServer) -> Json:
    """An answer without the values that the server was given from the environment."""
    if isinstance(value, str):
        return server.redacted(value)
    if isinstance(value, dict):
        return {server.redacted(key): _redacted(part, server) for key, part in value.items()}
    if isinstance(value, list):
        return [_redacted(part, server) for part in value]
    return value
