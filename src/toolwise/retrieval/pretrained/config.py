"""Settings of training on a pretrained encoder."""

from __future__ import annotations

from pydantic import Field

from toolwise.config import Config


class TextTrainingConfig(Config):
    """How a pretrained encoder is fine-tuned."""

    minutes: float = Field(default=20.0, gt=0)
    """Wall-clock cap on everything, dev scores included."""
    max_steps: int = Field(default=500, ge=1)
    """What other domains gain came within two hundred steps; more was not measured there."""
    batch_size: int = Field(default=32, ge=2)
    hard_negatives: int = Field(default=1, ge=0, le=8)
    """Further documents a query: what BM25 or the current model finds in its place, or a neighbour in its toolset."""
    learning_rate: float = Field(default=3e-5, gt=0)
    warmup: float = Field(default=0.1, ge=0, lt=1)
    """Share of the training in which the learning rate rises."""
    temperature: float = Field(default=0.05, gt=0)
    train_tokens: int = Field(default=64, ge=8)
    """Texts are cut here while training; searching reads them in full."""
    train_words: bool = False
    """Also train the vectors of words: for bases that have not learned them. Otherwise words that the training does not
    show keep their place among those that it does."""
    blend: float = Field(default=1.0, ge=0, le=1)
    """How far the saved weights go from the base's towards the tuned ones (WiSE-FT, Wortsman et al., 2022, arXiv
    2109.01903). Less than 1 keeps more of the base, and did worse in other domains too (docs/retrieval.md)."""
    evaluations: int = Field(default=3, ge=1)
    """Dev scores, evenly over the training."""
    patience: int = Field(default=2, ge=1)
    """Stop after so many dev scores without a better one."""
    dev_queries: int = Field(default=120, ge=10)
    dev_documents: int = Field(default=300, ge=20)
    """The pool of the dev scores."""
    threads: int = Field(default=0, ge=0)
    """CPU threads; 0 leaves the choice to torch."""
    seed: int = 0
