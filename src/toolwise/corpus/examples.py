"""Examples from solved tasks: what to imitate, what to prefer, what to retrieve."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from toolwise.config import Config
from toolwise.corpus.branches import BranchStep, branch_steps
from toolwise.offers import Offer
from toolwise.types import (
    ChatMessage,
    Message,
    Observed,
    PreferencePair,
    RetrievalPair,
    Role,
    SFTExample,
    Task,
    ToolCall,
    Trajectory,
    content_key,
)


class ExampleConfig(Config):
    """What examples hold."""

    thoughts: bool = False
    """Put an assistant turn's thought into its `reasoning_content`."""


class ChatWriter:
    """Messages in OpenAI's shape: function names of the offer, arguments as objects, calls numbered from 1."""

    def __init__(self, offer: Offer, config: ExampleConfig) -> None:
        self._offer = offer
        self._config = config

    def write(self, messages: Sequence[Message]) -> tuple[ChatMessage, ...]:
        ids: dict[str, str] = {}
        return tuple(self._one(message, ids) for message in messages)

    def _one(self, message: Message, ids: dict[str, str]) -> ChatMessage:
        chat: ChatMessage = {"role": message.role.value, "content": message.content}
        if message.thought and self._config.thoughts:
            chat["reasoning_content"] = message.thought
        if message.tool_calls:
            calls = []
            for call in message.tool_calls:
                ids[call.id] = f"call_{len(ids) + 1}"
                function = {"name": self._offer.name(call.name), "arguments": call.arguments}
                calls.append({"id": ids[call.id], "type": "function", "function": function})
            chat["tool_calls"] = calls
        if message.role is Role.TOOL:
            chat["tool_call_id"] = ids[message.tool_call_id]
        return chat


def sft_example(
    task: Task, trajectory: Trajectory, offer: Offer, config: ExampleConfig | None = None
) -> SFTExample | None:
    """The answering branch as one conversation; none where nothing answered.

    Every assistant turn is a target, so wrong calls and what they returned are left out, and give-ups are never
    in it. `offer` shows the task's candidates.
    """
    steps = branch_steps(task, trajectory)
    if not steps:
        return None
    conversation = _conversation(trajectory, steps)
    messages = ChatWriter(offer, config or ExampleConfig()).write(conversation)
    return SFTExample(
        key=content_key("sft", task.key, messages),
        task_key=task.key,
        split=task.provenance.split,
        messages=messages,
        tools=offer.functions(),
        observed=_observed(trajectory, conversation),
    )


def preference_pairs(
    task: Task, trajectory: Trajectory, offer: Offer, config: ExampleConfig | None = None
) -> list[PreferencePair]:
    """At each right step of the answering branch: it, against each failed alternative (TP-LLaMA, 2406.07115).

    Alternatives are the step's failed siblings and the wrong steps just before it in the branch, from which the
    policy recovered, with their siblings. One whose calls all turned out right somewhere in the branch is no
    mistake, whatever came of it, and is left out. The prompt holds only what was right before.
    """
    writer = ChatWriter(offer, config or ExampleConfig())
    functions = offer.functions()
    pairs: list[PreferencePair] = []
    before: list[Message] = [trajectory.nodes[0].message]
    waiting: list[BranchStep] = []
    steps = branch_steps(task, trajectory)
    good = {_call(call) for step in steps if step.right for call in step.right.tool_calls}
    for step in steps:
        before += step.said
        if step.right is None:
            waiting.append(step)
            continue
        seen = {_act(step.right)}
        for rejected in _alternatives(trajectory, [*waiting, step]):
            harmless = bool(rejected.tool_calls) and all(_call(call) in good for call in rejected.tool_calls)
            if harmless or _act(rejected) in seen:
                continue
            seen.add(_act(rejected))
            *prompt, chosen = writer.write([*before, step.right])
            bad = writer.write([*before, rejected])[-1]
            pairs.append(
                PreferencePair(
                    key=content_key("preference", task.key, prompt, chosen, bad),
                    task_key=task.key,
                    split=task.provenance.split,
                    prompt=tuple(prompt),
                    chosen=(chosen,),
                    rejected=(bad,),
                    tools=functions,
                    observed=_observed(trajectory, before),
                )
            )
        before += [step.right, *step.observations]
        waiting = []
    return pairs


def retrieval_pair(task: Task, trajectory: Trajectory | None = None) -> RetrievalPair | None:
    """The instruction and the tools that serve it; none where no tool does.

    A `trajectory` that carried the request out says where its answers came from.
    """
    if not task.relevant:
        return None
    nodes = trajectory.nodes if trajectory else ()
    return RetrievalPair(
        key=content_key("retrieval", task.key),
        split=task.provenance.split,
        query=task.instruction,
        relevant=task.relevant,
        sources=tuple(sorted({node.source for node in nodes if node.source is not None})),
    )


def _observed(trajectory: Trajectory, messages: Sequence[Message]) -> tuple[Observed, ...]:
    """Where each tool message among these came from, in order."""
    answers = {node.message.tool_call_id: node for node in trajectory.nodes if node.message.role is Role.TOOL}
    nodes = (answers[message.tool_call_id] for message in messages if message.role is Role.TOOL)
    return tuple(Observed(source=node.source, error=node.error, fault=node.fault) for node in nodes)


def _conversation(trajectory: Trajectory, steps: Sequence[BranchStep]) -> list[Message]:
    messages = [trajectory.nodes[0].message]
    for step in steps:
        messages += step.said
        if step.right is not None:
            messages += [step.right, *step.observations]
    return messages


def _alternatives(trajectory: Trajectory, steps: Sequence[BranchStep]) -> Iterator[Message]:
    """The policy's other acts at the nodes of these steps, and the steps themselves where they went wrong."""
    for step in steps:
        for child in trajectory.children(step.parent):
            node = trajectory.nodes[child]
            if node.sampled and (node.message.tool_calls or node.message.content) and child != step.node:
                yield node.message
        if step.right is not step.message:
            yield step.message


def _act(message: Message) -> str:
    return content_key([[call.name, call.arguments] for call in message.tool_calls], message.content)


def _call(call: ToolCall) -> str:
    return content_key(call.name, call.arguments)
