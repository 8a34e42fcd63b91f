"""STRIPS on bit sets: a state is one integer, an action three masks (Fikes and Nilsson, 1971)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from toolwise.types import Json
from toolwise.worlds.planning.layout import Facts, Operator

Fact = tuple[str, ...]
_REMEMBERED = 5_000


class Strips:
    """The dynamics that BlocksWorld and Logistics share: every delete is a precondition too, no add held before."""

    def __init__(self) -> None:
        self._bit: dict[Fact, int] = {}
        self._facts: list[Fact] = []
        self._by_call: dict[tuple[str, tuple[str, ...]], Operator] = {}
        self._operators: list[Operator] = []
        self._runnable: dict[int, tuple[Operator, ...]] = {}
        self._dumped: dict[int, dict[str, Json]] = {}

    @property
    def operators(self) -> Sequence[Operator]:
        return self._operators

    def mask(self, facts: Iterable[Fact]) -> int:
        """The bit set of some facts; new ones get a bit."""
        mask = 0
        for fact in facts:
            bit = self._bit.get(fact)
            if bit is None:
                bit = self._bit[fact] = len(self._facts)
                self._facts.append(fact)
            mask |= 1 << bit
        return mask

    def facts(self, mask: int) -> list[Fact]:
        """The facts of a bit set, in the order of their bits."""
        found = []
        while mask:
            low = mask & -mask
            found.append(self._facts[low.bit_length() - 1])
            mask ^= low
        return found

    def knows(self, fact: Fact) -> bool:
        """Does any action or state mention the fact?"""
        return fact in self._bit

    def add(self, tool: str, arguments: Fact, needs: Sequence[Fact], adds: Sequence[Fact], keeps: int = 0) -> None:
        """A ground action; it deletes what it needs, but for the last `keeps` preconditions."""
        gone = needs[: len(needs) - keeps]
        operator = Operator(tool, arguments, self.mask(needs), self.mask(adds), self.mask(gone))
        self._operators.append(operator)
        self._by_call[tool, arguments] = operator

    def find(self, tool: str, arguments: tuple[str, ...]) -> Operator | None:
        return self._by_call.get((tool, arguments))

    def successor(self, state: int, operator: Operator) -> int:
        return state & ~operator.deletes | operator.adds

    def runnable(self, state: int) -> Sequence[Operator]:
        known = self._runnable.get(state)
        if known is None:
            known = tuple(o for o in self._operators if o.needs & ~state == 0)
            if len(self._runnable) >= _REMEMBERED:
                self._runnable.clear()
            self._runnable[state] = known
        return known

    def render(self, state: int) -> dict[str, Json]:
        """The state's JSON form."""
        raise NotImplementedError

    def dump(self, state: int) -> dict[str, Json]:
        """As `render`, remembered: do not change what comes back."""
        known = self._dumped.get(state)
        if known is None:
            if len(self._dumped) >= _REMEMBERED:
                self._dumped.clear()
            known = self._dumped[state] = self.render(state)
        return known

    def inverse(self, state: int, operator: Operator) -> int | None:
        """The only state that the action could have led here from, if there is one."""
        if operator.adds & ~state or operator.deletes & state:
            return None
        before = state & ~operator.adds | operator.deletes
        return before if operator.needs & ~before == 0 else None

    def holds(self, state: int, goal: Facts) -> bool:
        """Do all facts of the goal hold? A fact that nothing mentions never does."""
        for fact in goal:
            bit = self._bit.get(fact)
            if bit is None or not state >> bit & 1:
                return False
        return True

    def beyond_reach(self, state: int, goal: Facts) -> Fact | None:
        """A goal fact that stays false even if nothing were ever deleted (delete relaxation), if there is one."""
        reached, before = state, -1
        while reached != before:
            before = reached
            for operator in self._operators:
                if operator.needs & ~reached == 0:
                    reached |= operator.adds
        return next((f for f in goal if f not in self._bit or not reached >> self._bit[f] & 1), None)
