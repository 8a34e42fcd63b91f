"""Mixing meta-tasks into training so that every variant costs the same number of tokens."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain

from toolwise.errors import ConfigError, DataError
from toolwise.types import Json, SFTExample


class Variant(StrEnum):
    """What a model is trained on (MetaTool, 2407.12871, section 4)."""

    SOLUTION_ONLY = "solution-only"
    """Solutions alone."""
    META_ONLY = "meta-only"
    """Meta-tasks alone."""
    MIXED = "mixed"
    """Both, in random order; the ratio is the meta-tasks' share of the tokens."""
    TWO_STAGE = "two-stage"
    """Meta-tasks first, then solutions; the ratio is the share of the tokens before the change."""


@dataclass(frozen=True, slots=True)
class Counted:
    """An example and how many tokens it is."""

    example: SFTExample
    tokens: int


@dataclass(frozen=True, slots=True)
class Mixture:
    """The training data of one variant."""

    variant: Variant
    ratio: float
    """Meta-tasks' share of the tokens."""
    budget: int
    """Tokens wanted; each part ends with the example that reaches its share."""
    train: tuple[SFTExample, ...]
    first: tuple[SFTExample, ...]
    """Two-stage: what is read before `train`."""
    solution_tokens: int
    metatask_tokens: int
    longest: int
    """Tokens of the longest example."""

    @property
    def first_stage(self) -> float:
        """Share of the training that `first` takes."""
        return self.ratio if self.first else 0.0

    def summary(self) -> Json:
        """What is printed and kept beside the data."""
        return {
            "variant": self.variant.value,
            "ratio": self.ratio,
            "budget": self.budget,
            "tokens": self.solution_tokens + self.metatask_tokens,
            "solution_tokens": self.solution_tokens,
            "metatask_tokens": self.metatask_tokens,
            "examples": len(self.train) + len(self.first),
            "first_stage": self.first_stage,
        }


def checked_ratio(ratio: float) -> float:
    """The ratio itself. Raises ConfigError unless it is within [0, 1]."""
    if not 0 <= ratio <= 1:
        raise ConfigError(f"--metatasks {ratio:g}: the meta-tasks' share of the tokens must be between 0 and 1")
    return ratio


def parse_variant(name: str) -> Variant:
    """Raises ConfigError naming the variants there are."""
    try:
        return Variant(name)
    except ValueError as error:
        raise ConfigError(f"unknown variant {name!r}; choose one of {', '.join(Variant)}") from error


def mix(
    solutions: Sequence[Counted],
    metatasks: Sequence[Counted],
    variant: Variant,
    ratio: float,
    budget: int,
    seed: int = 0,
) -> Mixture:
    """The data of a variant, of `budget` tokens: every variant's overshoots by less than an example for each part.

    Each part goes through its examples in a random order, and anew in another one when they are used up.
    Raises ConfigError for a ratio outside [0, 1], DataError where a part that is needed has no examples.
    """
    share = {Variant.SOLUTION_ONLY: 0.0, Variant.META_ONLY: 1.0}.get(variant, checked_ratio(ratio))
    meta_budget = round(budget * share)
    meta, meta_tokens = _fill(metatasks, meta_budget, f"{seed}:metatasks", "meta-tasks")
    solved, solved_tokens = _fill(solutions, budget - meta_budget, f"{seed}:solutions", "solutions")
    longest = max((counted.tokens for counted in chain(solutions, metatasks)), default=0)
    train, first = [*solved, *meta], []
    if variant is Variant.TWO_STAGE and meta and solved:
        train, first = solved, meta
    else:
        random.Random(f"{seed}:mixed").shuffle(train)
    return Mixture(variant, share, budget, tuple(train), tuple(first), solved_tokens, meta_tokens, longest)


def _fill(pool: Sequence[Counted], budget: int, seed: str, what: str) -> tuple[list[SFTExample], int]:
    """Examples until the budget is reached, and their tokens."""
    if budget <= 0:
        return [], 0
    if not pool:
        raise DataError(f"there are no {what} for training, and {budget:,} tokens of them are wanted")
    rng = random.Random(seed)
    chosen: list[SFTExample] = []
    used = 0
    while used < budget:
        for counted in rng.sample(list(pool), len(pool)):
            if used >= budget:
                break
            chosen.append(counted.example)
            used += counted.tokens
    return chosen, used
