"""A hard budget: calls, tokens, money and minutes that a run never goes beyond."""

from __future__ import annotations

import asyncio

from pydantic import Field

from toolwise.config import Config
from toolwise.errors import UserError
from toolwise.llm.pricing import Usage


class BudgetSpentError(UserError):
    """The budget does not allow another call. The run stops cleanly, and goes on under a larger budget."""


class Budget(Config):
    """What a run may use in all, earlier sessions of the same run included; none for no limit.

    Minutes alone count from the start of each session.
    """

    max_calls: int | None = Field(default=None, ge=0)
    max_tokens: int | None = Field(default=None, ge=0)
    max_cost: float | None = Field(default=None, ge=0)
    max_minutes: float | None = Field(default=None, gt=0)


class BudgetMeter:
    """A Meter that admits a call only if what was used, what is in flight at most, and it fit into the budget.

    A call that does not fit waits until those in flight have settled, as they usually use less than they may.
    So the limits hold at every moment, as far as the estimate of a prompt's tokens does.
    """

    def __init__(self, budget: Budget, spent: Usage | None = None, *, again: str = "run again with --resume") -> None:
        """`spent` is what earlier sessions used; `again` is how to go on under a larger budget."""
        self.used = spent or Usage()
        self.session = Usage()
        self.notices: dict[str, int] = {}
        self._budget = budget
        self._again = again
        self._limited = any(limit is not None for limit in budget.model_dump().values())
        self._pending = Usage()
        self._settled = asyncio.Event()
        self._started: float | None = None

    async def admit(self, estimate: Usage) -> None:
        """Raises BudgetSpentError."""
        if not self._limited:
            return
        while (problem := self._problem(estimate)) is not None:
            if not self._pending.calls or "minutes" in problem:
                raise BudgetSpentError(f"{problem}; raise it and {self._again}")
            self._settled.clear()
            await self._settled.wait()
        self._pending += estimate

    def settle(self, estimate: Usage, used: Usage) -> None:
        self.used += used
        self.session += used
        if self._limited:
            self._pending = _minus(self._pending, estimate)
            self._settled.set()

    def left(self) -> dict[str, float]:
        """What each limit still allows."""
        budget, used = self._budget, self.used
        spent = {"calls": used.calls, "tokens": used.tokens, "cost": used.cost or 0.0, "minutes": self._minutes()}
        limits = {name.removeprefix("max_"): limit for name, limit in budget.model_dump().items()}
        return {name: limit - spent[name] for name, limit in limits.items() if limit is not None}

    def _minutes(self) -> float:
        return 0.0 if self._started is None else (asyncio.get_running_loop().time() - self._started) / 60

    def notice(self, text: str) -> None:
        self.notices[text] = self.notices.get(text, 0) + 1

    def _problem(self, estimate: Usage) -> str | None:
        budget = self._budget
        total = self.used + self._pending + estimate
        if budget.max_calls is not None and total.calls > budget.max_calls:
            return f"the budget of {budget.max_calls:,} calls is spent (--max-calls)"
        if budget.max_tokens is not None and total.tokens > budget.max_tokens:
            return f"the budget of {budget.max_tokens:,} tokens allows no further call (--max-tokens)"
        if budget.max_cost is not None:
            if total.cost is None:
                return "the model's price is unknown, so no cost can be kept to: give --price-in and --price-out"
            if total.cost > budget.max_cost:
                return f"the budget of {budget.max_cost:g} allows no further call (--max-cost)"
        if budget.max_minutes is not None:
            now = asyncio.get_running_loop().time()
            self._started = now if self._started is None else self._started
            if now - self._started > budget.max_minutes * 60:
                return f"the budget of {budget.max_minutes:g} minutes is spent (--max-minutes)"
        return None


def _minus(left: Usage, right: Usage) -> Usage:
    calls = left.calls - right.calls
    if not calls:
        return Usage()  # floating-point remainders must not add up
    cost = None if left.cost is None or right.cost is None else left.cost - right.cost
    return Usage(
        calls,
        left.prompt_tokens - right.prompt_tokens,
        left.completion_tokens - right.completion_tokens,
        left.cached_tokens - right.cached_tokens,
        cost,
    )
