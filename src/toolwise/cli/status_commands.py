"""`toolwise status`: how a run stands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from toolwise.cli.options import AsJson
from toolwise.cli.output import emit
from toolwise.types import Json


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("status")(status)


def status(
    run: Annotated[Path, typer.Argument(help="The folder of a run, live or dead.")],
    as_json: AsJson = False,
) -> None:
    """Say how a run stands: rows, calls, tokens, money, what was rejected last, and whether anybody works on it."""
    from toolwise.pipelines.status import run_status

    emit(run_status(run), as_json, render)


def render(document: Json) -> str:
    """A status in lines."""
    state = document["state"] + (f" (process {document['process']})" if document["process"] else "")
    lines = [f"{document['run']}: {state}"]
    if document["stopped"]:
        lines.append(f"  {document['stopped']}")
    for stage in document["stages"]:
        lines.append(f"{stage['stage']}: {_rows(stage)}")
        lines += [f"  {reason}: {count:,}" for reason, count in ((stage["funnel"] or {}).get("reasons") or {}).items()]
    if (used := document["usage"]) is not None:
        cost = "price unknown" if used["cost"] is None else f"cost {used['cost']:.4f}"
        tokens = used["prompt_tokens"] + used["completion_tokens"]
        lines.append(f"calls: {used['calls']:,}, tokens: {tokens:,}, {cost}")
    if (session := document["session"]) is not None:
        lines.append(_session(session))
    lines += [f"last {each['status']}: {each['key']} ({each['reason']})" for each in document["last_rejects"]]
    if document["state"] in ("stopped", "interrupted"):
        lines.append("to go on, type the command that began it with --resume")
    return "\n".join(lines)


def _rows(stage: Json) -> str:
    took = f"finished in {stage['seconds']:,.1f} s" if stage["finished"] else "not finished"
    funnel = stage["funnel"]
    if funnel is None:
        return took
    return (
        f"{funnel['in']:,} in = {funnel['accepted']:,} accepted + {funnel['rejected']:,} rejected "
        f"+ {funnel['failed']:,} failed + {funnel['pending']:,} pending, {took}"
    )


def _session(session: Json) -> str:
    parts = [f"{session['rows_per_s']:,.1f} rows/s", f"{session['calls_per_s']:,.1f} calls/s"]
    if session["in_flight"] is not None:
        parts.append(f"{session['in_flight']:,} in flight")
    if session["seconds_left"] is not None:
        parts.append(f"about {session['seconds_left']:,.0f} s left")
    parts += [f"{left:,g} {what} left in the budget" for what, left in session["budget_left"].items()]
    return f"latest session: {session['seconds']:,.1f} s, " + ", ".join(parts)
