"""`toolwise catalog …`: import tool documents, count them, look at them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from toolwise.cli import compress_commands, document_commands, export_commands, probe_commands, serve_commands
from toolwise.cli.options import AsJson, Out
from toolwise.cli.output import emit
from toolwise.cli.progress import ProgressView
from toolwise.types import Json

CatalogArgument = Annotated[Path, typer.Argument(help="A catalog made by `toolwise catalog import`.")]
LEFT_OUT_SHOWN = 5


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    group = typer.Typer(no_args_is_help=True, help="Import tool documents; count and show what they hold.")
    group.command("import")(import_)
    group.command("stats")(stats)
    group.command("show")(show)
    serve_commands.register(group)
    export_commands.register(group)
    document_commands.register(group)
    probe_commands.register(group)
    compress_commands.register(group)
    app.add_typer(group, name="catalog")


def import_(
    sources: Annotated[
        list[str],
        typer.Argument(
            help="Files, folders, http(s) addresses, `mcp:COMMAND` or `mcp:ADDRESS`, a `.py` file or `python:MODULE`, "
            "or `google` and `aws` (the installed packages' documents)."
        ),
    ],
    out: Out,
    source_format: Annotated[
        str, typer.Option("--format", help="The documents' format; found out by default.")
    ] = "auto",
    as_json: AsJson = False,
) -> None:
    """Read tool documents into a catalog."""
    from toolwise.pipelines.catalog import import_documents

    with ProgressView() as view:
        document = import_documents(sources, out, source_format, view)
    emit(document, as_json, lambda result: _render_import(result, out))


def stats(catalog: CatalogArgument, as_json: AsJson = False) -> None:
    """Count toolsets, tools, parameters and categories, and what was left out and why."""
    from toolwise.pipelines.catalog import statistics

    emit(statistics(catalog), as_json, _render_stats)


def show(
    catalog: CatalogArgument,
    name: Annotated[str, typer.Argument(help="A toolset's name, or a tool's id.")],
    as_json: AsJson = False,
) -> None:
    """Show a toolset or a tool."""
    from toolwise.pipelines.catalog import describe

    emit(describe(catalog, name), as_json, _render_show)


def _render_import(document: Json, out: Path) -> str:
    lines = [
        f"{document['toolsets']:,} toolsets, {document['tools']:,} tools in {document['seconds']:.1f} s -> {out}",
    ]
    if document["without_tools"]:
        lines.append(
            f"{document['without_tools']:,} of them have no tools yet: toolwise catalog document can write them"
        )
    left_out = document["left_out"]
    if left_out:
        lines.append(f"left out: {len(left_out):,}")
        lines += [
            f"  {item['source']}{' ' + item['where'] if item['where'] else ''}: {item['reason']} ({item['detail']})"
            for item in left_out[:LEFT_OUT_SHOWN]
        ]
        if len(left_out) > LEFT_OUT_SHOWN:
            lines.append(f"  … all of them in {out / 'left_out.jsonl'}")
    return "\n".join(lines)


def _render_stats(document: Json) -> str:
    lines = [f"{key.replace('_', ' ')}: {document[key]:,}" for key in ("toolsets", "tools", "parameters")]
    lines.append("categories:")
    lines += [
        f"  {name}: {n['toolsets']:,} toolsets, {n['tools']:,} tools" for name, n in document["categories"].items()
    ]
    lines.append("left out:")
    lines += [f"  {reason}: {count:,}" for reason, count in document["left_out"].items()] or ["  nothing"]
    return "\n".join(lines)


def _render_show(document: Json) -> str:
    if "tools" in document:
        head = [document["title"] or document["name"], document["description"], f"category: {document['category']}", ""]
        return "\n".join([*head, *(f"{tool['id']}  {tool['description'][:90]}" for tool in document["tools"])])
    from toolwise.schemas import merged, schema_type

    shared = document["parameters"].get("$defs", {})
    parameters = document["parameters"].get("properties", {})
    required = set(document["parameters"].get("required", ()))
    lines = [document["id"], document["description"], ""]
    for name, schema in parameters.items():
        mark = "*" if name in required else " "
        whole = merged(schema, shared)
        lines.append(f"{mark} {name}: {schema_type(whole)}  {str(whole.get('description', ''))[:80]}")
    return "\n".join(lines)
