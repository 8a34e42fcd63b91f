"""`toolwise reproduce diversity|retrieval|all`: published findings, measured on the reader's own machine."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from toolwise.cli.options import AsJson, Out, Workers
from toolwise.cli.output import emit
from toolwise.cli.progress import ProgressView
from toolwise.types import Json

if TYPE_CHECKING:
    from toolwise.pipelines.reproduce.request import Request

Quick = Annotated[bool, typer.Option("--quick", help="Small enough for some minutes on four cores.")]
Catalog = Annotated[
    Path | None, typer.Option("--catalog", help="Your catalog; without it the embedded real documents are taken.")
]


def register(group: typer.Typer) -> None:
    """Add the commands to the group `reproduce`."""
    group.command("diversity")(diversity)
    group.command("retrieval")(retrieval)
    group.command("all")(everything)


def command_line() -> str:
    """What the user typed."""
    return " ".join(["toolwise", *sys.argv[1:]])


def render_findings(document: Json, out: Path) -> str:
    """The findings, one a line, and where the page lies."""
    lines = [f"{f['verdict']}: {f['claim']}: {f['measured']}" for f in document["findings"]]
    lines += [f"failed: {key}: {why}" for key, why in document["failed"].items()]
    return "\n".join([*lines, f"-> {out}"])


def perform(
    experiment: Callable[[Request], Json],
    out: Path,
    as_json: bool,
    *,
    catalog: Path | None = None,
    run: Path | None = None,
    workers: int = 0,
    render: Callable[[Json, Path], str] = render_findings,
) -> Json:
    """Run an experiment while its progress is shown, and print what was found."""
    from toolwise.pipelines.reproduce.request import Request

    with ProgressView() as view:
        document = experiment(Request(out, command_line(), catalog, run, workers, view))
    emit(document, as_json, lambda result: render(result, out))
    return document


def diversity(
    out: Out,
    quick: Quick = False,
    catalog: Catalog = None,
    seeds: Annotated[int | None, typer.Option("--seeds", min=1, help="Draws of the training toolsets.")] = None,
    toolsets: Annotated[
        list[int] | None, typer.Option("--toolsets", min=1, help="A number of training toolsets; repeat it.")
    ] = None,
    workers: Workers = 0,
    as_json: AsJson = False,
) -> None:
    """Train on few and on many toolsets, with as many instances and tokens, and test on unseen ones."""
    from toolwise.pipelines.reproduce.diversity import diversity_experiment, reproduce_diversity

    config = diversity_experiment(quick, seeds, toolsets or ())
    perform(partial(reproduce_diversity, config), out, as_json, catalog=catalog, workers=workers)


def retrieval(
    out: Out,
    quick: Quick = False,
    catalog: Catalog = None,
    pools: Annotated[
        list[int] | None, typer.Option("--pool", min=1, help="A number of tools to search in; repeat it.")
    ] = None,
    workers: Workers = 0,
    as_json: AsJson = False,
) -> None:
    """Search with BM25, an untrained and a trained encoder, and fused, over pools up to the whole catalog."""
    from toolwise.pipelines.reproduce.retrieval import reproduce_retrieval, retrieval_experiment

    config = retrieval_experiment(quick, pools or ())
    perform(partial(reproduce_retrieval, config), out, as_json, catalog=catalog, workers=workers)


def everything(
    out: Out,
    quick: Quick = False,
    catalog: Catalog = None,
    run: Annotated[
        Path | None, typer.Option("--run", help="A finished run whose model acts; without it one is trained.")
    ] = None,
    only: Annotated[list[str] | None, typer.Option("--only", help="Only this experiment; repeat it.")] = None,
    workers: Workers = 0,
    as_json: AsJson = False,
) -> None:
    """Run every experiment, one after the other, and put all findings on one page. Goes on if stopped."""
    from toolwise.pipelines.reproduce.all import reproduce_all

    experiments = partial(reproduce_all, quick=quick, only=only or ())
    document = perform(experiments, out, as_json, catalog=catalog, run=run, workers=workers)
    if document["failed"]:
        raise typer.Exit(1)
