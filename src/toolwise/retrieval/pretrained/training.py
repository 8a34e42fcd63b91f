"""Fine-tuning a pretrained encoder as a bi-encoder: in-batch softmax, hard negatives, dev scores, early stop."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from toolwise.errors import DataError, RunError, boundary
from toolwise.ports import Observer, Progress, silent
from toolwise.retrieval.batches import Batch, TrainingSet, draw_batch, mine_hard_negatives, training_set
from toolwise.retrieval.bm25 import Bm25Retriever
from toolwise.retrieval.documents import Document
from toolwise.retrieval.pretrained.config import TextTrainingConfig
from toolwise.retrieval.pretrained.encoder import TextEncoder
from toolwise.retrieval.pretrained.memory import VectorMemory
from toolwise.retrieval.pretrained.rendering import document_text, document_views, training_text
from toolwise.retrieval.pretrained.specificity import varied_pairs
from toolwise.retrieval.ranking import Floats, standard_scores
from toolwise.retrieval.train import mean_ndcg, split_pairs
from toolwise.types import Frozen, RetrievalPair

STAGE = "retriever"
_MINING_SHARE = 0.1
"""Of the minutes, at most so much goes into BM25's hard negatives."""
_MINED_FIRST = 4
"""Times that the current model's hard negative is in the draw beside BM25's twelve."""
_SHORT = 0.5
"""Share of the documents that a batch shows by name and description alone, as their first view."""
_TOGETHER = 4
"""Queries of one toolset that follow each other."""
_FUSION_GRID = tuple(step / 10 for step in range(11))
_PRIOR_FUSION = 0.5


class TextSummary(Frozen):
    """What a training did."""

    base: str
    pairs: int
    """Training pairs after they were varied."""
    dev_pairs: int
    documents: int
    steps: int
    seconds: float
    stopped: str
    """`steps`, `minutes` or `patience`."""
    chosen_step: int
    """Of the checkpoint that was saved; 0 is the base as it came."""
    dev_ndcg_at_5: float
    fusion_weight: float
    losses: tuple[tuple[int, float], ...]
    scores: tuple[tuple[int, float], ...]
    """(step, dev nDCG@5 of the blended weights)."""


@dataclass(slots=True)
class _Dev:
    """Dev queries over a small pool."""

    queries: list[str]
    texts: list[str]
    right: list[frozenset[int]]
    lexical: Floats
    """BM25's scores of the same queries and documents."""

    def dense(self, encoder: TextEncoder) -> Floats:
        product: Floats = encoder.encode_queries(self.queries) @ encoder.encode_documents(self.texts).T
        return product


@dataclass(slots=True)
class _Run:
    """What changes while training."""

    encoder: TextEncoder
    base: dict[str, Any]
    best: dict[str, Any]
    best_dense: Floats | None = None
    chosen_step: int = 0
    stopped: str = "steps"
    losses: list[tuple[int, float]] = field(default_factory=list)
    scores: list[tuple[int, float]] = field(default_factory=list)


def train_text_retriever(
    pairs: Sequence[RetrievalPair],
    documents: Sequence[Document],
    base: str,
    out: Path,
    config: TextTrainingConfig | None = None,
    observer: Observer = silent,
) -> TextSummary:
    """Fine-tune the encoder `base` (folder or Hugging Face id) on the `train` pairs and save it in `out`.

    The loss is multiple-negatives ranking (Henderson et al., 2017, section 4.4) with what is right for a query, or
    reads like it, masked. The `dev` pairs choose the checkpoint, the base itself among them, and the fusion weight.
    Raises DataError if there is nothing to train on, ConfigError for a base that is no encoder, MissingExtraError.
    """
    config = config or TextTrainingConfig()
    began = time.monotonic()
    encoder = TextEncoder.open(base)
    import torch

    if config.threads:
        torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    train, dev = split_pairs(pairs, config.seed)
    data = training_set(varied_pairs(train, documents, config.seed), documents)
    if not data.queries:
        raise DataError("no training pair names a tool among the documents; give a corpus made for this catalog")
    bm25 = Bm25Retriever.build(documents)
    _mine(data, bm25, began + 60 * config.minutes * _MINING_SHARE, config, observer)
    pool = _dev_pool(training_set(varied_pairs(dev, documents, config.seed), documents), config)
    run = _fit(encoder, data, pool, config, began + 60 * config.minutes, observer)
    encoder.model.load_state_dict(run.best)
    weight = _fusion_weight(pool, run.best_dense)
    encoder.settings = encoder.settings.model_copy(update={"fusion_weight": weight, "base": Path(base).name})
    with boundary(RunError, f"cannot save the encoder in {out}; free some space or choose another folder"):
        encoder.save(out)
    return TextSummary(
        base=base,
        pairs=len(data.queries),
        dev_pairs=len(pool.queries) if pool else 0,
        documents=len(documents),
        steps=run.losses[-1][0] if run.losses else 0,
        seconds=round(time.monotonic() - began, 1),
        stopped=run.stopped,
        chosen_step=run.chosen_step,
        dev_ndcg_at_5=max((score for _, score in run.scores), default=0.0),
        fusion_weight=weight,
        losses=tuple(run.losses),
        scores=tuple(run.scores),
    )


def _mine(
    data: TrainingSet, bm25: Bm25Retriever, deadline: float, config: TextTrainingConfig, observer: Observer
) -> None:
    if config.hard_negatives:
        size = len(data.queries)
        mine_hard_negatives(
            data, bm25, deadline, lambda n: observer(Progress(STAGE, 0, config.max_steps, f"hard negatives {n}/{size}"))
        )


def _dev_pool(data: TrainingSet, config: TextTrainingConfig) -> _Dev | None:
    """Some of the dev queries, their documents, and others of the same toolsets and at random."""
    if not data.queries:
        return None
    rng = random.Random(f"pool:{config.seed}")
    chosen = sorted(rng.sample(range(len(data.queries)), min(config.dev_queries, len(data.queries))))
    rows = dict.fromkeys(row for query in chosen for row in data.relevant[query])
    siblings = [s for row in list(rows) for s in data.siblings[data.documents[row].toolset] if s not in rows]
    room = max(0, config.dev_documents - len(rows))
    rows |= dict.fromkeys(rng.sample(siblings, min(len(siblings), room // 2)))
    others = [row for row in range(len(data.documents)) if row not in rows]
    rows |= dict.fromkeys(rng.sample(others, min(len(others), max(0, config.dev_documents - len(rows)))))
    pool = list(rows)
    groups = [int(data.groups[row]) for row in pool]
    queries = [data.queries[query] for query in chosen]
    documents = [data.documents[row] for row in pool]
    return _Dev(
        queries=queries,
        texts=[document_text(document) for document in documents],
        right=[frozenset(i for i, g in enumerate(groups) if g in data.allowed[query]) for query in chosen],
        lexical=Bm25Retriever.build(documents).scores(queries),
    )


def _fit(
    encoder: TextEncoder,
    data: TrainingSet,
    pool: _Dev | None,
    config: TextTrainingConfig,
    deadline: float,
    observer: Observer,
) -> _Run:
    """Steps until the steps, the minutes or the patience run out."""
    import torch

    run = _Run(encoder, _weights(encoder), _weights(encoder))
    before = time.monotonic()
    _evaluate(run, pool, config, 0)
    scoring = time.monotonic() - before
    for name, parameter in encoder.model.named_parameters():
        parameter.requires_grad_(config.train_words or "word_embeddings" not in name)
    trained = [parameter for parameter in encoder.model.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=config.learning_rate, weight_decay=0.01)
    memory = VectorMemory(encoder.dimensions)
    texts: dict[int, str] = {}
    began = time.monotonic()
    # A dev score takes time as well: the last one has to fit before the deadline.
    seconds = max(deadline - began - scoring, 1.0)
    rng = random.Random(f"steps:{config.seed}")
    order: list[int] = []
    due = 1
    for step in range(config.max_steps):
        spent = max(step / config.max_steps, (time.monotonic() - began) / seconds)
        if spent >= 1:
            run.stopped = "minutes"
            break
        if len(order) < config.batch_size:
            order += _order(data, rng)
        chosen, order = order[: config.batch_size], order[config.batch_size :]
        for group in optimiser.param_groups:
            group["lr"] = config.learning_rate * _rate(spent, config.warmup)
        loss = _step(run, data, texts, chosen, memory, optimiser, (config, rng))
        run.losses.append((step + 1, loss))
        observer(Progress(STAGE, step + 1, config.max_steps, values={"loss": loss}))
        if spent >= due / config.evaluations:
            due += 1
            _evaluate(run, pool, config, step + 1)
            top = max(range(len(run.scores)), key=lambda i: run.scores[i][1], default=0)
            if len(run.scores) - 1 - top >= config.patience:
                run.stopped = "patience"
                return run
    _evaluate(run, pool, config, run.losses[-1][0] if run.losses else 0)
    return run


def _order(data: TrainingSet, rng: random.Random) -> list[int]:
    """All queries in random order, but some of one toolset together: each other's tools are hard negatives for free."""
    order = rng.sample(range(len(data.queries)), len(data.queries))
    by_toolset: dict[str, list[int]] = {}
    for query in order:
        by_toolset.setdefault(data.documents[data.relevant[query][0]].toolset, []).append(query)
    groups = [
        found[start : start + _TOGETHER] for found in by_toolset.values() for start in range(0, len(found), _TOGETHER)
    ]
    return [query for group in rng.sample(groups, len(groups)) for query in group]


def _rate(spent: float, warmup: float) -> float:
    """The learning rate's share: up linearly, then down along a cosine."""
    if spent < warmup:
        return max(spent / warmup, 0.01)
    return 0.5 * (1 + math.cos(math.pi * (spent - warmup) / (1 - warmup)))


def _step(
    run: _Run,
    data: TrainingSet,
    texts: dict[int, str],
    chosen: list[int],
    memory: VectorMemory,
    optimiser: Any,
    draw: tuple[TextTrainingConfig, random.Random],
) -> float:
    """One batch; returns its loss."""
    import torch

    config, rng = draw
    encoder = run.encoder
    encoder.model.train()
    asked = [encoder.settings.query_prefix + data.queries[i] for i in chosen]
    queries = encoder.embed(asked, limit=config.train_tokens)
    if config.hard_negatives:
        for query, row in memory.hardest(data, chosen, queries.detach().float().cpu().numpy()).items():
            data.hard[query] = [*data.hard.get(query, []), *[row] * _MINED_FIRST]
    batch = draw_batch(data, chosen, config.hard_negatives, rng)
    rows = [int(row) for row in batch.documents]
    shown = [texts.setdefault(row, training_text(data.documents[row])) for row in rows]
    shown = [
        document_views(data.documents[row])[0] if rng.random() < _SHORT else t
        for row, t in zip(rows, shown, strict=True)
    ]
    documents = encoder.embed([encoder.settings.document_prefix + t for t in shown], limit=config.train_tokens)
    loss = _ranking_loss(queries, documents, batch, config.temperature)
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(optimiser.param_groups[0]["params"], 1.0)
    optimiser.step()
    memory.put(rows, documents.detach().float().cpu().numpy())
    return float(loss.detach())


def _ranking_loss(queries: Any, documents: Any, batch: Batch, temperature: float) -> Any:
    """Cross-entropy of each query's right document among the batch's, what else is right for it left out."""
    import torch

    scores = queries @ documents.T / temperature
    scores = scores.masked_fill(torch.from_numpy(batch.masked).to(scores.device), float("-inf"))
    return torch.nn.functional.cross_entropy(scores, torch.from_numpy(batch.targets).to(scores.device))


def _weights(encoder: TextEncoder) -> dict[str, Any]:
    return {name: value.detach().clone() for name, value in encoder.model.state_dict().items()}


def _evaluate(run: _Run, pool: _Dev | None, config: TextTrainingConfig, step: int) -> None:
    """Score the blended weights on the dev pool and keep them if they are the best yet; training goes on unblended."""
    if run.scores and run.scores[-1][0] == step:
        return
    tuned = _weights(run.encoder)
    blended = {
        name: _between(run.base[name], value, config.blend) if value.is_floating_point() else value
        for name, value in tuned.items()
    }
    if pool is None:
        run.best, run.chosen_step = blended, step
        return
    run.encoder.model.load_state_dict(blended)
    dense = pool.dense(run.encoder)
    run.encoder.model.load_state_dict(tuned)
    score = mean_ndcg(dense, pool.right)
    if not run.scores or score > max(value for _, value in run.scores):
        run.best, run.best_dense, run.chosen_step = blended, dense, step
    run.scores.append((step, score))


def _between(start: Any, end: Any, share: float) -> Any:
    """The point at `share` of the way between two tensors."""
    return start + (end - start) * share


def _fusion_weight(pool: _Dev | None, dense: Floats | None) -> float:
    """Halfway between an even share and the dev queries' best: they come from the training's own domain."""
    if pool is None or dense is None:
        return _PRIOR_FUSION
    near, lexical = standard_scores(dense.copy()), standard_scores(pool.lexical.copy())
    scores = [mean_ndcg(weight * near + (1 - weight) * lexical, pool.right) for weight in _FUSION_GRID]
    return round((_PRIOR_FUSION + _FUSION_GRID[int(np.argmax(scores))]) / 2, 2)
