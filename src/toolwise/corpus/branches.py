"""The branch that answered, step by step, with what was right in each."""

from __future__ import annotations

from dataclasses import dataclass

from toolwise.blueprints import executed_calls, fulfil
from toolwise.types import Message, Node, Role, StopReason, Task, Trajectory, content_key


@dataclass(frozen=True, slots=True)
class BranchStep:
    """An assistant turn of the answering branch."""

    node: int
    """Index of its node."""
    parent: int
    message: Message
    """As it was made."""
    right: Message | None
    """With its right calls only; none where nothing of it was right."""
    observations: tuple[Message, ...]
    """What the right calls returned."""
    said: tuple[Message, ...] = ()
    """What the user said between the turn before and this one; the first message of all is not in it."""


def branch_steps(task: Task, trajectory: Trajectory) -> list[BranchStep]:
    """The assistant turns from the root to the answer; empty where nothing answered.

    A call is right if it fulfils one of the blueprint's; without a blueprint, if it succeeded; and if it is such a
    call that an injected fault kept from succeeding. The answer is.
    """
    leaf = trajectory.answer_leaf
    if leaf is None:
        return []
    path = _indices(trajectory, leaf)
    right_ids = _right_calls(task, [trajectory.nodes[index] for index in path])
    answers = {
        message.tool_call_id: message
        for message in (trajectory.nodes[index].message for index in path)
        if message.role is Role.TOOL
    }
    steps: list[BranchStep] = []
    said: list[Message] = []
    for index in path:
        node = trajectory.nodes[index]
        if node.message.role is Role.USER and node.parent is not None:
            said.append(node.message)
        if node.message.role is not Role.ASSISTANT or node.parent is None:
            continue
        right = _right_part(node.message, right_ids)
        observations = tuple(answers[call.id] for call in right.tool_calls) if right else ()
        steps.append(BranchStep(index, node.parent, node.message, right, observations, tuple(said)))
        said = []
    return steps


def clean_trajectory(task: Task, trajectory: Trajectory) -> Trajectory | None:
    """The answering branch alone, without its wrong calls and their observations; none where nothing answered.

    Leaving calls out may change what the later ones return, so verify the result again before learning from it.
    """
    steps = branch_steps(task, trajectory)
    if not steps:
        return None
    nodes = [trajectory.nodes[0]]
    answers = {node.message.tool_call_id: node for node in trajectory.nodes if node.message.tool_call_id}
    for step in steps:
        for message in step.said:
            nodes.append(Node(parent=len(nodes) - 1, message=message))
        if step.right is None:
            continue
        nodes.append(Node(parent=len(nodes) - 1, message=step.right, sampled=True))
        for message in step.observations:
            answer = answers[message.tool_call_id]
            nodes.append(answer.model_copy(update={"parent": len(nodes) - 1}))
    return trajectory.model_copy(
        update={"nodes": tuple(nodes), "ends": {len(nodes) - 1: StopReason.ANSWERED}},
    )


def _indices(trajectory: Trajectory, leaf: int) -> list[int]:
    indices: list[int] = []
    at: int | None = leaf
    while at is not None:
        indices.append(at)
        at = trajectory.nodes[at].parent
    return indices[::-1]


def _right_calls(task: Task, path: list[Node]) -> set[str]:
    """Ids of the calls to imitate; among them those that met an injected fault and were made again, rightly."""
    executed = executed_calls([node.message for node in path])
    failed = {node.message.tool_call_id for node in path if node.failed}
    if task.blueprint is None:
        right = {done.call.id for done in executed if done.call.id not in failed}
    else:
        made = fulfil(task.blueprint, executed).made
        right = {executed[at].call.id for at in made.values()} - failed
    faulty = {node.message.tool_call_id for node in path if node.failed and node.fault is not None}
    wanted = {content_key(done.call.name, done.call.arguments) for done in executed if done.call.id in right}
    retried = (done.call for done in executed if done.call.id in faulty)
    return right | {call.id for call in retried if content_key(call.name, call.arguments) in wanted}


def _right_part(message: Message, right_ids: set[str]) -> Message | None:
    if not message.tool_calls:
        return message
    calls = tuple(call for call in message.tool_calls if call.id in right_ids)
    if not calls:
        return None
    if len(calls) == len(message.tool_calls):
        return message
    return message.model_copy(update={"tool_calls": calls, "thought": ""})  # the thought spoke of all calls
