"""`toolwise catalog compress`: which keys of a long answer to keep."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from toolwise.cli.options import AsJson, Seed
from toolwise.cli.output import emit
from toolwise.cli.progress import ProgressView
from toolwise.types import Json


def register(group: typer.Typer) -> None:
    """Add the command to the group `catalog`."""
    group.command("compress")(compress)


def compress(
    catalog: Annotated[Path, typer.Argument(help="A catalog made by `toolwise catalog import`.")],
    teacher: Annotated[bool, typer.Option("--teacher", help="Let a language model choose the keys.")] = False,
    base_url: Annotated[str, typer.Option("--base-url", help="The teacher's OpenAI-compatible endpoint.")] = "",
    model: Annotated[str, typer.Option("--model", help="The teacher's name there.")] = "",
    api_key_env: Annotated[
        str, typer.Option("--api-key-env", help="The variable that holds the key.")
    ] = "OPENAI_API_KEY",
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Write, for each tool, which keys of a long answer to keep; worlds apply it beyond a number of tokens."""
    from toolwise.pipelines.compress import compress_catalog, compress_with_teacher
    from toolwise.pipelines.teacher_verbs import endpoints_from

    with ProgressView() as view:
        if teacher:
            addresses, models = [base_url] if base_url else [], [model] if model else []
            endpoint = endpoints_from(None, addresses, models, (None, None), key_env=api_key_env)[0]
            document = compress_with_teacher(catalog, endpoint, seed=seed, observer=view)
        else:
            document = compress_catalog(catalog, view)
    emit(document, as_json, _render)


def _render(document: Json) -> str:
    lines = [
        f"{document['rules']:,} rules for {document['tools']:,} tools ({document['keys']:,} keys) -> {document['file']}"
    ]
    lines += [f"  by {source}: {count:,}" for source, count in document["by"].items() if count]
    instead = document["schema_instead_of_teacher"]
    lines += [f"  by schema because of {why}: {count:,}" for why, count in instead.items()]
    return "\n".join(lines)
