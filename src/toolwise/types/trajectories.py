"""Trajectory: a whole search as flat nodes with parent indices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum

from pydantic import Field

from toolwise.types.base import Frozen
from toolwise.types.messages import Message, Role
from toolwise.types.observations import FaultKind, ObservationSource, ToolErrorKind


class StopReason(StrEnum):
    """Why a branch ended."""

    ANSWERED = "answered"
    """The policy gave a final answer."""
    GAVE_UP = "gave_up"
    """The policy said that it cannot go on from here."""
    STEP_LIMIT = "step_limit"
    """The branch reached the maximum number of steps."""
    BUDGET = "budget"
    """The task's budget of model calls was spent."""
    POLICY_ERROR = "policy_error"
    """The policy failed (a typed error, not a bad answer)."""
    UNPARSABLE = "unparsable"
    """The policy's output could not be read as a message."""


class Node(Frozen):
    """One message in the tree."""

    parent: int | None
    """Index into `Trajectory.nodes`; always smaller than this node's own index."""
    message: Message
    sampled: bool = False
    """Produced by the policy under study?"""
    error: ToolErrorKind | None = None
    """For a tool message: why the call failed, if it did."""
    source: ObservationSource | None = None
    """For a tool message: where the answer came from."""
    fault: FaultKind | None = None
    """For a tool message: the failure that was put in on purpose, if one was."""

    @property
    def failed(self) -> bool:
        """Did the call fail? An answer with injected text is untrustworthy in part, and still the answer."""
        return self.error is not None and self.fault is not FaultKind.PROMPT_INJECTION


class Trajectory(Frozen):
    """Every branch that a search tried on one task. A branch is a root-to-leaf path."""

    task_key: str
    strategy: str
    """`react`, `react@n` or `dfsdt`."""
    policy: str = ""
    nodes: tuple[Node, ...]
    ends: Mapping[int, StopReason] = Field(default_factory=dict)
    """Leaf index -> why its branch ended."""
    model_calls: int = 0
    budget: int = 0
    """The most model calls that the search was allowed."""

    def path(self, leaf: int) -> list[Node]:
        """Root-to-leaf nodes of one branch."""
        nodes: list[Node] = []
        index: int | None = leaf
        while index is not None:
            nodes.append(self.nodes[index])
            index = self.nodes[index].parent
        return nodes[::-1]

    def messages(self, leaf: int) -> list[Message]:
        """Root-to-leaf messages of one branch."""
        return [node.message for node in self.path(leaf)]

    def children(self, index: int) -> Iterator[int]:
        """Indices of a node's children, oldest first."""
        return (i for i, node in enumerate(self.nodes) if node.parent == index)

    @property
    def answer_leaf(self) -> int | None:
        """The first leaf that ended with an answer, if any."""
        answered = (leaf for leaf, why in self.ends.items() if why is StopReason.ANSWERED)
        return min(answered, default=None)

    @property
    def answer(self) -> str:
        """The final answer's text; empty where there is none."""
        leaf = self.answer_leaf
        if leaf is None or self.nodes[leaf].message.role is not Role.ASSISTANT:
            return ""
        return self.nodes[leaf].message.content
