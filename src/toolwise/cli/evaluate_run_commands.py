"""`toolwise evaluate run` and `evaluate settings`: agents on tasks under the same conditions, kept and scored."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from toolwise.cli import teacher_options
from toolwise.cli.options import AsJson, Out, Resume, Seed, Workers, World
from toolwise.cli.output import emit, fail
from toolwise.cli.progress import ProgressView
from toolwise.types import Json

if TYPE_CHECKING:
    from toolwise.pipelines.evaluate_run import EvaluationPlan

Tasks = Annotated[Path, typer.Option("--tasks", help="A folder of tasks, or a finished run (its held-out tasks).")]
Policies = Annotated[
    list[str],
    typer.Option("--policy", help="llm, a model's folder, blueprint, null, nearest-tool or random; repeatable."),
]
Strategies = Annotated[list[str] | None, typer.Option("--strategy", help="react, react@n or dfsdt; repeatable.")]
Candidates = Annotated[
    list[str] | None, typer.Option("--candidates", help="given, or retrieved:K of the whole catalog; repeatable.")
]
Retriever = Annotated[str, typer.Option("--retriever", help="For retrieved:K; as in `evaluate retrieval`.")]
Settings = Annotated[list[str] | None, typer.Option("--setting", help="Only these, such as I1-Tool; by default all.")]
Limit = Annotated[int, typer.Option("--limit", min=0, help="Tasks of each setting; 0 for all.")]
Budget = Annotated[int, typer.Option("--budget", min=1, help="Model calls of an attempt, by any strategy.")]
MaxSteps = Annotated[int, typer.Option("--max-steps", min=1, help="Steps of one branch.")]
Width = Annotated[int, typer.Option("--width", min=1, help="dfsdt: children of a node.")]
ChainAttempts = Annotated[int, typer.Option("--attempts", min=1, help="react@n: chains.")]
Repeats = Annotated[int, typer.Option("--repeats", min=1, help="Attempts on each task, for pass^k.")]
RedrawTemperature = Annotated[
    float, typer.Option("--redraw-temperature", min=0, help="At temperature 0, of react@n's further chains.")
]
TurnTokens = Annotated[int, typer.Option("--turn-tokens", min=1, help="The most tokens of a local model's turn.")]
Refused = Annotated[
    list[float] | None,
    typer.Option("--refused", help="A share of the calls to refuse for the moment, such as 0.1; repeatable."),
]
Baselines = Annotated[bool, typer.Option("--baselines/--no-baselines", help="Beside every result.")]
KeepCatalog = Annotated[bool, typer.Option("--keep-catalog", help="Copy the toolsets that scoring needs into the run.")]

_LLM = "llm"
_CONDITIONS = (
    "budget", "max_steps", "width", "attempts", "repeats", "temperature", "redraw_temperature", "turn_tokens", "seed",
)  # fmt: skip
_UNLIMITED = {
    "requests_per_minute": 0.0, "tokens_per_minute": 0.0, "timeout": 120.0, "max_tokens": None, "max_minutes": None,
}  # fmt: skip
"""What this command leaves to the endpoint, and to the other budgets."""


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
    tasks: Tasks,
    out: Out,
    policy: Policies,
    strategy: Strategies = None,
    candidates: Candidates = None,
    retriever: Retriever = "bm25",
    setting: Settings = None,
    limit: Limit = 0,
    budget: Budget = 10,
    max_steps: MaxSteps = 7,
    width: Width = 2,
    attempts: ChainAttempts = 4,
    repeats: Repeats = 1,
    temperature: teacher_options.Temperature = 0.0,
    redraw_temperature: RedrawTemperature = 0.7,
    turn_tokens: TurnTokens = 400,
    transient: Refused = None,
    baselines: Baselines = True,
    keep_catalog: KeepCatalog = False,
    base_url: teacher_options.BaseUrls = None,
    model: teacher_options.Models = None,
    endpoints: teacher_options.Endpoints = None,
    api_key_env: teacher_options.ApiKeyEnv = "OPENAI_API_KEY",
    max_tokens_per_call: teacher_options.MaxTokensPerCall = 1024,
    concurrency: teacher_options.Concurrency = 64,
    price_in: teacher_options.PriceIn = None,
    price_out: teacher_options.PriceOut = None,
    max_calls: teacher_options.MaxCalls = None,
    max_cost: teacher_options.MaxCost = None,
    world: World = None,
    seed: Seed = 0,
    resume: Resume = False,
    workers: Workers = 0,
    as_json: AsJson = False,
) -> None:
    """Let agents attempt tasks under the same conditions; keep what they did, and score it beside the baselines."""
    from toolwise.pipelines.evaluate_run import evaluate_run

    given = dict(locals())
    plan, teacher = _plan(given), teacher_options.teacher_of(_UNLIMITED | given) if _LLM in policy else None
    with ProgressView() as view:
        document = evaluate_run(plan, out, teacher=teacher, resume=resume, workers=workers, observer=view)
    emit(document, as_json, lambda result: render_run(result, out))
    if document.get("stopped_by") == "endpoint":
        fail(document["stopped"], 2)


def _plan(given: Mapping[str, Any]) -> EvaluationPlan:
    """What the command's arguments ask for. Raises UserError."""
    from toolwise.pipelines.evaluate_run import EvaluationPlan, parse_agent, parse_conditions
    from toolwise.pipelines.worlds import world_config

    conditions = {name: given[name] for name in _CONDITIONS} | {"transient": tuple(given["transient"] or (0.0,))}
    return EvaluationPlan(
        given["tasks"],
        tuple(parse_agent(name) for name in given["policy"]),
        parse_conditions(given["strategy"] or [], **conditions),
        tuple(dict.fromkeys(given["candidates"] or ("given",))),
        given["retriever"],
        tuple(given["setting"] or ()),
        given["limit"],
        world_config(given["world"]) if given["world"] else None,
        given["baselines"],
        given["keep_catalog"],
    )


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
