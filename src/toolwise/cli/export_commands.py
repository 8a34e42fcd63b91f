"""`toolwise catalog export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from toolwise.cli.options import AsJson
from toolwise.cli.output import emit
from toolwise.cli.progress import ProgressView
from toolwise.types import Json

CatalogArgument = Annotated[Path, typer.Argument(help="A catalog made by `toolwise catalog import`.")]
ToolsetOption = Annotated[
    list[str] | None, typer.Option("--toolset", help="Only this toolset; may be given several times.")
]


def register(group: typer.Typer) -> None:
    """Add the command to `toolwise catalog`."""
    group.command("export")(export)


def export(
    catalog: CatalogArgument,
    to: Annotated[str, typer.Option("--to", help="openapi, mcp, openai, toolbench or toolalpaca.")],
    out: Annotated[Path, typer.Option("--out", help="The folder (openai, toolalpaca: the file) to write.")],
    toolset: ToolsetOption = None,
    as_json: AsJson = False,
) -> None:
    """Write a catalog in another format."""
    from toolwise.pipelines.export import export_documents

    with ProgressView() as view:
        document = export_documents(catalog, to, out, toolset or (), view)
    emit(document, as_json, _render)


def _render(document: Json) -> str:
    lines = [
        f"{document['toolsets']:,} toolsets, {document['tools']:,} tools in {document['files']:,} files "
        f"({document['bytes'] / 1e6:,.1f} MB, {document['seconds']:.1f} s) -> {document['out']}"
    ]
    if document["lost"]:
        lines.append("not held by the format:")
        lines += [f"  {name.replace('_', ' ')}: {count:,}" for name, count in document["lost"].items()]
    return "\n".join(lines)
