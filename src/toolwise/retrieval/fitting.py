"""The training loop: steps, dev scores, checkpoints that survive a kill. Needs torch."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch

from toolwise.files import written_aside
from toolwise.ports import Observer, Progress
from toolwise.retrieval.batches import TrainingSet, document_bags, draw_batch, query_bags
from toolwise.retrieval.config import RetrieverConfig
from toolwise.retrieval.documents import RENDERING
from toolwise.retrieval.encoder import Encoder, Features
from toolwise.retrieval.learning import BagEncoder, Optimiser, choose_vocabulary
from toolwise.types import content_key

_STAGE = "retriever"
_CHECKPOINT = "checkpoint.pt"
_LOSS_POINT = 20
"""Steps that one point of the loss curve averages."""


class Scorer(Protocol):
    """Says how good an encoder is on held-out queries."""

    def score(self, encoder: Encoder) -> float: ...


@dataclass(slots=True)
class Fitted:
    """The best encoder, and how it came about."""

    encoder: Encoder
    steps: int
    stopped: str
    losses: list[tuple[int, float]]
    scores: list[tuple[int, float]]
    checkpoint: Path

    def discard_checkpoint(self) -> None:
        """Call once the encoder is saved."""
        self.checkpoint.unlink(missing_ok=True)


@dataclass(slots=True)
class _State:
    """Everything that a resumed training needs."""

    model: BagEncoder
    optimiser: Optimiser
    best: dict[str, Any]
    step: int = 0
    elapsed: float = 0.0
    """Seconds of training before this process."""
    losses: list[tuple[int, float]] = field(default_factory=list)
    scores: list[tuple[int, float]] = field(default_factory=list)

    def save(self, path: Path, key: str) -> None:
        """In one step: a kill leaves the old checkpoint or the new one. Raises RunError."""
        fields = ("best", "step", "elapsed", "losses", "scores")
        document = {name: getattr(self, name) for name in fields}
        document |= {"key": key, "model": self.model.state_dict(), "optimiser": self.optimiser.state()}
        with written_aside(path) as aside:
            torch.save(document, aside)

    def load(self, path: Path, key: str) -> None:
        """Take over a checkpoint of the same data and configuration; any other, or a broken one, is passed over."""
        try:
            document = torch.load(path, weights_only=True)
            if document["key"] != key:
                return
        except (OSError, RuntimeError, KeyError, ValueError, EOFError):
            return
        self.model.load_state_dict(document["model"])
        self.optimiser.restore(document["optimiser"])
        self.best, self.step, self.elapsed = document["best"], document["step"], document["elapsed"]
        self.losses = [(int(s), float(v)) for s, v in document["losses"]]
        self.scores = [(int(s), float(v)) for s, v in document["scores"]]


def _key(data: TrainingSet, config: RetrieverConfig) -> str:
    settings = config.model_dump(exclude={"minutes", "threads"})
    return content_key(RENDERING, settings, data.queries, data.relevant, [d.tool for d in data.documents])


def _query_order(size: int, batch: int, seed: int) -> Iterator[tuple[int, list[int]]]:
    """(step, queries) for ever: shuffled anew every epoch, the same for every process."""
    step = 0
    epoch = 0
    while True:
        order = random.Random(f"epoch:{seed}:{epoch}").sample(range(size), size)
        for start in range(0, max(1, size - batch + 1), batch):
            yield step, order[start : start + batch]
            step += 1
        epoch += 1


def _weights(model: BagEncoder) -> dict[str, Any]:
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def fit(
    data: TrainingSet,
    features: Sequence[Features],
    scorer: Scorer | None,
    out: Path,
    config: RetrieverConfig,
    observer: Observer,
    seconds: float,
) -> Fitted:
    """Train until the steps, the `seconds` or the patience run out; the encoder is the one with the best dev score.

    The learning rates fall linearly to nothing at whichever of steps and seconds comes first.
    """
    if config.threads:
        torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    vocabulary, idf = choose_vocabulary(features, data.queries, config.vocabulary)
    documents, queries = document_bags(features, vocabulary), query_bags(data.queries, vocabulary)
    model = BagEncoder(vocabulary, idf, config.dimensions)
    state = _State(model, Optimiser(model, config), _weights(model))
    path, key = out / _CHECKPOINT, _key(data, config)
    state.load(path, key)
    began = time.monotonic() - state.elapsed
    stopped, recent = "steps", []
    if scorer and not state.scores:
        state.scores.append((0, scorer.score(model.export())))
    for step, chosen in _query_order(len(data.queries), config.batch_size, config.seed):
        if step < state.step:
            continue
        state.elapsed = time.monotonic() - began
        spent = max(step / config.max_steps, state.elapsed / seconds)
        if spent >= 1:
            stopped = "steps" if step >= config.max_steps else "minutes"
            break
        batch = draw_batch(data, chosen, config.hard_negatives, random.Random(f"batch:{config.seed}:{step}"))
        recent.append(state.optimiser.step(batch, queries, documents, 1 - spent))
        state.step = step + 1
        if state.step % _LOSS_POINT == 0:
            state.losses.append((state.step, sum(recent) / len(recent)))
            observer(Progress(_STAGE, state.step, config.max_steps, values={"loss": state.losses[-1][1]}))
            recent = []
        if state.step % config.evaluate_every == 0 and _evaluate(state, scorer, config.patience):
            stopped = "patience"
            break
        if state.step % config.evaluate_every == 0:
            state.save(path, key)
    _evaluate(state, scorer, config.patience)
    model.load_state_dict(state.best)
    return Fitted(model.export(), state.step, stopped, state.losses, state.scores, path)


def _evaluate(state: _State, scorer: Scorer | None, patience: int) -> bool:
    """Note the dev score, keep the weights if they are the best yet; is patience at an end?"""
    if scorer is None:
        state.best = _weights(state.model)
        return False
    if state.scores[-1][0] != state.step:
        score = scorer.score(state.model.export())
        if score > max(value for _, value in state.scores):
            state.best = _weights(state.model)
        state.scores.append((state.step, score))
    top = max(range(len(state.scores)), key=lambda i: state.scores[i][1])
    return len(state.scores) - 1 - top >= patience
