"""Episodes: what a model wrote while it attempted tasks, as sequences to learn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from toolwise.training.llm.rewards import RewardPart


@dataclass(frozen=True, slots=True)
class WrittenTurn:
    """One turn as it was sampled."""

    prompt: tuple[int, ...]
    """Tokens of everything before it, as the model was shown them."""
    tokens: tuple[int, ...]
    chosen: tuple[bool, ...] = ()
    """For each token whether the model chose it; empty for all. A grammar leaves no choice in many places."""


@dataclass(frozen=True, slots=True)
class Episode:
    """One attempt on one task."""

    turns: tuple[WrittenTurn, ...]
    parts: Mapping[RewardPart, float | None]


@dataclass(frozen=True, slots=True)
class Learnable:
    """One row to learn from."""

    prompt: tuple[int, ...]
    completion: tuple[int, ...]
    learnt: tuple[bool, ...]
    """For each token of the completion whether the model wrote it by choice."""


class Player(Protocol):
    """Attempts tasks with the model as it is now."""

    def play(self, keys: Sequence[str], seed: int) -> list[Episode]:
        """One episode for each task key, which may repeat; the same seed gives the same episodes. Raises WorldError."""
        ...


class PlayerOf(Protocol):
    """Makes a player for a model and its tokenizer."""

    def __call__(self, model: Any, tokenizer: Any) -> Player: ...


def learnable(episode: Episode, longest: int) -> list[Learnable]:
    """The episode's turns as few rows: a turn joins the row before it where its prompt begins with all of that.

    Templates that rewrite earlier turns (Qwen3 drops their thoughts) give a row for each turn, with the prompt that
    the model saw. What a row holds between two turns, the tools' answers, is never learnt. Rows that would be longer
    than `longest` tokens are left out.
    """
    rows: list[Learnable] = []
    for turn in episode.turns:
        if not turn.tokens or len(turn.prompt) + len(turn.tokens) > longest:
            continue
        chosen = turn.chosen or (True,) * len(turn.tokens)
        before = (*rows[-1].prompt, *rows[-1].completion) if rows else ()
        if rows and turn.prompt[: len(before)] == before:
            between = turn.prompt[len(before) :]
            last = rows.pop()
            completion = (*last.completion, *between, *turn.tokens)
            rows.append(Learnable(last.prompt, completion, (*last.learnt, *(False for _ in between), *chosen)))
        else:
            rows.append(Learnable(turn.prompt, turn.tokens, chosen))
    return rows
