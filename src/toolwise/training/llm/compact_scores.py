"""Scores of chosen tokens under the compact model, which writes by more than its head's weights.

The head and the pointer run at these tokens alone: most of a prompt needs no logits.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.utils.rnn import pad_sequence

from toolwise.training.llm.masks import IGNORED


def target_scores(model: Any, ids: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """[rows, time] twice -> [rows, time]: the log-probability of each token that is `wanted`, 0 elsewhere.

    Padding must be on the right. A row's first token cannot be wanted: nothing stands before it.
    """
    rows, columns = wanted.nonzero(as_tuple=True)
    scores = torch.zeros(wanted.shape, device=ids.device)
    if not len(rows):
        return scores
    likelihoods, _ = model.likelihoods(model.hidden(ids[:, :-1]), ids, rows, columns - 1)
    return scores.index_put((rows, columns), likelihoods)


def turn_scores(model: Any, ids: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """[rows, time] twice -> [rows]: the log-probability of each row's targets."""
    return target_scores(model, ids, labels != IGNORED).sum(-1)


def completion_scores(model: Any, ids: torch.Tensor, mask: torch.Tensor, count: int) -> torch.Tensor:
    """[rows, time] twice -> [rows, count]: the log-probabilities of the last `count` columns, 0 where masked out.

    Rows are padded on both sides, as TRL's GRPO has them; the model wants padding on the right alone.
    """
    lengths = mask.sum(1)
    moved = pad_sequence([row[kept.bool()] for row, kept in zip(ids, mask, strict=True)], batch_first=True)
    steps = torch.arange(moved.shape[1], device=ids.device)
    answers = mask[:, -count:].sum(1)
    wanted = (steps >= (lengths - answers)[:, None]) & (steps < lengths[:, None])
    scores = target_scores(model, moved, wanted)
    spread = torch.zeros(ids.shape[0], count, device=ids.device)
    return spread.masked_scatter(mask[:, -count:].bool(), scores[wanted])
