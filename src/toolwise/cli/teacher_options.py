"""The options of every command that asks a language model, and the teacher that they describe."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from toolwise.cli.output import fail
from toolwise.types import Json

if TYPE_CHECKING:
    from toolwise.pipelines.teacher import Teacher

BaseUrls = Annotated[
    list[str] | None, typer.Option("--base-url", help="An OpenAI-compatible endpoint; may be repeated.")
]
Models = Annotated[list[str] | None, typer.Option("--model", help="The model's name there; one for all, or each.")]
Endpoints = Annotated[
    Path | None, typer.Option("--endpoints", help="A YAML list of endpoints with weights, limits and prices.")
]
ApiKeyEnv = Annotated[str, typer.Option("--api-key-env", help="The variable that holds the key.")]
Temperature = Annotated[float, typer.Option("--temperature", min=0)]
MaxTokensPerCall = Annotated[int, typer.Option("--max-tokens-per-call", min=1, help="Of an answer.")]
Concurrency = Annotated[int, typer.Option("--concurrency", min=1, help="The most requests in flight.")]
RequestsPerMinute = Annotated[float, typer.Option("--requests-per-minute", min=0, help="0 for no cap.")]
TokensPerMinute = Annotated[float, typer.Option("--tokens-per-minute", min=0, help="0 for no cap.")]
Timeout = Annotated[float, typer.Option("--timeout", min=0.01, help="Seconds for one request.")]
PriceIn = Annotated[float | None, typer.Option("--price-in", min=0, help="Of a million prompt tokens.")]
PriceOut = Annotated[float | None, typer.Option("--price-out", min=0, help="Of a million written tokens.")]
MaxCalls = Annotated[int | None, typer.Option("--max-calls", min=0, help="A hard budget.")]
MaxTokens = Annotated[int | None, typer.Option("--max-tokens", min=0, help="A hard budget.")]
MaxCost = Annotated[float | None, typer.Option("--max-cost", min=0, help="A hard budget.")]
MaxMinutes = Annotated[float | None, typer.Option("--max-minutes", min=0, help="Of this session.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only estimate calls, tokens and price.")]

EMBEDDED, LLM = "embedded", "llm"
CatalogTeacher = Annotated[str, typer.Option("--teacher", help="embedded (no model is asked) or llm.")]

_ENDPOINT = ("concurrency", "requests_per_minute", "tokens_per_minute")
_BUDGET = ("max_calls", "max_tokens", "max_cost", "max_minutes")


def teacher_of(given: Mapping[str, Any]) -> Teacher:
    """The teacher that a command's arguments describe; they are named as the options above. Raises ConfigError."""
    from toolwise.pipelines.teacher_verbs import endpoints_from, teacher_from

    endpoints = endpoints_from(
        given["endpoints"],
        given["base_url"] or [],
        given["model"] or [],
        (given["price_in"], given["price_out"]),
        key_env=given["api_key_env"],
        timeout_s=given["timeout"],
        **{name: given[name] for name in _ENDPOINT},
    )
    chat = {"temperature": given["temperature"], "max_tokens_per_call": given["max_tokens_per_call"]}
    return teacher_from(endpoints, chat=chat, budget={name: given[name] for name in _BUDGET})


def catalog_teacher_of(teacher: str, given: Mapping[str, Any]) -> Teacher | None:
    """The teacher of a command over a catalog, which has few of the options; none for the embedded one."""
    if teacher == EMBEDDED:
        return None
    if teacher != LLM:
        fail(f"unknown --teacher {teacher!r}; choose {EMBEDDED} or {LLM}", 2)
    from toolwise.pipelines.teacher_verbs import endpoints_from, teacher_from

    urls, models, prices = given["base_url"] or [], given["model"] or [], (given["price_in"], given["price_out"])
    endpoints = endpoints_from(given["endpoints"], urls, models, prices, key_env=given["api_key_env"])
    return teacher_from(endpoints, chat={}, budget={name: given.get(name) for name in _BUDGET})


def render_usage(document: Json) -> list[str]:
    """What all runs over a catalog asked its teacher, in lines; none where it was not asked."""
    usage = document.get("usage")
    if not usage:
        return []
    tokens = usage["prompt_tokens"] + usage["completion_tokens"]
    cost = "price unknown" if usage["cost"] is None else f"cost {usage['cost']:.4f}"
    lines = [f"calls for this catalog: {usage['calls']:,}, tokens: {tokens:,}, {cost}"]
    return lines + [f"note: {text} ({count:,})" for text, count in document["notices"].items()]


def render_estimate(document: Json) -> str:
    """What a run may need, in lines."""
    lines = [f"{document['tasks']:,} to make with {document['model']}"]
    for name in ("expected", "at_most"):
        part = document[name]
        cost = "price unknown: give --price-in and --price-out" if part["cost"] is None else f"cost {part['cost']:,.2f}"
        tokens = f"{part['prompt_tokens']:,} + {part['completion_tokens']:,} tokens"
        lines.append(f"{name.replace('_', ' ')}: {part['calls']:,} calls, {tokens}, {cost}")
    return "\n".join(lines)


def render_made(what: str, document: Json, out: Path) -> str:
    """The funnel, and what it cost."""
    funnel, usage, session = document["funnel"], document["usage"], document["session"]
    cost = "price unknown" if usage["cost"] is None else f"cost {usage['cost']:.4f}"
    lines = [
        f"{what}: {funnel['in']:,} in = {funnel['accepted']:,} accepted + {funnel['rejected']:,} rejected "
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
