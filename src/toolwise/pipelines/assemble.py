"""The composition root: the only place that picks concrete adapters for the ports."""

from __future__ import annotations

from pathlib import Path

from toolwise.errors import MissingExtraError
from toolwise.evaluation import NearestToolPolicy, NullPolicy
from toolwise.ports import Policy, Retriever, Tools, World
from toolwise.worlds import SimulatedWorld


def simulated_world(tools: Tools) -> World:
    """The stateful world that runs any tool from its schemas."""
    return SimulatedWorld(tools)


def model_policy(folder: Path) -> Policy:
    """A trained (or untrained) compact model as a policy. Raises MissingExtraError, ModelError."""
    require_training("running a local model")
    from toolwise.llm.local import LocalPolicy

    return LocalPolicy(folder)


def baseline_policies() -> list[Policy]:
    """What every model is compared with, besides itself before training."""
    return [NullPolicy(), NearestToolPolicy()]


def retriever(index: Path, name: str) -> Retriever:
    """`bm25`, `dense` or `fusion` over a saved index."""
    from toolwise.retrieval import open_retriever

    return open_retriever(index, name)


def require_training(feature: str) -> None:
    """Raises MissingExtraError unless the `[train]` extra is installed."""
    try:
        import torch  # noqa: F401
        import transformers  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(feature, "train") from error
