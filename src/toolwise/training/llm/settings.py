"""Settings of training an open base model."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import Field, model_validator

from toolwise.config import Config
from toolwise.training.llm.data import TooLong


class RopeScaling(StrEnum):
    """How rotary positions are stretched to a longer context."""

    LINEAR = "linear"
    """Positions are divided by the factor (Chen et al., 2306.15595; what ToolLLaMA did for 8,192 tokens)."""
    YARN = "yarn"
    """Low frequencies are divided, high ones kept, attention rescaled (Peng et al., 2309.00071)."""


class LoraSettings(Config):
    """Low-rank adapters (Hu et al., 2106.09685)."""

    rank: int = Field(default=16, ge=1)
    alpha: float | None = Field(default=None, gt=0)
    """Scale of the adapter; twice the rank if none."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    targets: tuple[str, ...] = ()
    """Names of the modules to adapt; every linear layer but the head if none."""
    rslora: bool = False
    """Scale by alpha / sqrt(rank) (Kalajdzievski, 2312.03732)."""
    merge: bool = False
    """Add the adapter to the weights when saving: the folder then needs no base."""


class LlmTrainingConfig(Config):
    """What SFT, DPO and GRPO share."""

    epochs: float = Field(default=1.0, gt=0)
    max_steps: int | None = Field(default=None, ge=1)
    """If given, training ends after so many updates, whatever `epochs` says."""
    learning_rate: float | None = Field(default=None, gt=0)
    """Peak rate. If none: SFT 2e-5, with LoRA 2e-4; DPO and GRPO 1e-6, with LoRA 1e-5; the compact model 2e-5
    by both."""
    warm_up: float = Field(default=0.05, ge=0, lt=1)
    """Share of the updates."""
    weight_decay: float = Field(default=0.0, ge=0)
    batch: int = Field(default=8, ge=1)
    """Sequences (or packs) a process and forward pass."""
    accumulate: int = Field(default=1, ge=1)
    """Forward passes an update."""
    max_length: int = Field(default=2048, ge=16)
    """Tokens; longer conversations are dropped or windowed, never cut."""
    bf16: bool | None = None
    """Mixed precision; if none, on a GPU that has it. On most CPUs it is several times slower."""
    checkpointing: bool = False
    """Compute activations again in the backward pass: less memory, a third more time."""
    evaluations: int = Field(default=5, ge=1)
    """How often the development split is scored and a checkpoint written."""
    patience: int = Field(default=2, ge=0)
    """Training ends after so many evaluations without a better score; 0 for never."""
    dev_examples: int = Field(default=200, ge=0)
    chat_template: Literal["own", "hermes"] = "own"
    """The base's own template, or ours in the Hermes form for a base that has none."""
    lora: LoraSettings | None = None
    seed: int = 0


class SftConfig(LlmTrainingConfig):
    """Supervised fine-tuning on conversations."""

    packing: bool = False
    """Several conversations a sequence, none of which sees another."""
    too_long: TooLong = TooLong.DROP
    rope: RopeScaling | None = None
    rope_factor: float = Field(default=1.0, ge=1)
    """How many times longer the context becomes."""

    @model_validator(mode="after")
    def _rope_has_a_factor(self) -> SftConfig:
        if (self.rope is None) != (self.rope_factor == 1.0):
            raise ValueError("--rope and a --rope-factor above 1 go together")
        return self


class AttemptingConfig(LlmTrainingConfig):
    """What DPO and GRPO share: the weights that are kept are chosen by attempting development tasks."""

    dev_tasks: int = Field(default=100, ge=0)
    """The most that are attempted, before training and at each evaluation; training leaves out their toolsets."""


class PairSource(StrEnum):
    """Whose mistakes a model learns to avoid."""

    CORPUS = "corpus"
    """Those of the policy that solved the corpus's tasks: the failed siblings of successful paths."""
    OWN = "own"
    """Those that the start makes when it attempts training tasks itself."""
    BOTH = "both"
    """One after another."""


class DpoConfig(AttemptingConfig):
    """Direct preference optimisation (Rafailov et al., 2305.18290) on failed siblings (TP-LLaMA, 2406.07115)."""

    pairs: PairSource = PairSource.CORPUS
    own_tasks: int = Field(default=1000, ge=1)
    """Of the split `train` that the start attempts, where pairs are made of its own mistakes."""
    beta: float = Field(default=0.1, gt=0)
    """How strongly the policy is held to its start."""
    sft_weight: float = Field(default=1.0, ge=0)
    """Of the chosen turns' mean negative log-likelihood a token, in the loss (Pang et al., 2404.19733, equation 1).

    Without it right turns become less likely too, if less so than wrong ones.
    """


class GrpoConfig(AttemptingConfig):
    """Group-relative policy optimisation (Shao et al., 2402.03300, section 4.1) on attempts in a world."""

    max_steps: int | None = Field(default=100, ge=1)
    """Updates."""
    batch: int = Field(default=16, ge=1)
    """Attempts a process and forward pass; a multiple of `generations` with `accumulate` and the processes."""
    accumulate: int = Field(default=4, ge=1)
    generations: int = Field(default=8, ge=2)
    """Attempts on the same task, whose rewards are compared with one another."""
    screen: int = Field(default=0, ge=0)
    """Training tasks that the start attempts `generations` times beforehand; only those whose attempts do not all earn
    the same are trained on, as nothing is learnt from others. 0 to train on all tasks, whatever they teach."""
    beta: float = Field(default=0.0, ge=0)
    """How strongly the policy is held to its start (a penalty on KL divergence); 0 for not at all."""
    epsilon: float = Field(default=0.2, gt=0, lt=1)
    """How far one update may move a token's probability, as a share, before its gradient is cut off."""
    max_turn_tokens: int = Field(default=256, ge=8)
    """A turn that is longer ends its attempt unread."""
    max_turns: int = Field(default=7, ge=2)
    """Turns of one attempt; the answer is one."""
