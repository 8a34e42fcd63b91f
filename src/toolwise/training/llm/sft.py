"""Supervised fine-tuning of any causal language model on a corpus's conversations.

`transformers`' own Trainer drives the loop. TRL's SFTTrainer would tokenise, mask, truncate and pack by itself, which
is exactly what is done here instead: targets checked against inference, nothing cut silently, logits at targets only.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import Trainer, TrainingArguments, set_seed

from toolwise.errors import ConfigError
from toolwise.ports import Observer, silent
from toolwise.training.llm import engine
from toolwise.training.llm.base import Base, adapted, load_base
from toolwise.training.llm.batches import Batch, Collator, can_narrow, packing_is_isolated, target_loss
from toolwise.training.llm.context import recall
from toolwise.training.llm.data import Prepared, features, pack, prepare, require_rows
from toolwise.training.llm.finishing import Done, finish
from toolwise.training.llm.settings import SftConfig
from toolwise.training.llm.speed import Speed
from toolwise.types import Json, SFTExample

_RATE, _LORA_RATE = 2e-5, 2e-4


@dataclass(frozen=True)
class Conversations:
    """What to train on."""

    train: Sequence[SFTExample]
    dev: Sequence[SFTExample]
    name: str
    """As the card calls it."""


class TargetTrainer(Trainer):
    """The Trainer, with logits and loss on the targets alone."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        engine.silence(self)
        self.model_accepts_loss_kwargs = True  # so that targets are counted over a whole update, not a forward pass
        self._narrow = can_narrow(self.accelerator.unwrap_model(self.model))

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: Batch,
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        """Mean cross-entropy over the targets of an update."""
        loss, count = target_loss(model, inputs, narrow=self._narrow)
        if num_items_in_batch is None:
            loss = loss / count.clamp(min=1)
        else:
            loss = loss / num_items_in_batch
            if self.args.average_tokens_across_devices:  # gradients are averaged over processes, targets were summed
                loss = loss * self.accelerator.num_processes
        return (loss, {"loss": loss}) if return_outputs else loss


def train_sft(data: Conversations, base: str, out: Path, config: SftConfig, observer: Observer = silent) -> Json:
    """Train and save into the folder `out`; goes on from its last whole checkpoint if there is one.

    Returns the summary. Raises ConfigError, DataError, RunError.
    """
    settings = config.model_dump(mode="json", exclude=set(engine.RESUMABLE))
    keys = [example.key for example in data.train]
    if (done := engine.begin(out, {"method": "sft", "base": base, **settings}, keys)) is not None:
        return done
    engine.use_own_cores()
    set_seed(config.seed)
    with engine.quiet(), engine.memory_watched(config):
        loaded = load_base(base, config)
        rows, dev = _prepare(data, loaded, config, observer)
        trainer = _trainer(loaded, rows, dev, out, config, observer)
        recalled = {"before": _recall(trainer.model, loaded)} if config.rope else {}
        speed = Speed(trainer.model, engine.on_gpu())
        began = time.monotonic()
        checkpoint = engine.last_checkpoint(out)
        result = trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    seconds = time.monotonic() - began
    if config.rope:
        recalled["after"] = _recall(trainer.model, loaded)
    summary = {
        "steps": int(trainer.state.global_step),
        "seconds": round(seconds, 1),
        "loss": round(float(result.training_loss), 4),
        "dev_loss": _best(trainer),
        "parameters": speed.parameters,
        "trainable_parameters": speed.trainable,
        **speed.measured(trainer, rows, seconds),
        "train": rows.summary(),
        "dev": dev.summary(),
        "recall": recalled,
    }
    metrics, splits = ("loss", "dev_loss", "steps", "seconds"), {"train": summary["train"], "dev": summary["dev"]}
    return finish(trainer, loaded, out, Done("sft", data.name, config, summary, metrics, splits))


def _prepare(data: Conversations, base: Base, config: SftConfig, observer: Observer) -> tuple[Prepared, Prepared]:
    rows = prepare(data.train, base.form, config.max_length, config.too_long, observer)
    require_rows(rows, data.name)
    return rows, prepare(data.dev[: config.dev_examples], base.form, config.max_length, config.too_long)


def _trainer(
    base: Base, rows: Prepared, dev: Prepared, out: Path, config: SftConfig, observer: Observer
) -> TargetTrainer:
    if config.packing and not packing_is_isolated(base.model, len(base.tokenizer)):
        raise ConfigError(
            "this base does not keep packed conversations apart (a trial shows them mixing); leave out --packing"
        )
    model = adapted(base, config.lora)
    if config.lora and config.checkpointing:
        model.enable_input_require_grads()
    bins = pack(rows.rows, config.max_length) if config.packing else [[row] for row in rows.rows]
    items = [features(one) for one in bins]
    measured = [features([row]) for row in dev.rows]
    steps = engine.updates(config, len(items))
    rate = _LORA_RATE if config.lora else _RATE
    given = engine.arguments(config, out, steps, rate, dev=bool(measured))
    collator = Collator(base.form.pad_id, packed=config.packing)
    return TargetTrainer(
        model=model,
        args=TrainingArguments(
            **given,
            train_sampling_strategy="random" if config.packing else "group_by_length",
            prediction_loss_only=True,
        ),
        train_dataset=items,
        eval_dataset=measured or None,
        data_collator=collator,
        callbacks=engine.callbacks(config, observer, dev=bool(measured)),
    )


def _recall(model: Any, base: Base) -> Json:
    """Recall at the new length, and at the one that the base was trained for."""
    new = int(model.config.max_position_embeddings)
    old = round(new / float(model.config.rope_parameters["factor"]))
    return {
        str(length): round(recall(model, length, vocabulary=len(base.tokenizer)), 4) for length in (old, new) if length
    }


def _best(trainer: Trainer) -> float | None:
    metric = trainer.state.best_metric
    return None if metric is None else round(float(metric), 4)
