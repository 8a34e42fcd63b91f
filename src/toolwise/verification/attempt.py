"""What is verified: a task, and the branch that answered it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from toolwise.blueprints import ExecutedCall, Fulfilment, executed_calls, fulfil
from toolwise.types import Blueprint, Check, Message, Node, Outcome, RejectReason, Role, Task, ToolCall, Trajectory


@dataclass
class Attempt:
    """One branch of a trajectory with what the checks derive from it, each thing once."""

    task: Task
    trajectory: Trajectory
    path: list[Node] = field(init=False)
    """Root-to-answer nodes; empty where nothing answered."""

    def __post_init__(self) -> None:
        leaf = self.trajectory.answer_leaf
        self.path = [] if leaf is None else self.trajectory.path(leaf)

    @property
    def outcome(self) -> Outcome:
        return self.task.checks.outcome

    @property
    def answer(self) -> str:
        return self.path[-1].message.content if self.path else ""

    @cached_property
    def messages(self) -> list[Message]:
        return [node.message for node in self.path]

    @cached_property
    def executed(self) -> list[ExecutedCall]:
        """The branch's calls; success is what the nodes say, not what the text looks like."""
        failed = {node.message.tool_call_id for node in self.path if node.failed}
        return [
            ExecutedCall(done.call, done.call.id not in failed, done.body, done.turn)
            for done in executed_calls(self.messages)
        ]

    @cached_property
    def fulfilment(self) -> Fulfilment:
        return fulfil(self.task.blueprint or Blueprint(calls=()), self.executed)

    def observations(self) -> Iterator[tuple[ToolCall, Node]]:
        """Each call with the node that answers it."""
        calls: dict[str, ToolCall] = {}
        for node in self.path:
            calls.update((call.id, call) for call in node.message.tool_calls)
            if node.message.role is Role.TOOL:
                yield calls[node.message.tool_call_id], node


def passed(stage: str) -> Check:
    """The stage found nothing wrong."""
    return Check(name=stage, passed=True)


def rejected(stage: str, reason: RejectReason, detail: str) -> Check:
    """The stage drops the row."""
    return Check(name=stage, passed=False, reason=reason, detail=detail)
