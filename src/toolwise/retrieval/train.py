"""Training a retriever: from retrieval pairs and documents to a saved encoder."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from toolwise.errors import DataError, MissingExtraError, RunError, boundary
from toolwise.ports import Observer, Progress, silent
from toolwise.retrieval.batches import TrainingSet, mine_hard_negatives, training_set
from toolwise.retrieval.bm25 import Bm25Retriever
from toolwise.retrieval.config import RetrieverConfig
from toolwise.retrieval.documents import Document
from toolwise.retrieval.encoder import Encoder, Features, document_features, inverse_document_frequencies
from toolwise.retrieval.ranking import Floats, best
from toolwise.retrieval.selection import choose_fusion_weight
from toolwise.types import Frozen, RetrievalPair, Split

STAGE = "retriever"
_DEV_PAIRS = 400
"""At most so many dev pairs are used; their sampling error is then about two points."""
_DEV_SHARE = 0.05
_FEW_DEV = 30
_DEV_POOL = 6000
"""Documents that dev queries are ranked against while training: their own toolsets', and others at random."""
_DEPTH = 5
_MINING_SHARE = 0.25
"""Of the minutes, at most so much goes into finding hard negatives."""


class RetrieverSummary(Frozen):
    """What a training did."""

    pairs: int
    """Training pairs used."""
    dev_pairs: int
    documents: int
    steps: int
    seconds: float
    stopped: str
    """`steps`, `minutes` or `patience`."""
    dev_ndcg_at_5: float
    """Of the chosen checkpoint, over the dev pool."""
    fusion_weight: float
    losses: tuple[tuple[int, float], ...]
    """(step, mean loss since the last point): the loss curve."""
    scores: tuple[tuple[int, float], ...]
    """(step, dev nDCG@5); step 0 is the untrained encoder."""


@dataclass(slots=True)
class DevPool:
    """A fixed subset of documents and the dev queries' right answers in it."""

    features: list[Features]
    queries: list[str]
    right: list[frozenset[int]]
    idf: dict[str, float] = field(default_factory=dict)

    def score(self, encoder: Encoder) -> float:
        """Mean nDCG@5; documents that read like a relevant one are relevant."""
        lexicon = {term: idf for term, idf in self.idf.items() if term not in encoder.vocabulary}
        scores = encoder.encode_queries(self.queries, lexicon) @ encoder.encode_documents(self.features, lexicon).T
        return mean_ndcg(scores, self.right)


def mean_ndcg(scores: Floats, right: Sequence[frozenset[int]]) -> float:
    """Mean nDCG@5 of rows of scores, given the columns that are right for each."""
    return float(np.mean([_ndcg(row, columns) for row, columns in zip(scores, right, strict=True)]))


def _ndcg(scores: Floats, right: frozenset[int]) -> float:
    gains = [1 / math.log2(rank + 2) for rank, row in enumerate(best(scores, _DEPTH)) if int(row) in right]
    return sum(gains) / sum(1 / math.log2(rank + 2) for rank in range(min(_DEPTH, len(right))))


def split_pairs(pairs: Sequence[RetrievalPair], seed: int) -> tuple[list[RetrievalPair], list[RetrievalPair]]:
    """(training pairs, dev pairs). Other splits are never looked at.

    Where there are too few dev pairs, some of the training toolsets' pairs are held out in their place.
    """
    train = [pair for pair in pairs if pair.split is Split.TRAIN]
    dev = [pair for pair in pairs if pair.split is Split.DEV]
    if len(dev) < _FEW_DEV:
        toolsets = sorted({pair.relevant[0].split(".", 1)[0] for pair in train if pair.relevant})
        count = math.ceil(len(toolsets) * _DEV_SHARE) if len(toolsets) > 1 else 0
        held = set(random.Random(f"dev:{seed}").sample(toolsets, count))
        dev += [pair for pair in train if pair.relevant and pair.relevant[0].split(".", 1)[0] in held]
        train = [pair for pair in train if not pair.relevant or pair.relevant[0].split(".", 1)[0] not in held]
    if len(dev) > _DEV_PAIRS:
        dev = random.Random(f"dev:{seed}").sample(dev, _DEV_PAIRS)
    return train, dev


def dev_pool(data: TrainingSet, features: Sequence[Features], seed: int) -> DevPool:
    """The pool for the dev queries `data`."""
    rows = dict.fromkeys(
        i for relevant in data.relevant for row in relevant for i in data.siblings[data.documents[row].toolset]
    )
    others = [i for i in range(len(data.documents)) if i not in rows]
    wanted = max(0, min(len(others), _DEV_POOL - len(rows)))
    pool = [*rows, *random.Random(f"pool:{seed}").sample(others, wanted)]
    groups = data.groups[pool].tolist()
    by_group: dict[int, list[int]] = {}
    for i, group in enumerate(groups):
        by_group.setdefault(group, []).append(i)
    found = DevPool(
        features=[features[row] for row in pool],
        queries=data.queries,
        right=[frozenset(i for group in allowed for i in by_group[group]) for allowed in data.allowed],
    )
    found.idf = inverse_document_frequencies(found.features)
    return found


def train_retriever(
    pairs: Sequence[RetrievalPair],
    documents: Sequence[Document],
    out: Path,
    config: RetrieverConfig | None = None,
    observer: Observer = silent,
) -> RetrieverSummary:
    """Train a bi-encoder on the `train` pairs and save it in the folder `out`.

    The `dev` pairs choose the checkpoint and the fusion weight; pairs of other splits are not looked at. Give only
    the documents of training toolsets, so that nothing of the held-out ones is learned. After a kill, the same call
    goes on from the last checkpoint in `out`. Results depend on the machine's speed where the minutes run out before
    the steps do. Raises DataError if there is nothing to train on, MissingExtraError without torch.
    """
    config = config or RetrieverConfig()
    try:
        from toolwise.retrieval.fitting import fit
    except ImportError as error:
        raise MissingExtraError("training a retriever", "train") from error
    began = time.monotonic()
    train, dev = split_pairs(pairs, config.seed)
    data, dev_data = training_set(train, documents), training_set(dev, documents)
    if not data.queries:
        raise DataError(
            "no training pair names a tool among the documents; give 'train' pairs and their tools' documents"
        )
    observer(Progress(STAGE, 0, config.max_steps, "reading documents"))
    features = [document_features(document) for document in documents]
    bm25 = Bm25Retriever.build(documents)
    if config.hard_negatives:
        deadline = began + 60 * config.minutes * _MINING_SHARE
        size = len(data.queries)
        mine_hard_negatives(
            data, bm25, deadline, lambda n: observer(Progress(STAGE, 0, config.max_steps, f"hard negatives {n}/{size}"))
        )
    pool = dev_pool(dev_data, features, config.seed) if dev_data.queries else None
    # Reading and mining took their part; what is left is for the steps, but never nothing.
    seconds = max(60 * config.minutes - (time.monotonic() - began), 60 * config.minutes * (1 - _MINING_SHARE) / 2)
    fitted = fit(data, features, pool, out, config, observer, seconds)
    encoder = fitted.encoder
    weight = choose_fusion_weight(encoder, bm25, documents, features, dev_data) if pool else encoder.fusion_weight
    with boundary(RunError, f"cannot save the encoder in {out}; free some space or choose another folder"):
        encoder.with_fusion(weight).save(out)
    fitted.discard_checkpoint()
    summary = RetrieverSummary(
        pairs=len(data.queries),
        dev_pairs=len(dev_data.queries),
        documents=len(documents),
        steps=fitted.steps,
        seconds=round(time.monotonic() - began, 1),
        stopped=fitted.stopped,
        dev_ndcg_at_5=max((score for _, score in fitted.scores), default=0.0),
        fusion_weight=weight,
        losses=tuple(fitted.losses),
        scores=tuple(fitted.scores),
    )
    observer(Progress(STAGE, config.max_steps, config.max_steps, "saved"))
    return summary
