"""Batches, the loss on targets alone, and the check that packed conversations do not see each other."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from peft import PeftModel
from torch.nn import functional

from toolwise.training.llm.masks import IGNORED

Batch = dict[str, torch.Tensor]
_PROBE_LENGTHS = (11, 7, 9)
_TOLERANCE = 1e-3


class Collator:
    """Items of `features` to tensors [batch, time], padded on the right.

    A packed batch has no attention mask: `transformers` then keeps apart what `position_ids` begin anew, with any of
    its attention implementations (a block mask for sdpa and eager, sequence bounds for flash attention). Padding
    counts from 0 as well, so it is a sequence of its own.
    """

    def __init__(self, pad: int, *, packed: bool) -> None:
        self.pad = pad
        self.packed = packed

    def __call__(self, items: Sequence[Mapping[str, np.ndarray]]) -> Batch:
        longest = max(len(item["input_ids"]) for item in items)
        ids = torch.full((len(items), longest), self.pad, dtype=torch.long)
        labels = torch.full((len(items), longest), IGNORED, dtype=torch.long)
        mask = torch.zeros((len(items), longest), dtype=torch.long)
        positions = torch.zeros((len(items), longest), dtype=torch.long)
        for place, item in enumerate(items):
            size = len(item["input_ids"])
            ids[place, :size] = torch.from_numpy(item["input_ids"].astype(np.int64))
            labels[place, :size] = torch.from_numpy(item["labels"].astype(np.int64))
            positions[place, :size] = torch.from_numpy(item["position_ids"].astype(np.int64))
            positions[place, size:] = torch.arange(longest - size)
            mask[place, :size] = 1
        batch = {"input_ids": ids, "labels": labels}
        return {**batch, "position_ids": positions} if self.packed else {**batch, "attention_mask": mask}


def target_loss(model: Callable[..., Any], batch: Batch, *, narrow: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Summed cross-entropy over the targets, and their number.

    Logits are computed only where some row's next token is a target (`narrow`, if the model can): with tools in the
    prompt most positions bear no loss, and a vocabulary of 150,000 is dear.
    """
    inputs = {name: value for name, value in batch.items() if name != "labels"}
    following = batch["labels"][:, 1:]
    places = (following != IGNORED).any(dim=0).nonzero().squeeze(-1)
    if narrow:
        inputs["logits_to_keep"] = places
    logits = model(**inputs, use_cache=False).logits
    if not narrow:
        logits = logits[:, places]
    wanted = following[:, places]
    loss = functional.cross_entropy(
        logits.float().flatten(0, 1), wanted.flatten(), ignore_index=IGNORED, reduction="sum"
    )
    return loss, (wanted != IGNORED).sum()


def can_narrow(model: torch.nn.Module) -> bool:
    """Whether the model computes logits at chosen positions only."""
    base: Any = model.get_base_model() if isinstance(model, PeftModel) else model
    return "logits_to_keep" in inspect.signature(base.forward).parameters


@torch.no_grad()
def packing_is_isolated(model: torch.nn.Module, vocabulary: int) -> bool:
    """Whether this model, as it is, scores packed sequences exactly as it scores them alone.

    Tried rather than looked up: convolutions, recurrences and hand-written masks leak between packed sequences.
    """
    was_training = model.training
    model.eval()
    device = next(model.parameters()).device
    rng = np.random.default_rng(0)
    parts = [torch.from_numpy(rng.integers(vocabulary, size=(1, size))).to(device) for size in _PROBE_LENGTHS]
    positions = torch.cat([torch.arange(part.shape[1], device=device) for part in parts])[None]
    try:
        together = model(input_ids=torch.cat(parts, dim=1), position_ids=positions, use_cache=False).logits
        alone = torch.cat([model(input_ids=part, use_cache=False).logits for part in parts], dim=1)
    except (TypeError, RuntimeError, ValueError):
        return False
    finally:
        model.train(was_training)
    scale = float(alone.abs().max()) or 1.0
    return bool(((together - alone).abs().max() / scale) < _TOLERANCE)
