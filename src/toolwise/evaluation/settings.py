"""How models are evaluated."""

from __future__ import annotations

from pydantic import Field

from toolwise.config import Config


class EvaluationConfig(Config):
    """The same budget of model calls for every strategy and every agent."""

    budget: int = Field(default=10, ge=1)
    """The most model calls of one task."""
    max_steps: int = Field(default=7, ge=1)
    """The most steps of one branch."""
    width: int = Field(default=2, ge=1)
    """DFSDT: the most children of one node."""
    concurrency: int = Field(default=128, ge=1)
    """Searches that run side by side, so that the model answers them in batches."""
    samples: int = Field(default=8, ge=0)
    """Search trees of each agent and split that the report shows."""
    baseline_tasks: int = Field(default=40, ge=1)
    """Tasks a split for the untrained model, whose random words take long and teach little."""
    seed: int = 0
