"""Experiments in which agents attempt tasks: the outcomes of every cell, and what their reports and pages share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from toolwise.config import Config
from toolwise.pipelines.evaluate_cells import Cell
from toolwise.pipelines.reproduce.findings import Finding, as_rows
from toolwise.pipelines.reproduce.findings_page import cell as shown
from toolwise.pipelines.reproduce.findings_page import hardware, table
from toolwise.pipelines.reproduce.outcomes import Outcomes, read_outcomes, rows_of
from toolwise.pipelines.reproduce.plots import Dot
from toolwise.pipelines.reproduce.trained import TrainedRun
from toolwise.search import Strategy
from toolwise.types import Json

TRAINED, UNTRAINED = "trained", "untrained"
BASELINES = ("nearest_tool", "null")
NAMES = {Strategy.REACT: "ReAct", Strategy.REACT_N: "ReAct@N", Strategy.DFSDT: "DFSDT"}


@dataclass(frozen=True)
class Board:
    """What every agent reached in every condition."""

    cells: Mapping[Cell, Outcomes]
    groups: tuple[str, ...]
    """Of the tasks, in the order of the tables' columns."""

    @classmethod
    def read(cls, places: Iterable[tuple[Cell, Path]], groups: Sequence[str]) -> Board:
        """Cells with the evaluations that they are part of."""
        return cls({cell: read_outcomes(folder, cell.name) for cell, folder in places}, tuple(groups))

    def rows(self) -> list[Json]:
        """A rate for each cell and group, and for all groups together."""
        return list(rows_of({cell.name: found for cell, found in self.cells.items()}, self.groups))

    def rates(self) -> Iterator[tuple[Cell, dict[str, Json]]]:
        """The same cell by cell: group -> row."""
        found: dict[str, dict[str, Json]] = {}
        for row in self.rows():
            found.setdefault(row["cell"], {})[row["group"]] = row
        for cell in self.cells:
            yield cell, found[cell.name]

    def report(
        self,
        command: str,
        config: Config,
        trained: TrainedRun,
        evaluations: Sequence[Json],
        findings: Sequence[Finding],
    ) -> dict[str, Json]:
        """The experiment's document, of the evaluations' documents, the first one's leaks."""
        return {
            "command": command,
            "settings": config.model_dump(mode="json"),
            "model": trained.about,
            "leaks": evaluations[0].get("leaks", {}),
            "rows": self.rows(),
            "findings": as_rows(findings),
            "failed": {key: why for document in evaluations for key, why in document["failed"].items()},
            "hardware": hardware(),
        }

    def lines(self, label: Callable[[Cell], list[str]], last: Callable[[Json], str]) -> list[list[str]]:
        """The table of pass rates: a line's first cells, its rates, and a last cell made of the row over all groups."""
        return [
            [*label(cell), *(shown(rates[group]) for group in (*self.groups, "all")), last(rates["all"])]
            for cell, rates in self.rates()
        ]

    def dots(self, groups: Sequence[str], look: Callable[[Cell, str], tuple[str, str, str]]) -> list[Dot]:
        """A plot's points, group by group; `look` gives panel, label and colour."""
        return [
            Dot(*look(cell, group)[:2], row["value"], row["low"], row["high"], look(cell, group)[2])
            for group in groups
            for cell, rates in self.rates()
            if (row := rates[group])["n"]
        ]


def agent_name(cell: Cell) -> str:
    """How pages name the agent of a cell."""
    return cell.agent.replace("_", " ")


def model_facts(model: Json) -> str:
    """The model in a few words: its size, and how long it was trained."""
    return (
        f"A model of {model['parameters']:,} parameters, trained from nothing for {model['seconds'] / 60:.1f} minutes "
        f"({model['tokens']:,} tokens)"
    )


def leak_lines(leaks: Json) -> list[str]:
    """What the tasks of each setting share with training."""
    names = ("tasks", "toolsets", "toolsets_in_training", "categories_in_training", "tools_in_training",
             "tasks_in_training")  # fmt: skip
    head = ["", *(name.replace("_", " ") for name in names), "as it should be"]
    rows = [[name, *(f"{row[key]:,}" for key in names), "yes" if row["clean"] else "no"] for name, row in leaks.items()]
    return table(head, rows)
