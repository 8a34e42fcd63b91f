"""Settings of the compact model's training."""

from __future__ import annotations

from pydantic import Field

from toolwise.config import Config


class CompactTrainingConfig(Config):
    """A model from nothing, trained for a number of minutes on CPU threads."""

    minutes: float = Field(default=9.5, gt=0)
    """Wall-clock minutes; the learning rates and the mix of data follow the share of them that has passed."""
    max_steps: int | None = Field(default=None, ge=1)
    """If given, the schedule follows steps instead of the clock, and the result no longer depends on the machine."""
    max_tokens: int | None = Field(default=None, ge=1)
    """If given, the schedule follows the tokens read (padding not counted) instead; it ends with the batch that
    reaches them. For comparing corpora at equal cost."""
    first_stage: float = Field(default=0.0, ge=0, le=1)
    """Share of the schedule in which the first stage's examples are read, where there are some; then the others."""
    width: int = Field(default=128, ge=16, multiple_of=16)
    layers: int = Field(default=5, ge=1)
    heads: int = Field(default=4, ge=1)
    vocabulary: int = Field(default=1600, ge=400)
    """Entries of the tokenizer, besides 256 for bytes and the marks of the template."""
    batch_tokens: int = Field(default=2500, ge=64)
    """Tokens in a batch, padding included."""
    alike_batches: bool = True
    """Are real conversations put into batches by their lengths, which saves padding? Where the corpus holds two kinds
    of examples, of unlike lengths, each batch is then of one kind, and learning both becomes far harder."""
    longest: int = Field(default=1000, ge=64)
    """Longer examples are left out, and counted."""
    learning_rate: float = Field(default=3e-3, gt=0)
    """Peak rate, of Muon for the matrices and of AdamW for the rest."""
    warm_up: int = Field(default=50, ge=0)
    """Steps."""
    decay: float = Field(default=0.5, gt=0, le=1)
    """The last part of the schedule, over which the rates fall to zero linearly."""
    selection: float = Field(default=0.1, ge=0, le=1)
    """At most this share of the schedule goes to the first stage: choosing among made-up tools."""
    selection_accuracy: float = Field(default=0.95, gt=0, le=1)
    """The first stage ends as soon as so many tools are chosen rightly."""
    synthetic: float = Field(default=0.3, ge=0, le=1)
    """Share of made-up examples after the first stage; falls to zero along the schedule."""
    shortened: float = Field(default=0.6, ge=0, le=1)
    """Share of the real conversations that are read in part: with fewer wrong candidates, up to the first call."""
    name_weight: float = Field(default=2.0, gt=0)
    """Weight of a tool's name in the loss; all else that the assistant writes weighs 1."""
    probe_weight: float = Field(default=0.5, ge=0)
    """Weight of telling, at each name shown, whether it will be called or given."""
    checkpoint_seconds: float = Field(default=30.0, gt=0)
    dev_examples: int = Field(default=100, ge=0)
    threads: int = Field(default=0, ge=0)
    """CPU threads; 0 for one a core (on three cores and more, one less), at most 4."""
    seed: int = 0
