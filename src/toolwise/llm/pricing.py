"""What model calls cost: usage, prices, and the meter that admits a call and settles it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from pydantic import Field

from toolwise.config import Config

MILLION = 1_000_000
CHARACTERS_A_TOKEN = 3.0
"""For estimates made before the endpoint has counted: few tokenizers need more tokens than this on JSON."""


class Price(Config):
    """Money for a million tokens, in whatever currency the user thinks."""

    prompt: float = Field(ge=0)
    completion: float = Field(ge=0)
    cached_prompt: float | None = Field(default=None, ge=0)
    """For prompt tokens that the provider had cached; none where they cost as much as others."""

    def of(self, prompt: int, completion: int, cached: int = 0) -> float:
        """The price of so many tokens; `cached` is part of `prompt`."""
        cheap = self.prompt if self.cached_prompt is None else self.cached_prompt
        return ((prompt - cached) * self.prompt + cached * cheap + completion * self.completion) / MILLION


@dataclass(frozen=True, slots=True)
class Usage:
    """What some calls used. A `cost` of none means that a price is unknown, which is not nothing."""

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    cost: float | None = 0.0

    def __add__(self, other: Usage) -> Usage:
        unknown = self.cost is None or other.cost is None
        return Usage(
            self.calls + other.calls,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.cached_tokens + other.cached_tokens,
            None if unknown else (self.cost or 0.0) + (other.cost or 0.0),
        )

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens


def price_of(model: str, table: Mapping[str, Price]) -> Price | None:
    """A model's price: its own entry, or that of the longest name it begins with (`x-mini-2026-01`: `x-mini`)."""
    names = [name for name in table if model == name or model.startswith(f"{name}-")]
    return table[max(names, key=len)] if names else None


def estimated_tokens(characters: int) -> int:
    """Tokens that a text of so many characters may need; rather too many than too few."""
    return int(characters / CHARACTERS_A_TOKEN) + 1


def usage_of(price: Price | None, prompt: int, completion: int, cached: int = 0, calls: int = 1) -> Usage:
    """A call's usage with its price, if that is known."""
    return Usage(calls, prompt, completion, cached, None if price is None else price.of(prompt, completion, cached))


class Meter(Protocol):
    """Watches every call that reaches an endpoint."""

    async def admit(self, estimate: Usage) -> None:
        """Before a call, with the most it may use. Raises to forbid it."""
        ...

    def settle(self, estimate: Usage, used: Usage) -> None:
        """After an admitted call, with what it used (nothing where it failed)."""
        ...

    def notice(self, text: str) -> None:
        """Something that the user should know: a fallback, a shortened request."""
        ...


class Counter:
    """A Meter that counts and forbids nothing."""

    def __init__(self) -> None:
        self.used = Usage()
        self.notices: dict[str, int] = {}

    async def admit(self, estimate: Usage) -> None:
        """Anything goes."""

    def settle(self, estimate: Usage, used: Usage) -> None:
        self.used += used

    def notice(self, text: str) -> None:
        self.notices[text] = self.notices.get(text, 0) + 1
