"""`toolwise train sft`, `dpo` and `grpo`: a compact model from nothing, or any open base model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from toolwise.cli.options import Out, World
from toolwise.cli.progress import ProgressView
from toolwise.cli.training_options import SCRATCH, CorpusPath, present, refuse, training_command
from toolwise.types import Json

Epochs = Annotated[float | None, typer.Option("--epochs", help="Passes over the corpus (1), unless --max-steps.")]
Patience = Annotated[int | None, typer.Option("--patience", min=0, help="Evaluations without gain, then end (2).")]
Before = Annotated[float, typer.Option("--minutes", min=0.05, help="scratch: minutes of the training before it.")]
DevTasks = Annotated[
    int | None, typer.Option("--dev-tasks", min=0, help="Development tasks to choose the weights by (100); 0 for none.")
]
Tools = Annotated[
    Path | None, typer.Option("--catalog", help="Where the tasks' tools are; by default the run's own catalog.")
]
Start = Annotated[
    str, typer.Option("--base", help="A model's folder (from `train sft`), Hugging Face id, or `scratch`.")
]


def register(group: typer.Typer) -> None:
    """Add the commands to the group `train`."""
    group.command("sft")(training_command(sft))
    group.command("dpo")(training_command(dpo))
    group.command("grpo")(training_command(grpo))


def sft(
    corpus: CorpusPath,
    out: Out,
    given: dict[str, Any],
    seed: int,
    resume: bool,
    base: Annotated[
        str, typer.Option("--base", help="A model's folder or Hugging Face id; `scratch` trains one from nothing.")
    ] = SCRATCH,
    epochs: Epochs = None,
    patience: Patience = None,
    too_long: Annotated[
        str | None, typer.Option("--too-long", help="Longer conversations: drop (default) or window.")
    ] = None,
    packing: Annotated[bool, typer.Option("--packing", help="Several conversations a sequence, kept apart.")] = False,
    rope: Annotated[str | None, typer.Option("--rope", help="Extend the context: linear or yarn.")] = None,
    rope_factor: Annotated[float | None, typer.Option("--rope-factor", help="How many times longer.")] = None,
    minutes: Annotated[
        float | None, typer.Option("--minutes", min=0.05, help="scratch: wall-clock minutes of training (10.5).")
    ] = None,
    tokens: Annotated[
        int | None, typer.Option("--tokens", min=1, help="scratch: train on so many tokens instead of minutes.")
    ] = None,
) -> Json:
    """Train a model on a corpus's conversations: loss on every assistant turn and on nothing else."""
    from toolwise.pipelines import train_llm

    own = {"epochs": epochs, "patience": patience, "too_long": too_long, "packing": packing}
    given |= present({**own, "rope": rope, "rope_factor": rope_factor})
    with ProgressView() as view:
        if base == SCRATCH:
            refuse(given, "scratch takes --minutes, --tokens and --seed")
            return train_llm.train_scratch(
                corpus, out, minutes=minutes, tokens=tokens, seed=seed, resume=resume, observer=view
            )
        refuse(present({"minutes": minutes, "tokens": tokens}), "a base takes --epochs or --max-steps")
        config = train_llm.sft_config({**given, "seed": seed})
        return train_llm.train_sft(corpus, out, base, config, resume=resume, observer=view)


def dpo(
    corpus: CorpusPath,
    out: Out,
    base: Start,
    given: dict[str, Any],
    seed: int,
    resume: bool,
    pairs: Annotated[
        str | None, typer.Option("--pairs", help="corpus (default), own mistakes on training tasks, or both.")
    ] = None,
    own_tasks: Annotated[
        int | None, typer.Option("--own-tasks", min=1, help="own: training tasks to attempt first (1000).")
    ] = None,
    beta: Annotated[float | None, typer.Option("--beta", help="How strongly it is held to its start (0.1).")] = None,
    sft_weight: Annotated[
        float | None, typer.Option("--sft-weight", min=0, help="Of the right turns' own likelihood in the loss (1).")
    ] = None,
    epochs: Epochs = None,
    patience: Patience = None,
    catalog: Tools = None,
    world: World = None,
    dev_tasks: DevTasks = None,
    minutes: Before = 10.5,
) -> Json:
    """Train a model to prefer right turns to the failed siblings of a search (DPO)."""
    from toolwise.pipelines import train_llm
    from toolwise.pipelines.worlds import world_config

    own = {"beta": beta, "sft_weight": sft_weight, "epochs": epochs, "patience": patience, "dev_tasks": dev_tasks}
    given |= present({**own, "pairs": pairs, "own_tasks": own_tasks})
    with ProgressView() as view:
        config = train_llm.dpo_config({**given, "seed": seed})
        place = world_config(world) if world else None
        return train_llm.train_dpo(
            corpus, out, base, config,
            resume=resume, catalog=catalog, world=place, minutes=minutes, observer=view,
        )  # fmt: skip


def grpo(
    corpus: CorpusPath,
    out: Out,
    base: Start,
    given: dict[str, Any],
    seed: int,
    resume: bool,
    catalog: Tools = None,
    world: World = None,
    dev_tasks: DevTasks = None,
    patience: Patience = None,
    generations: Annotated[
        int | None, typer.Option("--generations", min=2, help="Attempts on a task, compared with one another (8).")
    ] = None,
    screen: Annotated[
        int | None,
        typer.Option("--screen", min=0, help="Tasks to attempt first; those with mixed results are trained on (0)."),
    ] = None,
    beta: Annotated[
        float | None, typer.Option("--beta", min=0, help="How strongly it is held to its start (0: not at all).")
    ] = None,
    max_turns: Annotated[int | None, typer.Option("--max-turns", min=2, help="Turns of an attempt (7).")] = None,
    max_turn_tokens: Annotated[
        int | None, typer.Option("--max-turn-tokens", min=8, help="Longest turn in tokens (256).")
    ] = None,
    minutes: Before = 10.5,
) -> Json:
    """Let a model attempt a corpus's tasks in a world, and learn from what its calls and answers earn (GRPO)."""
    from toolwise.pipelines import train_llm
    from toolwise.pipelines.worlds import world_config

    own = {"generations": generations, "beta": beta, "max_turns": max_turns, "max_turn_tokens": max_turn_tokens}
    given |= present({**own, "dev_tasks": dev_tasks, "patience": patience, "screen": screen})
    with ProgressView() as view:
        config = train_llm.grpo_config({**given, "seed": seed})
        place = world_config(world) if world else None
        return train_llm.train_grpo(
            corpus, out, base, config,
            resume=resume, catalog=catalog, world=place, minutes=minutes, observer=view,
        )  # fmt: skip
