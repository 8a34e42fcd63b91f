"""Solutions as examples: a start and a goal in words, the calls of a plan, and what the tools answered."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from pydantic import Field

from toolwise.config import Config
from toolwise.metatasks.rendering import chat_call, offered, tool_message
from toolwise.metatasks.subject import Subject, started
from toolwise.offers import Offer
from toolwise.ports import Session
from toolwise.types import (
    ChatMessage,
    Observed,
    SFTExample,
    Split,
    Task,
    Tool,
    ToolCall,
    canonical_json,
    content_key,
)

FINISHED = "Done."
"""How a solution ends."""
_MAX_IDLE = 2000
"""Starts in a row without a new solution, after which the world has no more of that kind."""


class SolutionConfig(Config):
    """What solutions hold."""

    seed: int = 0
    calls_per_turn: int = Field(default=1, ge=0, le=6)
    """At most so many calls in one turn; how many is drawn for each example. 0: the whole plan in one turn."""
    longest: int = Field(default=40, ge=1)
    """Longer plans are left out."""
    closing: bool = True
    """Ends with the last observations and a closing word, rather than with the last call."""


class Goals(Subject, Protocol):
    """A subject with goals."""

    def reached(self, task: Task, session: Session) -> bool:
        """Does the goal hold in the session's present state?"""
        ...


@dataclass(frozen=True, slots=True)
class Solution:
    """A start, a goal, and one way there, executed."""

    task: Task
    """Its instruction is what the user says."""
    split: Split
    plan: tuple[ToolCall, ...]
    tools: tuple[Tool, ...]
    """The candidates in the order shown."""
    example: SFTExample


async def solutions(
    subject: Goals, tools: Sequence[Tool], count: int, config: SolutionConfig, splits: Sequence[Split] = tuple(Split)
) -> AsyncIterator[Solution]:
    """Up to `count` solutions whose split is one of `splits`; no start with its goal occurs twice.

    Each plan is executed; one that fails, or ends elsewhere, is left out.
    """
    seen: set[bytes] = set()
    written = idle = index = 0
    while written < count and idle < _MAX_IDLE:
        seed = f"{config.seed}:{index}"
        index, idle = index + 1, idle + 1
        task = subject.start(seed)
        key = canonical_json([task.world.start, task.provenance.pattern])
        split = subject.split(task)
        if key in seen or split not in splits:
            continue
        seen.add(key)
        made = await _solution(subject, tools, task, split, config, random.Random(f"solution:{seed}"))
        if made is not None:
            written, idle = written + 1, 0
            yield made


def _up_to_the_last_call(
    messages: list[ChatMessage], observed: list[Observed]
) -> tuple[list[ChatMessage], list[Observed]]:
    """Without what comes after the last turn with calls."""
    end = max(place for place, message in enumerate(messages) if message.get("tool_calls")) + 1
    heard = sum(message["role"] == "tool" for message in messages[:end])
    return messages[:end], observed[:heard]


async def _solution(
    subject: Goals, tools: Sequence[Tool], task: Task, split: Split, config: SolutionConfig, rng: random.Random
) -> Solution | None:
    plan = tuple(subject.solution(task))
    if not 0 < len(plan) <= config.longest:
        return None
    said = f"{subject.describe(task.world.start, rng)} {task.instruction}"
    task = task.model_copy(update={"instruction": said})
    order = offered(tools, rng)
    offer = Offer(order)
    session = started(subject, task.world, task.candidates)
    messages: list[ChatMessage] = [{"role": "user", "content": said}]
    observed: list[Observed] = []
    step = rng.randint(1, config.calls_per_turn) if config.calls_per_turn else len(plan)
    for first in range(0, len(plan), step):
        calls = plan[first : first + step]
        shown = [chat_call(call, offer, f"call_{first + i + 1}") for i, call in enumerate(calls)]
        messages.append({"role": "assistant", "content": "", "tool_calls": shown})
        for call, written in zip(calls, shown, strict=True):
            observation = await session.call(call)
            if not observation.ok:
                return None
            messages.append(tool_message(observation, written["id"]))
            observed.append(Observed(source=observation.source))
    if not subject.reached(task, session):
        return None
    messages.append({"role": "assistant", "content": FINISHED})
    if not config.closing:
        messages, observed = _up_to_the_last_call(messages, observed)
    key = content_key("solution", subject.name, messages)
    example = SFTExample(
        key=key,
        task_key=task.key,
        split=split,
        messages=tuple(messages),
        tools=offer.functions(),
        observed=tuple(observed),
    )
    return Solution(task, split, plan, tuple(order), example)
