"""The verbs `train sft`, `train dpo` and `train grpo` for open base models; `scratch` trains the compact model."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolwise.config import parse_config
from toolwise.corpus import read_rows, read_sft, read_tasks, write_rows
from toolwise.errors import ConfigError, DataError, MissingExtraError
from toolwise.files import read_json, write_json
from toolwise.pipelines.corpus import ACCEPTED_TASKS
from toolwise.pipelines.train import SCRATCH, train_from_corpus
from toolwise.pipelines.worlds import WorldConfig
from toolwise.ports import Observer, Progress, silent
from toolwise.search import SearchConfig
from toolwise.types import Json, PreferencePair, SFTExample, Split, Task, content_key

if TYPE_CHECKING:
    from toolwise.pipelines.dev_attempts import Parted
    from toolwise.pipelines.rollouts import Rollouts
    from toolwise.training.llm.episodes import PlayerOf
    from toolwise.training.llm.gguf import GgufType
    from toolwise.training.llm.settings import DpoConfig, GrpoConfig, SftConfig


DEFAULT_MINUTES = 10.5
START = "start"
"""Folder in which `train dpo` and `train grpo --base scratch` make the model that they start from."""
OWN_PAIRS, OWN_COUNTS = "own_mistakes.jsonl", "own_mistakes.json"
"""What `train dpo --pairs own` learns from, in its output."""
SCREENED = "screened.json"
"""What `train grpo --screen` found, in its output."""
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


def train_dpo(  # noqa: PLR0913 - a verb takes what its command takes
    corpus: Path,
    out: Path,
    base: str,
    config: DpoConfig,
    *,
    resume: bool,
    catalog: Path | None = None,
    world: WorldConfig | None = None,
    minutes: float = DEFAULT_MINUTES,
    observer: Observer = silent,
) -> Json:
    """Train a model on a corpus's preference pairs; for `scratch`, the compact model is trained first.

    The weights kept are those that pass most development tasks, the start's among them. They need the tasks' tools:
    `catalog`, by default the one of the run that the corpus belongs to. Without tasks or tools nothing is attempted,
    and the summary says so. Raises ConfigError, CatalogError, DataError, RunError, MissingExtraError.
    """
    require_llm_training()
    corpus, base = _ready(corpus, out, base, resume=resume)
    own = config.pairs != "corpus"
    pairs = corpus / "preferences" / f"{Split.TRAIN.value}.jsonl"
    if not own:
        _existing(pairs.parent, Split.TRAIN, "preference pairs")
    attempts = own or catalog is not None or (config.dev_tasks > 0 and _has_catalog(corpus))
    where = _catalog(corpus, catalog) if attempts else None
    tasks = _tasks(corpus) if where else []
    base = _start(corpus, out, base, minutes, config.seed, observer)
    from toolwise.pipelines.dev_attempts import DevAttempts, parted
    from toolwise.pipelines.rollouts import Rollouts
    from toolwise.training.llm import dpo

    dev = pairs.with_name(f"{Split.DEV.value}.jsonl")
    dev_rows = tuple(islice(read_rows(dev, PreferencePair), config.dev_examples)) if dev.exists() else ()
    if where is None:
        data = dpo.Preferences(tuple(read_rows(pairs, PreferencePair)), dev_rows, corpus.name)
        return {**dpo.train_dpo(data, base, out, config, observer), "model": str(out), "base": base}
    with Rollouts(tasks, where, world or WorldConfig()) as rollouts:
        split = parted([task for task in tasks if rollouts.knows(task)], rollouts.tools, config.dev_tasks)
        exam = DevAttempts(rollouts, split.dev) if split.dev else None
        learnt, own = _pairs(rollouts, split, (corpus, base, out), config, observer)
        data = dpo.Preferences(learnt, dev_rows, corpus.name, exam)
        done = dpo.train_dpo(data, base, out, config, observer)
    return {**done, "dev_tasks": split.summary(), "own_mistakes": own, "model": str(out), "base": base}


def _pairs(
    rollouts: Rollouts, split: Parted, places: tuple[Path, str, Path], config: DpoConfig, observer: Observer
) -> tuple[tuple[PreferencePair, ...], Json]:
    """The pairs to learn from, and how the own ones came about; `places` are corpus, base and output.

    Own mistakes are kept in the output, so that a training that goes on does not attempt the tasks again.
    """
    from toolwise.pipelines.own_mistakes import own_mistakes
    from toolwise.training.llm.base import load_base
    from toolwise.training.llm.settings import PairSource

    corpus, base, out = places
    pairs: list[PreferencePair] = []
    if config.pairs is not PairSource.OWN:
        held = {task.key for task in split.held}
        path = _existing(corpus / "preferences", Split.TRAIN, "preference pairs")
        pairs += [pair for pair in read_rows(path, PreferencePair) if pair.task_key not in held]
    if config.pairs is PairSource.CORPUS:
        return tuple(pairs), None
    kept, counts = out / OWN_PAIRS, out / OWN_COUNTS
    if not counts.exists():
        order = sorted(split.train, key=lambda task: content_key("own mistakes", config.seed, task.key))
        start = load_base(base, config)
        start.model.train(False)
        sft = _existing(corpus / "sft", Split.TRAIN, "conversations")
        tasks = order[: config.own_tasks]
        found = own_mistakes(rollouts, tasks, sft, (start.model, start.tokenizer), observer)
        write_rows(kept, found.pairs)
        write_json(counts, found.summary())
    return (*pairs, *read_rows(kept, PreferencePair)), read_json(counts)


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
    where = _catalog(corpus, catalog)
    tasks = _tasks(corpus)
    if not tasks:
        raise DataError(f"{corpus} holds no {ACCEPTED_TASKS} with tasks to attempt; make it with `toolwise corpus`")
    base = _start(corpus, out, base, minutes, config.seed, observer)
    from toolwise.pipelines.dev_attempts import DevAttempts, parted
    from toolwise.pipelines.rollouts import Rollouts
    from toolwise.training.llm import grpo

    with Rollouts(tasks, where, world or WorldConfig()) as rollouts:
        known = [task for task in tasks if rollouts.knows(task)]
        if not known:
            raise DataError(f"{where} has none of the tools of these tasks; give the catalog that they were made from")
        split = parted(known, rollouts.tools, config.dev_tasks)
        exam = DevAttempts(rollouts, split.dev) if split.dev else None
        search = SearchConfig(max_steps=config.max_turns, budget=config.max_turns)
        play = rollouts.player(search, config.max_turn_tokens, config.batch * config.accumulate)
        keys, screened = _screened([task.key for task in split.train], play, (base, out), config, observer)
        done = grpo.train_grpo(grpo.Attempts(keys, play, corpus.name, exam), base, out, config, observer)
    counts = {"tasks_without_tools": len(tasks) - len(known), "dev_tasks": split.summary(), "screened": screened}
    return {**done, **counts, "model": str(out), "base": base}


def _screened(
    keys: list[str], play: PlayerOf, places: tuple[str, Path], config: GrpoConfig, observer: Observer
) -> tuple[list[str], Json]:
    """The tasks to train on, and how many were attempted for that; `places` are base and output.

    What was found is kept in the output, so that a training that goes on does not attempt the tasks again.
    """
    if not config.screen:
        return keys, None
    from toolwise.training.llm.base import load_base
    from toolwise.training.llm.rewards import reward

    base, out = places
    if not (out / SCREENED).exists():
        start = load_base(base, config)
        start.model.train(False)
        player = play(start.model, start.tokenizer)
        order = sorted(keys, key=lambda key: content_key("screen", config.seed, key))[: config.screen]
        taught: list[str] = []
        together = max(1, config.batch * config.accumulate // config.generations)
        for begin in range(0, len(order), together):
            part = order[begin : begin + together]
            episodes = player.play([key for key in part for _ in range(config.generations)], config.seed + begin)
            earned = [round(reward(episode.parts), 6) for episode in episodes]
            groups = [set(earned[at : at + config.generations]) for at in range(0, len(earned), config.generations)]
            taught += [key for key, group in zip(part, groups, strict=True) if len(group) > 1]
            note = f"screening: {len(taught)} tasks whose attempts differ"
            observer(Progress("train", begin + len(part), len(order), note))
        write_json(out / SCREENED, {"attempted": len(order), "tasks": taught})
    found = read_json(out / SCREENED)
    return list(found["tasks"]), {"attempted": found["attempted"], "differing": len(found["tasks"])}


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


def _has_catalog(corpus: Path) -> bool:
    """Whether the run that the corpus belongs to holds a catalog."""
    return (corpus.resolve().parent / CATALOG / "index.json").is_file()


def _catalog(corpus: Path, given: Path | None) -> Path:
    """Where the tasks' tools are: as given, or beside the corpus. Raises ConfigError."""
    found = given or corpus.resolve().parent / CATALOG
    if not (found / "index.json").is_file():
        raise ConfigError(f"{found} holds no catalog, and attempts need the tasks' tools; give it with --catalog")
    return found


def _tasks(corpus: Path) -> list[Task]:
    """The tasks to learn from and to choose by; none where the corpus holds none."""
    path = corpus / ACCEPTED_TASKS
    if not path.exists():
        return []
    return [task for task in read_tasks(path) if task.provenance.split in (Split.TRAIN, Split.DEV)]


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
