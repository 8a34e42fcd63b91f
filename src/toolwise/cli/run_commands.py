"""`toolwise demo` and `toolwise run`: the whole chain."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from toolwise.cli.options import AsJson, Out, Resume, Seed, Workers
from toolwise.cli.output import emit
from toolwise.cli.progress import ProgressView
from toolwise.types import Json

if TYPE_CHECKING:
    from toolwise.pipelines.settings import RunConfig

Minutes = Annotated[float | None, typer.Option("--minutes", min=0.05, help="Minutes to train the model for.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command("demo")(demo)
    app.command("run")(run)


def demo(
    out: Out = Path("demo-run"),
    minutes: Minutes = None,
    resume: Resume = False,
    workers: Workers = 0,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Real API documents to a corpus, a retriever, a trained model and a report; no key, no network."""
    from toolwise.pipelines.settings import RunConfig

    _run(_with(RunConfig(seed=seed), minutes), out, resume, workers, as_json)


def run(
    config: Annotated[Path, typer.Argument(help="A toolwise.yaml; see docs/configuration.md.")],
    out: Annotated[Path | None, typer.Option("--out", help="The run folder; by default named after the file.")] = None,
    minutes: Minutes = None,
    resume: Resume = False,
    workers: Workers = 0,
    as_json: AsJson = False,
) -> None:
    """The whole pipeline from one configuration file."""
    from toolwise.pipelines.settings import read_run_config

    _run(_with(read_run_config(config), minutes), out or Path(f"{config.stem}-run"), resume, workers, as_json)


def _with(config: RunConfig, minutes: float | None) -> RunConfig:
    if minutes is None:
        return config
    return config.model_copy(update={"training": config.training.model_copy(update={"minutes": minutes})})


def _run(config: RunConfig, out: Path, resume: bool, workers: int, as_json: bool) -> None:
    from toolwise.pipelines.run import run as run_pipeline

    command = " ".join(["toolwise", *sys.argv[1:]])
    with ProgressView() as view:
        document = run_pipeline(config, out, resume=resume, workers=workers, observer=view, command=command)
    emit(document, as_json, render_result)


def render_result(document: Json) -> str:
    """The result document as a short text."""
    lines = [_catalog_line(document["catalog"]), _funnel_line(document["funnel"]), ""]
    lines += _score_lines(document)
    lines += ["", *(_retrieval_line(name, scores) for name, scores in document["retrieval"].items())]
    seconds = document["seconds"]["total"]
    lines += ["", f"{seconds / 60:.1f} minutes, peak memory {document['peak_memory_mb'] / 1024:.1f} GB"]
    lines += [f"report: {document['report']}"]
    return "\n".join(lines)


def _catalog_line(catalog: Json) -> str:
    return (
        f"catalog: {catalog['tools']:,} tools of {catalog['toolsets']:,} toolsets "
        f"({catalog['tools_per_second']:,.0f} tools a second)"
    )


def _funnel_line(funnel: Json) -> str:
    return (
        f"tasks: {funnel['in']:,} tried = {funnel['accepted']:,} accepted + {funnel['rejected']:,} rejected "
        f"+ {funnel['failed']:,} failed + {funnel['pending']:,} pending"
    )


def _score_lines(document: Json) -> list[str]:
    agents = {"model": document["model"], **document["baselines"]}
    columns = ("exact_call", "valid_call", "pass_react", "pass_dfsdt")
    lines = [f"{'split':<16}{'agent':<14}" + "".join(f"{column:>22}" for column in columns)]
    for split in document["model"]:
        for agent, splits in agents.items():
            cells = "".join(f"{_metric(splits[split][column]):>22}" for column in columns)
            lines.append(f"{split:<16}{agent:<14}{cells}")
    return lines


def _metric(metric: Json) -> str:
    if not metric["n"]:
        return "–"
    return f"{metric['value']:.1%} [{metric['low']:.0%}, {metric['high']:.0%}]"


def _retrieval_line(name: str, scores: Json) -> str:
    shown = ("ndcg@1", "ndcg@5", "recall@5")
    return f"retrieval {name:<8}" + "  ".join(f"{key} {_metric(scores[key])}" for key in shown)
