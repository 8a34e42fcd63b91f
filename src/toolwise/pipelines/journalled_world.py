"""Real tool calls that happen once: answered from the journal, or made and recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from toolwise.errors import WorldError
from toolwise.llm.pricing import Meter
from toolwise.pipelines.journalled import CountingModel, EffectLog, JournalledModel
from toolwise.ports import ChatModel, Session, World
from toolwise.store.journal import EffectKind
from toolwise.types import Json, McpBinding, Observation, PythonBinding, Task, ToolCall, content_key
from toolwise.worlds import ToolsetSource


@dataclass(frozen=True)
class Effects:
    """Where the effects of a world are recorded, and which calls of models count into which budget."""

    log: EffectLog
    meter: Meter

    def world(self, world: World, tools: ToolsetSource) -> World:
        """The same world with its calls journalled."""
        return JournalledWorld(world, tools, self.log)

    def model(self, model: CountingModel) -> ChatModel:
        """The same model with its calls journalled."""
        return JournalledModel(model, self.log)


class JournalledWorld:
    """Wraps a world whose calls reach something outside: each is made once per task and moment of a branch.

    The moment is told by the calls before it, so when a task runs again, or a branch goes back to a node, what was
    recorded is answered without making the call. A call is on disk before its answer is used.
    """

    def __init__(self, world: World, tools: ToolsetSource, log: EffectLog) -> None:
        self.name = world.name
        self.can_fork = world.can_fork
        self._world = world
        self._tools = tools
        self.log = log

    def open(self, task: Task) -> Session:
        return _Session(self, self._world.open(task), task.key)

    def is_private(self, call: ToolCall) -> bool:
        """Does the call act on nothing but what its session started for itself: a local process of its own?

        Such calls are made again, in their order, when a fresh session must be brought to where an earlier one was.
        """
        try:
            toolset, _, name = call.name.partition(".")
            binding = self._tools.toolset(toolset).by_name[name].binding
        except KeyError:
            return False
        if isinstance(binding, McpBinding):
            return not binding.server.rsplit(" ", 1)[-1].startswith(("http://", "https://"))
        return isinstance(binding, PythonBinding)


class _Session:
    def __init__(self, world: JournalledWorld, session: Session, task: str) -> None:
        self._world = world
        self._session = session
        self._task = task
        self._moment = ""
        """A key of all calls so far."""
        self._behind: tuple[ToolCall, ...] = ()
        """Private calls that were answered from the journal, and that the session itself has not seen."""

    async def call(self, call: ToolCall) -> Observation:
        self._moment = content_key(self._moment, call.name, call.arguments)
        log = self._world.log
        key = content_key(EffectKind.TOOL.value, self._task, self._moment)
        if (recorded := log.get(key)) is not None:
            if self._world.is_private(call):
                self._behind = (*self._behind, call)
            return Observation.model_validate(recorded[0])
        await self._catch_up()
        observation = await self._session.call(call)
        log.record(EffectKind.TOOL, key, observation.model_dump(mode="json"))
        await log.flush()
        return observation

    async def _catch_up(self) -> None:
        behind, self._behind = self._behind, ()
        for call in behind:
            await self._session.call(call)

    def state(self) -> Mapping[str, Json]:
        return self._session.state()

    def snapshot(self) -> object:
        return self._moment, self._behind, self._session.snapshot()

    def restore(self, snapshot: object) -> None:
        """Raises WorldError for something that is no snapshot of such a session."""
        if not isinstance(snapshot, tuple) or len(snapshot) != 3:
            raise WorldError("this is no snapshot of a journalled session; pass what snapshot() gave")
        self._moment, self._behind, inner = snapshot
        self._session.restore(inner)

    def prepare(self, call: ToolCall) -> None:
        self._session.prepare(call)
