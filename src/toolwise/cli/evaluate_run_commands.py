"""`toolwise evaluate run` and `evaluate settings`: agents on tasks under the same conditions, kept and scored."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from toolwise.cli.options import AsJson, Out, Resume, Seed, Workers, World
from toolwise.cli.output import emit, fail
from toolwise.cli.progress import ProgressView
from toolwise.types import Json

_LLM = "llm"


def register(group: typer.Typer) -> None:
    """Add the commands to the group `evaluate`."""
    group.command("run")(run)
    group.command("settings")(settings)


def settings(
    source: Annotated[Path, typer.Argument(help="A catalog, a folder of `toolwise tasks`, or a finished run.")],
    out: Out,
    per_setting: Annotated[int, typer.Option("--per-setting", min=1, help="Tasks of each setting.")] = 100,
    seed: Seed = 0,
    resume: Resume = False,
    workers: Workers = 0,
    as_json: AsJson = False,
) -> None:
    """Write held-out tasks of ToolLLM's six settings, I1-Inst to I3-Inst, and show what they share with training."""
    from toolwise.pipelines.evaluate_settings import make_settings

    with ProgressView() as view:
        document = make_settings(source, out, per_setting, seed=seed, resume=resume, workers=workers, observer=view)
    emit(document, as_json, lambda result: f"{render_leaks(result['settings'])}\n\n{result['tasks']:,} tasks -> {out}")


def run(
    tasks: Annotated[Path, typer.Option("--tasks", help="A folder of tasks, or a finished run (its held-out tasks).")],
    out: Out,
    policy: Annotated[
        list[str],
        typer.Option("--policy", help="llm, a model's folder, blueprint, null, nearest-tool or random; repeatable."),
    ],
    strategy: Annotated[
        list[str] | None, typer.Option("--strategy", help="react, react@n or dfsdt; repeatable.")
    ] = None,
    candidates: Annotated[
        list[str] | None, typer.Option("--candidates", help="given, or retrieved:K of the whole catalog; repeatable.")
    ] = None,
    retriever: Annotated[
        str, typer.Option("--retriever", help="For retrieved:K; as in `evaluate retrieval`.")
    ] = "bm25",
    setting: Annotated[
        list[str] | None, typer.Option("--setting", help="Only these, such as I1-Tool; by default all.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=0, help="Tasks of each setting; 0 for all.")] = 0,
    budget: Annotated[int, typer.Option("--budget", min=1, help="Model calls of an attempt, by any strategy.")] = 10,
    max_steps: Annotated[int, typer.Option("--max-steps", min=1, help="Steps of one branch.")] = 7,
    width: Annotated[int, typer.Option("--width", min=1, help="dfsdt: children of a node.")] = 2,
    attempts: Annotated[int, typer.Option("--attempts", min=1, help="react@n: chains.")] = 4,
    repeats: Annotated[int, typer.Option("--repeats", min=1, help="Attempts on each task, for pass^k.")] = 1,
    temperature: Annotated[float, typer.Option("--temperature", min=0)] = 0.0,
    redraw_temperature: Annotated[
        float, typer.Option("--redraw-temperature", min=0, help="At temperature 0, of react@n's further chains.")
    ] = 0.7,
    transient: Annotated[
        list[float] | None,
        typer.Option("--refused", help="A share of the calls to refuse for the moment, such as 0.1; repeatable."),
    ] = None,
    baselines: Annotated[bool, typer.Option("--baselines/--no-baselines", help="Beside every result.")] = True,
    keep_catalog: Annotated[
        bool, typer.Option("--keep-catalog", help="Copy the toolsets that scoring needs into the run.")
    ] = False,
    base_url: Annotated[
        list[str] | None, typer.Option("--base-url", help="llm: an OpenAI-compatible endpoint; repeatable.")
    ] = None,
    model: Annotated[list[str] | None, typer.Option("--model", help="llm: the model's name there.")] = None,
    endpoints: Annotated[Path | None, typer.Option("--endpoints", help="llm: a YAML list of endpoints.")] = None,
    api_key_env: Annotated[str, typer.Option("--api-key-env", help="The key's variable.")] = "OPENAI_API_KEY",
    max_tokens_per_call: Annotated[int, typer.Option("--max-tokens-per-call", min=1)] = 1024,
    concurrency: Annotated[int, typer.Option("--concurrency", min=1, help="llm: requests in flight.")] = 64,
    price_in: Annotated[float | None, typer.Option("--price-in", min=0, help="Of a million prompt tokens.")] = None,
    price_out: Annotated[float | None, typer.Option("--price-out", min=0, help="Of a million written tokens.")] = None,
    max_calls: Annotated[int | None, typer.Option("--max-calls", min=0, help="llm: a hard budget.")] = None,
    max_cost: Annotated[float | None, typer.Option("--max-cost", min=0, help="llm: a hard budget.")] = None,
    world: World = None,
    seed: Seed = 0,
    resume: Resume = False,
    workers: Workers = 0,
    as_json: AsJson = False,
) -> None:
    """Let agents attempt tasks under the same conditions; keep what they did, and score it beside the baselines."""
    from toolwise.pipelines.evaluate_run import EvaluationPlan, evaluate_run, parse_agent, parse_conditions
    from toolwise.pipelines.teacher_verbs import endpoints_from, teacher_from
    from toolwise.pipelines.worlds import world_config

    conditions = parse_conditions(
        strategy or [],
        budget=budget,
        max_steps=max_steps,
        width=width,
        attempts=attempts,
        repeats=repeats,
        temperature=temperature,
        redraw_temperature=redraw_temperature,
        transient=tuple(transient or (0.0,)),
        seed=seed,
    )
    plan = EvaluationPlan(
        tasks,
        tuple(parse_agent(name) for name in policy),
        conditions,
        tuple(dict.fromkeys(candidates or ("given",))),
        retriever,
        tuple(setting or ()),
        limit,
        world_config(world) if world else None,
        baselines,
        keep_catalog,
    )
    teacher = None
    if _LLM in policy:
        teacher = teacher_from(
            endpoints_from(
                endpoints, base_url or [], model or [], (price_in, price_out),
                key_env=api_key_env, concurrency=concurrency,
            ),
            chat={"temperature": temperature, "max_tokens_per_call": max_tokens_per_call},
            budget={"max_calls": max_calls, "max_cost": max_cost},
        )  # fmt: skip
    with ProgressView() as view:
        document = evaluate_run(plan, out, teacher=teacher, resume=resume, workers=workers, observer=view)
    emit(document, as_json, lambda result: render_run(result, out))
    if document.get("stopped_by") == "endpoint":
        fail(document["stopped"], 2)


def render_run(document: Json, out: Path) -> str:
    """A line for each cell, the settings' leak checks, the budget, and what is wrong."""
    limits = document["budget"]
    lines = [
        f"{document['tasks']:,} tasks; the same for every strategy: {limits['model_calls']} model calls a task, "
        f"{limits['max_steps']} steps a branch",
        "",
        f"{'':<44} {'pass':>22} {'calls':>8} {'tokens':>10} {'seconds':>8}  (each for one solved task)",
    ]
    lines += [_cell_line(name, cell) for name, cell in document["cells"].items()]
    groups = list(document["groups"])
    if len(groups) > 1:
        lines += ["", f"{'pass':<44} " + " ".join(f"{group:>12}" for group in groups)]
        for name, cell in document["cells"].items():
            values = (100 * cell["groups"][group]["scores"]["pass"]["value"] for group in groups)
            lines.append(f"{name:<44} " + " ".join(f"{value:>11.1f}%" for value in values))
    power = document["pass_power_k"]
    if len(power) > 1:
        lines += ["", *(f"{name}: " + _powers(cell) for name, cell in document["cells"].items())]
    for label, found in document["candidate_sets"].items():
        lines.append(f"candidates {label}: {found['tools']:.1f} tools, all relevant ones in {found['complete']:.1%}")
    if document.get("leaks"):
        lines += ["", render_leaks(document["leaks"])]
    lines += [f"failed: {key}: {why}" for key, why in document["failed"].items()]
    if document.get("stopped"):
        lines.append(f"stopped: {document['stopped']} ({document['pending']:,} attempts are pending)")
    return "\n".join([*lines, "", f"-> {out}"])


def _powers(cell: Json) -> str:
    return ", ".join(f"pass^{k} {100 * metric['value']:.1f}%" for k, metric in cell["pass_power_k"].items())


def _cell_line(name: str, cell: Json) -> str:
    metric, cost = cell["scores"]["pass"], cell["cost"]

    def each(*keys: str) -> str:
        values = [cost[f"{key}_per_solved_task"] for key in keys]
        return "-" if None in values else f"{sum(values):,.1f}"

    rate = f"{100 * metric['value']:.1f}% [{100 * metric['low']:.1f}, {100 * metric['high']:.1f}]"
    tokens = each("prompt_tokens", "completion_tokens")
    return f"{name:<44} {rate:>22} {each('model_calls'):>8} {tokens:>10} {each('seconds'):>8}"


def render_leaks(settings: Json) -> str:
    """What each setting's tasks share with training."""
    names = ("tasks", "toolsets", "toolsets_in_training", "categories_in_training", "tools_in_training",
             "tasks_in_training")  # fmt: skip
    lines = [f"{'in training:':<12} " + " ".join(f"{name.removesuffix('_in_training'):>12}" for name in names)]
    for name, row in settings.items():
        lines.append(
            f"{name:<12} " + " ".join(f"{row[key]:>12,}" for key in names) + ("  clean" if row["clean"] else "  LEAK")
        )
    return "\n".join(lines)
