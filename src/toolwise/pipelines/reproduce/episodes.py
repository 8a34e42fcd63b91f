"""Carrying out tasks in exact worlds: an actor writes turns, its calls are executed, and the world says who arrived."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from toolwise.metatasks import (
    FINISHED,
    Goals,
    Solution,
    Subject,
    answer_of,
    chat_call,
    question_tools,
    score_answer,
    started,
    tool_message,
)
from toolwise.offers import Offer
from toolwise.ports import Sampling, Session, Tools
from toolwise.types import ChatMessage, MetaTaskExample, ToolCall

if TYPE_CHECKING:
    from toolwise.llm.local import LocalModel

SLACK = 2
"""The step limit: so many calls more than a shortest plan has."""
_TURNS = 40
_ANSWER_TOKENS = 250


@dataclass(slots=True)
class Episode:
    """One attempt at one task."""

    subject: Goals
    solution: Solution
    session: Session
    offer: Offer
    messages: list[ChatMessage]
    calls: int = 0
    reached: bool = False
    over: bool = False

    @property
    def limit(self) -> int:
        """Most calls allowed."""
        return len(self.solution.plan) + SLACK


@dataclass(frozen=True, slots=True)
class Act:
    """What an actor says and calls (tools by id)."""

    content: str = ""
    calls: tuple[ToolCall, ...] = ()


class Actor(Protocol):
    """Acts in many episodes at a time."""

    name: str

    def act(self, episodes: Sequence[Episode]) -> list[Act]:
        """The next turn of each episode."""
        ...


class NullActor:
    """Says that it is done."""

    name = "null"

    def act(self, episodes: Sequence[Episode]) -> list[Act]:
        return [Act(FINISHED) for _ in episodes]


@dataclass
class RandomActor:
    """Makes any call that can run now, until the limit."""

    subject: Subject
    seed: int = 0
    name: str = "random"
    _rng: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._rng = random.Random(f"random actor:{self.seed}")

    def act(self, episodes: Sequence[Episode]) -> list[Act]:
        return [self._one(episode) for episode in episodes]

    def _one(self, episode: Episode) -> Act:
        calls = self.subject.runnable(episode.solution.task, episode.session)
        return Act(calls=(self._rng.choice(list(calls)),)) if calls else Act(FINISHED)


@dataclass
class ModelActor:
    """A compact model, greedy; its calls name candidates and give the parameters shown."""

    model: LocalModel
    name: str = "model"
    max_tokens: int = _ANSWER_TOKENS

    def act(self, episodes: Sequence[Episode]) -> list[Act]:
        return self.write([(episode.messages, episode.offer) for episode in episodes])

    def write(self, prompts: Sequence[tuple[Sequence[ChatMessage], Offer]]) -> list[Act]:
        """A turn for each conversation; nothing at all for one that cannot be read."""
        from toolwise.llm.local import Request

        sampling = Sampling(max_tokens=self.max_tokens)
        written = self.model.write([Request(messages, offer.functions(), sampling) for messages, offer in prompts])
        return [
            Act()
            if one.turn is None
            else Act(
                one.turn.content,
                tuple(ToolCall(name=offer.tool_id(c.name), arguments=c.arguments) for c in one.turn.calls),
            )
            for one, (_, offer) in zip(written, prompts, strict=True)
        ]


def success(actor: Actor, subject: Goals, tasks: Sequence[Solution]) -> list[bool]:
    """Which goals were reached within the step limit, by executing the actor's own calls."""
    return success_in_all(actor, [(subject, tasks)])


def success_in_all(actor: Actor, parts: Sequence[tuple[Goals, Sequence[Solution]]]) -> list[bool]:
    """The same over tasks of several subjects, all of them attempted together."""
    return asyncio.run(_attempt(actor, [(subject, task) for subject, tasks in parts for task in tasks]))


async def _attempt(actor: Actor, tasks: Sequence[tuple[Goals, Solution]]) -> list[bool]:
    episodes = [
        Episode(
            subject,
            solution,
            started(subject, solution.task.world, solution.task.candidates),
            Offer(solution.tools),
            [{"role": "user", "content": solution.task.instruction}],
        )
        for subject, solution in tasks
    ]
    for _ in range(_TURNS):
        active = [episode for episode in episodes if not episode.over]
        if not active:
            break
        for episode, act in zip(active, actor.act(active), strict=True):
            await _take(episode, act)
    return [episode.reached for episode in episodes]


async def _take(episode: Episode, act: Act) -> None:
    """Execute a turn's calls up to the limit; the goal ends the episode, and so does a turn of which no call runs."""
    shown = [chat_call(c, episode.offer, f"call_{episode.calls + i + 1}") for i, c in enumerate(act.calls)]
    episode.messages.append({"role": "assistant", "content": act.content, "tool_calls": shown})
    ran = False
    for call, written in zip(act.calls, shown, strict=True):
        observation = await episode.session.call(call)
        episode.calls += 1
        ran = ran or observation.ok
        episode.messages.append(tool_message(observation, written["id"]))
        episode.reached = episode.subject.reached(episode.solution.task, episode.session)
        if episode.reached or episode.calls >= episode.limit:
            break
    episode.over = episode.reached or not ran or episode.calls >= episode.limit


def answers_right(
    actor: ModelActor, subject: Subject, tools: Tools, questions: Sequence[MetaTaskExample]
) -> list[bool]:
    """Which questions a model answers rightly, judged by execution."""
    prompts = [
        ([{"role": "user", "content": question.question}], Offer(question_tools(question, tools)))
        for question in questions
    ]
    acts = actor.write(prompts)

    async def judge() -> list[bool]:
        return [
            await score_answer(subject, question, answer_of(act.content, act.calls))
            for question, act in zip(questions, acts, strict=True)
        ]

    return asyncio.run(judge())
