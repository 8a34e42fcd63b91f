"""The verb `train sft`: a compact model from nothing on a corpus's conversations."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from toolwise.corpus import read_sft
from toolwise.errors import ConfigError, DataError
from toolwise.files import read_json
from toolwise.pipelines.assemble import require_training
from toolwise.pipelines.mixed_corpus import FIRST_FILE, MIXTURE_FILE, TOKENIZER_FOLDER
from toolwise.ports import Observer, silent
from toolwise.training.settings import CompactTrainingConfig
from toolwise.types import Json, SFTExample, Split

if TYPE_CHECKING:
    from toolwise.training.sft import Given

SCRATCH = "scratch"


def train_model(corpus: Path, out: Path, config: CompactTrainingConfig, observer: Observer = silent) -> Json:
    """Train on the corpus's `train` split; `dev` is only looked at. Raises DataError, MissingExtraError."""
    require_training("training a model")
    from toolwise.training.sft import train_compact

    given, share = _mixture(corpus)
    if given.tokenizer is not None:
        config = config.model_copy(update={"first_stage": share, "alike_batches": False})
    summary = train_compact(_read(corpus, Split.TRAIN), _read(corpus, Split.DEV), out, config, observer, given)
    return dict(summary.model_dump(mode="json"))


def _mixture(corpus: Path) -> tuple[Given, float]:
    """What `toolwise corpus --metatasks` left for training: the variants' common tokenizer, and the first stage."""
    from transformers import PreTrainedTokenizerFast

    from toolwise.training.sft import Given

    if not (corpus / MIXTURE_FILE).exists():
        return Given(), 0.0
    first = corpus / "sft" / FIRST_FILE
    tokenizer = PreTrainedTokenizerFast.from_pretrained(corpus / TOKENIZER_FOLDER)
    given = Given(tokenizer, tuple(read_sft(first)) if first.exists() else ())
    return given, float(read_json(corpus / MIXTURE_FILE)["first_stage"])


def train_from_corpus(  # noqa: PLR0913 - a verb takes what its command takes
    corpus: Path,
    out: Path,
    base: str,
    *,
    minutes: float,
    tokens: int | None = None,
    seed: int = 0,
    resume: bool = False,
    observer: Observer = silent,
) -> Json:
    """The verb `train sft`. `corpus` may be a run's folder; `tokens`, if given, is the schedule instead of the clock.

    Raises ConfigError for an unknown base.
    """
    if base != SCRATCH:
        raise ConfigError(f"unknown base {base!r}; this version trains from {SCRATCH!r} only")
    if (corpus / "corpus").is_dir():
        corpus = corpus / "corpus"
    if out.exists() and any(out.iterdir()) and not resume:
        raise ConfigError(f"{out} is not empty; add --resume to go on with the training there, or choose another --out")
    summary = train_model(corpus, out, CompactTrainingConfig(minutes=minutes, max_tokens=tokens, seed=seed), observer)
    return {**summary, "model": str(out)}


def loss_curve(model: Path) -> Json:
    """The training's readings, as the report shows them."""
    import orjson

    return [orjson.loads(line) for line in (model / "curve.jsonl").read_bytes().splitlines()]


def _read(corpus: Path, split: Split) -> list[SFTExample]:
    path = corpus / "sft" / f"{split.value}.jsonl"
    if path.exists():
        return list(read_sft(path))
    if split is Split.TRAIN:
        raise DataError(f"{corpus} holds no conversations to train on; give a corpus made by `toolwise corpus`")
    return []
