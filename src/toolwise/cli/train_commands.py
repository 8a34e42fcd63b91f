"""`toolwise train sft` and `train dpo`: a compact model from nothing, or any open base model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from toolwise.cli.options import AsJson, Out, Resume, Seed
from toolwise.cli.output import emit
from toolwise.cli.progress import ProgressView
from toolwise.errors import ConfigError
from toolwise.types import Json

CorpusPath = Annotated[Path, typer.Option("--corpus", help="A corpus made by `toolwise corpus`, or a run folder.")]
Lora = Annotated[bool, typer.Option("--lora", help="Train adapters (LoRA) instead of all weights.")]
Rank = Annotated[int | None, typer.Option("--rank", min=1, help="LoRA: rank (16).")]
Alpha = Annotated[float | None, typer.Option("--alpha", min=0, help="LoRA: scale (twice the rank).")]
Targets = Annotated[str | None, typer.Option("--targets", help="LoRA: modules, by comma (every linear layer).")]
RsLora = Annotated[bool, typer.Option("--rslora", help="LoRA: rank-stabilised scale.")]
Merge = Annotated[bool, typer.Option("--merge", help="LoRA: save the merged model instead of an adapter.")]
Epochs = Annotated[float | None, typer.Option("--epochs", help="Passes over the corpus (1).")]
MaxSteps = Annotated[int | None, typer.Option("--max-steps", min=1, help="Updates, in place of --epochs.")]
Rate = Annotated[float | None, typer.Option("--lr", help="Peak learning rate; by default as the method needs.")]
BatchSize = Annotated[int | None, typer.Option("--batch", min=1, help="Sequences a process and forward pass (8).")]
Accumulate = Annotated[int | None, typer.Option("--accumulate", min=1, help="Forward passes an update (1).")]
MaxLength = Annotated[int | None, typer.Option("--max-length", min=16, help="Longest sequence in tokens (2048).")]
Bf16 = Annotated[bool | None, typer.Option("--bf16/--no-bf16", help="Mixed precision (where a GPU has it).")]
Checkpointing = Annotated[bool, typer.Option("--checkpointing", help="Compute activations twice to save memory.")]
Patience = Annotated[int | None, typer.Option("--patience", min=0, help="Evaluations without gain, then end (2).")]
Template = Annotated[
    str | None, typer.Option("--chat-template", help="own (default), or hermes to give the base ours.")
]
SCRATCH = "scratch"


def register(group: typer.Typer) -> None:
    """Add the commands to the group `train`."""
    group.command("sft")(sft)
    group.command("dpo")(dpo)


def sft(
    corpus: CorpusPath,
    out: Out,
    base: Annotated[
        str, typer.Option("--base", help="A model's folder or Hugging Face id; `scratch` trains one from nothing.")
    ] = SCRATCH,
    lora: Lora = False,
    rank: Rank = None,
    alpha: Alpha = None,
    targets: Targets = None,
    rslora: RsLora = False,
    merge: Merge = False,
    epochs: Epochs = None,
    max_steps: MaxSteps = None,
    lr: Rate = None,
    batch: BatchSize = None,
    accumulate: Accumulate = None,
    max_length: MaxLength = None,
    too_long: Annotated[
        str | None, typer.Option("--too-long", help="Longer conversations: drop (default) or window.")
    ] = None,
    packing: Annotated[bool, typer.Option("--packing", help="Several conversations a sequence, kept apart.")] = False,
    bf16: Bf16 = None,
    checkpointing: Checkpointing = False,
    rope: Annotated[str | None, typer.Option("--rope", help="Extend the context: linear or yarn.")] = None,
    rope_factor: Annotated[float | None, typer.Option("--rope-factor", help="How many times longer.")] = None,
    patience: Patience = None,
    chat_template: Template = None,
    minutes: Annotated[
        float | None, typer.Option("--minutes", min=0.05, help="scratch: wall-clock minutes of training (10.5).")
    ] = None,
    tokens: Annotated[
        int | None, typer.Option("--tokens", min=1, help="scratch: train on so many tokens instead of minutes.")
    ] = None,
    seed: Seed = 0,
    resume: Resume = False,
    as_json: AsJson = False,
) -> None:
    """Train a model on a corpus's conversations: loss on every assistant turn and on nothing else."""
    from toolwise.pipelines import train_llm

    given = _given(
        epochs=epochs, max_steps=max_steps, learning_rate=lr, batch=batch, accumulate=accumulate,
        max_length=max_length, too_long=too_long, packing=packing or None, bf16=bf16,
        checkpointing=checkpointing or None, rope=rope, rope_factor=rope_factor, patience=patience,
        chat_template=chat_template, lora=_lora(lora, rank, alpha, targets, rslora, merge),
    )  # fmt: skip
    with ProgressView() as view:
        if base == SCRATCH:
            _refuse(given, "scratch takes --minutes, --tokens and --seed")
            document = train_llm.train_scratch(
                corpus, out, minutes=minutes, tokens=tokens, seed=seed, resume=resume, observer=view
            )
        else:
            _refuse(_given(minutes=minutes, tokens=tokens), "a base takes --epochs or --max-steps")
            config = train_llm.sft_config({**given, "seed": seed})
            document = train_llm.train_sft(corpus, out, base, config, resume=resume, observer=view)
    _emit(document, as_json)


def dpo(
    corpus: CorpusPath,
    out: Out,
    base: Annotated[
        str, typer.Option("--base", help="A model's folder (from `train sft`), Hugging Face id, or `scratch`.")
    ],
    beta: Annotated[float | None, typer.Option("--beta", help="How strongly it is held to its start (0.1).")] = None,
    lora: Lora = False,
    rank: Rank = None,
    alpha: Alpha = None,
    targets: Targets = None,
    rslora: RsLora = False,
    merge: Merge = False,
    epochs: Epochs = None,
    max_steps: MaxSteps = None,
    lr: Rate = None,
    batch: BatchSize = None,
    accumulate: Accumulate = None,
    max_length: MaxLength = None,
    bf16: Bf16 = None,
    checkpointing: Checkpointing = False,
    patience: Patience = None,
    chat_template: Template = None,
    minutes: Annotated[
        float, typer.Option("--minutes", min=0.05, help="scratch: minutes of the training before it.")
    ] = 10.5,
    seed: Seed = 0,
    resume: Resume = False,
    as_json: AsJson = False,
) -> None:
    """Train a model to prefer right turns to the failed siblings of a search (DPO)."""
    from toolwise.pipelines import train_llm

    given = _given(
        epochs=epochs, max_steps=max_steps, learning_rate=lr, batch=batch, accumulate=accumulate, beta=beta,
        max_length=max_length, bf16=bf16, checkpointing=checkpointing or None, patience=patience,
        chat_template=chat_template, lora=_lora(lora, rank, alpha, targets, rslora, merge),
    )  # fmt: skip
    with ProgressView() as view:
        config = train_llm.dpo_config({**given, "seed": seed})
        document = train_llm.train_dpo(corpus, out, base, config, resume=resume, minutes=minutes, observer=view)
    _emit(document, as_json)


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _lora(lora: bool, rank: int | None, alpha: float | None, targets: str | None, rslora: bool, merge: bool) -> Json:
    names = [name.strip() for name in targets.split(",") if name.strip()] if targets else None
    given = _given(rank=rank, alpha=alpha, targets=names, rslora=rslora or None, merge=merge or None)
    if given and not lora:
        raise ConfigError(f"--{sorted(given)[0]} is of --lora; add that, or leave it out")
    return given if lora else None


def _refuse(given: dict[str, Any], instead: str) -> None:
    if given:
        name = sorted(given)[0].replace("_", "-").replace("learning-rate", "lr")
        raise ConfigError(f"--{name} does not go with this --base; {instead}")


def _emit(document: Json, as_json: bool) -> None:
    from toolwise.pipelines.train_llm import is_first_process

    if is_first_process():
        emit(document, as_json, lambda result: f"model: {result['model']} ({result['steps']:,} steps)")
