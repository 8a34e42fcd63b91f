"""The verbs `train sft`, `train dpo` and `train grpo` for open base models; `scratch` trains the compact model."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolwise.config import parse_config
from toolwise.corpus import read_rows, read_sft, read_tasks
from toolwise.errors import ConfigError, DataError, MissingExtraError
from toolwise.pipelines.corpus import ACCEPTED_TASKS
from toolwise.pipelines.train import SCRATCH, train_from_corpus
from toolwise.pipelines.worlds import WorldConfig
from toolwise.ports import Observer, silent
from toolwise.search import SearchConfig
from toolwise.types import Json, PreferencePair, SFTExample, Split

if TYPE_CHECKING:
    from toolwise.training.llm.gguf import GgufType
    from toolwise.training.llm.settings import DpoConfig, GrpoConfig, SftConfig


DEFAULT_MINUTES = 10.5
START = "start"
"""Folder in which `train dpo` and `train grpo --base scratch` make the model that they start from."""
CATALOG = "catalog"
"""Folder of a run beside its corpus."""


def train_sft(
    corpus: Path, out: Path, base: str, config: SftConfig, *, resume: bool, observer: Observer = silent
) -> Json:
    """Fine-tune a base on a corpus's `train` split. `corpus` may be a run's folder.

    Raises ConfigError, DataError, RunError, MissingExtraError.
    """
    require_llm_training()
    corpus, base = _ready(corpus, out, base, resume=resume)
    from toolwise.training.llm import sft

    path = corpus / "sft"
    data = sft.Conversations(
        tuple(read_sft(_existing(path, Split.TRAIN, "conversations"))),
        tuple(islice(_optional_sft(path), config.dev_examples)),
        corpus.name,
    )
    return {**sft.train_sft(data, base, out, config, observer), "model": str(out), "base": base}


def train_dpo(
    corpus: Path,
    out: Path,
    base: str,
    config: DpoConfig,
    *,
    resume: bool,
    minutes: float = DEFAULT_MINUTES,
    observer: Observer = silent,
) -> Json:
    """Train a model on a corpus's preference pairs; for `scratch`, the compact model is trained first.

    Raises ConfigError, DataError, RunError, MissingExtraError.
    """
    require_llm_training()
    corpus, base = _ready(corpus, out, base, resume=resume)
    base = _start(corpus, out, base, minutes, config.seed, observer)
    from toolwise.training.llm import dpo

    path = corpus / "preferences"
    train_rows = read_rows(_existing(path, Split.TRAIN, "preference pairs"), PreferencePair)
    dev = path / f"{Split.DEV.value}.jsonl"
    dev_rows = read_rows(dev, PreferencePair) if dev.exists() else iter(())
    data = dpo.Preferences(tuple(train_rows), tuple(islice(dev_rows, config.dev_examples)), corpus.name)
    return {**dpo.train_dpo(data, base, out, config, observer), "model": str(out), "base": base}


def train_grpo(  # noqa: PLR0913 - a verb takes what its command takes
    corpus: Path,
    out: Path,
    base: str,
    config: GrpoConfig,
    *,
    resume: bool,
    catalog: Path | None = None,
    world: WorldConfig | None = None,
    minutes: float = DEFAULT_MINUTES,
    observer: Observer = silent,
) -> Json:
    """Let a model attempt the tasks of a corpus's `train` split, and learn from what the world says.

    `catalog` is where the tasks' tools are, by default the one of the run that the corpus belongs to. For `scratch`,
    the compact model is trained first. Raises ConfigError, CatalogError, DataError, RunError, MissingExtraError.
    """
    require_llm_training()
    corpus, base = _ready(corpus, out, base, resume=resume)
    catalog = catalog or corpus.resolve().parent / CATALOG
    if not (catalog / "index.json").is_file():
        raise ConfigError(f"{catalog} holds no catalog, and attempts need the tasks' tools; give it with --catalog")
    base = _start(corpus, out, base, minutes, config.seed, observer)
    from toolwise.pipelines.rollouts import Rollouts
    from toolwise.training.llm import grpo

    path = corpus / ACCEPTED_TASKS
    if not path.exists():
        raise DataError(f"{corpus} holds no {ACCEPTED_TASKS} with tasks to attempt; make it with `toolwise corpus`")
    tasks = [task for task in read_tasks(path) if task.provenance.split is Split.TRAIN]
    search = SearchConfig(max_steps=config.max_turns, budget=config.max_turns)
    with Rollouts(tasks, catalog, world or WorldConfig(), search) as rollouts:
        known = [task.key for task in tasks if rollouts.knows(task)]
        if tasks and not known:
            raise DataError(
                f"{catalog} has none of the tools of these tasks; give the catalog that they were made from"
            )
        play = rollouts.player(config.max_turn_tokens, config.batch * config.accumulate)
        done = grpo.train_grpo(grpo.Attempts(known, play, corpus.name), base, out, config, observer)
    return {**done, "tasks_without_tools": len(tasks) - len(known), "model": str(out), "base": base}


def train_scratch(
    corpus: Path, out: Path, *, minutes: float | None = None, observer: Observer = silent, **settings: Any
) -> Json:
    """The compact model from nothing; `settings` as `train_from_corpus` takes them."""
    minutes = DEFAULT_MINUTES if minutes is None else minutes
    return train_from_corpus(corpus, out, SCRATCH, minutes=minutes, observer=observer, **settings)


def sft_config(values: dict[str, Any]) -> SftConfig:
    """Raises ConfigError, MissingExtraError."""
    require_llm_training()
    from toolwise.training.llm.settings import SftConfig

    return parse_config(SftConfig, values, "train sft")


def dpo_config(values: dict[str, Any]) -> DpoConfig:
    """Raises ConfigError, MissingExtraError."""
    require_llm_training()
    from toolwise.training.llm.settings import DpoConfig

    return parse_config(DpoConfig, values, "train dpo")


def grpo_config(values: dict[str, Any]) -> GrpoConfig:
    """Raises ConfigError, MissingExtraError."""
    require_llm_training()
    from toolwise.training.llm.settings import GrpoConfig

    return parse_config(GrpoConfig, values, "train grpo")


def gguf_converter(kind: str, base: str, *, adapter: bool = False) -> tuple[Path, GgufType]:
    """What `write_gguf` needs, looked for before a training. Raises ConfigError, MissingExtraError."""
    require_llm_training()
    from toolwise.models.open_models import is_compact
    from toolwise.training.llm import gguf

    compact = base == SCRATCH or ((Path(base) / "config.json").is_file() and is_compact(Path(base)))
    gguf.require_convertible(compact=compact, adapter=adapter)
    return gguf.find_converter(kind)


def write_gguf(model: Path, converter: tuple[Path, GgufType]) -> str | None:
    """A trained model as a GGUF file in its folder; only the first process writes. Raises ConfigError, RunError."""
    from toolwise.training.llm import gguf

    return str(gguf.write_gguf(model, *converter)) if is_first_process() else None


def is_first_process() -> bool:
    """Whether this process reports: the only one, or the first of those that `torchrun` started."""
    return os.environ.get("RANK", "0") == "0"


def require_llm_training() -> None:
    """Raises MissingExtraError unless everything that `train sft`, `dpo` and `grpo` need is installed."""
    needed = ("torch", "transformers", "accelerate", "peft", "trl", "datasets")
    if any(find_spec(name) is None for name in needed):
        raise MissingExtraError("training an open base model", "train")


def _ready(corpus: Path, out: Path, base: str, *, resume: bool) -> tuple[Path, str]:
    """The corpus's own folder, and the base with an absolute path if it is a folder."""
    if (corpus / "corpus").is_dir():
        corpus = corpus / "corpus"
    if not resume and is_first_process() and out.exists() and any(out.iterdir()):
        raise ConfigError(f"{out} is not empty; add --resume to go on with the training there, or choose another --out")
    folder = Path(base)
    if folder.exists() or base.startswith((".", "/", "~")):
        folder = folder.expanduser().resolve()
        if not folder.is_dir():
            raise DataError(f"there is no model folder {folder}; check --base")
        base = str(folder)
    out.mkdir(parents=True, exist_ok=True)
    return corpus, base


def _start(corpus: Path, out: Path, base: str, minutes: float, seed: int, observer: Observer) -> str:
    """The base; for `scratch` the compact model, trained first if it is not there yet."""
    if base != SCRATCH:
        return base
    start = (out / START).resolve()
    if not (start / "config.json").is_file():  # which is written when that training is done
        train_scratch(corpus, start, minutes=minutes, seed=seed, resume=True, observer=observer)
    return str(start)


def _existing(folder: Path, split: Split, what: str) -> Path:
    path = folder / f"{split.value}.jsonl"
    if not path.exists():
        raise DataError(f"{folder.parent} holds no {what} to train on; give a corpus made by `toolwise corpus`")
    return path


def _optional_sft(folder: Path) -> Iterator[SFTExample]:
    path = folder / f"{Split.DEV.value}.jsonl"
    return read_sft(path) if path.exists() else iter(())
