"""The composition root: the only place that picks concrete adapters for the ports."""

from __future__ import annotations

from pathlib import Path

from toolwise.errors import MissingExtraError
from toolwise.evaluation import NearestToolPolicy, NullPolicy
from toolwise.ports import Policy, World
from toolwise.worlds import SimulatedWorld, ToolsetSource


def simulated_world(tools: ToolsetSource) -> World:
    """The stateful world that runs any tool from its schemas."""
    return SimulatedWorld(tools)


def model_policy(folder: Path, name: str = "model", threads: int | None = None) -> Policy:
    """A trained (or untrained) compact model as a policy; `threads` are set for the whole process.

    Raises MissingExtraError, DataError.
    """
    require_training("running a local model")
    import torch

    from toolwise.llm.local import LocalModel
    from toolwise.llm.policy import LocalPolicy

    if threads:
        torch.set_num_threads(threads)
    return LocalPolicy(LocalModel(folder), name=name)


def baseline_policies() -> dict[str, Policy]:
    """What every model is compared with, besides itself before training; by name."""
    return {policy.name: policy for policy in (NullPolicy(), NearestToolPolicy())}


def require_training(feature: str) -> None:
    """Raises MissingExtraError unless the `[train]` extra is installed."""
    try:
        import torch  # noqa: F401
        import transformers  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(feature, "train") from error
