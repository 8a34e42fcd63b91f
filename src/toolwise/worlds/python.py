"""The Python world: tools are functions of the user's modules, run in processes of their own."""

from __future__ import annotations

import asyncio
import os
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from toolwise.config import Config
from toolwise.connections.python_tools.process import ChildFailure, ChildLimits, PythonProcess
from toolwise.connections.workspace import Copy, Template, empty_copy
from toolwise.errors import WorldError
from toolwise.types import Json, Observation, ObservationSource, PythonBinding, Task, Tool, ToolCall, ToolErrorKind
from toolwise.worlds.consent import is_destructive, why_refused
from toolwise.worlds.failures import failed
from toolwise.worlds.tooling import ToolsetSource

WRAPPED = "result"
"""The one key of an answer that is no object in itself, as in MCP's structured content."""
_KINDS = (
    ("BadArgumentsError", ToolErrorKind.INVALID_ARGUMENTS),
    ("FileExistsError", ToolErrorKind.CONFLICT),
    ("FileNotFoundError", ToolErrorKind.NOT_FOUND),
    ("LookupError", ToolErrorKind.NOT_FOUND),
    ("PermissionError", ToolErrorKind.UNAUTHORIZED),
    ("TimeoutError", ToolErrorKind.TIMEOUT),
    ("ConnectionError", ToolErrorKind.CONNECTION),
    ("ValueError", ToolErrorKind.INVALID_ARGUMENTS),
    ("TypeError", ToolErrorKind.INVALID_ARGUMENTS),
)


class PythonWorldConfig(Config):
    """How the users' functions are run."""

    workspace: Path | None = None
    """A folder of which every session gets a fresh copy, as its working directory; else that is an empty one."""
    root: Path | None = None
    """Where relative paths of modules start from; else the present directory."""
    environment: tuple[str, ...] = ()
    """Variables that the functions get from our environment, by name, beside the harmless ones."""
    consent: bool = False
    """Call destructive functions too."""
    start_seconds: float = Field(default=30.0, gt=0)
    call_seconds: float = Field(default=10.0, gt=0)
    memory_bytes: int = Field(default=2 * 1024**3, ge=64 * 1024**2)
    answer_bytes: int = Field(default=1 << 20, ge=1_000)


class PythonWorld:
    """Runs the tools that have a Python binding, each session in processes of its own, one a module.

    What a module keeps in its globals lasts for a session, so that stateful modules work. A module shows its state by
    a function `__toolwise_state__()`; without one, and without a workspace, a session's state is empty.
    """

    name = "python"
    can_fork = False

    def __init__(self, tools: ToolsetSource, config: PythonWorldConfig | None = None) -> None:
        """Raises ConfigError for a workspace that cannot be copied."""
        self.config = config or PythonWorldConfig()
        self.template = Template(self.config.workspace) if self.config.workspace else None
        self.without_state: set[str] = set()
        """Modules that are known to have no `__toolwise_state__`, and need not be asked."""
        self._tools = tools

    @property
    def limits(self) -> ChildLimits:
        config = self.config
        return ChildLimits(
            start_seconds=config.start_seconds,
            call_seconds=config.call_seconds,
            memory_bytes=config.memory_bytes,
            answer_bytes=config.answer_bytes,
        )

    def find(self, tool_id: str) -> Tool | None:
        """The tool of that id, or none."""
        toolset, _, name = tool_id.partition(".")
        try:
            return self._tools.toolset(toolset).by_name.get(name)
        except KeyError:
            return None

    def modules(self, candidates: tuple[str, ...]) -> list[str]:
        """The modules of the candidates, sorted."""
        found = (tool.binding for tool in map(self.find, candidates) if tool is not None)
        return sorted({binding.module for binding in found if isinstance(binding, PythonBinding)})

    def open(self, task: Task) -> PythonSession:
        """A fresh session. Raises WorldError if the workspace is no longer what the task was made in."""
        start = task.world.start.get("workspace")
        if start is not None and (self.template is None or self.template.digest != start):
            raise WorldError(
                "the task was made in another workspace than this world's; give the folder as it was when it was made"
            )
        return PythonSession(self, task)


class _Held:
    """The processes and the folder that must be given back."""

    def __init__(self) -> None:
        self.processes: dict[str, PythonProcess] = {}
        self.copy: Copy | None = None

    def release(self) -> None:
        for process in self.processes.values():
            process.kill()
        if self.copy is not None:
            self.copy.remove()
        self.processes, self.copy = {}, None


class PythonSession:
    """One run of one task."""

    def __init__(self, world: PythonWorld, task: Task) -> None:
        self._world = world
        self._task = task
        self._candidates = frozenset(task.candidates)
        self._held = _Held()
        weakref.finalize(self, self._held.release)

    async def call(self, call: ToolCall) -> Observation:
        """Run a function; whatever goes wrong is an Observation."""
        tool = self._world.find(call.name)
        if tool is None or (self._candidates and call.name not in self._candidates):
            return failed(ToolErrorKind.UNKNOWN_TOOL, f"There is no tool named '{call.name}'.")
        if not isinstance(tool.binding, PythonBinding):
            return failed(ToolErrorKind.REFUSED, f"'{call.name}' is no Python function.")
        if is_destructive(tool) and not self._world.config.consent:
            return failed(ToolErrorKind.REFUSED, why_refused(tool))
        return await asyncio.to_thread(self._run, tool.binding, call.arguments)

    def _run(self, binding: PythonBinding, arguments: Mapping[str, Json]) -> Observation:
        copy = self._copy()
        request = {"do": "call", "function": binding.function, "arguments": copy.inward(dict(arguments))}
        try:
            reply = self._process(binding.module).request(request)
        except ChildFailure as error:
            return _outward(failed(error.kind, str(error)), copy)
        return _outward(_observation(reply), copy)

    def _copy(self) -> Copy:
        if self._held.copy is None:
            template = self._world.template
            self._held.copy = template.copy() if template else empty_copy()
        return self._held.copy

    def _process(self, module: str) -> PythonProcess:
        process = self._held.processes.get(module)
        if process is None:
            config = self._world.config
            given = {name: os.environ[name] for name in config.environment if name in os.environ}
            where = module if not module.endswith(".py") else str((config.root or Path()).resolve() / module)
            process = PythonProcess(
                where, self._world.limits, cwd=self._copy().folder, import_from=config.root, environment=given
            )
            self._held.processes[module] = process
        return process

    def state(self) -> Mapping[str, Json]:
        """What `__toolwise_state__()` says, by module, and the workspace's digest; empty where there is neither.

        Modules are asked if the task's candidates name them: a session that has not called one yet starts it.
        """
        state: dict[str, Json] = {}
        for module in self._world.modules(self._task.candidates) or sorted(self._held.processes):
            if module in self._world.without_state:
                continue
            try:
                told = self._process(module).request({"do": "state"})
            except ChildFailure:
                continue
            if told.get("has_state") is False:
                self._world.without_state.add(module)
            elif told.get("result"):
                state[Path(module).name] = self._copy().outward(told["result"])
        if self._world.template is not None:
            copy = self._held.copy
            state.update(copy.state() if copy else {"workspace": self._world.template.digest})
        return state

    def snapshot(self) -> object:
        """Raises WorldError: a process's memory cannot be kept."""
        raise WorldError("the Python world cannot fork: a process's memory cannot be kept; open a fresh session")

    def restore(self, snapshot: object) -> None:
        """Raises WorldError, as `snapshot` does."""
        self.snapshot()

    def prepare(self, call: ToolCall) -> None:
        """Nothing: what a call needs must be in the module or the workspace, or come from an earlier call."""


def _outward(seen: Observation, copy: Copy) -> Observation:
    return seen.model_copy(update={"body": copy.outward(seen.body)})


def _observation(reply: Mapping[str, Any]) -> Observation:
    if "error" in reply:
        error = reply["error"]
        kind = next((kind for name, kind in _KINDS if name in error["types"]), ToolErrorKind.SERVER)
        name = error["types"][0] if error["types"] else "Exception"
        message = error["message"] if name == "BadArgumentsError" else f"{name}: {error['message']}"
        return failed(kind, message.rstrip(": "), error.get("field", ""))
    if "malformed" in reply:
        return failed(ToolErrorKind.MALFORMED, f"The result cannot be told as JSON: {reply['malformed']}")
    result = reply.get("result")
    if result is None:
        return Observation(status=204, source=ObservationSource.REAL)
    body = result if isinstance(result, dict) else {WRAPPED: result}
    return Observation(status=200, body=body, source=ObservationSource.REAL)
