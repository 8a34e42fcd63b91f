"""Preference training on pairs of a right turn and a failed sibling: TRL's DPOTrainer, rows rendered as for SFT."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers import set_seed

from toolwise.errors import DataError
from toolwise.models.open_models import COMPACT
from toolwise.ports import Observer, Progress, silent
from toolwise.training.llm import engine
from toolwise.training.llm.base import Base, adapted, load_base
from toolwise.training.llm.compact_dpo import own_trainer
from toolwise.training.llm.data import STAGE, in_shown_order
from toolwise.training.llm.finishing import Done, finish
from toolwise.training.llm.masks import IGNORED, Row, TargetEncoder
from toolwise.training.llm.selection import Exam, keep_best, kept
from toolwise.training.llm.settings import DpoConfig
from toolwise.training.llm.speed import Speed
from toolwise.types import ChatMessage, Json, PreferencePair

if TYPE_CHECKING:
    from datasets import Dataset

_RATE, _LORA_RATE, _COMPACT_RATE = 1e-6, 1e-5, 2e-5
"""Billions of weights want small steps; a million do not move by them."""
_SHOW_EVERY = 200


@dataclass(frozen=True)
class Preferences:
    """What to train on."""

    train: Sequence[PreferencePair]
    dev: Sequence[PreferencePair]
    name: str
    exam: Exam | None = None
    """Development tasks by which the weights to keep are chosen; without them it is the loss on `dev`."""


@dataclass
class PreparedPairs:
    """Pairs as tokens, and what became of the others."""

    prompts: list[list[int]] = field(default_factory=list)
    chosen: list[list[int]] = field(default_factory=list)
    rejected: list[list[int]] = field(default_factory=list)
    pairs: int = 0
    dropped: Counter[str] = field(default_factory=Counter)

    @property
    def tokens(self) -> int:
        return sum(len(part) for kind in (self.prompts, self.chosen, self.rejected) for part in kind)

    @property
    def targets(self) -> int:
        return sum(len(part) for kind in (self.chosen, self.rejected) for part in kind)

    def summary(self) -> Json:
        """pairs = used + dropped."""
        return {
            "pairs": self.pairs,
            "used": len(self.prompts),
            "dropped": dict(sorted(self.dropped.items())),
            "tokens": self.tokens,
        }

    def dataset(self) -> Dataset:
        """Columns of token ids: nothing in them that a library could fill with nulls."""
        from datasets import Dataset

        return Dataset.from_dict({"prompt_ids": self.prompts, "chosen_ids": self.chosen, "rejected_ids": self.rejected})


def prepare_pairs(pairs: Sequence[PreferencePair], encoder: TargetEncoder, max_length: int) -> PreparedPairs:
    """Prompt, chosen and rejected turn as tokens, each turn with the token that ends it; too long ones are counted."""
    prepared = PreparedPairs(pairs=len(pairs))
    for pair in pairs:
        try:
            chosen = _last_turn(encoder, pair, pair.chosen)
            rejected = _last_turn(encoder, pair, pair.rejected)
        except Exception as error:  # a template refuses one pair with any exception
            prepared.dropped[" ".join(str(error).split())[:200] or type(error).__name__] += 1
            continue
        if chosen[0] != rejected[0]:
            prepared.dropped["the template writes another prompt for each side"] += 1
        elif chosen[1] == rejected[1]:
            prepared.dropped["both sides are written alike"] += 1
        elif len(chosen[0]) + max(len(chosen[1]), len(rejected[1])) > max_length:
            prepared.dropped[f"longer than {max_length} tokens"] += 1
        else:
            prepared.prompts.append(chosen[0])
            prepared.chosen.append(chosen[1])
            prepared.rejected.append(rejected[1])
    return prepared


def _last_turn(
    encoder: TargetEncoder, pair: PreferencePair, answer: Sequence[ChatMessage]
) -> tuple[list[int], list[int]]:
    """Tokens before the pair's turn, and of it."""
    messages = in_shown_order([*pair.prompt, *answer], pair.tools)
    row: Row = encoder.encode(messages, pair.tools, {len(pair.prompt)})[-1]
    start = int((row.labels != IGNORED).argmax())
    ids = row.ids.tolist()
    return ids[:start], ids[start:]


def train_dpo(data: Preferences, base: str, out: Path, config: DpoConfig, observer: Observer = silent) -> Json:
    """Train and save into the folder `out`; goes on from its last whole checkpoint if there is one.

    The reference is the model as it was given (with LoRA: the same weights without the adapter). Returns the summary.
    Raises ConfigError, DataError, RunError.
    """
    settings = config.model_dump(mode="json", exclude=set(engine.RESUMABLE))
    keys = [pair.key for pair in data.train]
    if (done := engine.begin(out, {"method": "dpo", "base": base, **settings}, keys)) is not None:
        return done
    engine.use_own_cores()
    set_seed(config.seed)
    with engine.quiet(), engine.memory_watched(config):
        loaded = load_base(base, config)
        observer(Progress(STAGE, 0, len(data.train), "writing pairs as tokens"))
        encoder = TargetEncoder(loaded.form)
        rows = prepare_pairs(data.train, encoder, config.max_length)
        dev = prepare_pairs(data.dev, encoder, config.max_length)
        _require(rows, data.name)
        trainer = _trainer(loaded, (rows, dev), out, config, data.exam, observer)
        keeper = keep_best(data.exam, trainer, loaded.tokenizer, out, (config.patience, observer))
        speed = Speed(trainer.model, engine.on_gpu())
        began = time.monotonic()
        checkpoint = engine.last_checkpoint(out)
        result = trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    seconds = time.monotonic() - began
    logs: list[dict[str, Any]] = trainer.state.log_history
    summary = {
        "steps": int(trainer.state.global_step),
        "seconds": round(seconds, 1),
        "loss": round(float(result.training_loss), 4),
        "accuracy": _last(logs, "rewards/accuracies"),
        "margin": _last(logs, "rewards/margins"),
        "dev_loss": _last(logs, "eval_loss"),
        "dev_accuracy": _last(logs, "eval_rewards/accuracies"),
        "parameters": speed.parameters,
        "trainable_parameters": speed.trainable,
        "train": rows.summary(),
        "dev": dev.summary(),
        "kept": kept(keeper, by_loss=bool(dev.prompts) and data.exam is None),
    }
    metrics = ("loss", "accuracy", "margin", "dev_loss", "dev_accuracy", "steps")
    splits = {"train": summary["train"], "dev": summary["dev"]}
    return finish(trainer, loaded, out, Done("dpo", data.name, config, summary, metrics, splits))


def _require(rows: PreparedPairs, corpus: str) -> None:
    if rows.prompts:
        return
    reason = rows.dropped.most_common(1)[0][0] if rows.dropped else "there are none"
    raise DataError(f"no preference pair of {corpus} can be used: {reason}; see the corpus's card for what it holds")


def _trainer(
    base: Base,
    pairs: tuple[PreparedPairs, PreparedPairs],
    out: Path,
    config: DpoConfig,
    exam: Exam | None,
    observer: Observer,
) -> Any:
    """`pairs` for training and for development."""
    from trl.trainer.dpo_config import DPOConfig
    from trl.trainer.dpo_trainer import DPOTrainer

    class PairTrainer(DPOTrainer):
        """Takes rows that are tokens already: TRL would render and cut them in its own way."""

        def _prepare_dataset(self, dataset: Any, *unused: Any, **more: Any) -> Any:
            return dataset

    rows, dev = pairs
    by_loss = bool(dev.prompts) and exam is None
    model = adapted(base, config.lora)
    compact = base.model.config.model_type == COMPACT
    rate = _LORA_RATE if config.lora else _COMPACT_RATE if compact else _RATE
    steps = engine.updates(config, len(rows.prompts))
    given = engine.arguments(config, out, steps, rate, dev=bool(dev.prompts))
    given |= {} if by_loss else {"load_best_model_at_end": False, "metric_for_best_model": None}
    watchers = engine.callbacks(config, observer, dev=by_loss)
    if compact:
        pad = base.form.pad_id
        more = {"beta": config.beta, "sft_weight": config.sft_weight, "callbacks": watchers}
        return own_trainer(model, pad, pairs, given, more)
    losses = {"sigmoid": 1.0} | ({"sft": config.sft_weight} if config.sft_weight else {})
    trainer = PairTrainer(
        model=model,
        ref_model=None,
        args=DPOConfig(
            **given, beta=config.beta, max_length=None, loss_type=list(losses), loss_weights=list(losses.values())
        ),
        train_dataset=rows.dataset(),
        eval_dataset=dev.dataset() if dev.prompts else None,
        processing_class=base.tokenizer,
        callbacks=watchers,
    )
    engine.silence(trainer)
    return trainer


def _last(logs: Sequence[dict[str, Any]], name: str) -> float | None:
    found = [float(entry[name]) for entry in logs if name in entry]
    return round(found[-1], 4) if found else None
