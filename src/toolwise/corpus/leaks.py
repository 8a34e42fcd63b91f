"""Leaks: the same tool, instruction or blueprint on both sides of the split."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from toolwise.ports import Tools
from toolwise.text import identifier_words, normalise
from toolwise.types import Frozen, RejectReason, Split, Task, Tool, canonical_json, content_key

_UNSEEN = frozenset({Split.UNSEEN_TOOLSET, Split.UNSEEN_CATEGORY})


def tool_signature(tool: Tool) -> str:
    """A key of what a model is shown of a tool: its name's words, its description, its parameters' names."""
    parameters = sorted(" ".join(identifier_words(name)) for name in tool.properties)
    return content_key(list(identifier_words(tool.name)), normalise(tool.description), parameters)


class LeakReport(Frozen):
    """How many tools of one side have the signature of one of the other."""

    train_tools: int
    other_tools: int
    leaked_tools: int
    """Of `other_tools`."""
    leaked: tuple[str, ...] = ()
    """The leaked tools' ids, sorted."""
    signatures: tuple[str, ...] = ()
    """The signatures that occur on both sides, sorted."""


def check_leaks(trained: Sequence[str], others: Iterable[Tool]) -> LeakReport:
    """Tools that occur on both sides of a split under whatever id: providers repeat whole groups of tools.

    `trained` are the signatures of training's tools.
    """
    known = frozenset(trained)
    held = [(tool.id, tool_signature(tool)) for tool in others]
    leaked = [(tool_id, signature) for tool_id, signature in held if signature in known]
    return LeakReport(
        train_tools=len(trained),
        other_tools=len(held),
        leaked_tools=len(leaked),
        leaked=tuple(sorted(tool_id for tool_id, _ in leaked)),
        signatures=tuple(sorted({signature for _, signature in leaked})),
    )


class TaskGuard:
    """Knows the training tasks, and says which other tasks would measure memory instead of skill."""

    def __init__(self, train: Iterable[Task], train_signatures: Iterable[str]) -> None:
        """`train_signatures`: those of all training toolsets' tools, whether or not a task uses them."""
        self._signatures = frozenset(train_signatures)
        self._instructions: set[str] = set()
        self._blueprints: set[bytes] = set()
        for task in train:
            self._instructions.add(normalise(task.instruction))
            if task.blueprint is not None:
                self._blueprints.add(_blueprint_key(task))

    def leak(self, task: Task, tools: Tools) -> RejectReason | None:
        """LEAK where the task's instruction or blueprint is a training task's or, in an unseen split, where a
        relevant tool's signature is a training tool's."""
        if normalise(task.instruction) in self._instructions:
            return RejectReason.LEAK
        if task.blueprint is not None and task.blueprint.calls and _blueprint_key(task) in self._blueprints:
            return RejectReason.LEAK
        if task.provenance.split not in _UNSEEN:
            return None
        known = any(tool_signature(tools.tool(tool_id)) in self._signatures for tool_id in task.relevant)
        return RejectReason.LEAK if known else None


def _blueprint_key(task: Task) -> bytes:
    return canonical_json(task.blueprint.model_dump(mode="json")) if task.blueprint else b""
