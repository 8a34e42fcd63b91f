"""`toolwise tasks`: instructions from the embedded teacher or from any language model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from toolwise.cli import teacher_options as ask
from toolwise.cli.options import AsJson, Out, Resume, Seed, Workers, World
from toolwise.cli.output import emit, fail
from toolwise.cli.progress import ProgressView
from toolwise.types import Json

EMBEDDED, LLM = "embedded", "llm"
DOCUMENTS, BLUEPRINTS = "documents", "blueprints"


def tasks(
    catalog: Annotated[Path, typer.Argument(help="A catalog made by `toolwise catalog import`.")],
    out: Out,
    count: Annotated[int, typer.Option("--count", min=1, help="Training tasks to write.")] = 1000,
    held_out: Annotated[int, typer.Option("--held-out", min=1, help="Tasks to write for each other split.")] = 100,
    teacher: Annotated[str, typer.Option("--teacher", help="embedded, or llm.")] = EMBEDDED,
    source: Annotated[
        str,
        typer.Option("--from", help="llm: documents; blueprints (made first); or a tasks folder with blueprints."),
    ] = DOCUMENTS,
    per_toolset: Annotated[
        int, typer.Option("--per-toolset", min=1, help="llm: instructions of each kind for each toolset.")
    ] = 10,
    kinds: Annotated[
        str, typer.Option("--kinds", help="llm: single, category, collection, with commas between them.")
    ] = "single,category,collection",
    language: Annotated[str, typer.Option("--language", help="llm: of the instructions, such as en or de.")] = "en",
    base_url: ask.BaseUrls = None,
    model: ask.Models = None,
    endpoints: ask.Endpoints = None,
    api_key_env: ask.ApiKeyEnv = "OPENAI_API_KEY",
    temperature: ask.Temperature = 0.7,
    max_tokens_per_call: ask.MaxTokensPerCall = 4096,
    concurrency: ask.Concurrency = 64,
    requests_per_minute: ask.RequestsPerMinute = 0.0,
    tokens_per_minute: ask.TokensPerMinute = 0.0,
    timeout: ask.Timeout = 120.0,
    price_in: ask.PriceIn = None,
    price_out: ask.PriceOut = None,
    max_calls: ask.MaxCalls = None,
    max_tokens: ask.MaxTokens = None,
    max_cost: ask.MaxCost = None,
    max_minutes: ask.MaxMinutes = None,
    dry_run: ask.DryRun = False,
    world: World = None,
    seed: Seed = 0,
    resume: Resume = False,
    workers: Workers = 0,
    as_json: AsJson = False,
) -> None:
    """Split the catalog and write tasks with the embedded teacher or a language model."""
    if teacher == LLM:
        _with_model(locals())
        return
    if teacher != EMBEDDED:
        fail(f"unknown --teacher {teacher!r}; choose {EMBEDDED} or {LLM}", 2)
    from toolwise.pipelines.verbs import make_tasks
    from toolwise.pipelines.worlds import WorldConfig, world_config

    chosen = world_config(world) if world else WorldConfig()
    with ProgressView() as view:
        document = make_tasks(
            catalog, out, (count, held_out), world=chosen, seed=seed, resume=resume, workers=workers, observer=view
        )
    emit(document, as_json, lambda result: _render(result, out))


def _with_model(given: dict[str, Any]) -> None:
    """`given` holds the command's arguments by name."""
    from dataclasses import replace

    from toolwise.config import parse_config
    from toolwise.pipelines.worlds import world_config
    from toolwise.synthesis.instructions import InstructionsConfig

    kinds = [kind.strip() for kind in given["kinds"].split(",") if kind.strip()]
    settings = {name: given[name] for name in ("seed", "per_toolset", "language")}
    config = parse_config(InstructionsConfig, {**settings, "kinds": kinds}, "tasks --teacher llm")
    teacher = ask.teacher_of(given)
    if given["world"]:
        teacher = replace(teacher, world=world_config(given["world"]))
    document = _estimate(given, config, teacher) if given["dry_run"] else _made(given, config, teacher)
    if given["dry_run"]:
        emit(document, given["as_json"], ask.render_estimate)
        return
    emit(document, given["as_json"], lambda result: ask.render_made("tasks", result, given["out"]))
    if document["stopped_by"] == "endpoint":
        fail(document["stopped"], 2)


def _estimate(given: dict[str, Any], config: Any, teacher: Any) -> Json:
    if given["source"] == DOCUMENTS:
        from toolwise.pipelines.instructions import estimate_instructions

        return estimate_instructions(given["catalog"], config, teacher)
    from toolwise.pipelines.rewording import estimate_rewording

    most = given["count"] + 4 * given["held_out"]
    return estimate_rewording(given["catalog"], config, teacher, _blueprints(given["source"]), most)


def _made(given: dict[str, Any], config: Any, teacher: Any) -> Json:
    catalog, out, resume = given["catalog"], given["out"], given["resume"]
    with ProgressView() as view:
        if given["source"] == DOCUMENTS:
            from toolwise.pipelines.instructions import write_instructions

            return write_instructions(catalog, out, config, teacher, resume=resume, observer=view)
        from toolwise.pipelines.rewording import reword_tasks

        return reword_tasks(
            catalog,
            out,
            config,
            teacher,
            tasks=_blueprints(given["source"]),
            counts=(given["count"], given["held_out"]),
            resume=resume,
            observer=view,
        )


def _blueprints(source: str) -> Path | None:
    """The tasks folder that `--from` names; none for those that are to be made."""
    return None if source == BLUEPRINTS else Path(source)


def _render(document: Json, out: Path) -> str:
    funnel = document["funnel"]
    lines = [
        f"tasks: {funnel['in']:,} in = {funnel['accepted']:,} accepted + {funnel['rejected']:,} rejected "
        f"+ {funnel['failed']:,} failed + {funnel['pending']:,} pending -> {out}"
    ]
    lines += [f"  {reason}: {count:,}" for reason, count in funnel["reasons"].items()]
    return "\n".join(lines)
