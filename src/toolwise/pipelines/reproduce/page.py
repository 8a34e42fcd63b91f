"""The experiment's page (Markdown) and its plot (SVG)."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from toolwise.types import Json

_LINE, _LEFT, _WIDTH, _HEAD = 20, 250, 360, 34
_COLOURS = {"solution-only": "#7a7a7a", "meta-only": "#c08a2d", "mixed": "#1f77b4", "two-stage": "#2c8c57"}
_OTHER = "#b0b0b0"


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [
        f"| {' | '.join(columns)} |",
        f"|{'---|' * len(columns)}",
        *(f"| {' | '.join(row)} |" for row in rows),
        "",
    ]


def _percent(row: Json) -> str:
    return f"{100 * row['value']:.1f}% ({100 * row['low']:.0f} to {100 * row['high']:.0f})" if row["n"] else "-"


def _pivot(rows: Sequence[Json], column: str) -> list[str]:
    """World and agent down, `column` across."""
    names = list(dict.fromkeys(row[column] for row in rows))
    cells = {(row["world"], row["agent"], row[column]): _percent(row) for row in rows}
    agents = dict.fromkeys((row["world"], row["agent"]) for row in sorted(rows, key=lambda row: str(row["world"])))
    body = [[world, agent, *(cells.get((world, agent, name), "-") for name in names)] for world, agent in agents]
    return _table(["world", "trained on", *names], body)


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
    lines += _table(
        ["claim", "claimed", "measured", "verdict"],
        [[f[key] for key in ("claim", "claimed", "measured", "verdict")] for f in report["findings"]],
    )
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
    lines += ["## Tokens", ""]
    lines += _table(
        ["model", "tokens read", "of them meta-tasks", "steps", "loss", "seconds"],
        [
            [
                m["cell"], f"{m['tokens']:,}", f"{m['mixture']['metatask_tokens']:,}", str(m["steps"]),
                f"{m['loss']:.3f}", f"{m['seconds']:.0f}",
            ]
            for m in report["models"]
        ],
    )  # fmt: skip
    if report["failed"]:
        lines += ["## Failed", "", *(f"- {key}: {why}" for key, why in report["failed"].items()), ""]
    return "\n".join(lines)


def render_plot(rows: Sequence[Json]) -> str:
    """Dots with intervals: a panel for each world and test set."""
    parts: list[str] = []
    y = 10
    panels = dict.fromkeys((row["world"], row["set"]) for row in sorted(rows, key=lambda row: str(row["world"])))
    for world, name in panels:
        y += _HEAD
        parts.append(f'<text x="10" y="{y - 8}" font-weight="bold">{escape(f"{world}: {name}")}</text>')
        inside = [row for row in rows if (row["world"], row["set"]) == (world, name)]
        parts += [
            f'<line x1="{_LEFT + _WIDTH * q // 4}" y1="{y}" x2="{_LEFT + _WIDTH * q // 4}" '
            f'y2="{y + _LINE * len(inside)}" stroke="#e4e4e4"/>'
            for q in range(5)
        ]
        for row in inside:
            parts += _mark(row, y + _LINE // 2)
            y += _LINE
    y += 22
    parts += [
        f'<text x="{_LEFT + _WIDTH * q // 4}" y="{y - 6}" text-anchor="middle">{25 * q}%</text>' for q in range(5)
    ]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_LEFT + _WIDTH + 70}" height="{y + 4}" '
        'font-family="sans-serif" font-size="12" role="img"><title>Success with 95% intervals</title>'
        '<rect width="100%" height="100%" fill="white"/>'
    )
    return "\n".join([head, *parts, "</svg>", ""])


def _mark(row: Json, y: int) -> list[str]:
    colour = _COLOURS.get(str(row["agent"]), _OTHER)
    low, at, high = (round(_LEFT + _WIDTH * row[key], 1) for key in ("low", "value", "high"))
    return [
        f'<text x="{_LEFT - 10}" y="{y + 4}" text-anchor="end">{escape(str(row["agent"]))}</text>',
        f'<line x1="{low}" y1="{y}" x2="{high}" y2="{y}" stroke="{colour}" stroke-width="2"/>',
        f'<circle cx="{at}" cy="{y}" r="4" fill="{colour}"/>',
        f'<text x="{_LEFT + _WIDTH + 10}" y="{y + 4}">{100 * row["value"]:.0f}%</text>',
    ]
