"""The HTTP world: tools with an HTTP binding are called for real, guarded, bounded and rate-limited."""

from __future__ import annotations

import os
from collections.abc import Mapping

from pydantic import Field

from toolwise.config import Config
from toolwise.connections.guard import AddressPolicy, split_url
from toolwise.connections.http import GuardedClient, HttpLimits, HttpRequestError
from toolwise.connections.pace import Pace
from toolwise.errors import ConfigError, UserError, WorldError
from toolwise.types import HttpBinding, Json, Observation, Task, Tool, ToolCall, ToolErrorKind, Toolset
from toolwise.worlds.consent import is_destructive, why_refused
from toolwise.worlds.credentials import Credential, Redaction, credentials_of
from toolwise.worlds.failures import failed
from toolwise.worlds.http_answer import read_answer
from toolwise.worlds.http_body import UnwritableError
from toolwise.worlds.http_request import request_of
from toolwise.worlds.tooling import Toolbox, ToolsetSource


class HttpWorldConfig(Config):
    """How real APIs are called."""

    servers: Mapping[str, str] = Field(default_factory=dict)
    """Toolset -> the address to use in place of the document's servers."""
    hosts: tuple[str, ...] = ()
    """Hosts (`HOST` or `HOST:PORT`) that may be private, link-local or loopback; all others must be public."""
    consent: bool = False
    """Call destructive tools too."""
    calls_per_second: float = Field(default=5.0, gt=0)
    """For each host."""
    connect_seconds: float = Field(default=5.0, gt=0)
    silence_seconds: float = Field(default=15.0, gt=0)
    """Longest wait for the next piece of an answer."""
    call_seconds: float = Field(default=30.0, gt=0)
    """A whole call, redirects included."""
    answer_bytes: int = Field(default=4_000_000, ge=1_000)
    """A longer answer is an error; counted as it comes and decompressed."""

    def limits(self) -> HttpLimits:
        """The bounds of one request."""
        return HttpLimits(
            connect_s=self.connect_seconds,
            read_s=self.silence_seconds,
            total_s=self.call_seconds,
            max_bytes=self.answer_bytes,
        )


class HttpWorld:
    """Calls the APIs that tools belong to. See `docs/worlds-http.md`.

    Sessions hold nothing: the services keep the state, so a session cannot be forked and two of one service are not
    isolated. May be used by many tasks at once.
    """

    name = "http"
    can_fork = False

    def __init__(
        self,
        tools: ToolsetSource,
        config: HttpWorldConfig | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Credentials are read from `environment`, by default the process's.

        Raises RefusedAddressError for a host or a server that is none, MissingExtraError without httpx.
        """
        self.config = config or HttpWorldConfig()
        for server in self.config.servers.values():
            split_url(server)
        self.toolbox = Toolbox(tools)
        self._tools = tools
        self._environment = os.environ if environment is None else environment
        self.policy = AddressPolicy(self.config.hosts)
        self.client = GuardedClient(self.policy, self.config.limits())
        self.pace = Pace(self.config.calls_per_second)

    def toolset(self, tool: Tool) -> Toolset:
        return self._tools.toolset(tool.toolset)

    def server(self, toolset: Toolset) -> str | None:
        """The address of a toolset: the configured one, else the first complete one of its document."""
        given = self.config.servers.get(toolset.name)
        if given is not None:
            return given
        return next(
            (url for url in toolset.servers if url.startswith(("http://", "https://")) and "{" not in url), None
        )

    def credentials(self, toolset: Toolset) -> tuple[Credential, ...]:
        """Raises ConfigError."""
        return credentials_of(toolset, self._environment)

    def open(self, task: Task) -> HttpSession:
        """A session for the task's candidates, or for all tools if it has none."""
        return HttpSession(self, task)


class HttpSession:
    """One run of one task on real services."""

    def __init__(self, world: HttpWorld, task: Task) -> None:
        self._world = world
        self._candidates = frozenset(task.candidates)

    async def call(self, call: ToolCall) -> Observation:
        """Call the service; whatever goes wrong is an Observation. Raises ConfigError for malformed credentials."""
        world = self._world
        known = world.toolbox.find(call.name)
        if known is None or (self._candidates and call.name not in self._candidates):
            return failed(ToolErrorKind.UNKNOWN_TOOL, f"There is no tool named '{call.name}'.")
        tool = known.tool
        problem = world.toolbox.checker(known).problem(call.arguments)
        if problem is not None:
            return failed(ToolErrorKind.INVALID_ARGUMENTS, problem.message, problem.field)
        if not isinstance(tool.binding, HttpBinding):
            return failed(ToolErrorKind.REFUSED, f"'{call.name}' has no HTTP binding.")
        if not world.config.consent and _destroys(tool, tool.binding):
            return failed(ToolErrorKind.REFUSED, why_refused(tool))
        return await self._send(tool, call.arguments)

    async def _send(self, tool: Tool, arguments: Mapping[str, Json]) -> Observation:
        world = self._world
        toolset = world.toolset(tool)
        server = world.server(toolset)
        if server is None:
            told = f"The document of '{toolset.name}' names no server; configure one (servers: {toolset.name}: URL)."
            return failed(ToolErrorKind.REFUSED, told)
        credentials = world.credentials(toolset)
        redaction = Redaction(secret for credential in credentials for secret in credential.secrets)
        try:
            request = request_of(tool, server, arguments, credentials)
            scheme, host, port = split_url(request.url)
        except UnwritableError as error:
            return failed(ToolErrorKind.INVALID_ARGUMENTS, redaction.text(str(error)), error.field)
        except ConfigError:
            raise
        except UserError as error:
            return failed(ToolErrorKind.REFUSED, redaction.text(str(error)))
        if credentials and scheme == "http" and not world.policy.allows(host, port):
            return failed(
                ToolErrorKind.REFUSED, f"The credentials are not sent to '{host}' unencrypted; allow the host."
            )
        await world.pace.wait(host)
        try:
            response = await world.client.send(request)
        except HttpRequestError as error:
            return failed(error.kind, redaction.text(str(error)))
        return read_answer(tool, request.method, response, redaction)

    def state(self) -> Mapping[str, Json]:
        """Empty: the services keep the state, and nothing asks them for it."""
        return {}

    def snapshot(self) -> object:
        """Raises WorldError: real services cannot be forked."""
        raise WorldError("the http world cannot fork; ask `can_fork` first")

    def restore(self, snapshot: object) -> None:
        """Raises WorldError: real services cannot be taken back."""
        raise WorldError("the http world cannot fork; ask `can_fork` first")

    def prepare(self, call: ToolCall) -> None:
        """Nothing: records of real services are made by calls alone."""


def _destroys(tool: Tool, binding: HttpBinding) -> bool:
    return is_destructive(tool) or (tool.hints.destructive is None and binding.method.upper() == "DELETE")
