"""`toolwise evaluate …` for other people's benchmarks, judges and stored predictions, and `toolwise compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from toolwise.cli import evaluate_run_commands, retrieval_commands
from toolwise.cli.options import AsJson, Out, Resume, Seed, Workers
from toolwise.cli.output import emit
from toolwise.cli.progress import ProgressView
from toolwise.types import Json

Data = Annotated[Path, typer.Option("--data", help="The benchmark's files.")]
PredictionsPath = Annotated[Path, typer.Option("--predictions", help="A file of predictions, or a folder of them.")]
Baselines = Annotated[bool, typer.Option("--baselines/--no-baselines", help="Score the baselines on the same tasks.")]


_COLUMNS = 4
"""Scores side by side."""


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    group = typer.Typer(no_args_is_help=True, help="Score policies and predictions, with intervals and baselines.")
    group.command("bfcl")(bfcl)
    group.command("seal-tools")(seal_tools)
    group.command("toolalpaca")(toolalpaca)
    group.command("toolbench")(toolbench)
    group.command("judge")(judge)
    group.command("score")(score)
    group.command("import")(import_tasks)
    retrieval_commands.register(group)
    evaluate_run_commands.register(group)
    app.add_typer(group, name="evaluate")
    app.command("compare")(compare)


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


def seal_tools(
    data: Data,
    predictions: PredictionsPath,
    split: Annotated[str, typer.Option("--split", help="One file's name without its ending, such as dev.")] = "",
    baselines: Baselines = True,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Seal-Tools: precision, recall and F1 of tools and of parameters."""
    from toolwise.pipelines.scoring import score_seal_tools

    with ProgressView() as view:
        document = score_seal_tools(data, predictions, split, baselines=baselines, seed=seed, observer=view)
    emit(document, as_json, render_scores)


def toolalpaca(
    data: Data,
    predictions: PredictionsPath,
    baselines: Baselines = True,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """ToolAlpaca: procedure, response and overall by rule, from its reference calls."""
    from toolwise.pipelines.scoring import score_toolalpaca

    with ProgressView() as view:
        document = score_toolalpaca(data, predictions, baselines=baselines, seed=seed, observer=view)
    emit(document, as_json, render_scores)


def toolbench(
    data: Data,
    predictions: PredictionsPath,
    baselines: Baselines = True,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """ToolBench or StableToolBench: what can be seen of answers without a judge."""
    from toolwise.pipelines.scoring import score_toolbench

    with ProgressView() as view:
        document = score_toolbench(data, predictions, baselines=baselines, seed=seed, observer=view)
    emit(document, as_json, render_scores)


def score(
    folder: Annotated[Path, typer.Argument(help="A folder of `toolwise solve` or `evaluate run`.")],
    workers: Workers = 0,
    baselines: Baselines = True,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Score stored trajectories again, offline: replay, calls up to order and optional arguments, answers."""
    from toolwise.pipelines.parallel import default_workers
    from toolwise.pipelines.rescoring import score_folder

    with ProgressView() as view:
        document = score_folder(
            folder, workers=workers or default_workers(), baselines=baselines, seed=seed, observer=view
        )
    emit(document, as_json, render_scores)


def import_tasks(
    benchmark: Annotated[str, typer.Argument(help="bfcl, seal-tools, toolalpaca or toolbench.")],
    data: Annotated[Path, typer.Argument(help="The benchmark's files.")],
    out: Out,
    as_json: AsJson = False,
) -> None:
    """Write a benchmark as tasks with a catalog, to be solved like any other."""
    from toolwise.pipelines.scoring import import_benchmark

    emit(import_benchmark(benchmark, data, out), as_json, lambda d: f"{d['tasks']:,} tasks -> {d['out']}")


def judge(
    labels: Annotated[Path | None, typer.Option("--labels", help="Rows of id, human and judge: no model.")] = None,
    benchmark: Annotated[str, typer.Option("--benchmark", help="toolbench or toolalpaca.")] = "toolbench",
    data: Annotated[Path | None, typer.Option("--data", help="The benchmark's files.")] = None,
    predictions: Annotated[Path | None, typer.Option("--predictions", help="What is judged.")] = None,
    against: Annotated[Path | None, typer.Option("--against", help="Also ask which of two is better.")] = None,
    base_url: Annotated[str, typer.Option("--base-url", help="The judge's OpenAI-compatible endpoint.")] = "",
    model: Annotated[str, typer.Option("--model", help="The judge's name there: pin a version.")] = "",
    api_key_env: Annotated[
        str, typer.Option("--api-key-env", help="The variable that holds the key.")
    ] = "OPENAI_API_KEY",
    votes: Annotated[int, typer.Option("--votes", min=1, help="Times each question is asked.")] = 4,
    out: Annotated[Path | None, typer.Option("--out", help="The folder for votes, scores and the journal.")] = None,
    resume: Resume = False,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Hold a judge against people's labels, or judge stored predictions."""
    from toolwise.errors import ConfigError
    from toolwise.pipelines.judging import JudgeSettings, judge_against_labels, judge_predictions
    from toolwise.pipelines.teacher_verbs import endpoints_from

    if labels is not None:
        emit(judge_against_labels(labels, seed=seed), as_json, _render_agreement)
        return
    if data is None or predictions is None or out is None:
        raise ConfigError("give --labels, or --data, --predictions and --out to judge predictions")
    addresses, names = [base_url] if base_url else [], [model] if model else []
    endpoint = endpoints_from(None, addresses, names, (None, None), key_env=api_key_env)[0]
    settings = JudgeSettings(endpoint, votes=votes)
    with ProgressView() as view:
        document = judge_predictions(
            benchmark, data, predictions, out, settings, against=against, resume=resume, seed=seed, observer=view
        )
    emit(document, as_json, _render_judged)


def _render_agreement(document: Json) -> str:
    rate = document["rate"]
    lines = [
        f"{document['labelled']:,} labelled rows, {document['judged_only']:,} judged only",
        f"agreement {_metric(document['agreement'])}, kappa {_metric(document['kappa'])}",
        *(f"  {count:>6,} {what}" for what, count in document["confusion"].items()),
        f"the judge's rate {rate['observed']:.3f}; sensitivity {rate['sensitivity']:.3f}, "
        f"specificity {rate['specificity']:.3f}",
        "no correction: the labels show no judge better than chance"
        if rate["rate"] is None
        else f"corrected rate {_metric(rate['rate'])}",
    ]
    lines += [f"not used: {count:,} {why}" for why, count in document["broken"].items()]
    return "\n".join(lines)


def _render_judged(document: Json) -> str:
    lines = [f"{document['tasks']:,} tasks"]
    scores = {**document["scores"], **document.get("comparison", {}).get("scores", {})}
    lines += [f"{name}: {_metric(metric)}" for name, metric in scores.items()]
    lines.append(", ".join(f"{count:,} {status}" for status, count in document["statuses"].items()))
    lines.append("votes: " + ", ".join(f"{count:,} {kind}" for kind, count in document["votes"].items() if count))
    return "\n".join(lines)


def compare(
    left: Annotated[Path, typer.Argument(help="What `toolwise evaluate … --json` printed.")],
    right: Annotated[Path, typer.Argument(help="The same for the other one.")],
    metric: Annotated[str, typer.Option("--metric", help="Which score; by default the benchmark's own.")] = "",
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Say which of two is better on the same tasks, by how much and how sure; or how many tasks would tell."""
    from toolwise.pipelines.compare import compare_files

    emit(compare_files(left, right, metric, seed=seed), as_json, _render_comparison)


def _render_comparison(document: Json) -> str:
    exact = document["p_mcnemar"]
    mcnemar = "" if exact is None else f"; McNemar, exact: p {f'= {exact:.4f}' if exact >= 0.0001 else '< 0.0001'}"
    lines = [
        document["says"],
        "",
        f"{document['metric']}: left {document['left_mean']:.3f}, right {document['right_mean']:.3f}; "
        f"{document['tasks']:,} tasks in {document['clusters']:,} clusters, "
        f"design effect {document['design_effect']:.2f}",
        f"only left {document['only_left']:,}, only right {document['only_right']:,}{mcnemar}",
        f"detectable with so many tasks: {document['detectable'] * 100:.1f} points",
    ]
    for name, part in document["groups"].items():
        metric = part["difference"]
        lines.append(
            f"  {name}: {metric['value'] * 100:+.1f} [{metric['low'] * 100:.1f}, {metric['high'] * 100:.1f}], "
            f"n = {part['tasks']:,}, p (Holm) = {part['p_holm']:.3f}"
        )
    lines += [document["note"]] if document["groups"] else []
    left_out = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in document["unpaired"].items() if count)
    return "\n".join([*lines, *([f"not compared: {left_out}"] if left_out else [])])


def render_scores(document: Json) -> str:
    """Metrics of a scored benchmark, beside the baselines, and what was wrong with the file."""
    names = list(document["scores"])
    width = max(len(name) for name in ("nearest_tool", *document["groups"]))
    lines = [f"{document['benchmark']}: {document['tasks']:,} tasks", ""]
    rows = [("all", document["scores"], document["tasks"])]
    rows += [(name, part["scores"], part["tasks"]) for name, part in document["groups"].items() if name != "all"]
    rows += [(name, found["scores"], document["tasks"]) for name, found in document["baselines"].items()]
    for start in range(0, len(names), _COLUMNS):
        shown = names[start : start + _COLUMNS]
        lines.append(f"{'':<{width}}  {'n':>6}  " + "  ".join(f"{name:>20}" for name in shown))
        lines += [
            f"{name:<{width}}  {count:>6,}  " + "  ".join(f"{_metric(scores[key]):>20}" for key in shown)
            for name, scores, count in rows
        ]
        lines.append("")
    attempts = ", ".join(f"{count:,} {kind}" for kind, count in document["attempts"].items())
    lines.append(f"attempts: {attempts}")
    lines += [f"  {count:>6,} {reason}" for reason, count in document["reasons"].items()]
    given = document["predictions"]
    wrong = {name: given[name] for name in ("missing", "duplicate", "unknown")} | given["broken"]
    found = ", ".join(f"{count:,} {name}" for name, count in wrong.items() if count)
    if found:
        lines += ["", f"predictions: {given['rows']:,} rows, {given['used']:,} used; {found}"]
    return "\n".join(lines)


def _metric(metric: Json) -> str:
    return f"{metric['value']:.3f} [{metric['low']:.3f}, {metric['high']:.3f}]"
