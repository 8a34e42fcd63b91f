"""A longer context by scaling rotary positions, and a check that a model recalls at that length."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from toolwise.errors import ConfigError
from toolwise.training.llm.settings import RopeScaling

if TYPE_CHECKING:
    from transformers import PretrainedConfig

_NEEDLE = 16
"""Tokens of the passage that must be recalled."""


def extend_context(config: PretrainedConfig, scaling: RopeScaling, factor: float) -> None:
    """Change a model's configuration, before it is loaded. Raises ConfigError if its positions cannot be scaled."""
    parameters = getattr(config, "rope_parameters", None)
    length = getattr(config, "max_position_embeddings", None)
    if not parameters or not length or "rope_theta" not in parameters:
        raise ConfigError("this base has no single set of rotary positions, so --rope cannot extend its context")
    if parameters.get("rope_type", "default") != "default":
        raise ConfigError(
            f"the base's positions are scaled already ({parameters['rope_type']}); start from the one it was made of"
        )
    scaled: dict[str, Any] = {**parameters, "rope_type": scaling.value, "factor": float(factor)}
    if scaling is RopeScaling.YARN:
        scaled["original_max_position_embeddings"] = length
    config.rope_parameters = scaled
    config.max_position_embeddings = int(length * factor)


@torch.no_grad()
def recall(model: torch.nn.Module, length: int, *, vocabulary: int, seed: int = 0, trials: int = 4) -> float:
    """Share of a passage's tokens that the model predicts when it stands again, `length` tokens after its first time.

    A passage of random tokens, random tokens up to the length, then the passage again: only looking back over the
    whole distance can tell it (an induction test as in Olsson et al., 2209.11895). 1 is full recall, about
    1 / vocabulary is none. `vocabulary` bounds the token ids that are drawn. `length` counts the whole sequence.
    """
    if length < 3 * _NEEDLE:
        raise ConfigError(f"recall is measured over at least {3 * _NEEDLE} tokens, not {length}")
    was_training = model.training
    model.eval()
    device = next(model.parameters()).device
    right = total = 0
    for trial in range(trials):
        rng = np.random.default_rng([seed, trial, length])
        passage = rng.permutation(vocabulary)[:_NEEDLE] if vocabulary >= _NEEDLE else rng.integers(vocabulary, size=16)
        rest = np.setdiff1d(np.arange(vocabulary), passage)
        filler = rng.choice(rest if len(rest) else np.arange(vocabulary), size=length - 2 * _NEEDLE)
        ids = torch.from_numpy(np.concatenate([passage, filler, passage])[None]).to(device)
        logits = model(input_ids=ids, use_cache=False).logits[0, -_NEEDLE:-1]
        right += int((logits.argmax(-1) == ids[0, -_NEEDLE + 1 :]).sum())
        total += _NEEDLE - 1
    model.train(was_training)
    return right / total
