"""Settings of the retrieval experiment: one configuration for some minutes, one for an hour."""

from __future__ import annotations

from pydantic import Field

from toolwise.config import Config
from toolwise.retrieval import RetrieverConfig
from toolwise.synthesis import SynthesisConfig

_TASKS = SynthesisConfig(single=0.4, parallel=0.6, chain=0.0, mixed=0.0, group=0.9, negatives=0.0)
"""About a third of each kind: one toolset, several of a category, several of a collection."""


class RetrievalExperiment(Config):
    """Everything that shapes the results."""

    pools: tuple[int, ...] = (1000, 3000, 10_000, 30_000)
    """Tools searched; the whole catalog comes on top."""
    queries: int = Field(ge=1)
    """Held-out queries of each kind; fewer where fewer could be written."""
    held_out: int = Field(ge=1)
    """Held-out tasks to write, half of them on unseen categories."""
    train_tasks: int = Field(ge=1)
    """Training tasks, whose instructions and relevant tools are pairs."""
    tool_queries: int = Field(ge=1)
    """Training tools that get a query of their own on top; all of them, if there are fewer."""
    retriever: RetrieverConfig
    synthesis: SynthesisConfig = _TASKS
    data_seed: int = 0


def quick_retrieval() -> RetrievalExperiment:
    """Some minutes on four cores. The steps end the training, not the clock: its cap is for machines far slower."""
    return RetrievalExperiment(
        queries=150,
        held_out=700,
        train_tasks=2500,
        tool_queries=12_000,
        retriever=RetrieverConfig(minutes=30.0, max_steps=300),
    )


def full_retrieval() -> RetrievalExperiment:
    """About an hour on four cores."""
    retriever = RetrieverConfig(minutes=120.0, max_steps=4000, patience=8)
    return RetrievalExperiment(
        queries=1000, held_out=6000, train_tasks=15_000, tool_queries=100_000, retriever=retriever
    )
