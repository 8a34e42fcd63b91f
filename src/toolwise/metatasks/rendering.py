"""Meta-tasks as conversations to learn from, and a model's turn read back as an answer to be judged."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from toolwise.metatasks.wording import call_text, read_call
from toolwise.offers import Offer
from toolwise.ports import Tools
from toolwise.types import (
    ChatMessage,
    MetaTaskExample,
    MetaTaskKind,
    Observation,
    SFTExample,
    Tool,
    ToolCall,
    canonical_json,
    content_key,
)


def offered(tools: Sequence[Tool], rng: random.Random) -> list[Tool]:
    """The tools in a random order: their places must say nothing."""
    return rng.sample(list(tools), len(tools))


def chat_call(call: ToolCall, offer: Offer, call_id: str) -> dict[str, Any]:
    """A call in OpenAI's shape, by its function name."""
    function = {"name": offer.name(call.name), "arguments": call.arguments}
    return {"id": call_id, "type": "function", "function": function}


def tool_message(observation: Observation, call_id: str) -> ChatMessage:
    """What a tool returned, as the model reads it."""
    return {"role": "tool", "content": canonical_json(observation.body).decode(), "tool_call_id": call_id}


def question_tools(example: MetaTaskExample, tools: Tools) -> list[Tool]:
    """The candidates of a question, in an order that follows from its key."""
    return offered([tools.tool(tool_id) for tool_id in example.tools], random.Random(f"offer:{example.key}"))


def metatask_conversation(example: MetaTaskExample, tools: Tools) -> SFTExample:
    """A question and its answer as one conversation. A call that is asked for is made, as in a solution.

    Raises KeyError for tools that are not in `tools`.
    """
    offer = Offer(question_tools(example, tools))
    call = read_call(example.answer, example.tools) if example.kind is MetaTaskKind.DECISION else None
    answer: ChatMessage = {"role": "assistant", "content": "" if call else example.answer}
    if call is not None:
        answer["tool_calls"] = [chat_call(call, offer, "call_1")]
    return SFTExample(
        key=example.key,
        task_key=example.key,
        split=example.split,
        messages=({"role": "user", "content": example.question}, answer),
        tools=offer.functions(),
    )


def joined(examples: Sequence[MetaTaskExample], tools: Tools) -> SFTExample:
    """Several questions about the same tools, one after the other in one conversation: the tools are read once."""
    return one_conversation([metatask_conversation(example, tools) for example in examples])


def one_conversation(parts: Sequence[SFTExample]) -> SFTExample:
    """Conversations about the same tools, one after the other; the tools stand in the first one's order."""
    if len(parts) == 1:
        return parts[0]
    key = content_key("conversations", [part.key for part in parts])
    messages = tuple(_renumbered(message, place) for place, part in enumerate(parts) for message in part.messages)
    observed = tuple(one for part in parts for one in part.observed)
    return parts[0].model_copy(update={"key": key, "task_key": key, "messages": messages, "observed": observed})


def _renumbered(message: ChatMessage, place: int) -> ChatMessage:
    """The message with ids of calls that no other part uses."""
    if "tool_call_id" in message:
        return {**message, "tool_call_id": f"part_{place + 1}_{message['tool_call_id']}"}
    if "tool_calls" in message:
        calls = [{**call, "id": f"part_{place + 1}_{call['id']}"} for call in message["tool_calls"]]
        return {**message, "tool_calls": calls}
    return message


def answer_of(content: str, calls: Sequence[ToolCall]) -> str:
    """A model's turn in the one form that answers are judged in: its only call (by tool id), or its words."""
    return call_text(calls[0]) if len(calls) == 1 and not content else content
