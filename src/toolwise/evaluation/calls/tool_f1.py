"""Seal-Tools' counts of right tools and parameters (Wu et al., arXiv 2405.08355, section 4.1), matched one to one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

from toolwise.evaluation.calls.attempts import Called
from toolwise.types import Json

_MOST_EXACT = 6
"""Up to so many calls of one tool every assignment is tried; beyond, the best pair goes first."""


@dataclass(frozen=True, slots=True)
class ToolCounts:
    """What precision and recall are made of."""

    tools_correct: int
    tools_predicted: int
    tools_gold: int
    parameters_correct: int
    parameters_predicted: int
    parameters_gold: int

    @property
    def exact(self) -> bool:
        """Every call right, and no other."""
        return (
            self.tools_correct == self.tools_predicted == self.tools_gold
            and self.parameters_correct == self.parameters_predicted == self.parameters_gold
        )


def count_tools(gold: Sequence[Called], predicted: Sequence[Called]) -> ToolCounts:
    """Each predicted call stands for one gold call of its tool at most, such that the most parameters are right.

    A parameter is right if its name is and its value has the same text. The published script compares every call of a
    tool with its first gold call, and so counts a repeated call as often as it is made, past a recall of 1.
    """
    right_tools = right_parameters = 0
    of_gold, of_predicted = _by_tool(gold), _by_tool(predicted)
    for tool, wanted in of_gold.items():
        given = of_predicted.get(tool, [])
        right_tools += min(len(wanted), len(given))
        right_parameters += _best(wanted, given)
    return ToolCounts(
        right_tools,
        len(predicted),
        len(gold),
        right_parameters,
        sum(len(arguments) for _, arguments in predicted),
        sum(len(arguments) for _, arguments in gold),
    )


def _by_tool(calls: Sequence[Called]) -> dict[str, list[dict[str, Json]]]:
    found: dict[str, list[dict[str, Json]]] = defaultdict(list)
    for name, arguments in calls:
        found[name].append(arguments)
    return found


def _right(wanted: dict[str, Json], given: dict[str, Json]) -> int:
    return sum(name in given and str(given[name]) == str(value) for name, value in wanted.items())


def _best(wanted: Sequence[dict[str, Json]], given: Sequence[dict[str, Json]]) -> int:
    """The most parameters that one-to-one pairs get right."""
    few, many = sorted((wanted, given), key=len)
    table = [[_right(*((a, b) if few is wanted else (b, a))) for b in many] for a in few]
    if not table:
        return 0
    if len(many) <= _MOST_EXACT:
        return max(
            sum(row[column] for row, column in zip(table, order, strict=True))
            for order in permutations(range(len(many)), len(few))
        )
    pairs = sorted(((-value, i, j) for i, row in enumerate(table) for j, value in enumerate(row)))
    rows: set[int] = set()
    columns: set[int] = set()
    total = 0
    for value, i, j in pairs:
        if i not in rows and j not in columns:
            rows.add(i)
            columns.add(j)
            total -= value
    return total
