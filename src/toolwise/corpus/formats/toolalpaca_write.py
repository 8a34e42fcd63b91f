"""Answered conversations as ToolAlpaca's instances.

What the format cannot hold: everything but the branch that answered; several calls of one message at once; which of a
toolset's tools were offered; calls of several toolsets in one conversation; sources, faults and most kinds of errors.
"""

from __future__ import annotations

from collections.abc import Sequence

from toolwise.corpus.formats.conversations import json_text
from toolwise.corpus.formats.losses import CannotHoldError, LossReason
from toolwise.corpus.formats.statuses import status_line
from toolwise.corpus.formats.toolalpaca import GET_DETAILS, QUESTION
from toolwise.types import Json, Node, Role, Task, ToolCall, Trajectory


def toolset_of(task: Task, trajectory: Trajectory) -> str:
    """The one toolset under which a conversation is filed: its calls', else its candidates'. Raises CannotHoldError."""
    called = {
        call.name for node in _path(trajectory) for call in node.message.tool_calls if call.name in task.candidates
    }
    toolsets = {tool.partition(".")[0] for tool in called or task.candidates}
    if len(toolsets) != 1:
        raise CannotHoldError(LossReason.SEVERAL_TOOLSETS if called else LossReason.NO_CALLS)
    return next(iter(toolsets))


def instance(task: Task, trajectory: Trajectory) -> dict[str, Json]:
    """The answering branch as an instance; functions bear the tools' own names. Raises CannotHoldError."""
    path = _path(trajectory)
    calls: dict[str, tuple[ToolCall, str]] = {}
    steps: list[Json] = []
    for position, node in enumerate(path[1:-1], start=1):
        message = node.message
        if message.role is Role.TOOL:
            call, thought = calls.pop(message.tool_call_id)
            step = _step(_name(call.name, task), json_text(call.arguments), thought)
            steps.append([step, status_line(message.content, node.error)])
        elif message.role is Role.ASSISTANT and message.tool_calls:
            said = "\n".join(filter(None, (message.thought, message.content)))
            for call in message.tool_calls:
                calls[call.id] = (call, said)
                said = ""
        elif message.role is Role.ASSISTANT and path[position + 1].message.role is Role.USER:
            asked = json_text({QUESTION: message.content})
            steps.append([_step(GET_DETAILS, asked, message.thought), path[position + 1].message.content])
        elif message.role is not Role.USER:
            raise CannotHoldError(LossReason.ODD_TURNS)
    if calls:
        raise CannotHoldError(LossReason.UNOBSERVED_CALL)
    last = path[-1].message
    return {
        "input": task.instruction,
        "output": last.content,
        "Final Thought": last.thought,
        "intermediate_steps": steps,
    }


def _path(trajectory: Trajectory) -> Sequence[Node]:
    leaf = trajectory.answer_leaf
    if leaf is None:
        raise CannotHoldError(LossReason.NO_ANSWER)
    return trajectory.path(leaf)


def _name(tool: str, task: Task) -> str:
    return tool.partition(".")[2] if tool in task.candidates else tool


def _step(name: str, written: str, thought: str) -> list[Json]:
    return [name, written, f" {thought}\nAction: {name}\nAction Input: {written}"]
