"""What SFT, DPO and GRPO share of a run: arguments, progress, checkpoints that are whole, and memory that runs out."""

from __future__ import annotations

import logging
import os
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import EarlyStoppingCallback, PrinterCallback, ProgressCallback, TrainerCallback
from transformers.utils import logging as transformers_logging

from toolwise.errors import ConfigError, DataError, RunError
from toolwise.files import read_json, write_json
from toolwise.ports import Observer, Progress
from toolwise.training.llm.data import STAGE
from toolwise.training.llm.settings import LlmTrainingConfig
from toolwise.types import Json, content_key

if TYPE_CHECKING:
    from transformers import Trainer, TrainerControl, TrainerState, TrainingArguments

CHECKPOINTS = "checkpoints"
RECORD = "training.json"
"""What was trained on what, by which a training is resumed; with the summary once it is done."""
_COMPLETE = "complete"
_NO_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")


def is_main() -> bool:
    """Whether this process writes: the only one, or the first of those that `torchrun` started."""
    return int(os.environ.get("RANK", "0")) == 0


def world_size() -> int:
    """Processes that train together."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def on_gpu() -> bool:
    """Whether an accelerator is used."""
    return torch.cuda.is_available() or torch.backends.mps.is_available()


def use_own_cores() -> None:
    """No more CPU threads than this process may use cores: threads that wait for one stop all the others."""
    if hasattr(os, "sched_getaffinity"):
        share = max(1, len(os.sched_getaffinity(0)) // int(os.environ.get("LOCAL_WORLD_SIZE", "1")))
        torch.set_num_threads(min(torch.get_num_threads(), share))


def use_bf16(config: LlmTrainingConfig) -> bool:
    """As asked; if nothing was asked, on a GPU that has it."""
    if config.bf16 is not None:
        return config.bf16
    return torch.cuda.is_available() and torch.cuda.is_bf16_supported()


def updates(config: LlmTrainingConfig, items: int) -> int:
    """Optimiser steps of the whole training."""
    if config.max_steps is not None:
        return config.max_steps
    batches = -(-items // (config.batch * world_size()))
    return max(1, int(config.epochs * -(-batches // config.accumulate)))


def arguments(config: LlmTrainingConfig, out: Path, steps: int, rate: float, *, dev: bool) -> dict[str, Any]:
    """Keywords of TrainingArguments; where there is no GPU, its costly defaults are off."""
    every = max(1, steps // config.evaluations)
    return {
        "output_dir": str(out / CHECKPOINTS),
        "max_steps": steps,
        "per_device_train_batch_size": config.batch,
        "per_device_eval_batch_size": config.batch,
        "gradient_accumulation_steps": config.accumulate,
        "learning_rate": config.learning_rate or rate,
        "lr_scheduler_type": "cosine",
        "warmup_steps": round(config.warm_up * steps),
        "weight_decay": config.weight_decay,
        "bf16": use_bf16(config),
        "use_cpu": not on_gpu(),
        "dataloader_pin_memory": on_gpu(),
        **_checkpointing(config),
        "eval_strategy": "steps" if dev else "no",
        "eval_steps": every,
        "save_strategy": "steps",
        "save_steps": every,
        "save_total_limit": 2,
        "load_best_model_at_end": dev,
        "metric_for_best_model": "eval_loss" if dev else None,
        "greater_is_better": False if dev else None,
        "logging_steps": max(1, min(10, every)),
        "report_to": "none",
        "disable_tqdm": True,
        "remove_unused_columns": False,
        "seed": config.seed,
        "data_seed": config.seed,
        "ddp_find_unused_parameters": False,
    }


def _checkpointing(config: LlmTrainingConfig) -> dict[str, Any]:
    """Activation checkpointing under the name that the installed version has for it, and off where TRL turns it on."""
    from transformers import TrainingArguments

    names = {field.name for field in fields(TrainingArguments)}
    prefix = "activation" if "activation_checkpointing" in names else "gradient"
    reentrant = {f"{prefix}_checkpointing_kwargs": {"use_reentrant": False}} if config.checkpointing else {}
    return {f"{prefix}_checkpointing": config.checkpointing, **reentrant}


@contextmanager
def quiet() -> Iterator[None]:
    """Nothing but our own progress: `transformers` prints bars and advice, and each try to reach a hub is a line."""
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        warnings.simplefilter("ignore", UserWarning)
        yield


def silence(trainer: Trainer) -> None:
    """Take away what prints on standard output."""
    trainer.remove_callback(PrinterCallback)
    trainer.remove_callback(ProgressCallback)


def callbacks(config: LlmTrainingConfig, observer: Observer, *, dev: bool) -> list[TrainerCallback]:
    """Progress, marks on whole checkpoints, and an early end."""
    chosen: list[TrainerCallback] = [_Show(observer), _MarkComplete()]
    if dev and config.patience:
        chosen.append(EarlyStoppingCallback(early_stopping_patience=config.patience))
    return chosen


class _Show(TrainerCallback):
    def __init__(self, observer: Observer) -> None:
        self.observer = observer

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **unused: Any,
    ) -> None:
        if not state.is_world_process_zero or not logs:
            return
        shown = ("loss", "eval_loss", "rewards/accuracies", "reward")
        note = ", ".join(f"{name} {logs[name]:.3f}" for name in shown if isinstance(logs.get(name), float))
        self.observer(Progress(STAGE, state.global_step, state.max_steps, note))


class _MarkComplete(TrainerCallback):
    """A checkpoint counts only once this has marked it: whatever dies earlier leaves the one before it."""

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **unused: Any) -> None:
        if state.is_world_process_zero:
            (Path(str(args.output_dir)) / f"checkpoint-{state.global_step}" / _COMPLETE).touch()


def last_checkpoint(out: Path) -> Path | None:
    """The newest whole checkpoint."""
    found = [path.parent for path in (out / CHECKPOINTS).glob(f"checkpoint-*/{_COMPLETE}")]
    return max(found, key=_step, default=None)


def drop_partial_checkpoints(out: Path) -> None:
    """Remove what an interrupted save left."""
    for path in (out / CHECKPOINTS).glob("checkpoint-*"):
        if not (path / _COMPLETE).exists():
            shutil.rmtree(path, ignore_errors=True)


def _step(path: Path) -> int:
    return int(path.name.rpartition("-")[2])


def begin(out: Path, settings: Json, rows: list[str]) -> Json | None:
    """Note in `out` what is trained, or check that it is what was trained there before.

    Returns the summary if that training is done. Raises DataError naming what differs.
    """
    record = {"settings": settings, "data": content_key(rows)}
    path = out / RECORD
    if path.exists():
        known = read_json(path)
        differing = sorted(
            name for name in {*settings, *known["settings"]} if settings.get(name) != known["settings"].get(name)
        )
        if known["data"] != record["data"]:
            differing.append("the corpus")
        if differing:
            what = ", ".join(differing)
            raise DataError(f"the training in {out} was begun with another {what}; use that, or another --out")
        if isinstance(known.get("summary"), dict):
            return known["summary"]
    elif is_main():
        write_json(path, record)
    if is_main():
        drop_partial_checkpoints(out)
    return None


def finish(out: Path, summary: Json) -> None:
    """Note that the training is done, and remove its checkpoints."""
    write_json(out / RECORD, {**read_json(out / RECORD), "summary": summary})
    shutil.rmtree(out / CHECKPOINTS, ignore_errors=True)


@contextmanager
def memory_watched(config: LlmTrainingConfig, *, lora: bool = True) -> Iterator[None]:
    """Turn memory that runs out into one line that says which setting to lower. Raises RunError."""
    try:
        yield
    except (torch.OutOfMemoryError, RuntimeError) as error:
        text = str(error).lower()
        if not isinstance(error, torch.OutOfMemoryError) and not any(sign in text for sign in _NO_MEMORY):
            raise
        raise RunError(f"out of memory at {_shape(config)}; {_advice(config, lora=lora)}") from error


def _shape(config: LlmTrainingConfig) -> str:
    return f"--batch {config.batch} of up to --max-length {config.max_length} tokens"


def _advice(config: LlmTrainingConfig, *, lora: bool) -> str:
    if config.batch > 1:
        half = config.batch // 2
        accumulate = -(-config.batch * config.accumulate // half)
        return f"go on with --resume --batch {half} --accumulate {accumulate}, which gives the same updates"
    if not config.checkpointing:
        return "add --checkpointing: activations are computed again instead of kept"
    if lora and config.lora is None:
        return "add --lora: only adapters need gradients and optimiser state"
    return f"lower --max-length to {config.max_length // 2}"


RESUMABLE = frozenset({"batch", "accumulate", "checkpointing", "evaluations", "dev_examples", "patience"})
"""Settings that may change between a training and its resumption: they do not change what is learnt in the end."""


def gathered(trainer: Trainer, *, merge: bool) -> dict[str, Any] | None:
    """All weights, where FSDP spreads them over processes; every process must call it. Raises ConfigError."""
    if not getattr(trainer, "is_fsdp_enabled", False):
        return None
    if merge:
        raise ConfigError("--merge cannot be done while FSDP spreads the weights; merge the saved adapter afterwards")
    state: dict[str, Any] = trainer.accelerator.get_state_dict(trainer.model_wrapped)
    return state
