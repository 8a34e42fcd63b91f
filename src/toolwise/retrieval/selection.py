"""Choosing how much the dense score counts beside BM25, on dev pairs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from toolwise.retrieval.batches import TrainingSet
from toolwise.retrieval.bm25 import Bm25Retriever
from toolwise.retrieval.dense import DenseRetriever
from toolwise.retrieval.documents import Document
from toolwise.retrieval.encoder import Encoder, Features
from toolwise.retrieval.fusion import FusionRetriever

_GRID = tuple(step / 10 for step in range(11))
_DEPTH = 10


def choose_fusion_weight(
    encoder: Encoder,
    bm25: Bm25Retriever,
    documents: Sequence[Document],
    features: Sequence[Features],
    dev: TrainingSet,
) -> float:
    """The smallest dense share whose mean reciprocal rank at 10 is within one standard error of the best share's.

    The one-standard-error rule (Breiman et al., 1984, section 3.4.3) prefers the simpler model, here BM25, which
    needs no training data and so is hurt least by a catalog unlike the training one.
    """
    dense = DenseRetriever.build(documents, encoder, features)
    row = {tool: i for i, tool in enumerate(dense.tools)}
    means: list[float] = []
    errors: list[float] = []
    for weight in _GRID:
        ranks: list[float] = []
        hits = FusionRetriever(bm25, dense, weight).search(dev.queries, _DEPTH)
        for found, allowed in zip(hits, dev.allowed, strict=True):
            groups = [int(dev.groups[row[hit.tool]]) for hit in found]
            ranks.append(next((1 / (i + 1) for i, group in enumerate(groups) if group in allowed), 0.0))
        means.append(float(np.mean(ranks)))
        errors.append(float(np.std(ranks)) / len(ranks) ** 0.5)
    top = int(np.argmax(means))
    return next(weight for weight, mean in zip(_GRID, means, strict=True) if mean >= means[top] - errors[top])
