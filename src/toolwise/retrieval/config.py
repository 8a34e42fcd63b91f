"""Settings of the retriever's training."""

from __future__ import annotations

from pydantic import Field

from toolwise.config import Config


class RetrieverConfig(Config):
    """How the bi-encoder is trained."""

    dimensions: int = Field(default=512, ge=8, le=4096, multiple_of=8)
    """Of query and document vectors."""
    minutes: float = Field(default=1.0, gt=0)
    """Wall-clock cap on reading, mining hard negatives and training. Choosing the fusion weight comes on top: some 20
    seconds for 40,000 documents on one core."""
    max_steps: int = Field(default=500, ge=1)
    """Cap on steps, for runs that must not depend on the machine's speed."""
    batch_size: int = Field(default=256, ge=2)
    """Queries a step; every document of the batch is a candidate for every query."""
    hard_negatives: int = Field(default=1, ge=0, le=8)
    """Further documents a query: what BM25 finds in its place, or the relevant tool's neighbours in its toolset."""
    learning_rate: float = Field(default=2e-3, gt=0)
    """Of the vectors, for rows of length 1."""
    weight_learning_rate: float = Field(default=2e-2, gt=0)
    """Of the log weights of terms and fields."""
    vocabulary: int = Field(default=60_000, ge=1)
    """At most so many terms have learned vectors, the most frequent ones; the rest keep hashed ones."""
    evaluate_every: int = Field(default=100, ge=1)
    """Steps between evaluations on the dev pairs."""
    patience: int = Field(default=6, ge=1)
    """Stop after so many evaluations without a better one."""
    threads: int = Field(default=0, ge=0)
    """CPU threads; 0 leaves the choice to torch."""
    seed: int = 0
