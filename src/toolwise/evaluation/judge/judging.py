"""ToolEval's pass and win rates and StableToolBench's SoPR and SoWR, from votes that are all kept.

Qin et al., arXiv 2307.16789, section 3 and appendix A.5; Guo et al., arXiv 2403.07714, section 4.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum

from toolwise.errors import ModelError
from toolwise.evaluation.calls.procedure import Solution
from toolwise.evaluation.judge.prompts import (
    EQUAL,
    FIRST,
    PREFERENCE_NAME,
    PREFERENCES,
    SECOND,
    SOLVABILITIES,
    SOLVABLE,
    SOLVED,
    STATUS_NAME,
    STATUSES,
    TASK_NAME,
    UNSOLVABLE,
    UNSOLVED,
    UNSURE,
    preference_prompt,
    status_prompt,
    task_prompt,
)
from toolwise.evaluation.judge.reading import Readability, Vote, read_label
from toolwise.ports import ChatModel, ChatRequest, Sampling
from toolwise.types import Message, Role
from toolwise.types.base import Frozen

SOLVED_WORTH: Mapping[str, float] = {SOLVED: 1.0, UNSURE: 0.5, UNSOLVED: 0.0}
"""What a vote is worth in SoPR; one that cannot be read is worth nothing."""


class Judged(Frozen):
    """All votes on one solution, and what follows from them."""

    id: str
    cluster: str
    missing: bool = False
    """There is no prediction: a failure, and nothing to ask a judge about."""
    answer_votes: tuple[Vote, ...] = ()
    task_votes: tuple[Vote, ...] = ()
    """Only asked where the answer is not solved."""

    @property
    def status(self) -> str:
        """The answer's status by majority of the votes that can be read; `Unsure` where two are level."""
        return UNSOLVED if self.missing else _majority(self.answer_votes, UNSURE)

    @property
    def passed(self) -> float:
        """Pass: 1 where solved, or not solved and the task unsolvable; 1/2 where unsure of either; else 0."""
        if self.missing or not any(vote.label for vote in self.answer_votes):
            return 0.0
        if self.status == SOLVED:
            return 1.0
        readable = any(vote.label for vote in self.task_votes)
        solvability = _majority(self.task_votes, UNSURE) if readable else SOLVABLE  # nonsense excuses nothing
        if solvability == UNSOLVABLE:
            return 1.0
        return 0.5 if UNSURE in (self.status, solvability) else 0.0

    @property
    def solvable_pass(self) -> float:
        """The mean worth of the answer's votes (SoPR)."""
        if self.missing or not self.answer_votes:
            return 0.0
        return sum(SOLVED_WORTH.get(vote.label, 0.0) for vote in self.answer_votes) / len(self.answer_votes)


class Outcome(StrEnum):
    """Of one comparison."""

    WIN = "win"
    """The left solution is preferred in both orders."""
    TIE = "tie"
    """Neither is, or the orders disagree."""
    LOSS = "loss"
    """The right solution is preferred in both orders."""


class Preference(Frozen):
    """All votes on one pair: as many with the left one first as with the right one first."""

    id: str
    cluster: str
    left_missing: bool = False
    right_missing: bool = False
    left_first: tuple[Vote, ...] = ()
    right_first: tuple[Vote, ...] = ()

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """One for each pair of votes in the two orders; a missing solution loses to one that is there."""
        if self.left_missing or self.right_missing:
            if self.left_missing and self.right_missing:
                return (Outcome.TIE,)
            return (Outcome.LOSS if self.left_missing else Outcome.WIN,)
        return tuple(_agreed(a, b) for a, b in zip(self.left_first, self.right_first, strict=True))

    @property
    def flips(self) -> int:
        """Pairs in which the judge prefers the same place, not the same solution."""
        pairs = zip(self.left_first, self.right_first, strict=True)
        return sum(a.label == b.label and a.label in (FIRST, SECOND) for a, b in pairs)

    @property
    def win(self) -> float:
        """1, 1/2 or 0 by majority of the outcomes; level is a tie."""
        balance = sum({Outcome.WIN: 1, Outcome.LOSS: -1}.get(outcome, 0) for outcome in self.outcomes)
        return 0.5 + 0.5 * (balance > 0) - 0.5 * (balance < 0)

    @property
    def solvable_win(self) -> float:
        """The mean worth of the outcomes: 1 a win, 1/2 a tie (SoWR)."""
        worth = {Outcome.WIN: 1.0, Outcome.TIE: 0.5, Outcome.LOSS: 0.0}
        return sum(worth[outcome] for outcome in self.outcomes) / max(1, len(self.outcomes))


def _majority(votes: Sequence[Vote], level: str) -> str:
    counted = Counter(vote.label for vote in votes if vote.label).most_common(2)
    if not counted or (len(counted) > 1 and counted[0][1] == counted[1][1]):
        return level
    return counted[0][0]


def _agreed(left_first: Vote, right_first: Vote) -> Outcome:
    if (left_first.label, right_first.label) == (FIRST, SECOND):
        return Outcome.WIN
    if (left_first.label, right_first.label) == (SECOND, FIRST):
        return Outcome.LOSS
    return Outcome.TIE  # one says equal, cannot be read, or contradicts the other


class Judge:
    """Asks a chat model, pinned by its name, the prompts' version and the sampling, and keeps every answer."""

    def __init__(self, model: ChatModel, *, votes: int = 4, max_tokens: int = 256, temperature: float = 0.0) -> None:
        """`votes` is how often each question is asked, with another seed each time."""
        self._model = model
        self._votes = votes
        self._sampling = {"max_tokens": max_tokens, "temperature": temperature}

    async def status(
        self, item_id: str, cluster: str, instruction: str, tools: str, solution: Solution | None
    ) -> Judged:
        """Has the solution solved the request, and where not, could it have been?"""
        if solution is None:
            return Judged(id=item_id, cluster=cluster, missing=True)
        answers = await self._ask(status_prompt(instruction, solution), STATUS_NAME, STATUSES)
        judged = Judged(id=item_id, cluster=cluster, answer_votes=answers)
        if judged.status == SOLVED:
            return judged
        tasks = await self._ask(task_prompt(instruction, tools), TASK_NAME, SOLVABILITIES)
        return judged.model_copy(update={"task_votes": tasks})

    async def prefer(
        self, item_id: str, cluster: str, instruction: str, left: Solution | None, right: Solution | None
    ) -> Preference:
        """Which solution is better? Always asked in both orders."""
        if left is None or right is None:
            return Preference(id=item_id, cluster=cluster, left_missing=left is None, right_missing=right is None)
        return Preference(
            id=item_id,
            cluster=cluster,
            left_first=await self._ask(preference_prompt(instruction, left, right), PREFERENCE_NAME, PREFERENCES),
            right_first=await self._ask(preference_prompt(instruction, right, left), PREFERENCE_NAME, PREFERENCES),
        )

    async def _ask(self, prompt: str, name: str, labels: Collection[str]) -> tuple[Vote, ...]:
        votes = []
        for seed in range(self._votes):
            sampling = Sampling(
                temperature=float(self._sampling["temperature"]),
                max_tokens=int(self._sampling["max_tokens"]),
                seed=seed,
            )
            try:
                reply = await self._model.complete(
                    ChatRequest((Message(role=Role.USER, content=prompt),), sampling=sampling)
                )
            except ModelError as error:
                votes.append(Vote(readability=Readability.FAILED, text=str(error)))
            else:
                votes.append(read_label(reply.message.content, name, labels))
        return tuple(votes)


def readabilities(votes: Sequence[Vote]) -> dict[str, int]:
    """How many votes could be read, and why the others could not."""
    counted = Counter(vote.readability for vote in votes)
    return {kind.value: counted[kind] for kind in Readability}


__all__ = ["EQUAL", "Judge", "Judged", "Outcome", "Preference", "readabilities"]
