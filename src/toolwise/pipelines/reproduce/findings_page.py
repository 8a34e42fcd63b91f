"""The page of an experiment (Markdown): command, findings, then tables and plots; the same frame for every one."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from toolwise.files import write_atomic, write_json
from toolwise.pipelines.parallel import default_workers
from toolwise.types import Json

REPORT_FILE = "report.json"
_FINDING = ("claim", "claimed", "measured", "verdict")


@dataclass(frozen=True)
class Section:
    """A heading and the Markdown lines under it."""

    title: str
    lines: Sequence[str]


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table, with the empty line after it; bars within cells are escaped."""
    body = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    return [
        f"| {' | '.join(columns)} |",
        f"|{'---|' * len(columns)}",
        *(f"| {' | '.join(row)} |" for row in body),
        "",
    ]


def cell(metric: Json) -> str:
    """A rate with its interval for a table's cell; a dash where nothing was measured."""
    if not metric["n"]:
        return "-"
    return f"{100 * metric['value']:.1f}% ({100 * metric['low']:.0f} to {100 * metric['high']:.0f})"


def plot(title: str, file: str) -> list[str]:
    """A plot beside the page."""
    return [f"![{title}]({file})", ""]


def findings_table(findings: Sequence[Json]) -> list[str]:
    """Claim, claimed there, measured here, verdict."""
    return table(_FINDING, [[str(finding[key]) for key in _FINDING] for finding in findings])


def hardware() -> Json:
    """What the figures were measured on."""
    return {
        "machine": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
        "processors": default_workers(),
    }


def findings_page(title: str, question: str, facts: str, report: Json, sections: Sequence[Section]) -> str:
    """All that was measured, with how to measure it again.

    `report` holds `command`, `findings` and, where something failed, `failed` (what -> why).
    """
    lines = [f"# {title}", "", question, "", f"`{report['command']}`", "", facts, "", "## Findings", ""]
    lines += findings_table(report["findings"])
    for section in sections:
        lines += [f"## {section.title}", "", *section.lines]
        if lines[-1]:
            lines.append("")
    if report.get("failed"):
        lines += ["## Failed", "", *(f"- {key}: {why}" for key, why in report["failed"].items()), ""]
    return "\n".join(lines)


def write_findings(out: Path, name: str, report: Json, page: str, plots: Mapping[str, str]) -> None:
    """Write `report.json`, `NAME.md` and the plots (file name -> SVG) into `out`. Raises RunError."""
    write_json(out / REPORT_FILE, report)
    for file_name, text in ((f"{name}.md", page), *plots.items()):
        with write_atomic(out / file_name) as file:
            file.write(text.encode())
