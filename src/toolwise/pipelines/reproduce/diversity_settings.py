"""Settings of the diversity experiment: one configuration for a laptop, one for a night."""

from __future__ import annotations

from pydantic import Field

from toolwise.config import Config
from toolwise.synthesis import SynthesisConfig
from toolwise.training.settings import CompactTrainingConfig

_TASKS = SynthesisConfig(single=0.8, parallel=0.1, chain=0.1, mixed=0.0, group=0.0, negatives=0.0)
"""Calls of one toolset only: tasks over several toolsets are of another kind with 10 toolsets than with 400."""


class DiversityExperiment(Config):
    """Everything that shapes the results."""

    toolsets: tuple[int, ...] = (10, 40, 100, 400)
    """Numbers of training toolsets, as in ToolAlpaca's figure."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Of the toolsets drawn, the tasks written for them, and the order of the batches."""
    instances: int = Field(ge=20)
    """Training conversations, the same number for every number of toolsets."""
    tokens: int = Field(ge=1000)
    """Every model reads so many of its instances' tokens, repeating them as often as that needs."""
    base_tokens: int = Field(ge=1000)
    """Read of made-up tools, once, by the base model that every model begins with."""
    base_examples: int = Field(default=12_000, ge=100)
    tested: int = Field(ge=1)
    """Held-out tasks written; fewer are left after the checks."""
    surplus: float = Field(default=1.35, ge=1)
    """Tasks written for an instance wanted: some fail a check or are too long."""
    least_tools: int = Field(default=4, ge=1)
    """Smaller toolsets are not used, on either side: most of their candidates would be another's."""
    synthesis: SynthesisConfig = _TASKS
    training: CompactTrainingConfig
    """Of the base; the models go on with the same sizes."""
    learning_rate: float = Field(default=1.5e-3, gt=0)
    """Peak rate after the base."""
    max_steps: int = Field(default=4, ge=1)
    """Turns in an attempt (ReAct)."""
    turn_tokens: int = Field(default=160, ge=1)
    """A longer turn is none: few right ones are, and models that babble would take most of the time."""
    data_seed: int = 0


def quick_diversity() -> DiversityExperiment:
    """Two draws, eight small models and their base: some minutes on four cores."""
    training = CompactTrainingConfig(
        width=96, layers=4, batch_tokens=2500, learning_rate=4e-3, longest=800, selection=0.25,
        synthetic=0, shortened=0, dev_examples=0, threads=1, vocabulary=1600,
    )  # fmt: skip
    return DiversityExperiment(
        seeds=(0, 1), instances=800, tokens=300_000, base_tokens=600_000, tested=120, training=training
    )


def full_diversity() -> DiversityExperiment:
    """Five draws, larger models and ten times the tokens: a night on four cores."""
    training = CompactTrainingConfig(
        width=128, layers=5, batch_tokens=2500, learning_rate=3e-3, longest=1000, selection=0.15,
        synthetic=0, shortened=0, dev_examples=0, threads=1,
    )  # fmt: skip
    return DiversityExperiment(
        seeds=(0, 1, 2, 3, 4),
        instances=4000,
        tokens=4_000_000,
        base_tokens=10_000_000,
        base_examples=60_000,
        tested=800,
        training=training,
    )
