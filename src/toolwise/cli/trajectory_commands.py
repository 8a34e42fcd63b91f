"""`toolwise trajectories import`: other people's corpora as a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from toolwise.cli.options import AsJson, Out, Resume
from toolwise.cli.output import emit
from toolwise.cli.progress import ProgressView
from toolwise.types import Json


def register(app: typer.Typer) -> None:
    """Add the group to the application."""
    group = typer.Typer(no_args_is_help=True, help="Other people's tasks and trajectories.")
    group.command("import")(import_)
    group.callback()(_group)
    app.add_typer(group, name="trajectories")


def _group() -> None:
    """Other people's tasks and trajectories."""


def import_(
    files: Annotated[list[Path], typer.Argument(help="Files, or folders of .json, .jsonl and .parquet files.")],
    file_format: Annotated[str, typer.Option("--format", help="toolbench, toolalpaca, sharegpt, openai or parquet.")],
    out: Out,
    catalog: Annotated[
        Path | None, typer.Option("--catalog", help="Find the tools in this catalog, not in the files.")
    ] = None,
    split: Annotated[str, typer.Option("--split", help="The split that all rows belong to.")] = "train",
    resume: Resume = False,
    as_json: AsJson = False,
) -> None:
    """Read tasks and trajectories of other corpora; `toolwise corpus` goes on from there."""
    from toolwise.pipelines.imports import import_trajectories

    with ProgressView() as view:
        document = import_trajectories(
            files, out, file_format, catalog=catalog, split=split, resume=resume, observer=view
        )
    emit(document, as_json, lambda result: _render(result, out))


def _render(document: Json, out: Path) -> str:
    from toolwise.pipelines.imports import unread_summary

    funnel = document["funnel"]
    lines = [
        f"rows: {funnel['in']:,} in = {funnel['accepted']:,} accepted + {funnel['rejected']:,} rejected "
        f"+ {funnel['failed']:,} dropped + {funnel['pending']:,} tasks without a trajectory -> {out}",
        f"{document['tasks']:,} tasks, {document['trajectories']:,} trajectories, "
        f"{document['toolsets']:,} toolsets, {document['tools']:,} tools",
        *unread_summary(document),
    ]
    return "\n".join(lines)
