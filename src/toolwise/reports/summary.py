"""The same run as a page of Markdown, for a terminal, a pull request or a model card."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from toolwise.reports import comparison, sections, wording
from toolwise.reports.document import RunDocument


def render_markdown(document: RunDocument) -> str:
    """Headlines and tables; parts without data are left out."""
    parts = [f"# {_text(document.title)}"]
    if document.subtitle:
        parts.append(_text(document.subtitle))
    if document.created:
        parts.append(f"*{_text(document.created)}*")
    parts += ["\n".join(f"- {_text(note)}" for note in document.notes)] if document.notes else []
    parts += _headlines(document)
    parts += _comparison(document)
    for title, found in (("Results", sections.results(document)), ("Retrieval", sections.retrieval(document))):
        if found is not None:
            parts += [f"## {title}", *([found.lede] if found.lede else []), _metrics(found)]
    parts += _funnels(document)
    parts += _sources(document)
    for title, (tiles, _) in (
        ("Catalog", sections.catalog(document)),
        ("Corpus", sections.corpus(document)),
        ("Cost", sections.timings(document)),
    ):
        if tiles:
            parts += [f"## {title}", "\n".join(f"- {tile.value} {tile.label}" for tile in tiles)]
    command = sections.provenance(document)[0]
    if command:
        parts += ["## Command", "    " + " ".join(command.split())]
    return "\n\n".join(parts) + "\n"


def _comparison(document: RunDocument) -> list[str]:
    """The leaderboard, the settings and the kinds of failure as tables."""
    parts: list[str] = []
    board = comparison.board(document)
    if board is not None:
        head = ["", "Agent", "Passed", "95% interval", "n", *board.columns, "Points from the first"]
        rows = [
            [row.rank, row.contender.name, row.value, row.interval, row.n, *row.costs, row.against or wording.MISSING]
            for row in board.rows
        ]
        parts += ["## Leaderboard", _text(board.lede), _table(head, rows)]
    for title, corner, heat in (
        ("By setting", "Agent", comparison.settings(document)),
        ("Why attempts fail", "Kind", comparison.failures(document)),
    ):
        if heat is not None:
            head = [corner, *(f"{label} ({note})" for label, note in heat.columns)]
            rows = [[row.label, *(_shade(cell) for cell in row.cells)] for row in heat.rows]
            parts += [f"## {title}", _table(head, rows)]
    return parts


def _shade(cell: comparison.HeatCell | None) -> str:
    if cell is None:
        return wording.MISSING
    return f"{cell.value} ({cell.note})" if cell.note else cell.value


def _sources(document: RunDocument) -> list[str]:
    if not document.sources:
        return []
    rows = []
    for source in document.sources:
        unused = "; ".join(f"{wording.count(n)} {reason}" for reason, n in source.left_out.items())
        counts = (source.tasks, source.rows, source.missing)
        rows.append([source.name, *(wording.count(n) for n in counts), unused or wording.MISSING])
    return ["## What was read", _table(["Run", "Tasks", "Rows", "Missing", "Not used"], rows)]


def _headlines(document: RunDocument) -> list[str]:
    rows = []
    for line in sections.headlines(document):
        rival = f"; {_text(line.rival_text)}" if line.rival_text else ""
        rows.append(
            f"- **{line.value}** {_text(line.label)}, {_text(line.note)} (95%: {line.interval}, n = {line.n}{rival})"
        )
    return ["\n".join(rows)] if rows else []


def _metrics(found: sections.Metrics) -> str:
    grouped = any(row.group for row in found.rows)
    head = [*(["Split"] if grouped else []), "Agent" if grouped else "Retriever", *found.columns]
    rows = []
    for row in found.rows:
        cells = [f"{c.value} ({c.interval}, n = {c.n})" if c else wording.MISSING for c in row.cells]
        rows.append([*([row.group] if grouped else []), row.series.label, *cells])
    return _table(head, rows)


def _funnels(document: RunDocument) -> list[str]:
    if not document.funnels:
        return []
    rows = []
    for name, funnel in document.funnels.items():
        reasons = ", ".join(
            f"{wording.plain(reason).lower()} {wording.count(n)}" for reason, n in funnel.reasons.items()
        )
        counts = (funnel.entered, funnel.accepted, funnel.rejected, funnel.failed, funnel.pending)
        rows.append([wording.plain(name), *(wording.count(n) for n in counts), reasons])
    return ["## Funnel", _table(["Stage", "In", "Accepted", "Rejected", "Failed", "Pending", "Reasons"], rows)]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_text(cell) for cell in line) + " |" for line in lines)


def _text(value: str) -> str:
    """On one line, with nothing that Markdown or HTML would act on."""
    line = " ".join(value.split()).replace("\\", "\\\\").replace("&", "&amp;").replace("<", "&lt;")
    for character in "|`*[]":
        line = line.replace(character, "\\" + character)
    return line
