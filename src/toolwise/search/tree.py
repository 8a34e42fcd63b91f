"""The tree under construction: flat nodes, each message stored once."""

from __future__ import annotations

from collections.abc import Iterator

from toolwise.types import (
    Message,
    Node,
    Observation,
    Role,
    StopReason,
    Task,
    ToolCall,
    Trajectory,
    content_key,
)

ROOT = 0
"""The root is always the user's instruction."""


class Tree:
    """Grows a Trajectory. Every leaf gets a StopReason, and nothing but a leaf does."""

    def __init__(self, task: Task, seed: int, budget: int) -> None:
        self.task = task
        self.model_calls = 0
        self._seed = seed
        self._budget = budget
        self._nodes = [Node(parent=None, message=Message(role=Role.USER, content=task.instruction))]
        self._ends: dict[int, StopReason] = {}

    @property
    def spent(self) -> bool:
        """Is the budget of model calls used up?"""
        return self.model_calls >= self._budget

    def next_seed(self) -> int:
        """The seed of the next model call; counts the call."""
        seed = int(content_key("turn", self._seed, self.task.key, self.model_calls)[:12], 16)
        self.model_calls += 1
        return seed

    def add_assistant(self, parent: int, message: Message, *, sampled: bool = True) -> int:
        """Append a policy's message; its calls are named by the node, so that a rerun names them alike."""
        index = len(self._nodes)
        if message.tool_calls:
            calls = tuple(
                ToolCall(id=f"call_{index}_{position}", name=call.name, arguments=call.arguments)
                for position, call in enumerate(message.tool_calls)
            )
            message = message.model_copy(update={"tool_calls": calls})
        self._nodes.append(Node(parent=parent, message=message, sampled=sampled))
        return index

    def add_observation(self, parent: int, call: ToolCall, observation: Observation) -> int:
        """Append a tool message that answers `call`."""
        message = Message(role=Role.TOOL, content=observation.content, tool_call_id=call.id)
        node = Node(
            parent=parent,
            message=message,
            error=observation.error,
            source=observation.source,
            fault=observation.fault,
        )
        self._nodes.append(node)
        return len(self._nodes) - 1

    def message(self, index: int) -> Message:
        return self._nodes[index].message

    def end(self, leaf: int, why: StopReason) -> None:
        self._ends[leaf] = why

    def path(self, index: int) -> tuple[Message, ...]:
        """Root-to-node messages."""
        messages = [self._nodes[i].message for i in self._upwards(index)]
        return tuple(reversed(messages))

    def calls_to(self, index: int) -> list[ToolCall]:
        """The calls that led to a node, oldest first."""
        return [call for message in self.path(index) for call in message.tool_calls]

    def messages_between(self, ancestor: int, index: int) -> tuple[Message, ...]:
        """The messages below `ancestor` down to `index`."""
        messages = []
        for i in self._upwards(index):
            if i == ancestor:
                break
            messages.append(self._nodes[i].message)
        return tuple(reversed(messages))

    def trajectory(self, strategy: str, policy: str) -> Trajectory:
        return Trajectory(
            task_key=self.task.key,
            strategy=strategy,
            policy=policy,
            nodes=tuple(self._nodes),
            ends=dict(sorted(self._ends.items())),
            model_calls=self.model_calls,
            budget=self._budget,
        )

    def _upwards(self, index: int) -> Iterator[int]:
        at: int | None = index
        while at is not None:
            yield at
            at = self._nodes[at].parent
