"""DPO for a model that TRL cannot score: one that writes by more than its head's weights, as the compact one does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence
from transformers import Trainer, TrainingArguments

from toolwise.training.llm import engine
from toolwise.training.llm.compact_scores import turn_scores
from toolwise.training.llm.masks import IGNORED

if TYPE_CHECKING:
    from toolwise.training.llm.dpo import PreparedPairs

Item = Mapping[str, Any]
_AT_ONCE = 8
"""Pairs scored together before training."""


class PairCollator:
    """Chosen turns in the first half of the rows, rejected ones in the second, padded on the right."""

    def __init__(self, pad: int) -> None:
        self.pad = pad

    def __call__(self, items: Sequence[Item]) -> dict[str, torch.Tensor]:
        pairs = [(item["prompt_ids"], item[side]) for side in ("chosen_ids", "rejected_ids") for item in items]
        ids = [torch.tensor([*prompt, *answer]) for prompt, answer in pairs]
        labels = [torch.tensor([*[IGNORED] * len(prompt), *answer]) for prompt, answer in pairs]
        batch = {
            "input_ids": pad_sequence(ids, batch_first=True, padding_value=self.pad),
            "labels": pad_sequence(labels, batch_first=True, padding_value=IGNORED),
        }
        if "reference" in items[0]:
            batch["reference"] = torch.tensor([item["reference"][side] for side in (0, 1) for item in items])
        return batch


@torch.no_grad()
def with_reference(model: torch.nn.Module, pairs: PreparedPairs, collate: PairCollator) -> list[dict[str, Any]]:
    """The pairs with the scores that the model, as it is before training, gives to both sides."""
    model.eval()
    items: list[dict[str, Any]] = [
        # `input_ids` is by what pairs of like length are batched.
        {"prompt_ids": prompt, "chosen_ids": chosen, "rejected_ids": rejected, "input_ids": [*prompt, *longer]}
        for prompt, chosen, rejected in zip(pairs.prompts, pairs.chosen, pairs.rejected, strict=True)
        for longer in [max(chosen, rejected, key=len)]
    ]
    by_length = sorted(items, key=lambda item: len(item["input_ids"]))
    for start in range(0, len(by_length), _AT_ONCE):
        group = by_length[start : start + _AT_ONCE]
        batch = collate(group)
        chosen_scores, rejected_scores = turn_scores(model, batch["input_ids"], batch["labels"]).chunk(2)
        for item, *scores in zip(group, chosen_scores.tolist(), rejected_scores.tolist(), strict=True):
            item["reference"] = scores
    model.train()
    return items


class OwnPairTrainer(Trainer):
    """The DPO loss (Rafailov et al., 2305.18290, equation 7) on scores of whole turns, and the chosen turns' own."""

    def __init__(self, *args: Any, beta: float, sft_weight: float, **more: Any) -> None:
        super().__init__(*args, **more)
        self.beta, self.sft_weight = beta, sft_weight
        self.model_accepts_loss_kwargs = False  # the loss is a mean over pairs, for each forward pass
        self._seen: dict[bool, list[tuple[float, float]]] = {True: [], False: []}

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, torch.Tensor],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        """Mean over the pairs of a batch."""
        scores = turn_scores(model, inputs["input_ids"], inputs["labels"])
        chosen, rejected = (scores - inputs["reference"]).chunk(2)
        margins = self.beta * (chosen - rejected)
        written = (inputs["labels"].chunk(2)[0] != IGNORED).sum()
        loss = -functional.logsigmoid(margins).mean() - self.sft_weight * scores.chunk(2)[0].sum() / written
        self._seen[model.training].append((float((margins > 0).float().mean()), float(margins.detach().mean())))
        return (loss, {"loss": loss}) if return_outputs else loss

    def log(self, logs: dict[str, float], *args: Any, **more: Any) -> None:
        """With accuracy and margin of the batches since the last time, under TRL's names."""
        training = "eval_loss" not in logs
        seen = self._seen[training]
        if seen and ("loss" in logs or not training):
            before = "" if training else "eval_"
            logs[f"{before}rewards/accuracies"] = sum(accuracy for accuracy, _ in seen) / len(seen)
            logs[f"{before}rewards/margins"] = sum(margin for _, margin in seen) / len(seen)
            seen.clear()
        super().log(logs, *args, **more)


def own_trainer(
    model: Any, pad: int, rows: tuple[PreparedPairs, PreparedPairs], given: dict[str, Any], more: dict[str, Any]
) -> OwnPairTrainer:
    """`rows` for training and development, `given` for TrainingArguments, `more` (beta, …) for the trainer."""
    collate = PairCollator(pad)
    train, dev = (with_reference(model, pairs, collate) for pairs in rows)
    trainer = OwnPairTrainer(
        model=model,
        args=TrainingArguments(
            **{**given, "use_cpu": True}, train_sampling_strategy="group_by_length", prediction_loss_only=True
        ),
        train_dataset=train,
        eval_dataset=dev or None,
        data_collator=collate,
        **more,
    )
    engine.silence(trainer)
    return trainer
