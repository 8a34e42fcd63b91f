"""Training the bi-encoder with the in-batch softmax loss. The only module of retrieval that needs torch."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from toolwise.retrieval.batches import Batch, Ragged
from toolwise.retrieval.config import RetrieverConfig
from toolwise.retrieval.documents import FIELDS
from toolwise.retrieval.encoder import Encoder, Features, hashed_vector, inverse_document_frequencies
from toolwise.retrieval.tokens import terms

_SCALE = 16.0
"""The softmax's first inverse temperature; it is learned."""


def choose_vocabulary(
    documents: Sequence[Features], queries: Sequence[str], size: int
) -> tuple[dict[str, int], dict[str, float]]:
    """(term -> row, term -> idf) of the most frequent terms of documents and queries.

    A term of a single query alone is a value, not a word, and is left out. Terms that only queries use weigh as
    much as the rarest document terms: training decides what they mean.
    """
    idf = inverse_document_frequencies(documents)
    asked = Counter(term for query in queries for term in set(terms(query)))
    rarest = max(idf.values(), default=1.0)
    known = {term: idf.get(term, rarest) for term in sorted({*idf, *(t for t, n in asked.items() if n > 1)})}
    chosen = sorted(known, key=lambda term: (known[term], -asked[term], term))[:size]
    return {term: row for row, term in enumerate(chosen)}, {term: known[term] for term in chosen}


class BagEncoder(nn.Module):
    """The learned parts of an `Encoder`, as torch parameters. Weights are kept as logarithms, so they stay positive."""

    def __init__(self, vocabulary: Mapping[str, int], idf: Mapping[str, float], dimensions: int) -> None:
        super().__init__()
        hashed = np.stack([hashed_vector(term, dimensions) for term in vocabulary])
        log_idf = torch.tensor([math.log(idf[term]) for term in vocabulary], dtype=torch.float32)
        self.vocabulary = vocabulary
        self.vectors = nn.Parameter(torch.from_numpy(hashed))
        self.query_weights = nn.Parameter(log_idf.clone())
        self.document_weights = nn.Parameter(log_idf.clone())
        self.field_gains = nn.Parameter(torch.zeros(len(FIELDS)))
        self.scale = nn.Parameter(torch.tensor(math.log(_SCALE)))
        self.log_idf = log_idf

    def _pool(self, bags: Ragged, weights: Tensor) -> Tensor:
        pooled = nn.functional.embedding_bag(
            torch.from_numpy(bags.terms),
            self.vectors,
            torch.from_numpy(bags.starts[:-1]),
            mode="sum",
            sparse=True,
            per_sample_weights=weights,
        )
        return nn.functional.normalize(pooled, dim=1)

    def queries(self, bags: Ragged) -> Tensor:
        return self._pool(bags, self.query_weights[torch.from_numpy(bags.terms)].exp())

    def documents(self, bags: Ragged) -> Tensor:
        log_weights = (
            self.document_weights[torch.from_numpy(bags.terms)] + self.field_gains[torch.from_numpy(bags.fields)]
        )
        return self._pool(bags, log_weights.exp() * torch.from_numpy(bags.values))

    def loss(self, batch: Batch, queries: Ragged, documents: Ragged) -> Tensor:
        """Cross entropy of each query's document among the batch's (multiple negatives; Henderson et al., 2017,
        arXiv 1705.00652, section 4.4), with documents that are right as well masked out.
        """
        scores = self.queries(queries.take(batch.queries)) @ self.documents(documents.take(batch.documents)).T
        scores = (scores * self.scale.exp()).masked_fill(torch.from_numpy(batch.masked), float("-inf"))
        return nn.functional.cross_entropy(scores, torch.from_numpy(batch.targets))

    def export(self, fusion_weight: float = 0.5) -> Encoder:
        """The encoder as it is now. Unknown terms weigh like rare ones: by the median of what became of those."""
        with torch.no_grad():
            rare = self.log_idf >= torch.quantile(self.log_idf, 0.5)
            return Encoder(
                vocabulary=self.vocabulary,
                vectors=self.vectors.detach().numpy().copy(),
                query_weights=self.query_weights.exp().numpy().copy(),
                document_weights=self.document_weights.exp().numpy().copy(),
                field_gains=self.field_gains.exp().numpy().copy(),
                unknown_query=float((self.query_weights - self.log_idf)[rare].median().exp()),
                unknown_document=float((self.document_weights - self.log_idf)[rare].median().exp()),
                fusion_weight=fusion_weight,
            )


class Optimiser:
    """Adam: sparse for the vectors (only rows that a batch touched move), dense for the weights."""

    def __init__(self, model: BagEncoder, config: RetrieverConfig) -> None:
        weights = [model.query_weights, model.document_weights, model.field_gains, model.scale]
        self._model = model
        self._parts: tuple[torch.optim.Optimizer, ...] = (
            torch.optim.SparseAdam([model.vectors], lr=config.learning_rate),
            torch.optim.Adam(weights, lr=config.weight_learning_rate),
        )
        self._rates = tuple(part.param_groups[0]["lr"] for part in self._parts)

    def step(self, batch: Batch, queries: Ragged, documents: Ragged, share: float) -> float:
        """One step with the learning rates at `share` of their full height; returns the loss."""
        loss = self._model.loss(batch, queries, documents)
        for part, rate in zip(self._parts, self._rates, strict=True):
            part.param_groups[0]["lr"] = rate * share
            part.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        for part in self._parts:
            part.step()
        return float(loss.detach())

    def state(self) -> list[dict[str, object]]:
        return [part.state_dict() for part in self._parts]

    def restore(self, states: Sequence[dict[str, object]]) -> None:
        for part, state in zip(self._parts, states, strict=True):
            part.load_state_dict(state)
