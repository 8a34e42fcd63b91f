"""How fast a training was: useful tokens a second and, on a known GPU, the share of its peak that they make."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from toolwise.training.llm.engine import world_size

if TYPE_CHECKING:
    from transformers import Trainer

    from toolwise.training.llm.data import Prepared
    from toolwise.types import Json

_PEAKS = {"H200": 989e12, "H100": 989e12, "A100": 312e12, "L40S": 362e12, "L4": 121e12, "A10": 125e12, "4090": 165e12}
"""Dense bf16 operations a second, from the makers' data sheets; a name's part -> peak."""


class Speed:
    """Counts before training, rates after it."""

    def __init__(self, model: Any, gpu: bool) -> None:
        self.parameters = sum(parameter.numel() for parameter in model.parameters())
        self.trainable = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
        self.device = torch.cuda.get_device_name() if gpu and torch.cuda.is_available() else "cpu"

    def measured(self, trainer: Trainer, rows: Prepared, seconds: float) -> Json:
        """Tokens are those of conversations, padding not counted, over all processes.

        Operations: 6 a parameter and token, 4 where the weights are frozen and only adapters learn (Kaplan et al.,
        2001.08361, section 2.1; attention's own are left out, so utilisation is a lower bound).
        """
        tokens = rows.tokens * float(trainer.state.epoch or 0)
        rate = tokens / seconds if seconds else 0.0
        frozen = self.trainable < self.parameters
        operations = (4 if frozen else 6) * self.parameters * rate
        peak = next((peak for part, peak in _PEAKS.items() if part in self.device), None)
        return {
            "device": self.device,
            "processes": world_size(),
            "tokens_per_second": round(rate, 1),
            "target_tokens_per_second": round(rate * rows.targets / rows.tokens, 1) if rows.tokens else 0.0,
            "model_flops_per_second": round(operations),
            "model_flops_utilisation": round(operations / (peak * world_size()), 4) if peak else None,
        }
