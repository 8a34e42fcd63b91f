"""`toolwise solve` and `serve teacher`: trees from the embedded teacher or any language model, and rehearsals."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import orjson
import typer

from toolwise.cli.live_view import LiveView
from toolwise.cli.options import AsJson, Out, Resume, Seed, Workers, World
from toolwise.cli.output import emit, fail
from toolwise.cli.progress import ProgressView
from toolwise.types import Json

Folder = Annotated[Path, typer.Argument(help="The folder that `toolwise tasks` wrote.")]
BLUEPRINT, LLM = "blueprint", "llm"


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command("solve")(solve)
    group = typer.Typer(no_args_is_help=True, help="Serve something to other programs.")
    group.command("teacher")(teacher)
    group.callback()(_group)
    app.add_typer(group, name="serve")


def _group() -> None:
    """Serve something to other programs."""


def solve(
    tasks: Folder,
    out: Out,
    strategy: Annotated[str, typer.Option("--strategy", help="react, react@n or dfsdt.")] = "dfsdt",
    policy: Annotated[str, typer.Option("--policy", help="blueprint (the embedded teacher) or llm.")] = BLUEPRINT,
    base_url: Annotated[
        list[str] | None, typer.Option("--base-url", help="An OpenAI-compatible endpoint; may be repeated.")
    ] = None,
    model: Annotated[
        list[str] | None, typer.Option("--model", help="The model's name there; one for all, or each.")
    ] = None,
    endpoints: Annotated[
        Path | None, typer.Option("--endpoints", help="A YAML list of endpoints with weights, limits and prices.")
    ] = None,
    api_key_env: Annotated[
        str, typer.Option("--api-key-env", help="The variable that holds the key.")
    ] = "OPENAI_API_KEY",
    temperature: Annotated[float, typer.Option("--temperature", min=0)] = 0.0,
    max_tokens_per_call: Annotated[int, typer.Option("--max-tokens-per-call", min=1)] = 1024,
    concurrency: Annotated[int, typer.Option("--concurrency", min=1, help="The most requests in flight.")] = 64,
    requests_per_minute: Annotated[float, typer.Option("--requests-per-minute", min=0, help="0 for no cap.")] = 0.0,
    tokens_per_minute: Annotated[float, typer.Option("--tokens-per-minute", min=0, help="0 for no cap.")] = 0.0,
    timeout: Annotated[float, typer.Option("--timeout", min=0.01, help="Seconds for one request.")] = 120.0,
    price_in: Annotated[float | None, typer.Option("--price-in", min=0, help="Of a million prompt tokens.")] = None,
    price_out: Annotated[float | None, typer.Option("--price-out", min=0, help="Of a million written tokens.")] = None,
    max_calls: Annotated[int | None, typer.Option("--max-calls", min=0, help="A hard budget.")] = None,
    max_tokens: Annotated[int | None, typer.Option("--max-tokens", min=0, help="A hard budget.")] = None,
    max_cost: Annotated[float | None, typer.Option("--max-cost", min=0, help="A hard budget.")] = None,
    max_minutes: Annotated[float | None, typer.Option("--max-minutes", min=0, help="Of this session.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only estimate calls, tokens and price.")] = False,
    world: World = None,
    seed: Seed = 0,
    resume: Resume = False,
    workers: Workers = 0,
    engine: Annotated[str, typer.Option("--engine", help="For llm: local, or ray for a Ray cluster.")] = "local",
    ray_address: Annotated[
        str, typer.Option("--ray-address", help="Of the cluster; by default RAY_ADDRESS, or one of its own here.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Solve tasks by search, with the embedded teacher or any language model; every attempt is kept as a tree."""
    if policy == BLUEPRINT:
        _solve_embedded(tasks, out, strategy, (seed, workers, world), resume=resume, as_json=as_json)
        return
    if policy != LLM:
        fail(f"unknown --policy {policy!r}; choose {BLUEPRINT} or {LLM}", 2)
    from toolwise.pipelines.teacher_verbs import endpoints_from, estimate, solve_folder_with_model, teacher_from

    asked = teacher_from(
        endpoints_from(
            endpoints,
            base_url or [],
            model or [],
            (price_in, price_out),
            key_env=api_key_env,
            concurrency=concurrency,
            requests_per_minute=requests_per_minute,
            tokens_per_minute=tokens_per_minute,
            timeout_s=timeout,
        ),
        chat={"temperature": temperature, "max_tokens_per_call": max_tokens_per_call},
        budget={"max_calls": max_calls, "max_tokens": max_tokens, "max_cost": max_cost, "max_minutes": max_minutes},
    )
    if dry_run:
        emit(estimate(tasks, strategy, asked, seed=seed), as_json, _render_estimate)
        return
    from toolwise.pipelines.engine import ClusterConfig, engine_of
    from toolwise.pipelines.worlds import world_config

    chosen = world_config(world) if world else None
    cluster = ClusterConfig(workers, ray_address) if engine_of(engine) == "ray" else None
    with LiveView(as_json) as view:
        document = solve_folder_with_model(
            tasks, out, strategy, asked, world=chosen, seed=seed, resume=resume, cluster=cluster, observer=view
        )
    emit(document, as_json, lambda result: _render_solved(result, out))
    if document["stopped_by"] == "endpoint":
        fail(document["stopped"], 2)


def _solve_embedded(
    tasks: Path, out: Path, strategy: str, how: tuple[int, int, str | None], *, resume: bool, as_json: bool
) -> None:
    from toolwise.pipelines.verbs import solve_folder
    from toolwise.pipelines.worlds import world_config

    seed, workers, world = how
    chosen = world_config(world) if world else None
    with ProgressView() as view:
        document = solve_folder(
            tasks, out, strategy, world=chosen, seed=seed, resume=resume, workers=workers, observer=view
        )
    emit(document, as_json, lambda result: f"{result['trajectories']:,} trajectories -> {out}")


def teacher(
    port: Annotated[int, typer.Option("--port", min=0, help="0 for any free one.")] = 8040,
    host: Annotated[str, typer.Option("--host", help="This machine alone by default.")] = "127.0.0.1",
    tasks: Annotated[
        Path | None, typer.Option("--tasks", help="A tasks folder, whose instructions are solved by their blueprints.")
    ] = None,
    latency: Annotated[float, typer.Option("--latency", min=0, help="Seconds before an answer.")] = 0.0,
    concurrency: Annotated[int, typer.Option("--concurrency", min=0, help="Requests at a time; more get 429.")] = 0,
    rate_limit: Annotated[float, typer.Option("--rate-limit", min=0, help="Requests a minute; more get 429.")] = 0.0,
    fault_rate: Annotated[float, typer.Option("--fault-rate", min=0, max=1, help="Share of calls that fail.")] = 0.0,
    retry_after: Annotated[float, typer.Option("--retry-after", min=0, help="What a 429 asks for, in seconds.")] = 1.0,
    slow: Annotated[float, typer.Option("--slow", min=0, help="Seconds that a slow body takes.")] = 2.0,
    api_key_env: Annotated[str, typer.Option("--api-key-env", help="Ask for the key in this variable.")] = "",
    context: Annotated[int, typer.Option("--context", min=0, help="Refuse longer prompts, in tokens.")] = 0,
    without_tools: Annotated[bool, typer.Option("--without-tools", help="Refuse tools, as some servers do.")] = False,
    without_schemas: Annotated[bool, typer.Option("--without-schemas", help="Refuse answer schemas.")] = False,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Rehearse a run before paying for it: an OpenAI-compatible server over the embedded teacher."""
    from toolwise.serve.teacher import TeacherConfig, serve_teacher

    if api_key_env and not os.environ.get(api_key_env):
        fail(f"the environment variable {api_key_env} is not set; set it to the key to ask for", 2)
    config = TeacherConfig(
        tasks=tasks,
        latency_s=latency,
        concurrency=concurrency,
        rate_limit=rate_limit,
        fault_rate=fault_rate,
        retry_after_s=retry_after,
        slow_s=slow,
        key=os.environ.get(api_key_env, "") if api_key_env else "",
        context=context,
        takes_tools=not without_tools,
        takes_schemas=not without_schemas,
        seed=seed,
    )
    serve_teacher(config, host, port, lambda about: _announce(about, as_json))


def _announce(about: Json, as_json: bool) -> None:
    if as_json:
        typer.echo(orjson.dumps(about).decode())
    typer.echo(f"teacher {about['model']!r} at {about['address']}; stop it with Ctrl-C", err=True)


def _render_solved(document: Json, out: Path) -> str:
    funnel, usage, session = document["funnel"], document["usage"], document["session"]
    cost = "price unknown" if usage["cost"] is None else f"cost {usage['cost']:.4f}"
    lines = [
        f"tasks: {funnel['in']:,} in = {funnel['accepted']:,} accepted + {funnel['rejected']:,} rejected "
        f"+ {funnel['failed']:,} failed + {funnel['pending']:,} pending -> {out}"
    ]
    lines += [f"  {reason}: {count:,}" for reason, count in funnel["reasons"].items()]
    tokens = usage["prompt_tokens"] + usage["completion_tokens"]
    lines.append(f"calls: {usage['calls']:,}, tokens: {tokens:,}, {cost}")
    if session["shared_prefix"] is not None:
        lines.append(f"shared prefix: {session['shared_prefix']:.0%} of the prompt tokens")
    lines += [f"note: {text} ({count:,})" for text, count in document["notices"].items()]
    if document["stopped"]:
        lines.append(f"stopped: {document['stopped']}")
    return "\n".join(lines)


def _render_estimate(document: Json) -> str:
    lines = [f"{document['tasks']:,} tasks with {document['model']}"]
    for name in ("expected", "at_most"):
        part = document[name]
        cost = "price unknown: give --price-in and --price-out" if part["cost"] is None else f"cost {part['cost']:,.2f}"
        tokens = f"{part['prompt_tokens']:,} + {part['completion_tokens']:,} tokens"
        lines.append(f"{name.replace('_', ' ')}: {part['calls']:,} calls, {tokens}, {cost}")
    return "\n".join(lines)
