"""`toolwise ask`: find tools for an instruction, search with a model of one's own or behind an endpoint, answer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from toolwise.cli import teacher_options as ask_options
from toolwise.cli.answer_tree import render_answer
from toolwise.cli.options import AsJson, CatalogPath, World
from toolwise.cli.output import emit, fail
from toolwise.cli.progress import ProgressView
from toolwise.types import Json

LOCAL, LLM = "local", "llm"


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("ask")(ask)


def ask(
    instruction: Annotated[str, typer.Argument(help="What you want done, with every value that it needs.")],
    catalog: CatalogPath,
    model: Annotated[
        str, typer.Option("--model", help="A model's folder (`train sft`, or transformers' form); llm: its name.")
    ] = "",
    k: Annotated[int, typer.Option("-k", min=1, help="How many tools to retrieve and offer.")] = 4,
    retriever: Annotated[
        str,
        typer.Option("--retriever", help="bm25, dense or fusion of the index, by default its best; or a folder."),
    ] = "auto",
    strategy: Annotated[str, typer.Option("--strategy", help="react or dfsdt.")] = "dfsdt",
    world: World = None,
    policy: Annotated[
        str, typer.Option("--policy", help="local (a model's folder) or llm (an endpoint; implied by --base-url).")
    ] = "",
    base_url: Annotated[str, typer.Option("--base-url", help="llm: an OpenAI-compatible endpoint.")] = "",
    endpoints: ask_options.Endpoints = None,
    api_key_env: ask_options.ApiKeyEnv = "OPENAI_API_KEY",
    temperature: ask_options.Temperature = 0.0,
    max_tokens_per_call: ask_options.MaxTokensPerCall = 1024,
    timeout: ask_options.Timeout = 120.0,
    price_in: ask_options.PriceIn = None,
    price_out: ask_options.PriceOut = None,
    max_calls: ask_options.MaxCalls = None,
    max_tokens: ask_options.MaxTokens = None,
    max_cost: ask_options.MaxCost = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="llm: where calls are journalled; by default beside the catalog.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Retrieve tools for an instruction, search with a model in a world, and answer."""
    chosen = policy or (LLM if base_url or endpoints else LOCAL)
    if chosen not in (LOCAL, LLM):
        fail(f"unknown --policy {policy!r}; choose {LOCAL} or {LLM}", 2)
    given = locals()
    document = _with_endpoint(given) if chosen == LLM else _with_folder(given)
    emit(document, as_json, render_answer)


def _with_folder(given: dict[str, Any]) -> Json:
    from toolwise.pipelines.ask import answer

    for name in ("base_url", "endpoints", "out"):
        if given[name]:
            fail(f"--{name.replace('_', '-')} is of --policy llm; add that, or leave it out", 2)
    if not given["model"]:
        fail("an answer needs --model with a model's folder, or --base-url and --model for an endpoint", 2)
    with ProgressView() as view:
        return answer(given["instruction"], given["catalog"], Path(given["model"]), **_common(given), observer=view)


def _with_endpoint(given: dict[str, Any]) -> Json:
    from toolwise.pipelines.ask_llm import answer_with_model

    addresses, names = ([given["base_url"]] if given["base_url"] else []), [given["model"]] if given["model"] else []
    limits = {"concurrency": 1, "requests_per_minute": 0.0, "tokens_per_minute": 0.0, "max_minutes": None}
    teacher = ask_options.teacher_of({**given, "base_url": addresses, "model": names, **limits})
    with ProgressView() as view:
        return answer_with_model(
            given["instruction"], given["catalog"], teacher, **_common(given), out=given["out"], observer=view
        )


def _common(given: dict[str, Any]) -> dict[str, Any]:
    from toolwise.pipelines.worlds import world_config

    world = world_config(given["world"]) if given["world"] else None
    return {"k": given["k"], "retriever": given["retriever"], "strategy": given["strategy"], "world": world}
