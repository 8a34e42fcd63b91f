"""`toolwise converse`: conversations between a user, an assistant and the tools."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from toolwise.cli import teacher_options as ask
from toolwise.cli.options import AsJson, Out, Resume, Seed, World
from toolwise.cli.output import emit, fail
from toolwise.cli.progress import ProgressView
from toolwise.types import Json

if TYPE_CHECKING:
    from toolwise.pipelines.teacher import Teacher

_LLM = "llm"


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("converse")(converse)


def converse(
    catalog: Annotated[Path, typer.Argument(help="A catalog made by `toolwise catalog import`.")],
    out: Out,
    count: Annotated[int, typer.Option("--n", "--count", min=1, help="Conversations to hold.")] = 200,
    base_url: ask.BaseUrls = None,
    model: ask.Models = None,
    endpoints: ask.Endpoints = None,
    api_key_env: ask.ApiKeyEnv = "OPENAI_API_KEY",
    temperature: ask.Temperature = 0.0,
    max_tokens_per_call: ask.MaxTokensPerCall = 1024,
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
    as_json: AsJson = False,
) -> None:
    """Simulate conversations over a catalog: a model plays user and assistant, and a world runs the tools."""
    from toolwise.pipelines.converse import estimate_conversations, hold_conversations
    from toolwise.synthesis.conversations import ConversationConfig

    config = ConversationConfig(seed=seed)
    teacher = _teacher(locals())
    if dry_run:
        emit(estimate_conversations(catalog, count, config, teacher), as_json, ask.render_estimate)
        return
    with ProgressView() as view:
        document = hold_conversations(catalog, out, count, config, teacher, resume=resume, observer=view)
    emit(document, as_json, lambda result: _render(result, out))
    if document["stopped_by"] == "endpoint":
        fail(document["stopped"], 2)


def _teacher(given: dict[str, Any]) -> Teacher:
    """The teacher, with the world; `llm` without a file is played by the teacher itself."""
    from dataclasses import replace

    from toolwise.pipelines.worlds import WorldConfig, WorldKind, world_config

    teacher = ask.teacher_of(given)
    world = given["world"]
    if world == _LLM:
        return replace(teacher, world=WorldConfig(layers=(WorldKind.LLM,), endpoint=teacher.endpoints[0]))
    return replace(teacher, world=world_config(world)) if world else teacher


def _render(document: Json, out: Path) -> str:
    lines = [ask.render_made("conversations", document, out)]
    for name in ("turns", "calls"):
        part = document["proportions"][name]
        counts = ", ".join(f"{key} {part[key]['n']:,} ({part[key]['share'] or 0:.0%})" for key in ("single", "multi"))
        lines.append(f"{name}: {counts}")
    return "\n".join(lines)
