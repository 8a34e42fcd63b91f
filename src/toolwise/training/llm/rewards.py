"""What an attempt earns: a verifiable reward in parts, from calls and checks alone; no model judges anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

import numpy as np

from toolwise.blueprints import same_json
from toolwise.types import Json


class RewardPart(StrEnum):
    """What is rewarded."""

    PARSES = "parses"
    """Every turn could be read."""
    TOOL = "tool"
    """The right tools were called, and no others."""
    NAMES = "names"
    """Calls of the right tools were given the right arguments, whatever their values."""
    VALUES = "values"
    """Calls of the right tools were given the right arguments with the right values."""
    STATE = "state"
    """The attempt ended with an answer and left the world as the task asks."""
    SOLVED = "solved"
    """Every check of the verification accepts the attempt."""


WEIGHTS: Mapping[RewardPart, float] = MappingProxyType(
    {
        RewardPart.PARSES: 0.05,
        RewardPart.TOOL: 0.15,
        RewardPart.NAMES: 0.1,
        RewardPart.VALUES: 0.2,
        RewardPart.STATE: 0.1,
        RewardPart.SOLVED: 0.4,
    }
)
"""They add up to 1, so a reward is within [0, 1]."""
_BY_CALL = (RewardPart.TOOL, RewardPart.NAMES, RewardPart.VALUES)


class _Unknown:
    """The value of an argument that nobody can know, as the response it comes from was never received."""


UNKNOWN = _Unknown()


@dataclass(frozen=True, slots=True)
class Made:
    """A call as it was made, or as it should be made; a value may be `UNKNOWN` in the latter."""

    tool: str
    arguments: Mapping[str, Json | _Unknown] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What happened in an attempt."""

    readable: bool
    made: Sequence[Made] = ()
    wanted: Sequence[Made] | None = ()
    """The right calls; empty where no call is right, none where nobody knows them."""
    state: bool = False
    solved: bool = False


def reward_parts(evidence: Evidence) -> dict[RewardPart, float | None]:
    """Each part within [0, 1]; none for the parts that compare calls, where nobody knows the right ones.

    Calls are paired with the wanted ones so that the paired calls earn most, each at most once; what the pairs earn is
    divided by the larger number of calls. So a call that no wanted one is left for only lowers the reward, and making
    any call more right never does (of the reward as a whole: pairs may change).
    """
    calls: dict[RewardPart, float | None] = dict.fromkeys(_BY_CALL)
    if evidence.wanted is not None:
        calls = dict(_call_parts(evidence.made, evidence.wanted))
    return {
        RewardPart.PARSES: float(evidence.readable),
        **calls,
        RewardPart.STATE: float(evidence.state),
        RewardPart.SOLVED: float(evidence.solved),
    }


def reward(parts: Mapping[RewardPart, float | None]) -> float:
    """The weighted sum, within [0, 1]; a part that is none adds nothing."""
    return sum(WEIGHTS[part] * value for part, value in parts.items() if value is not None)


def _call_parts(made: Sequence[Made], wanted: Sequence[Made]) -> dict[RewardPart, float]:
    if not made and not wanted:
        return dict.fromkeys(_BY_CALL, 1.0)
    earned = np.array([[_earned(one, other) for other in wanted] for one in made], dtype=float)
    earned = earned.reshape(len(made), len(wanted), len(_BY_CALL))
    totals = np.zeros(len(_BY_CALL))
    for row, column in best_pairs(earned @ np.array([WEIGHTS[part] for part in _BY_CALL])):
        totals += earned[row, column]
    shares = totals / max(len(made), len(wanted))
    return dict(zip(_BY_CALL, shares.tolist(), strict=True))


def _earned(made: Made, wanted: Made) -> tuple[float, float, float]:
    """Tool, names and values of a pair; nothing at all for another tool."""
    if made.tool != wanted.tool:
        return 0.0, 0.0, 0.0
    names = made.arguments.keys() | wanted.arguments.keys()
    if not names:
        return 1.0, 1.0, 1.0
    both = made.arguments.keys() & wanted.arguments.keys()
    equal = sum(_same(made.arguments[name], wanted.arguments[name]) for name in both)
    return 1.0, len(both) / len(names), equal / len(names)


def _same(made: Json | _Unknown, wanted: Json | _Unknown) -> bool:
    return not isinstance(wanted, _Unknown) and not isinstance(made, _Unknown) and same_json(made, wanted)


def best_pairs(worth: np.ndarray) -> list[tuple[int, int]]:
    """Rows and columns paired, each at most once, so that the sum of `worth` (not negative) is largest.

    The Hungarian method with potentials (Kuhn, 1955; Jonker and Volgenant, 1987): cubic in the number of calls.
    """
    if worth.size == 0:
        return []
    if worth.shape[0] > worth.shape[1]:
        return sorted((row, column) for column, row in best_pairs(worth.T))
    rows, columns = worth.shape
    row_price, column_price = np.zeros(rows + 1), np.zeros(columns + 1)
    taken = np.zeros(columns + 1, dtype=int)  # column -> its row, counted from 1; column 0 is the row being placed
    for row in range(1, rows + 1):
        taken[0] = row
        column, least = 0, np.full(columns + 1, np.inf)
        before, used = np.zeros(columns + 1, dtype=int), np.zeros(columns + 1, dtype=bool)
        while taken[column]:
            used[column] = True
            here = taken[column]
            cost = -worth[here - 1] - row_price[here] - column_price[1:]
            closer = ~used[1:] & (cost < least[1:])
            least[1:][closer], before[1:][closer] = cost[closer], column
            open_columns = np.flatnonzero(~used)
            following = int(open_columns[np.argmin(least[open_columns])])
            step = least[following]
            row_price[taken[used]] += step
            column_price[used] -= step
            least[~used] -= step
            column = following
        while column:
            taken[column] = taken[before[column]]
            column = int(before[column])
    return sorted((int(taken[column]) - 1, column - 1) for column in range(1, columns + 1) if taken[column])
