"""Optimal plans by A* with admissible estimates (Hart, Nilsson and Raphael, 1968)."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

from toolwise.errors import ToolwiseError
from toolwise.worlds.planning.layout import Facts, InstanceError, Layout, Operator, State

MAX_EXPANDED = 400_000


class TooHardError(ToolwiseError):
    """The search was given up; whether there is a plan is not known."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A shortest plan."""

    operators: tuple[Operator, ...]
    expanded: int
    """States whose successors were made."""


def solve(layout: Layout, start: State, goal: Facts, max_expanded: int = MAX_EXPANDED) -> Plan:
    """A shortest plan: a state is opened again whenever a shorter way to it is found, so optimal with any lower bound.

    Raises InstanceError where there is none, TooHardError after `max_expanded` states.
    """
    why = layout.contradiction(start, goal)
    if why:
        raise InstanceError(f"the instance cannot be solved: {why}; change the goal")
    cost = {start: 0}
    came: dict[State, tuple[State, Operator]] = {}
    order = 0
    queue: list[tuple[int, int, int, State]] = [(layout.estimate(start, goal), 0, order, start)]
    expanded = 0
    while queue:
        _, depth, _, state = heapq.heappop(queue)
        depth = -depth
        if depth > cost[state]:
            continue
        if layout.satisfied(state, goal):
            return Plan(_path(came, state), expanded)
        expanded += 1
        if expanded > max_expanded:
            raise TooHardError(f"no plan was found within {max_expanded:,} states; take a smaller instance")
        for operator in layout.runnable(state):
            following = layout.successor(state, operator)
            if depth + 1 < cost.get(following, 1 << 30):
                cost[following] = depth + 1
                came[following] = (state, operator)
                order += 1
                bound = depth + 1 + layout.estimate(following, goal)
                heapq.heappush(queue, (bound, -depth - 1, order, following))
    raise InstanceError(f"the instance cannot be solved: none of its {expanded:,} reachable states is a goal")


def _path(came: dict[State, tuple[State, Operator]], state: State) -> tuple[Operator, ...]:
    steps = []
    while state in came:
        state, operator = came[state]
        steps.append(operator)
    return tuple(reversed(steps))
