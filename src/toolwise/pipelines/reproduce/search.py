"""`toolwise reproduce search`: ReAct, ReAct@N and DFSDT at the same number of model calls (ToolLLM, table 3)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from toolwise.pipelines.evaluate_cells import Agent, Cell
from toolwise.pipelines.evaluate_run import EvaluationPlan, evaluate_run
from toolwise.pipelines.evaluate_settings import Home, make_settings
from toolwise.pipelines.reproduce.agents import SearchExperiment, search_experiment
from toolwise.pipelines.reproduce.findings import Finding, as_rows, conclude, points
from toolwise.pipelines.reproduce.findings_page import Section, findings_page, hardware, plot, table, write_findings
from toolwise.pipelines.reproduce.findings_page import cell as shown
from toolwise.pipelines.reproduce.outcomes import MARGIN, Outcomes, paired, read_outcomes, rows_of
from toolwise.pipelines.reproduce.plots import PALETTE, Dot, dot_plot
from toolwise.pipelines.reproduce.trained import TrainedRun, trained_for
from toolwise.ports import Observer, silent
from toolwise.search import Strategy
from toolwise.types import Json, Split, TaskKind

__all__ = ["attempt_searches", "reproduce_search", "search_experiment"]

NAME = "search"
TRAINED = "trained"
PLOT_FILE = "search.svg"
KINDS: dict[str, Home] = {kind.value: (Split.UNSEEN_TOOLSET, kind) for kind in TaskKind}
GROUPS = {
    "I1-Tool": TaskKind.SINGLE.value,
    f"{Split.UNSEEN_TOOLSET.value}/{TaskKind.CATEGORY.value}": TaskKind.CATEGORY.value,
    f"{Split.UNSEEN_TOOLSET.value}/{TaskKind.COLLECTION.value}": TaskKind.COLLECTION.value,
}
"""A group of tasks -> its kind, as the page names it."""
_CLAIMS = (
    (Strategy.DFSDT, Strategy.REACT, "+28.5 points (63.8% against 35.3%)"),
    (Strategy.DFSDT, Strategy.REACT_N, "+19.3 points (63.8% against 44.5%)"),
    (Strategy.REACT_N, Strategy.REACT, "+9.2 points (44.5% against 35.3%)"),
)
"""ToolLLM, table 3, ChatGPT, the average of I1 to I3."""
_NAMES = {Strategy.REACT: "ReAct", Strategy.REACT_N: "ReAct@N", Strategy.DFSDT: "DFSDT"}


def attempt_searches(
    config: SearchExperiment, trained: TrainedRun, out: Path, workers: int = 0, observer: Observer = silent
) -> Json:
    """The tasks, and the model's attempts on them by every strategy; goes on where it was stopped."""
    make_settings(
        trained.folder, out / "tasks", config.per_kind, homes=KINDS, seed=config.data_seed, resume=True,
        workers=workers, observer=observer,
    )  # fmt: skip
    plan = EvaluationPlan(out / "tasks", (Agent(TRAINED, "model", trained.model),), config.conditions)
    return evaluate_run(plan, out / "evaluation", resume=True, workers=workers, observer=observer)


def reproduce_search(
    config: SearchExperiment,
    out: Path,
    *,
    command: str,
    run: Path | None = None,
    catalog: Path | None = None,
    workers: int = 0,
    observer: Observer = silent,
) -> Json:
    """Measure, and write `report.json`, `search.md` and `search.svg` into `out`.

    The model is that of the finished `run`, or one that is trained beside `out`. The same command goes on where it was
    stopped. Raises UserError.
    """
    trained = trained_for(out, run, config.model, catalog=catalog, workers=workers, observer=observer)
    evaluated = attempt_searches(config, trained, out, workers, observer)
    cells = {
        cell: read_outcomes(out / "evaluation", cell.name)
        for cell in (
            *(Cell(TRAINED, s, transient=rate) for rate in config.conditions.transient for s in _NAMES),
            *(
                Cell(name, Strategy.REACT, transient=rate)
                for rate in config.conditions.transient
                for name in ("nearest_tool", "null")
            ),
        )
    }
    report: dict[str, Json] = {
        "command": command,
        "settings": config.model_dump(mode="json"),
        "model": trained.about,
        "budget": config.conditions.limits,
        "leaks": evaluated.get("leaks", {}),
        "rows": list(rows_of({cell.name: found for cell, found in cells.items()}, tuple(GROUPS))),
        "findings": as_rows(_findings(config, cells)),
        "failed": evaluated["failed"],
        "hardware": hardware(),
    }
    write_findings(out, NAME, report, _page(report, cells, config), {PLOT_FILE: _plot(report, cells)})
    return report


def _findings(config: SearchExperiment, cells: Mapping[Cell, Outcomes]) -> list[Finding]:
    found = []
    for rate in config.conditions.transient:
        for better, worse, claimed in _CLAIMS:
            left, right = (cells[Cell(TRAINED, strategy, transient=rate)] for strategy in (better, worse))
            difference = paired(left, right)
            refused = f", {rate:.0%} of the calls refused" if rate else ""
            claim = f"{_NAMES[better]} passes at least {MARGIN * 100:.0f} points more than {_NAMES[worse]}{refused}"
            published = claimed if not rate else "not measured there"
            found.append(
                Finding(
                    claim=claim, claimed=published, measured=points(difference), verdict=conclude(difference, MARGIN)
                )
            )
    return found


def _label(cell: Cell) -> str:
    return _NAMES[cell.strategy] if cell.agent == TRAINED else cell.agent.replace("_", " ")


def _plot(report: Json, cells: Mapping[Cell, Outcomes]) -> str:
    by_name = {cell.name: cell for cell in cells}
    dots = []
    for row in report["rows"]:
        cell = by_name[row["cell"]]
        if row["group"] == "all" and row["n"]:
            colour = PALETTE[list(_NAMES).index(cell.strategy)] if cell.agent == TRAINED else PALETTE[-1]
            panel = f"{cell.transient:.0%} of the calls refused"
            dots.append(Dot(panel, _label(cell), row["value"], row["low"], row["high"], colour))
    return dot_plot("Tasks passed, with 95% intervals", dots)


def _page(report: Json, cells: Mapping[Cell, Outcomes], config: SearchExperiment) -> str:
    by_cell: dict[str, dict[str, Json]] = {}
    for row in report["rows"]:
        by_cell.setdefault(row["cell"], {})[row["group"]] = row
    lines = []
    for cell in cells:
        found = by_cell[cell.name]
        calls = found["all"]["model_calls"]
        lines.append(
            [f"{cell.transient:.0%}", _label(cell), *(shown(found[group]) for group in (*GROUPS, "all")),
             "-" if calls is None else f"{calls:.2f}"]
        )  # fmt: skip
    differences = [
        [f"{rate:.0%}", f"{_NAMES[better]} less {_NAMES[worse]}",
         *(points(paired(cells[Cell(TRAINED, better, transient=rate)],
                         cells[Cell(TRAINED, worse, transient=rate)], (group,))) for group in GROUPS)]
        for rate in config.conditions.transient
        for better, worse, _ in _CLAIMS
    ]  # fmt: skip
    limits, model = report["budget"], report["model"]
    tasks = {row["group"]: row["n"] for row in report["rows"]}
    facts = (
        f"A model of {model['parameters']:,} parameters, trained from nothing, attempts "
        f"{sum(tasks[group] for group in GROUPS)} tasks of toolsets that it has never seen "
        f"({', '.join(f'{tasks[group]} {kind}' for group, kind in GROUPS.items())}). Every strategy may make "
        f"{limits['model_calls']} model calls on a task, in branches of at most {limits['max_steps']} steps; DFSDT has "
        f"a width of {limits['width']}, ReAct@N up to {limits['attempts']} chains. Turns are greedy; where ReAct@N "
        f"asks again in the same situation, the turn is drawn at temperature {limits['redraw_temperature']:g}. "
        "A refused call is not made (408, 429, 5xx) and may succeed when it is made again; the chances are the "
        "same for all strategies. A task passes if the verification accepts the answering branch: calls, final "
        "state and facts, replayed. Intervals are 95%, bootstrapped over toolsets; differences are paired by task."
    )
    kinds = list(GROUPS.values())
    sections = [
        Section("Plot", plot("Tasks passed by strategy and rate of refusals", PLOT_FILE)),
        Section("Tasks passed", table(["refused", "agent", *kinds, "all", "calls a task"], lines)),
        Section("Differences by kind", table(["refused", "", *kinds], differences)),
        Section("Leaks", leak_lines(report["leaks"])),
    ]
    question = "Does searching a tree of steps solve more tasks than one chain of steps, or than several chains?"
    return findings_page("Search", question, facts, report, sections)


def leak_lines(leaks: Json) -> list[str]:
    """What the tasks of each setting share with training."""
    names = ("tasks", "toolsets", "toolsets_in_training", "categories_in_training", "tools_in_training",
             "tasks_in_training")  # fmt: skip
    head = ["", *(name.replace("_", " ") for name in names), "as it should be"]
    rows = [[name, *(f"{row[key]:,}" for key in names), "yes" if row["clean"] else "no"] for name, row in leaks.items()]
    return table(head, rows)
