"""A language model to work with: where it is, how it is asked, and what it may cost."""

from __future__ import annotations

from dataclasses import dataclass, field

from pydantic import Field

from toolwise.config import Config
from toolwise.llm.endpoint import EndpointConfig
from toolwise.pipelines.budget import Budget
from toolwise.pipelines.worlds import WorldConfig, settings_of
from toolwise.types import Json


class ChatSettings(Config):
    """How a model is asked; part of what a run's results depend on."""

    temperature: float = Field(default=0.0, ge=0)
    max_tokens_per_call: int = Field(default=1024, ge=1)


@dataclass(frozen=True)
class Teacher:
    """A language model to solve with: where it is, how it is asked, and what it may cost."""

    endpoints: tuple[EndpointConfig, ...]
    chat: ChatSettings = field(default_factory=ChatSettings)
    budget: Budget = field(default_factory=Budget)
    world: WorldConfig = field(default_factory=WorldConfig)
    """Where the tools run."""
    in_flight: int = 0
    """Tasks at a time; 0 for somewhat more than the endpoints' requests."""

    @property
    def tasks_in_flight(self) -> int:
        return self.in_flight or 16 + int(1.5 * sum(endpoint.concurrency for endpoint in self.endpoints))

    @property
    def identity(self) -> dict[str, Json]:
        """What of this a run's results depend on: not addresses, limits, prices or the budget."""
        models = sorted({endpoint.model for endpoint in self.endpoints})
        return {"models": models, **self.chat.model_dump(mode="json"), **settings_of(self.world)}
