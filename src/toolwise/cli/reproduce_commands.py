"""`toolwise reproduce`: run a published claim's experiment again, and say what holds."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from toolwise.cli import reproduce_findings, reproduce_search
from toolwise.cli.options import AsJson, Out, Workers
from toolwise.cli.reproduce_findings import perform, render_findings
from toolwise.types import Json

group = typer.Typer(help="Run an experiment again, and say which claims hold.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the group to the application."""
    reproduce_findings.register(group)
    reproduce_search.register(group)
    app.add_typer(group, name="reproduce")


@group.callback()
def _group() -> None:
    """Run an experiment again, and say which claims hold."""


@group.command("metatasks")
def metatasks(
    out: Out,
    quick: Annotated[bool, typer.Option("--quick", help="Small models: about 20 minutes on two cores.")] = False,
    world: Annotated[
        list[str] | None, typer.Option("--world", help="Only this world: blocksworld, logistics or spellwrite.")
    ] = None,
    seeds: Annotated[int | None, typer.Option("--seeds", min=1, help="Models of each variant.")] = None,
    ratio: Annotated[float | None, typer.Option("--ratio", help="Meta-tasks' share of the tokens.")] = None,
    ablate: Annotated[
        list[str] | None, typer.Option("--ablate", help="Also leave out each meta-task in turn, in this world.")
    ] = None,
    catalog: Annotated[
        Path | None, typer.Option("--catalog", help="A catalog whose unseen toolsets are tried too.")
    ] = None,
    so_far: Annotated[
        bool, typer.Option("--so-far", help="Train nothing more: report the models that are finished.")
    ] = False,
    workers: Workers = 0,
    as_json: AsJson = False,
) -> None:
    """Train models with and without meta-tasks on equal tokens, and execute what they call. Goes on if stopped."""
    from toolwise.pipelines.reproduce.metatasks import metatask_experiment, reproduce_metatasks

    config = metatask_experiment(quick, world or (), seeds, ratio, ablate or ())
    experiment = partial(reproduce_metatasks, config, so_far=so_far)
    perform(experiment, out, as_json, catalog=catalog, workers=workers, render=_render)


def _render(document: Json, out: Path) -> str:
    lines = [f"{len(document['models'])} models, {document['model_minutes']} minutes of model time"]
    for row in document["success"]:
        lines.append(f"  {row['world']}, {row['set']}, {row['agent']}: {row['value']:.1%}")
    return "\n".join([*lines, render_findings(document, out)])
