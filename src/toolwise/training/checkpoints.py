"""Checkpoints: everything that training needs to go on, written in one step."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolwise.errors import DataError
from toolwise.files import written_aside

if TYPE_CHECKING:
    from torch import nn

    from toolwise.training.optimiser import Optimiser

FILE = "checkpoint.pt"


@dataclass
class Position:
    """Where training stands."""

    step: int = 0
    tokens: int = 0
    """Tokens read so far, padding not counted."""
    seconds: float = 0.0
    """Spent training, over all processes that took part."""
    stage: str = ""
    accuracy: float = 0.0
    """Running share of rightly chosen tools."""
    streams: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Stream of data -> (epoch, batches taken from it)."""
    curve: list[dict[str, Any]] = field(default_factory=list)
    """Readings so far, in the shape of the report's curve."""


def save_checkpoint(folder: Path, model: nn.Module, optimiser: Optimiser, position: Position, key: str) -> None:
    """Raises RunError if the folder cannot be written; the last good checkpoint stays."""
    import torch

    state = {"key": key, "model": model.state_dict(), "optimiser": optimiser.state_dict(), "position": vars(position)}
    with written_aside(folder / FILE) as aside:
        torch.save(state, aside)


def load_checkpoint(folder: Path, model: nn.Module, optimiser: Optimiser, key: str) -> Position:
    """Restore the last checkpoint, if there is one of this training.

    `key` stands for the data and the settings: raises DataError if the folder's checkpoint is of others.
    """
    import torch

    path = folder / FILE
    if not path.exists():
        return Position()
    state = torch.load(path, weights_only=True)
    if state["key"] != key:
        raise DataError(f"{path} is of other data or settings; train with those, or into another --out")
    model.load_state_dict(state["model"])
    optimiser.load_state_dict(state["optimiser"])
    return Position(**state["position"])
