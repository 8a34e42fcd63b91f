"""`toolwise reproduce search|generalisation`: what a trained model does, by strategy and on what it has never seen."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from toolwise.cli.options import AsJson, Out, Workers
from toolwise.cli.reproduce_findings import Catalog, Quick, perform

Run = Annotated[
    Path | None,
    typer.Option("--run", help="A finished run, whose model is taken; without it one is trained beside --out."),
]
Tasks = Annotated[int | None, typer.Option("--tasks", min=1, help="Tasks of each kind or setting.")]


def register(group: typer.Typer) -> None:
    """Add the commands to the group `reproduce`."""
    group.command("search")(search)
    group.command("generalisation")(generalisation)


def search(
    out: Out,
    quick: Quick = False,
    run: Run = None,
    catalog: Catalog = None,
    tasks: Tasks = None,
    workers: Workers = 0,
    as_json: AsJson = False,
) -> None:
    """ReAct, ReAct@N and DFSDT at the same number of model calls, also where tools fail. Goes on if stopped."""
    from toolwise.pipelines.reproduce.search import reproduce_search, search_experiment

    config = search_experiment(quick)
    config = config.model_copy(update={"per_kind": tasks}) if tasks else config
    perform(partial(reproduce_search, config), out, as_json, catalog=catalog, run=run, workers=workers)


def generalisation(
    out: Out,
    quick: Quick = False,
    run: Run = None,
    catalog: Catalog = None,
    tasks: Tasks = None,
    workers: Workers = 0,
    as_json: AsJson = False,
) -> None:
    """Six settings, trained and untrained, given and retrieved candidates, ReAct and DFSDT. Goes on if stopped."""
    from toolwise.pipelines.reproduce.generalisation import generalisation_experiment, reproduce_generalisation

    config = generalisation_experiment(quick)
    config = config.of_each(tasks) if tasks else config
    perform(partial(reproduce_generalisation, config), out, as_json, catalog=catalog, run=run, workers=workers)
