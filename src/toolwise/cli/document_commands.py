"""`toolwise catalog document`, `group` and `dedupe`: what makes a catalog better."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from toolwise.cli.export_commands import CatalogArgument, ToolsetOption
from toolwise.cli.options import AsJson, Out, Seed
from toolwise.cli.output import emit
from toolwise.cli.progress import ProgressView
from toolwise.cli.teacher_options import (
    EMBEDDED,
    ApiKeyEnv,
    BaseUrls,
    CatalogTeacher,
    Endpoints,
    MaxCalls,
    MaxCost,
    MaxTokens,
    Models,
    PriceIn,
    PriceOut,
    catalog_teacher_of,
    render_usage,
)
from toolwise.types import Json

SHOWN = 5


def register(group: typer.Typer) -> None:
    """Add the commands to `toolwise catalog`."""
    group.command("document")(document)
    group.command("group")(group_)
    group.command("dedupe")(dedupe)


def document(
    catalog: CatalogArgument,
    toolset: ToolsetOption = None,
    teacher: CatalogTeacher = EMBEDDED,
    out: Annotated[
        Path | None, typer.Option("--out", help="A new catalog with the documentation; beside the old one by default.")
    ] = None,
    base_url: BaseUrls = None,
    model: Models = None,
    endpoints: Endpoints = None,
    api_key_env: ApiKeyEnv = "OPENAI_API_KEY",
    price_in: PriceIn = None,
    price_out: PriceOut = None,
    max_calls: MaxCalls = None,
    max_tokens: MaxTokens = None,
    max_cost: MaxCost = None,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Write ToolAlpaca's standard documentation: introduction, functions, OpenAPI document, plain language."""
    asked = catalog_teacher_of(teacher, locals())
    from toolwise.pipelines.document import document_catalog, document_with_teacher

    with ProgressView() as view:
        if asked is None:
            made = document_catalog(catalog, out, toolset or (), view)
        else:
            made = document_with_teacher(catalog, asked, out, toolset or (), seed=seed, observer=view)
    emit(made, as_json, _render_document)


def group_(
    catalog: CatalogArgument,
    out: Out,
    teacher: CatalogTeacher = EMBEDDED,
    categories: Annotated[int, typer.Option("--categories", min=0, help="How many; 0 to choose by size.")] = 0,
    collections: Annotated[int, typer.Option("--collections", min=0, help="How many; 0 to choose by size.")] = 0,
    everything: Annotated[bool, typer.Option("--all", help="Also toolsets that have a category already.")] = False,
    base_url: BaseUrls = None,
    model: Models = None,
    endpoints: Endpoints = None,
    api_key_env: ApiKeyEnv = "OPENAI_API_KEY",
    price_in: PriceIn = None,
    price_out: PriceOut = None,
    max_calls: MaxCalls = None,
    max_tokens: MaxTokens = None,
    max_cost: MaxCost = None,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Give categories and collections to toolsets that have none."""
    asked = catalog_teacher_of(teacher, locals())
    from toolwise.pipelines.grouping import group_catalog, group_with_teacher

    settings = {"categories": categories, "collections": collections, "everything": everything, "seed": seed}
    with ProgressView() as view:
        if asked is None:
            made = group_catalog(catalog, out, settings, view)
        else:
            made = group_with_teacher(catalog, out, asked, settings, view)
    emit(made, as_json, _render_group)


def dedupe(
    catalog: CatalogArgument,
    out: Out,
    versions: Annotated[str, typer.Option("--versions", help="Of one API: all or newest.")] = "all",
    near: Annotated[bool, typer.Option("--near/--no-near", help="Report near-duplicates too.")] = True,
    threshold: Annotated[
        float, typer.Option("--threshold", min=0.01, max=1, help="Similarity from which on tools are near-duplicates.")
    ] = 0.9,
    as_json: AsJson = False,
) -> None:
    """Drop what stands twice; report what almost does."""
    from toolwise.pipelines.dedupe import dedupe_catalog

    settings = {"versions": versions, "near": near, "threshold": threshold}
    with ProgressView() as view:
        made = dedupe_catalog(catalog, out, settings, view)
    emit(made, as_json, _render_dedupe)


def _render_document(made: Json) -> str:
    lines = [f"{made['documented']:,} of {made['toolsets']:,} toolsets documented -> {made['file']}"]
    if made["questions"]:
        lines.append(f"{made['questions']:,} questions to the teacher, {made['tools_written']:,} tools written")
    lines += [f"failed, {reason.replace('_', ' ')}: {count:,}" for reason, count in made["failed"].items()]
    lines += [f"  {one['toolset']}: {one['detail']}" for one in made["failures"][:SHOWN]]
    return "\n".join([*lines, *render_usage(made)])


def _render_group(made: Json) -> str:
    lines = [
        f"{made['given_category']:,} toolsets have a new category, {made['given_collections']:,} new collections "
        f"-> {made['out']}"
    ]
    lines += [f"  {name}: {count:,}" for name, count in made["categories"].items()]
    for why, count in made["clusters_instead_of_teacher"].items():
        lines.append(f"by clusters because of {why.replace('_', ' ')}: {count:,}")
    return "\n".join([*lines, *render_usage(made)])


def _render_dedupe(made: Json) -> str:
    toolsets, tools = made["toolsets"], made["tools"]
    lines = [
        f"{toolsets['out']:,} of {toolsets['in']:,} toolsets, {tools['out']:,} of {tools['in']:,} tools "
        f"-> {made['out']}"
    ]
    lines += [f"dropped, {kind.replace('_', ' ')}: {count:,}" for kind, count in made["dropped"].items()]
    lines.append(f"near-duplicates: {made['near_duplicates']:,}")
    lines += [f"  {one['what']} ~ {one['same_as']} ({one['similarity']})" for one in made["near"][:SHOWN]]
    return "\n".join(lines)
