"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Out = Annotated[Path, typer.Option("--out", help="The folder to write into.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the run in the folder, if there is one.")]
Workers = Annotated[int, typer.Option("--workers", min=0, help="Worker processes; 0 for one a core.")]
Seed = Annotated[int, typer.Option("--seed", help="Everything random follows from it.")]
CatalogPath = Annotated[Path, typer.Option("--catalog", help="A catalog made by `toolwise catalog import`.")]
World = Annotated[
    str | None,
    typer.Option("--world", help="Where tools run: simulated, http, mcp, …, several in order, or a YAML file."),
]
