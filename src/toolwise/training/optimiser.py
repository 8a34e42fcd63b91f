"""Muon for the matrices, batched over matrices of one shape, and AdamW for everything else."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Quintic Newton-Schulz (Keller Jordan, Muon, 2024)."""


def orthogonalise(stack: Tensor, steps: int = 5) -> Tensor:
    """[n, rows, columns] -> each matrix with its singular values brought near one, in single precision.

    torch.optim.Muon does this one matrix at a time in bfloat16, which a CPU without support for it pays dearly.
    """
    a, b, c = _COEFFICIENTS
    tall = stack.shape[1] > stack.shape[2]
    x = stack.mT if tall else stack
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(steps):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x


class Muon:
    """Momentum, orthogonalised; its root mean square matched to AdamW's (Moonlight, 2502.16982, section 2.2)."""

    def __init__(self, matrices: Iterable[nn.Parameter], momentum: float = 0.95, weight_decay: float = 0.0) -> None:
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.groups: dict[tuple[int, ...], list[nn.Parameter]] = {}
        for matrix in matrices:
            self.groups.setdefault(tuple(matrix.shape), []).append(matrix)
        self.buffers = {shape: torch.zeros(len(group), *shape) for shape, group in self.groups.items()}

    @torch.no_grad()
    def step(self, rate: float) -> None:
        for shape, group in self.groups.items():
            gradients = torch.stack([p.grad if p.grad is not None else torch.zeros_like(p) for p in group])
            buffer = self.buffers[shape]
            buffer.lerp_(gradients, 1 - self.momentum)
            update = orthogonalise(gradients.lerp(buffer, self.momentum))
            scale = 0.2 * math.sqrt(max(shape))
            for parameter, change in zip(group, update, strict=True):
                if self.weight_decay:
                    parameter.mul_(1 - rate * self.weight_decay)
                parameter.add_(change, alpha=-rate * scale)

    def state_dict(self) -> dict[str, Tensor]:
        return {"x".join(map(str, shape)): buffer for shape, buffer in self.buffers.items()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        for shape, buffer in self.buffers.items():
            buffer.copy_(state["x".join(map(str, shape))])


class Optimiser:
    """Both together, with one learning rate each."""

    def __init__(self, model: nn.Module, matrix_rate: float, other_rate: float, weight_decay: float = 0.0) -> None:
        named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
        matrices = [p for name, p in named if p.ndim == 2 and "embedding" not in name]
        others = [p for name, p in named if p.ndim != 2 or "embedding" in name]
        self.matrix_rate, self.other_rate = matrix_rate, other_rate
        self.parameters = [p for _, p in named]
        self.muon = Muon(matrices, weight_decay=weight_decay)
        self.adam = torch.optim.AdamW(others, lr=other_rate, betas=(0.9, 0.98), eps=1e-8, weight_decay=0.0, fused=True)

    def step(self, factor: float) -> None:
        """Take a step at `factor` times the peak learning rates and clear the gradients."""
        self.muon.step(self.matrix_rate * factor)
        for group in self.adam.param_groups:
            group["lr"] = self.other_rate * factor
        self.adam.step()
        for parameter in self.parameters:
            parameter.grad = None

    def state_dict(self) -> dict[str, Any]:
        return {"muon": self.muon.state_dict(), "adam": self.adam.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.muon.load_state_dict(state["muon"])
        self.adam.load_state_dict(state["adam"])
