"""`toolwise reproduce search`: ReAct, ReAct@N and DFSDT at the same number of model calls (ToolLLM, table 3)."""

from __future__ import annotations

from pathlib import Path

from toolwise.pipelines.evaluate_cells import Agent, Cell
from toolwise.pipelines.evaluate_run import EvaluationPlan, evaluate_run
from toolwise.pipelines.evaluate_settings import Home, make_settings
from toolwise.pipelines.reproduce.agents import SearchExperiment, search_experiment
from toolwise.pipelines.reproduce.board import (
    BASELINES,
    NAMES,
    TRAINED,
    Board,
    agent_name,
    leak_lines,
    model_facts,
)
from toolwise.pipelines.reproduce.findings import Finding, conclude, points
from toolwise.pipelines.reproduce.findings_page import Section, findings_page, plot, table, write_findings
from toolwise.pipelines.reproduce.outcomes import MARGIN, paired
from toolwise.pipelines.reproduce.plots import PALETTE, dot_plot
from toolwise.pipelines.reproduce.request import Request
from toolwise.pipelines.reproduce.trained import TrainedRun, trained_for
from toolwise.ports import Observer, silent
from toolwise.search import Strategy
from toolwise.types import Json, Split, TaskKind

__all__ = ["attempt_searches", "reproduce_search", "search_experiment"]

NAME = "search"
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


def reproduce_search(config: SearchExperiment, request: Request) -> Json:
    """Measure, and write `report.json`, `search.md` and `search.svg`. Raises UserError."""
    out = request.out
    trained = trained_for(request, config.model)
    evaluated = attempt_searches(config, trained, out, request.workers, request.observer)
    rates = config.conditions.transient
    cells = [Cell(TRAINED, strategy, transient=rate) for rate in rates for strategy in NAMES]
    cells += [Cell(name, Strategy.REACT, transient=rate) for rate in rates for name in BASELINES]
    board = Board.read(((cell, out / "evaluation") for cell in cells), tuple(GROUPS))
    report = board.report(request.command, config, trained, (evaluated,), _findings(config, board))
    report["budget"] = config.conditions.limits
    write_findings(out, NAME, report, _page(report, board, config), {PLOT_FILE: _plot(board)})
    return report


def _findings(config: SearchExperiment, board: Board) -> list[Finding]:
    found = []
    for rate in config.conditions.transient:
        for better, worse, claimed in _CLAIMS:
            left, right = (board.cells[Cell(TRAINED, strategy, transient=rate)] for strategy in (better, worse))
            difference = paired(left, right)
            refused = f", {rate:.0%} of the calls refused" if rate else ""
            claim = f"{NAMES[better]} passes at least {MARGIN * 100:.0f} points more than {NAMES[worse]}{refused}"
            published = claimed if not rate else "not measured there"
            verdict = conclude(difference, MARGIN)
            found.append(Finding(claim=claim, claimed=published, measured=points(difference), verdict=verdict))
    return found


def _label(cell: Cell) -> str:
    return NAMES[cell.strategy] if cell.agent == TRAINED else agent_name(cell)


def _plot(board: Board) -> str:
    def look(cell: Cell, group: str) -> tuple[str, str, str]:
        colour = PALETTE[list(NAMES).index(cell.strategy)] if cell.agent == TRAINED else PALETTE[-1]
        return f"{cell.transient:.0%} of the calls refused", _label(cell), colour

    return dot_plot("Tasks passed, with 95% intervals", board.dots(("all",), look))


def _page(report: Json, board: Board, config: SearchExperiment) -> str:
    def calls(row: Json) -> str:
        return "-" if row["model_calls"] is None else f"{row['model_calls']:.2f}"

    lines = board.lines(lambda cell: [f"{cell.transient:.0%}", _label(cell)], calls)
    differences = [
        [f"{rate:.0%}", f"{NAMES[better]} less {NAMES[worse]}",
         *(points(paired(board.cells[Cell(TRAINED, better, transient=rate)],
                         board.cells[Cell(TRAINED, worse, transient=rate)], (group,))) for group in GROUPS)]
        for rate in config.conditions.transient
        for better, worse, _ in _CLAIMS
    ]  # fmt: skip
    kinds = list(GROUPS.values())
    sections = [
        Section("Plot", plot("Tasks passed by strategy and rate of refusals", PLOT_FILE)),
        Section("Tasks passed", table(["refused", "agent", *kinds, "all", "calls a task"], lines)),
        Section("Differences by kind", table(["refused", "", *kinds], differences)),
        Section("Leaks", leak_lines(report["leaks"])),
    ]
    question = "Does searching a tree of steps solve more tasks than one chain of steps, or than several chains?"
    return findings_page("Search", question, _facts(report), report, sections)


def _facts(report: Json) -> str:
    limits = report["budget"]
    tasks = {row["group"]: row["n"] for row in report["rows"]}
    return (
        f"{model_facts(report['model'])} attempts {sum(tasks[group] for group in GROUPS)} tasks of toolsets that it "
        f"has never seen ({', '.join(f'{tasks[group]} {kind}' for group, kind in GROUPS.items())}). Every strategy may "
        f"make {limits['model_calls']} model calls on a task, in branches of at most {limits['max_steps']} steps; "
        f"DFSDT has a width of {limits['width']}, ReAct@N up to {limits['attempts']} chains. Turns are greedy; where "
        f"ReAct@N asks again in the same situation, the turn is drawn at temperature {limits['redraw_temperature']:g}. "
        "A refused call is not made (408, 429, 5xx) and may succeed when it is made again; the chances are the "
        "same for all strategies. A task passes if the verification accepts the answering branch: calls, final "
        "state and facts, replayed. Intervals are 95%, bootstrapped over toolsets; differences are paired by task."
    )
