"""Reinforcement: the model attempts tasks in a world and learns from verifiable rewards, by TRL's GRPO."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers import set_seed

from toolwise.errors import ConfigError, DataError
from toolwise.models.open_models import COMPACT
from toolwise.ports import Observer, silent
from toolwise.training.llm import engine
from toolwise.training.llm.base import adapted, load_base
from toolwise.training.llm.episodes import PlayerOf
from toolwise.training.llm.finishing import Done, finish
from toolwise.training.llm.rewards import RewardPart
from toolwise.training.llm.selection import Exam, keep_best, kept
from toolwise.training.llm.settings import GrpoConfig
from toolwise.training.llm.speed import Speed
from toolwise.types import Json

if TYPE_CHECKING:
    from toolwise.training.llm.base import Base
    from toolwise.training.llm.grpo_trainer import EpisodeTrainer

_RATE, _LORA_RATE, _COMPACT_RATE = 1e-6, 1e-5, 2e-5
"""A tenth of the rate at which few attempts an update made the compact model worse; see docs/training.md."""


@dataclass(frozen=True)
class Attempts:
    """What to train on."""

    keys: Sequence[str]
    """Of the tasks."""
    play: PlayerOf
    name: str
    """The corpus's, as the card calls it."""
    exam: Exam | None = None
    """Development tasks by which the weights to keep are chosen; without them the last are kept."""


def train_grpo(data: Attempts, base: str, out: Path, config: GrpoConfig, observer: Observer = silent) -> Json:
    """Train and save into the folder `out`; goes on from its last whole checkpoint if there is one.

    Returns the summary. Raises ConfigError, DataError, RunError.
    """
    _require(data, config)
    settings = config.model_dump(mode="json", exclude=set(engine.RESUMABLE))
    settings["attempts an update"] = config.batch * config.accumulate * engine.world_size()
    if (done := engine.begin(out, {"method": "grpo", "base": base, **settings}, list(data.keys))) is not None:
        return done
    engine.use_own_cores()
    set_seed(config.seed)
    with engine.quiet(), engine.memory_watched(config):
        loaded = load_base(base, config)
        trainer = _trainer(loaded, data, out, config, observer)
        keeper = keep_best(data.exam, trainer, loaded.tokenizer, out, (config.patience, observer))
        speed = Speed(trainer.model, engine.on_gpu())
        began = time.monotonic()
        checkpoint = engine.last_checkpoint(out)
        result = trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    curve = reward_curve(trainer.state.log_history)
    summary = {
        "steps": int(trainer.state.global_step),
        "seconds": round(time.monotonic() - began, 1),
        "loss": round(float(result.training_loss), 4),
        "reward": curve[-1]["reward"] if curve else None,
        "first_reward": curve[0]["reward"] if curve else None,
        "tokens": int(trainer.state.num_input_tokens_seen),
        "sampled_tokens": trainer.sampled_tokens,
        "attempts": len(curve) * config.batch * config.accumulate * engine.world_size(),
        "attempts_left_out": trainer.left_out,
        "parameters": speed.parameters,
        "trainable_parameters": speed.trainable,
        "device": speed.device,
        "train": {"tasks": len(data.keys)},
        "kept": kept(keeper),
        "curve": curve,
    }
    metrics = ("first_reward", "reward", "steps", "seconds", "attempts")
    return finish(trainer, loaded, out, Done("grpo", data.name, config, summary, metrics, {"train": summary["train"]}))


def _require(data: Attempts, config: GrpoConfig) -> None:
    if not data.keys:
        raise DataError(f"{data.name} holds no tasks of the split train to attempt")
    together = config.batch * config.accumulate * engine.world_size()
    if together % config.generations:
        raise ConfigError(
            f"--batch times --accumulate times processes is {together}, which --generations {config.generations} "
            "does not divide; change one of them"
        )
    if len(data.keys) < together // config.generations:
        raise DataError(
            f"an update attempts {together // config.generations} tasks, and {data.name} holds {len(data.keys)}; "
            "lower --batch"
        )


def _trainer(base: Base, data: Attempts, out: Path, config: GrpoConfig, observer: Observer) -> EpisodeTrainer:
    from toolwise.training.llm.grpo_trainer import episode_trainer

    compact = base.model.config.model_type == COMPACT
    if compact and engine.world_size() > 1:
        raise ConfigError("the compact model is trained by one process; start without torchrun")
    rate = _LORA_RATE if config.lora else _COMPACT_RATE if compact else _RATE
    given = engine.arguments(config, out, config.max_steps or 1, rate, dev=False)
    given |= {"logging_steps": 1} | ({"use_cpu": True, "bf16": False} if compact else {})
    trainer = episode_trainer(
        base,
        adapted(base, config.lora),
        data,
        config,
        given,
        callbacks=engine.callbacks(config, observer, dev=False),
    )
    if getattr(trainer, "is_fsdp_enabled", False):
        raise ConfigError("attempts need whole weights on every process; start without FSDP")
    return trainer


def reward_curve(logs: Sequence[dict[str, Any]]) -> list[Json]:
    """The mean reward of each update and of its parts; a part that nothing could be told about is none."""
    return [
        {
            "step": int(entry["step"]),
            "reward": _rounded(entry["reward"]),
            "spread": _rounded(entry.get("reward_std")),
            "alike": _rounded(entry.get("frac_reward_zero_std")),
            "entropy": _rounded(entry.get("entropy")),
            "parts": {part.value: _rounded(entry.get(f"rewards/{part.value}/mean")) for part in RewardPart},
        }
        for entry in logs
        if "reward" in entry
    ]


def _rounded(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else round(float(value), 4)
