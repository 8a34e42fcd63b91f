"""Supervised fine-tuning of a compact model from nothing: choose a tool first, then copy, then whole tasks.

The curriculum: made-up tools without parameters, until the right one is chosen; then real conversations, mixed with
made-up ones whose share falls to zero. Every assistant turn is a target, and nothing else is.
"""

from __future__ import annotations

import ctypes
import os
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from toolwise.errors import DataError, boundary
from toolwise.files import write_json, write_lines
from toolwise.memory import give_memory_back
from toolwise.models.chat import Part, render
from toolwise.models.folder import ModelSize, load_model, new_model, save_model, save_untrained
from toolwise.models.modeling_toolwise import ToolwiseForCausalLM, count_parameters
from toolwise.models.tokenizer import train_tokenizer
from toolwise.ports import Observer, Progress, silent
from toolwise.training.batching import Batch, Encoded, batches, encode, in_schema_order
from toolwise.training.checkpoints import FILE, Position, load_checkpoint, save_checkpoint
from toolwise.training.optimiser import Optimiser
from toolwise.training.settings import CompactTrainingConfig
from toolwise.training.shortening import shortened
from toolwise.training.streams import Stream
from toolwise.training.synthetic import SyntheticLevel, synthetic_example
from toolwise.types import Frozen, SFTExample, canonical_json, content_key

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

STAGE = "train"
CURVE_FILE = "curve.jsonl"
SUMMARY_FILE = "training.json"
UNTRAINED = "untrained"
SELECTION = SyntheticLevel(tools=(4, 4), parameters=(0, 0))
WHOLE = SyntheticLevel(tools=(3, 5), parameters=(0, 4), turns=0.15, several=0.3, negatives=0.05)
_SYNTHETIC_EPOCH = 512
_TOKENIZER_EXAMPLES = 6000
_MEASURE_EVERY = 10
"""Steps between looks at the training accuracy, which costs time."""
_DEV_TOKENS = 8000
_SMOOTHING = 0.8
_MOST_THREADS = 4
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Settings of glibc's mallopt."""


class TrainingSummary(Frozen):
    """What training did."""

    steps: int
    tokens: int
    seconds: float
    """Training time over all processes that took part."""
    loss: float
    dev: float | None
    """Share of development turns whose every token is the most likely one."""
    parameters: int
    vocabulary: int
    examples: int
    too_long: int
    """Examples left out because they are longer than the context."""


@dataclass(frozen=True)
class Given:
    """What a training may be given besides its examples."""

    tokenizer: PreTrainedTokenizerFast | None = None
    """In place of one made from the examples: models that are compared must count tokens alike."""
    first: Sequence[SFTExample] = ()
    """Examples of a stage of their own, before all others (`first_stage` says for how long)."""
    base: Path | None = None
    """A compact model of the same sizes and the same tokenizer, whose weights to begin with."""


_NOTHING = Given()


def train_compact(
    train: Sequence[SFTExample],
    dev: Sequence[SFTExample],
    out: Path,
    config: CompactTrainingConfig | None = None,
    observer: Observer = silent,
    given: Given = _NOTHING,
) -> TrainingSummary:
    """Train and save a model in the folder `out`, its untrained twin in `out/untrained`.

    Goes on from the last checkpoint in `out` if there is one. Raises DataError if there is nothing to train on or the
    checkpoint is of other data or settings, RunError if `out` cannot be written.
    """
    if not train:
        raise DataError("the corpus holds no training conversations; give one made by `toolwise corpus`")
    config = config or CompactTrainingConfig()
    torch.set_num_threads(config.threads or _default_threads())
    with _freed_memory_kept():
        trainer = _Trainer(_prepare(train, dev, given, config, observer), out, config, observer)
        trainer.run()
        summary = trainer.finish()
        del trainer
    return summary


def _default_threads() -> int:
    """One a core, but on larger machines one core is left for the rest: matrices this small are shared out so often
    that a single thread that has to wait for its core stops all of them."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(_MOST_THREADS, cores if cores <= 2 else cores - 1)


@contextmanager
def _freed_memory_kept() -> Iterator[None]:
    """Every batch allocates the same large blocks again; giving them back to the system each time costs a third.

    At the end all of it is given back: what comes next in this process needs the room.
    """
    try:
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(_MMAP_THRESHOLD, 1 << 30)
        libc.mallopt(_TRIM_THRESHOLD, (1 << 31) - 1)
    except (OSError, AttributeError):  # another C library: slower, no worse
        yield
        return
    try:
        yield
    finally:
        libc.mallopt(_MMAP_THRESHOLD, 1 << 17)
        libc.mallopt(_TRIM_THRESHOLD, 1 << 17)
        give_memory_back()


@dataclass(frozen=True)
class _Data:
    """Encoded examples and the streams over them."""

    tokenizer: PreTrainedTokenizerFast
    real: list[Encoded]
    first: list[Encoded]
    dev: list[Encoded]
    too_long: int
    keys: list[str]
    """Of all training examples, in order, and of the weights to begin with."""
    base: Mapping[str, torch.Tensor] | None = None
    """Weights to begin with."""


class _Trainer:
    def __init__(self, data: _Data, out: Path, config: CompactTrainingConfig, observer: Observer) -> None:
        self.data, self.out, self.config, self.observer = data, out, config, observer
        size = ModelSize(config.width, config.layers, config.heads, 4 * config.width)
        self.model: ToolwiseForCausalLM = new_model(self.data.tokenizer, size, config.seed)
        if data.base is not None:
            with boundary(DataError, "the base model is of other sizes or of another tokenizer"):
                self.model.load_state_dict(data.base)
        self.optimiser = Optimiser(self.model, config.learning_rate, config.learning_rate)
        self.streams = {stream.name: stream for stream in _streams(self.data, config)}
        settings = config.model_dump(mode="json", exclude={"minutes", "threads", "checkpoint_seconds"})
        self.key = content_key(settings, data.keys)
        self.position = load_checkpoint(out, self.model, self.optimiser, self.key)
        for name, place in self.position.streams.items():
            self.streams[name].seek(place)

    @property
    def progress(self) -> float:
        """Share of the schedule that has passed."""
        if self.config.max_tokens is not None:
            return self.position.tokens / self.config.max_tokens
        if self.config.max_steps is not None:
            return self.position.step / self.config.max_steps
        return self.position.seconds / (60 * self.config.minutes)

    def run(self) -> None:
        began = saved = time.monotonic()
        before = self.position.seconds
        self.model.train()
        while self.progress < 1:
            loss = self._step(next(self.streams[self._choose()]))
            now = time.monotonic()
            self.position.seconds = before + now - began
            if now - saved >= self.config.checkpoint_seconds or self.progress >= 1:
                self._record(loss)
                self._save()
                saved = time.monotonic()

    def _choose(self) -> str:
        """The next batch's stream: a function of the step and of what is known at it, so a resumed run agrees."""
        position, config = self.position, self.config
        if position.stage != "whole tasks":
            unfinished = position.accuracy < config.selection_accuracy
            position.stage = "selection" if self.progress < config.selection and unfinished else "whole tasks"
        if position.stage == "selection":
            return "selection"
        if self.data.first and self.progress < config.first_stage:
            return "first"
        draw = random.Random(f"{config.seed}|{position.step}").random()
        return "synthetic" if draw < config.synthetic * (1 - self.progress) else "real"

    def _step(self, batch: Batch) -> float:
        position = self.position
        measure = position.step % _MEASURE_EVERY == 0
        hidden = self.model.hidden(batch.ids[:, :-1])
        scores, right = self.model.likelihoods(hidden, batch.ids, batch.rows, batch.columns, judge=measure)
        loss = -(scores * batch.weights).sum() / batch.weights.sum()
        torch.autograd.backward(loss + self.config.probe_weight * _probe_loss(self.model, hidden, batch))
        self.optimiser.step(self._rate())
        position.step += 1
        position.tokens += batch.tokens
        if measure and (chosen := _share_named(batch, right)) is not None:
            position.accuracy = _SMOOTHING * position.accuracy + (1 - _SMOOTHING) * chosen
        value = float(loss.detach())
        if measure:
            self._report(position, f"{position.stage}, loss {value:.2f}, tool {position.accuracy:.0%}")
        return value

    def _rate(self) -> float:
        warm = min(1.0, (self.position.step + 1) / max(1, self.config.warm_up))
        return warm * min(1.0, max(0.0, 1 - self.progress) / self.config.decay)

    def _record(self, loss: float) -> None:
        position = self.position
        position.curve.append(
            {
                "seconds": round(position.seconds, 1),
                "step": position.step,
                "tokens": position.tokens,
                "loss": loss,
                "dev": _accuracy(self.model, self.data),
                "stage": position.stage,
            }
        )

    def _save(self) -> None:
        self.position.streams = {name: stream.place for name, stream in self.streams.items()}
        save_checkpoint(self.out, self.model, self.optimiser, self.position, self.key)
        write_lines(self.out / CURVE_FILE, map(canonical_json, self.position.curve))

    def _report(self, position: Position, note: str) -> None:
        total = self.config.max_tokens or self.config.max_steps or round(60 * self.config.minutes)
        done = position.step if self.config.max_steps else round(position.seconds)
        done = position.tokens if self.config.max_tokens else done
        self.observer(Progress(STAGE, min(done, total), total, note))

    def finish(self) -> TrainingSummary:
        position, curve = self.position, self.position.curve
        save_model(self.out, self.model, self.data.tokenizer)
        save_untrained(self.out / UNTRAINED, self.out, self.config.seed + 1)
        summary = TrainingSummary(
            steps=position.step,
            tokens=position.tokens,
            seconds=round(position.seconds, 1),
            loss=curve[-1]["loss"],
            dev=curve[-1]["dev"],
            parameters=count_parameters(self.model),
            vocabulary=len(self.data.tokenizer),
            examples=len(self.data.real),
            too_long=self.data.too_long,
        )
        write_json(self.out / SUMMARY_FILE, summary.model_dump(mode="json"))
        (self.out / FILE).unlink(missing_ok=True)
        return summary


def _prepare(
    train: Sequence[SFTExample],
    dev: Sequence[SFTExample],
    given: Given,
    config: CompactTrainingConfig,
    observer: Observer,
) -> _Data:
    observer(Progress(STAGE, 0, 1, "reading examples"))
    tokenizer = given.tokenizer or corpus_tokenizer([*train[:_TOKENIZER_EXAMPLES], *given.first], config.vocabulary)

    def short(examples: Sequence[SFTExample]) -> list[Encoded]:
        # Mixtures hold an example as often as it is read: each is rendered once.
        once = {id(example): example for example in examples}
        encoded = dict(zip(once, encode(list(once.values()), tokenizer, _weights(config)), strict=True))
        return [item for example in examples if len(item := encoded[id(example)]) <= config.longest]

    real, first = short(train), short(given.first)
    left_out = len(train) + len(given.first) - len(real) - len(first)
    keys = [example.key for example in (*train, *given.first)]
    base = None if given.base is None else load_model(given.base)[0].state_dict()
    if base is not None:
        keys.append(content_key("base", [[name, float(value.double().sum())] for name, value in base.items()]))
    return _Data(tokenizer, real, first, short(list(dev[: config.dev_examples])), left_out, keys, base)


def corpus_tokenizer(examples: Sequence[SFTExample], vocabulary: int) -> PreTrainedTokenizerFast:
    """A tokenizer for these examples and for made-up ones."""
    made_up = [synthetic_example(level, f"words:{i}") for level in (SELECTION, WHOLE) for i in range(_SYNTHETIC_EPOCH)]
    texts = (
        "".join(segment.text for segment in render(in_schema_order(example), example.tools))
        for example in [*made_up, *examples]
    )
    return train_tokenizer(texts, vocabulary)


def _weights(config: CompactTrainingConfig) -> dict[Part, float]:
    return {Part.NAME: config.name_weight, Part.ANSWER: 1.0}


def _streams(data: _Data, config: CompactTrainingConfig) -> Iterator[Stream]:
    def made_up(name: str, level: SyntheticLevel) -> Stream:
        def fresh(epoch: int) -> list[Encoded]:
            examples = [synthetic_example(level, f"{config.seed}:{name}:{epoch}:{i}") for i in range(_SYNTHETIC_EPOCH)]
            return encode(examples, data.tokenizer, _weights(config))

        return Stream(name, fresh, batch_tokens=config.batch_tokens, pad=_pad(data), seed=config.seed)

    def real(name: str, examples: list[Encoded], seed: str) -> Stream:
        def read_in_part(epoch: int) -> list[Encoded]:
            rng = random.Random(f"{seed}:{epoch}")
            return [shortened(example, config.shortened, rng) for example in examples]

        return Stream(
            name,
            read_in_part,
            batch_tokens=config.batch_tokens,
            pad=_pad(data),
            seed=config.seed,
            alike=config.alike_batches,
        )

    yield made_up("selection", SELECTION)
    yield made_up("synthetic", WHOLE)
    yield real("real", data.real, f"{config.seed}:shortened")
    if data.first:
        yield real("first", data.first, f"{config.seed}:first")


def _probe_loss(model: ToolwiseForCausalLM, hidden: torch.Tensor, batch: Batch) -> torch.Tensor:
    """Telling early which of the shown names will be used: it grows the features that choosing needs."""
    rows, columns, kinds, labels = batch.probes.unbind(1)
    logits = model.probed(hidden, rows, columns, kinds)
    return functional.binary_cross_entropy_with_logits(logits, labels.float())


def _pad(data: _Data) -> int:
    return int(data.tokenizer.pad_token_id)


def _share_named(batch: Batch, right: torch.Tensor) -> float | None:
    """Share of the sequences with a call whose tool names are all right."""
    named = batch.names > 0
    rows = set(batch.rows[named].tolist())
    if not rows:
        return None
    return 1 - len(set(batch.rows[named & ~right].tolist())) / len(rows)


@torch.no_grad()
def _accuracy(model: ToolwiseForCausalLM, data: _Data) -> float | None:
    """Share of development turns whose every token is the most likely one given the right tokens before it."""
    turns = wrong = 0
    for batch in batches(data.dev, _DEV_TOKENS, _pad(data), random.Random(0)):
        hidden = model.hidden(batch.ids[:, :-1])
        _, right = model.likelihoods(hidden, batch.ids, batch.rows, batch.columns, judge=True)
        places = list(zip(batch.rows.tolist(), batch.turns.tolist(), right.tolist(), strict=True))
        turns += len({(row, turn) for row, turn, _ in places})
        wrong += len({(row, turn) for row, turn, fine in places if not fine})
    return 1 - wrong / turns if turns else None
