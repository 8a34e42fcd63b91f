"""Rollouts: a model that is being trained attempts tasks in a world, and what it earns is worked out from checks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from toolwise.blueprints import ExecutedCall, executed_calls, fulfil, resolved_arguments
from toolwise.catalog import CatalogFile, open_catalog
from toolwise.llm.grammar import TurnGrammar
from toolwise.llm.hf import HfModel
from toolwise.llm.local import LocalModel, Request, Written
from toolwise.llm.policy import LocalPolicy
from toolwise.models.chat import render
from toolwise.models.open_models import COMPACT
from toolwise.pipelines.assemble import Closer, build_world, close_all
from toolwise.pipelines.evaluate import Attempt, attempt_all
from toolwise.pipelines.worlds import WorldConfig
from toolwise.ports import Policy, Step, Turn
from toolwise.search import SearchConfig, Strategy
from toolwise.training.llm.episodes import Episode, PlayerOf, WrittenTurn
from toolwise.training.llm.rewards import UNKNOWN, Evidence, Made, reward_parts
from toolwise.types import BlueprintCall, ChatMessage, Outcome, StopReason, Task

ResultT = TypeVar("ResultT")


class DrawnTurns:
    """Draws each turn from the model as it is, with no second tries and no doubts, and remembers it."""

    def __init__(self, model: LocalModel | HfModel) -> None:
        self._model = model
        self.turns: dict[int, WrittenTurn] = {}
        """By the seed of the request, which no two have in common."""

    def turn_tokens(self, message: ChatMessage) -> tuple[int, ...]:
        """As a search asks for it; nothing is avoided here."""
        return self._model.turn_tokens(message)

    def write(self, requests: Sequence[Request]) -> list[Written]:
        """A turn for each request."""
        drawn = [replace(request, avoid=frozenset(), doubt=None) for request in requests]
        written = self._model.write(drawn)
        for request, result in zip(drawn, written, strict=True):
            self.turns[request.sampling.seed] = self._turn(request, result)
        return written

    def _turn(self, request: Request, written: Written) -> WrittenTurn:
        if isinstance(self._model, HfModel):
            return WrittenTurn(tuple(self._model.prompt_tokens(request)), written.tokens)
        shown = render(request.messages, request.tools, prompt=True)
        prompt = self._model.encode("".join(segment.text for segment in shown))
        return WrittenTurn(prompt, written.tokens, _chosen(self._model, request, written.tokens))


def writer_of(model: Any, tokenizer: Any, batch: int) -> Callable[[], LocalModel | HfModel]:
    """What makes a writer of turns for the model as it then is.

    An open model's turns are not limited to valid calls: it is to learn to write them, by its own probabilities. What
    it keeps of what it read is of its weights, so each update needs another.
    """
    if getattr(model.config, "model_type", "") != COMPACT:
        return lambda: HfModel((model, tokenizer), batch=batch, constrained=False, again=False)
    compact = LocalModel((model, tokenizer), batch=batch)
    return lambda: compact


def _chosen(model: LocalModel, request: Request, tokens: Sequence[int]) -> tuple[bool, ...]:
    """For each token whether the grammar allowed another."""
    steps = TurnGrammar(model.vocabulary, request.tools).turn()
    allowed = next(steps)
    chosen: list[bool] = []
    for token in tokens:
        chosen.append(len(allowed) > 1)
        try:
            allowed = steps.send(token)
        except StopIteration:
            break
    return (*chosen, *(False for _ in tokens[len(chosen) :]))


class Rollouts:
    """Plays tasks of a corpus in a world; a context that closes the world at its end."""

    def __init__(self, tasks: Sequence[Task], catalog: Path, world: WorldConfig) -> None:
        self._tasks: Mapping[str, Task] = {task.key: task for task in tasks}
        self._closers: list[Closer] = []
        self.tools: CatalogFile = open_catalog(catalog)
        self.world = build_world(world, self.tools, self._closers)
        self._runner = asyncio.Runner()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._runner.run(close_all(self._closers))
        self._runner.close()

    def knows(self, task: Task) -> bool:
        """Whether the catalog has all tools of a task."""
        return all(tool_id in self.tools for tool_id in task.candidates)

    def player(self, search: SearchConfig, max_tokens: int, most: int) -> PlayerOf:
        """What makes a player for a model; `most` attempts, of one branch each, run side by side."""

        def make(model: Any, tokenizer: Any) -> _Player:
            return _Player(self, writer_of(model, tokenizer, most), search, max_tokens, most)

        return make

    def run(self, attempts: Coroutine[Any, Any, ResultT]) -> ResultT:
        """Run attempts on the event loop of the world."""
        return self._runner.run(attempts)

    async def attempt(self, key: str, policy: Policy, search: SearchConfig) -> Attempt:
        """One attempt, without a second branch."""
        (attempt,) = await attempt_all([self._tasks[key]], policy, self.world, self.tools, search, 1)
        return attempt


class _Player:
    def __init__(
        self,
        rollouts: Rollouts,
        writer: Callable[[], LocalModel | HfModel],
        search: SearchConfig,
        max_tokens: int,
        most: int,
    ) -> None:
        self._rollouts, self._writer, self._max_tokens, self._most = rollouts, writer, max_tokens, most
        self._search = search.model_copy(update={"strategy": Strategy.REACT})

    def play(self, keys: Sequence[str], seed: int) -> list[Episode]:
        return self._rollouts.run(self._play(keys, seed))

    async def _play(self, keys: Sequence[str], seed: int) -> list[Episode]:
        drawn = DrawnTurns(self._writer())
        shared = LocalPolicy(drawn, name="rollouts", max_tokens=self._max_tokens, temperature=1.0)
        gate = asyncio.Semaphore(self._most)

        async def one(index: int, key: str) -> Episode:
            async with gate:
                policy = _Noted(shared)
                search = self._search.model_copy(update={"seed": seed + index})
                attempt = await self._rollouts.attempt(key, policy, search)
                turns = (drawn.turns[turn] for turn in policy.seeds if turn in drawn.turns)
                return Episode(tuple(turns), reward_parts(evidence(attempt)))

        return list(await asyncio.gather(*(one(index, key) for index, key in enumerate(keys))))


class _Noted:
    """One attempt's policy: notes which turns were its own."""

    def __init__(self, policy: Policy) -> None:
        self.name = policy.name
        self.seeds: list[int] = []
        self._policy = policy

    async def act(self, turn: Turn) -> Step:
        self.seeds.append(turn.seed)
        return await self._policy.act(turn)


def evidence(attempt: Attempt) -> Evidence:
    """What a reward is worked out from: the calls made, the calls wanted, and the verification's checks."""
    trajectory, verdict = attempt.trajectory, attempt.verdict
    if trajectory is None or verdict is None:
        return Evidence(readable=True, wanted=_wanted(attempt.task, []))
    messages = [node.message for node in trajectory.nodes]  # one branch: ReAct
    executed = executed_calls(messages)
    made = tuple(Made(call.name, call.arguments) for message in messages for call in message.tool_calls)
    return Evidence(
        readable=StopReason.UNPARSABLE not in trajectory.ends.values(),
        made=made,
        wanted=_wanted(attempt.task, executed),
        state=any(check.name == "state" and check.passed for check in verdict.checks),
        solved=attempt.passed,
    )


def _wanted(task: Task, executed: Sequence[ExecutedCall]) -> tuple[Made, ...] | None:
    """The blueprint's calls, with what is known by now of the values that come from earlier responses."""
    if task.checks.outcome is not Outcome.CALL:
        return ()
    if task.blueprint is None:
        return None
    made = fulfil(task.blueprint, executed).made
    bodies = {index: executed[at].body for index, at in made.items()}
    return tuple(Made(call.tool, _arguments(call, bodies)) for call in task.blueprint.calls)


def _arguments(call: BlueprintCall, bodies: Mapping[int, Any]) -> Mapping[str, Any]:
    known = resolved_arguments(call, bodies)
    return known if known is not None else {**call.arguments, **dict.fromkeys(call.references, UNKNOWN)}
