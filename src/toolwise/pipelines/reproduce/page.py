"""The meta-task experiment's page (Markdown) and its plot (SVG)."""

from __future__ import annotations

from collections.abc import Sequence

from toolwise.pipelines.reproduce.findings import points
from toolwise.pipelines.reproduce.findings_page import cell, findings_table, table
from toolwise.pipelines.reproduce.plots import Dot, dot_plot
from toolwise.types import Json, Metric

_COLOURS = {"solution-only": "#7a7a7a", "meta-only": "#c08a2d", "mixed": "#1f77b4", "two-stage": "#2c8c57"}
_OTHER = "#b0b0b0"
_METRIC = ("value", "n", "low", "high")


def _pivot(rows: Sequence[Json], column: str) -> list[str]:
    """World and agent down, `column` across."""
    names = list(dict.fromkeys(row[column] for row in rows))
    cells = {(row["world"], row["agent"], row[column]): cell(row) for row in rows}
    agents = dict.fromkeys((row["world"], row["agent"]) for row in sorted(rows, key=lambda row: str(row["world"])))
    body = [[world, agent, *(cells.get((world, agent, name), "-") for name in names)] for world, agent in agents]
    return table(["world", "trained on", *names], body)


def render_page(report: Json) -> str:
    """All that was measured, with how to measure it again."""
    settings = report["settings"]
    lines = ["# Meta-tasks: measured", "", f"**Hypothesis, stated before the run.** {report['hypothesis']}", ""]
    lines += [
        f"`{report['command']}`, seeds {', '.join(map(str, settings['seeds']))}; {len(report['models'])} models of "
        f"{report['models'][0]['parameters'] if report['models'] else 0:,} parameters, {settings['tokens']:,} tokens "
        f"each, {report['model_minutes']} minutes of model time on {report['hardware']['threads_a_model']} thread(s) "
        f"each ({report['hardware']['system']} {report['hardware']['machine']}).",
        "",
        "## Findings",
        "",
    ]
    lines += findings_table(report["findings"])
    lines += [
        "## Success",
        "",
        "Share of tasks whose goal was reached by the model's own calls, with 95% intervals",
        "",
    ]
    lines[-2] += " over seeds or over tasks, whichever are wider."
    lines += _pivot(report["success"], "set")
    lines += [
        "![success](metatasks.svg)",
        "",
        "## Accuracy on the meta-tasks",
        "",
        "Held-out, judged by execution.",
        "",
    ]
    lines += _pivot(report["answers"], "kind")
    if report["ablations"]:
        lines += ["## Without one meta-task", "", "Points of success that the mixed models lose without it.", ""]
        lines += _lost(report["ablations"])
    lines += ["## Tokens", ""]
    lines += table(
        ["model", "tokens read", "of them meta-tasks", "steps", "loss", "seconds"],
        [
            [
                m["cell"], f"{m['tokens']:,}", f"{m['mixture']['metatask_tokens']:,}", str(m["steps"]),
                f"{m['loss']:.3f}", f"{m['seconds']:.0f}",
            ]
            for m in report["models"]
        ],
    )  # fmt: skip
    if report["unfinished"]:
        lines += [f"{report['unfinished']} more models were wanted and are not in this report.", ""]
    if report["failed"]:
        lines += ["## Failed", "", *(f"- {key}: {why}" for key, why in report["failed"].items()), ""]
    return "\n".join(lines)


def _lost(rows: Sequence[Json]) -> list[str]:
    """World and meta-task down, test sets across."""
    names = list(dict.fromkeys(row["set"] for row in rows))
    shown = {(row["world"], row["kind"], row["set"]): points(Metric(**{k: row[k] for k in _METRIC})) for row in rows}
    body = [
        [world, kind, *(shown.get((world, kind, name), "-") for name in names)]
        for world, kind in dict.fromkeys((row["world"], row["kind"]) for row in rows)
    ]
    return table(["world", "left out", *names], body)


def render_plot(rows: Sequence[Json]) -> str:
    """Dots with intervals: a panel for each world and test set."""
    panels = {(row["world"], row["set"]): None for row in sorted(rows, key=lambda row: str(row["world"]))}
    dots = [
        Dot(f"{world}: {name}", row["agent"], row["value"], row["low"], row["high"], _COLOURS.get(row["agent"], _OTHER))
        for world, name in panels
        for row in rows
        if (row["world"], row["set"]) == (world, name)
    ]
    return dot_plot("Success with 95% intervals", dots)
