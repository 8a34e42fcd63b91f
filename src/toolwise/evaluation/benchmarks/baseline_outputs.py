"""What the null agent and the nearest-tool baseline would hand in: each item's first turn."""

from __future__ import annotations

from collections.abc import Sequence

from toolwise.evaluation.benchmarks.items import Item
from toolwise.ports import Policy, Turn
from toolwise.types import Json, Message, Role


async def first_turns(policy: Policy, items: Sequence[Item]) -> list[Json]:
    """Each item's output as a list of calls, `{"name", "arguments"}`, with functions named as the benchmark names them.

    A text where the policy made no call.
    """
    outputs: list[Json] = []
    for item in items:
        path = (Message(role=Role.USER, content=item.task.instruction),)
        step = await policy.act(Turn(item.task, item.tools, path))
        calls = [{"name": call.name.partition(".")[2], "arguments": call.arguments} for call in step.message.tool_calls]
        outputs.append(calls or step.message.content)
    return outputs
