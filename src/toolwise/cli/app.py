"""The `toolwise` command. Each command parses its arguments, calls one pipeline and renders the result."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from toolwise import __version__
from toolwise.cli import (
    catalog_commands,
    data_commands,
    evaluate_commands,
    metatask_commands,
    model_commands,
    report_commands,
    reproduce_commands,
    run_commands,
    status_commands,
    teacher_commands,
    trajectory_commands,
)
from toolwise.cli.output import one_line_errors

app = typer.Typer(
    name="toolwise",
    help="Point it at your tools; get a compact model that has mastered them, a retriever, and the evidence.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
run_commands.register(app)
report_commands.register(app)
status_commands.register(app)
catalog_commands.register(app)
data_commands.register(app)
metatask_commands.register(app)
teacher_commands.register(app)
model_commands.register(app)
trajectory_commands.register(app)
reproduce_commands.register(app)
evaluate_commands.register(app)


@app.callback(invoke_without_command=True)
def root(version: Annotated[bool, typer.Option("--version", help="Show the version and leave.")] = False) -> None:
    """Options of the command itself."""
    if version:
        typer.echo(f"toolwise {__version__}")
        raise typer.Exit


def main() -> None:
    """The entry point: errors become one line and an exit code."""
    with one_line_errors():
        app(args=sys.argv[1:], prog_name="toolwise")
