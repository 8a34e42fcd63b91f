"""`toolwise catalog probe`: call every safe tool, and drop what does not work."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from toolwise.cli.options import AsJson, Seed
from toolwise.cli.output import emit
from toolwise.cli.progress import ProgressView
from toolwise.types import Json

SHOWN = 20
AllowHosts = Annotated[
    list[str] | None, typer.Option("--allow-host", help="A private or loopback host that may be called; repeatable.")
]
Servers = Annotated[
    list[str] | None, typer.Option("--server", help="TOOLSET=URL, in place of its documented server; repeatable.")
]


def register(group: typer.Typer) -> None:
    """Add the command to the group `catalog`."""
    group.command("probe")(probe)


def probe(
    catalog: Annotated[Path, typer.Argument(help="A catalog made by `toolwise catalog import`.")],
    world: Annotated[str, typer.Option("--world", help="Where to call: http, mcp, python, aws, … or a file.")] = "http",
    allow_host: AllowHosts = None,
    server: Servers = None,
    apply: Annotated[
        Path | None, typer.Option("--apply", help="Write a catalog without the dropped tools there.")
    ] = None,
    slow: Annotated[float, typer.Option("--slow", min=0.001, help="Seconds from which on a tool is too slow.")] = 10.0,
    per_second: Annotated[float, typer.Option("--per-second", min=0.01, help="Calls a second to one host.")] = 5.0,
    concurrency: Annotated[int, typer.Option("--concurrency", min=1, help="Calls at a time.")] = 8,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Call every read-only tool once with an example; a second run goes on where the first one stopped."""
    from toolwise.pipelines.probe import ProbeConfig, probe_catalog
    from toolwise.pipelines.worlds import world_config

    settings = world_config(world, allow_hosts=allow_host or (), servers=server or ())
    config = ProbeConfig(slow_s=slow, per_second=per_second, concurrency=concurrency, seed=seed)
    with ProgressView() as view:
        document = probe_catalog(catalog, settings, config, apply=apply, observer=view)
    emit(document, as_json, _render)


def _render(document: Json) -> str:
    lines = [
        f"{document['tools']:,} tools = {document['kept']:,} kept + {document['dropped']:,} dropped "
        f"({document['called']:,} called)"
    ]
    lines += [f"  {outcome}: {count:,}" for outcome, count in document["outcomes"].items()]
    dropped = document["dropped_tools"]
    lines += [f"dropped {item['tool']}: {item['reason']}  {item['detail'][:80]}" for item in dropped[:SHOWN]]
    if len(dropped) > SHOWN:
        lines.append(f"… and {len(dropped) - SHOWN:,} more; all of them in {document['file']}")
    if "applied" in document:
        lines.append(f"catalog without them: {document['applied']}")
    return "\n".join(lines)
