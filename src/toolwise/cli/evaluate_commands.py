"""`toolwise evaluate …` for other people's benchmarks, judges and stored predictions, and `toolwise compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from toolwise.cli.options import AsJson, Seed
from toolwise.cli.output import emit
from toolwise.cli.progress import ProgressView
from toolwise.types import Json

Data = Annotated[Path, typer.Option("--data", help="The benchmark's files.")]
PredictionsPath = Annotated[Path, typer.Option("--predictions", help="A file of predictions, or a folder of them.")]
Baselines = Annotated[bool, typer.Option("--baselines/--no-baselines", help="Score the baselines on the same tasks.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    group = typer.Typer(no_args_is_help=True, help="Score policies and predictions, with intervals and baselines.")
    group.command("bfcl")(bfcl)
    app.add_typer(group, name="evaluate")


def bfcl(
    data: Data,
    predictions: PredictionsPath,
    category: Annotated[list[str] | None, typer.Option("--category", help="Only these; by default all.")] = None,
    baselines: Baselines = True,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """BFCL's single-turn Python files by its AST rules, with a verdict a row."""
    from toolwise.pipelines.scoring import score_bfcl

    with ProgressView() as view:
        document = score_bfcl(data, predictions, category or (), baselines=baselines, seed=seed, observer=view)
    emit(document, as_json, render_scores)


def render_scores(document: Json) -> str:
    """Metrics of a scored benchmark, beside the baselines, and what was wrong with the file."""
    names = list(document["scores"])
    width = max(len(name) for name in ("nearest_tool", *document["groups"]))
    lines = [f"{document['benchmark']}: {document['tasks']:,} tasks", ""]
    rows = [("all", document["scores"], document["tasks"])]
    rows += [(name, group["scores"], group["tasks"]) for name, group in document["groups"].items()]
    rows += [(name, found["scores"], document["tasks"]) for name, found in document["baselines"].items()]
    lines.append(f"{'':<{width}}  {'n':>6}  " + "  ".join(f"{name:>20}" for name in names))
    lines += [
        f"{name:<{width}}  {count:>6,}  " + "  ".join(f"{_metric(scores[key]):>20}" for key in names)
        for name, scores, count in rows
    ]
    attempts = ", ".join(f"{count:,} {kind}" for kind, count in document["attempts"].items())
    lines += ["", f"attempts: {attempts}"]
    lines += [f"  {count:>6,} {reason}" for reason, count in document["reasons"].items()]
    given = document["predictions"]
    wrong = {name: given[name] for name in ("missing", "duplicate", "unknown")} | given["broken"]
    found = ", ".join(f"{count:,} {name}" for name, count in wrong.items() if count)
    if found:
        lines += ["", f"predictions: {given['rows']:,} rows, {given['used']:,} used; {found}"]
    return "\n".join(lines)


def _metric(metric: Json) -> str:
    return f"{metric['value']:.3f} [{metric['low']:.3f}, {metric['high']:.3f}]"
