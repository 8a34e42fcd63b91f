"""`toolwise tasks`, `verify` and `corpus`: one arrow of the data flow each."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from toolwise.cli import converse_commands
from toolwise.cli.metatask_commands import render_verified
from toolwise.cli.options import AsJson, Out, Resume, Workers, World
from toolwise.cli.output import emit
from toolwise.cli.progress import ProgressView
from toolwise.cli.task_commands import tasks
from toolwise.types import Json

Folder = Annotated[Path, typer.Argument(help="The folder that the step before this one wrote.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command("tasks")(tasks)
    converse_commands.register(app)
    app.command("verify")(verify)
    app.command("corpus")(corpus)


def verify(
    trajectories: Folder,
    out: Annotated[Path | None, typer.Option("--out", help="By default beside the trajectories.")] = None,
    world: World = None,
    resume: Resume = False,
    workers: Workers = 0,
    as_json: AsJson = False,
) -> None:
    """Replay every trajectory (or meta-task example) in a fresh world and check it."""
    from toolwise.pipelines.metatasks import holds_metatasks, verify_metatasks
    from toolwise.pipelines.verbs import verify_folder
    from toolwise.pipelines.worlds import world_config

    chosen = world_config(world) if world else None
    if holds_metatasks(trajectories):
        with ProgressView() as view:
            checked = verify_metatasks(trajectories, view)
        emit(checked, as_json, lambda result: render_verified(result, trajectories))
        return
    target = out or trajectories.with_name(f"{trajectories.name}-verified")
    with ProgressView() as view:
        document = verify_folder(trajectories, target, world=chosen, resume=resume, workers=workers, observer=view)
    emit(document, as_json, lambda result: _render("trajectories", result, target))


def corpus(
    runs: Annotated[
        list[Path],
        typer.Argument(help="Runs with trajectories: folders, or their files; what is not verified is verified first."),
    ],
    out: Out,
    to: Annotated[
        str | None,
        typer.Option("--to", help="Also write toolbench,toolalpaca,sharegpt,openai,parquet, or some of these."),
    ] = None,
    metatasks: Annotated[
        float | None, typer.Option("--metatasks", help="Meta-tasks' share of the training tokens, 0 to 1.")
    ] = None,
    metatask_examples: Annotated[
        Path | None, typer.Option("--metatask-examples", help="From `toolwise metatasks`; else made of the catalog.")
    ] = None,
    variant: Annotated[
        str, typer.Option("--variant", help="solution-only, meta-only, mixed or two-stage; all of equal tokens.")
    ] = "mixed",
    workers: Workers = 0,
    as_json: AsJson = False,
) -> None:
    """Turn accepted trajectories into training examples: SFT, preferences, retrieval; and into other formats."""
    from toolwise.pipelines.mixed_corpus import MixtureSource, mixed_corpus_of
    from toolwise.pipelines.mixing import parse_variant

    mixture = None if metatasks is None else MixtureSource(metatasks, metatask_examples, parse_variant(variant))
    with ProgressView() as view:
        document = mixed_corpus_of(runs, out, to, mixture, workers=workers, observer=view)
    emit(document, as_json, lambda result: _render_corpus(result, out))


def _render_corpus(document: Json, out: Path) -> str:
    lines = [_render("rows", document, out)]
    if mixture := document.get("mixture"):
        lines.append(
            f"{mixture['variant']}: {mixture['tokens']:,} tokens of {mixture['budget']:,}: "
            f"{mixture['solution_tokens']:,} solutions, {mixture['metatask_tokens']:,} meta-tasks"
        )
    for name, made in document.get("exports", {}).items():
        left_out = "".join(f", {why.replace('_', ' ')} {count:,}" for why, count in made["left_out"].items())
        lines.append(f"{name}: {sum(made['rows'].values()):,} rows" + (f"; left out{left_out[1:]}" if left_out else ""))
    return "\n".join(lines)


def _render(what: str, document: Json, out: Path) -> str:
    funnel = document["funnel"]
    lines = [
        f"{what}: {funnel['in']:,} in = {funnel['accepted']:,} accepted + {funnel['rejected']:,} rejected "
        f"+ {funnel['failed']:,} failed + {funnel['pending']:,} pending -> {out}"
    ]
    lines += [f"  {reason}: {count:,}" for reason, count in funnel["reasons"].items()]
    return "\n".join(lines)
