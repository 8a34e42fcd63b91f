"""`toolwise catalog compress`: which keys of a long answer to keep."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from toolwise.cli.options import AsJson, Seed
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


def register(group: typer.Typer) -> None:
    """Add the command to the group `catalog`."""
    group.command("compress")(compress)


def compress(
    catalog: Annotated[Path, typer.Argument(help="A catalog made by `toolwise catalog import`.")],
    teacher: CatalogTeacher = EMBEDDED,
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
    """Write, for each tool, which keys of a long answer to keep; worlds apply it beyond a number of tokens."""
    asked = catalog_teacher_of(teacher, locals())
    from toolwise.pipelines.compress import compress_catalog, compress_with_teacher

    with ProgressView() as view:
        if asked is None:
            document = compress_catalog(catalog, view)
        else:
            document = compress_with_teacher(catalog, asked, seed=seed, observer=view)
    emit(document, as_json, _render)


def _render(document: Json) -> str:
    lines = [
        f"{document['rules']:,} rules for {document['tools']:,} tools ({document['keys']:,} keys) -> {document['file']}"
    ]
    lines += [f"  by {source}: {count:,}" for source, count in document["by"].items() if count]
    instead = document["schema_instead_of_teacher"]
    lines += [f"  by schema because of {why}: {count:,}" for why, count in instead.items()]
    return "\n".join([*lines, *render_usage(document)])
