"""The end of a training: the model, its card and the record of the run, written once by one process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolwise.training.llm import engine
from toolwise.training.llm.base import Base
from toolwise.training.llm.card import ModelFacts, write_model_card
from toolwise.training.llm.saving import save_trained
from toolwise.training.llm.settings import LlmTrainingConfig
from toolwise.types import Json


@dataclass(frozen=True)
class Done:
    """A training that has ended."""

    method: str
    """As the card knows it."""
    corpus: str
    config: LlmTrainingConfig
    summary: Json
    metrics: tuple[str, ...]
    """Keys of the summary that the card shows."""
    data: Mapping[str, Json]
    """Split -> counts."""


def finish(trainer: Any, base: Base, out: Path, done: Done) -> Json:
    """Write everything and return the summary. All processes take part, one writes. Raises ConfigError, RunError."""
    lora = done.config.lora
    merge = lora is not None and lora.merge
    state = engine.gathered(trainer, merge=merge)
    if not engine.is_main():
        return done.summary
    save_trained(out, base, trainer.accelerator.unwrap_model(trainer.model), merge=merge, state=state)
    kept = {"weights": done.summary["kept"]["says"]} if done.summary.get("kept") else {}
    facts = ModelFacts(
        method=done.method,
        base=base.name,
        base_licence=base.licence,
        adapter=lora is not None and not merge,
        corpus=done.corpus,
        data=done.data,
        metrics={name: done.summary[name] for name in done.metrics} | kept,
        settings=done.config.model_dump(mode="json"),
    )
    write_model_card(out, facts)
    engine.finish(out, done.summary)
    return done.summary
