"""`toolwise metatasks`: questions about what tools do, made from executions and checked by them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from toolwise.cli.options import AsJson, Out, Seed
from toolwise.cli.output import emit
from toolwise.cli.progress import ProgressView
from toolwise.types import Json


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("metatasks")(metatasks)


def metatasks(
    source: Annotated[
        str,
        typer.Argument(help="blocksworld, logistics or spellwrite (renamed: blocksworld_7), or a catalog's folder."),
    ],
    out: Out,
    count: Annotated[int, typer.Option("--n", min=1, help="Examples to write.")] = 10_000,
    seed: Seed = 0,
    steps: Annotated[int, typer.Option("--steps", help="Output boundary: at most this many calls (k).")] = 2,
    size: Annotated[str, typer.Option("--size", help="Sizes of generated instances, such as 3..6.")] = "",
    pddl: Annotated[list[Path] | None, typer.Option("--pddl", help="A PDDL problem to start from; repeatable.")] = None,
    extensions: Annotated[
        bool, typer.Option("--extensions", help="Also ask for the error kind and the violated precondition.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write checked examples of the meta-tasks: effect, decision, reversion, boundaries, counterfact."""
    from toolwise.config import parse_config
    from toolwise.metatasks import MetaTaskConfig
    from toolwise.pipelines.metatasks import MetaTaskSource, write_metatasks

    config = parse_config(MetaTaskConfig, {"seed": seed, "steps": steps, "extensions": extensions}, "metatasks")
    given = MetaTaskSource(source, _sizes(size), tuple(pddl or ()))
    with ProgressView() as view:
        document = write_metatasks(given, out, count, config, view)
    emit(document, as_json, lambda result: _render(result, out))


def _sizes(text: str) -> tuple[int, int] | None:
    from toolwise.errors import ConfigError

    if not text:
        return None
    low, dots, high = text.partition("..")
    if not low.isdigit() or (dots and not high.isdigit()):
        raise ConfigError(f"--size {text}: give one number or a range, such as 4 or 3..6")
    return int(low), int(high or low)


def render_verified(document: Json, folder: Path) -> str:
    """What `toolwise verify` shows of meta-task examples."""
    funnel = document["funnel"]
    lines = [
        f"examples: {funnel['in']:,} in = {funnel['accepted']:,} accepted + {funnel['rejected']:,} rejected "
        f"+ {funnel['failed']:,} failed, {document['per_second']:,.0f} a second <- {folder}"
    ]
    return "\n".join([*lines, *(f"  {reason}: {count:,}" for reason, count in funnel["reasons"].items())])


def _render(document: Json, out: Path) -> str:
    lines = [f"{document['examples']:,} examples in {document['seconds']:.1f} s -> {out}"]
    if document["examples"] < document["wanted"]:
        lines[0] += f" ({document['wanted']:,} wanted; there are no more)"
    lines += [
        f"  {kind}: {count:,}" + (f", {document['balance'][kind]:.1%} yes" if kind in document["balance"] else "")
        for kind, count in document["counts"].items()
    ]
    lines += [f"  excluded {what}: {why}" for what, why in document["excluded"].items()]
    return "\n".join(lines)
