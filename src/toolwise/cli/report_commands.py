"""`toolwise report`: one run, or several side by side."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from toolwise.cli.options import AsJson, Seed
from toolwise.cli.output import emit
from toolwise.cli.progress import ProgressView
from toolwise.types import Json

_ROWS = 30
"""Lines of the leaderboard that a terminal shows."""


class Target(StrEnum):
    """Another tool's format to write instead of a report."""

    INSPECT = "inspect"
    """Inspect AI's logs, one an agent."""


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("report")(report)


def report(
    runs: Annotated[
        list[Path],
        typer.Argument(help="Folders of finished runs, of trajectories (solve, verify, evaluate), or files of scores."),
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", help="The file: .html, .md or .json; by default report.html in the folder."),
    ] = None,
    to: Annotated[Target | None, typer.Option("--to", help="Write Inspect AI logs into the folder --out.")] = None,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Report a run, or several side by side: leaderboard, settings, cost, failures, attempts; or export to Inspect."""
    from toolwise.errors import ConfigError
    from toolwise.pipelines.report import write_reports

    with ProgressView() as view:
        if to is Target.INSPECT:
            from toolwise.pipelines.report_inspect import write_inspect_logs

            if out is None:
                raise ConfigError("--to inspect needs --out, the folder to write the logs into")
            document = write_inspect_logs(runs, out, seed=seed, observer=view)
        else:
            document = write_reports(runs, out, seed=seed, observer=view)
    emit(document, as_json, _render_logs if to is Target.INSPECT else _render)


def _render(document: Json) -> str:
    board = document["leaderboard"]
    width = max((len(row["name"]) for row in board), default=0)
    lines = [f"{row['name']:<{width}}  {_rate(row)}{_worst(row)}" for row in board[:_ROWS]]
    lines += [f"and {len(board) - _ROWS} more"] if len(board) > _ROWS else []
    lines += [*([""] if board else []), *_counts(document), *document["notes"], f"report: {document['report']}"]
    return "\n".join(lines)


def _rate(row: Json) -> str:
    metric = row["passed"]
    return f"{metric['value']:>6.1%} [{metric['low']:.1%}, {metric['high']:.1%}]  n = {metric['n']:,}"


def _worst(row: Json) -> str:
    """The kind of failure that is most common."""
    kind = max(row["failures"], key=lambda name: row["failures"][name], default="")
    return f"  most often: {kind.replace('_', ' ')} ({row['failures'][kind]:,} of {row['known']:,})" if kind else ""


def _counts(document: Json) -> list[str]:
    lines = []
    for source in document["sources"]:
        wrong = ([f"{source['missing']:,} tasks without an attempt"] if source["missing"] else []) + [
            f"{count:,} {reason}" for reason, count in source["left_out"].items()
        ]
        lines += [f"{source['name']}: {'; '.join(wrong)}"] if wrong else []
    return lines


def _render_logs(document: Json) -> str:
    lines = [f"{log['name']}: {log['samples']:,} samples -> {log['file']}" for log in document["logs"]]
    return "\n".join([*lines, *document["notes"]])
