"""`toolwise reproduce generalisation`: six settings, trained and untrained, given and retrieved (tables 4 and 5)."""

from __future__ import annotations

from pathlib import Path

from toolwise.evaluation.unseen import Setting
from toolwise.pipelines.evaluate_cells import GIVEN, Agent, Cell
from toolwise.pipelines.evaluate_run import RETRIEVED, EvaluationPlan, evaluate_run
from toolwise.pipelines.evaluate_settings import make_settings
from toolwise.pipelines.reproduce.agents import GeneralisationExperiment, generalisation_experiment
from toolwise.pipelines.reproduce.board import (
    BASELINES,
    NAMES,
    TRAINED,
    UNTRAINED,
    Board,
    agent_name,
    leak_lines,
    model_facts,
)
from toolwise.pipelines.reproduce.findings import Conclusion, Finding, conclude, percent, points
from toolwise.pipelines.reproduce.findings_page import Section, findings_page, plot, table, write_findings
from toolwise.pipelines.reproduce.outcomes import MARGIN, apart, no_worse, paired, rate
from toolwise.pipelines.reproduce.plots import PALETTE, dot_plot
from toolwise.pipelines.reproduce.request import Request
from toolwise.pipelines.reproduce.trained import TrainedRun, trained_for
from toolwise.ports import Observer, silent
from toolwise.search import Strategy
from toolwise.types import Json, Metric

__all__ = ["attempt_settings", "generalisation_experiment", "reproduce_generalisation"]

NAME = "generalisation"
PLOT_FILE = "generalisation.svg"
GROUPS = tuple(setting.value for setting in Setting)
UNSEEN = (Setting.I1_TOOL.value, Setting.I1_CAT.value, Setting.I2_CAT.value)
"""The settings whose toolsets training never saw."""
RETRIEVED_PART = "retrieved"
_STRATEGIES = (Strategy.REACT, Strategy.DFSDT)
_OTHERS = (
    (UNTRAINED, "Vicuna and Alpaca pass 0%, ToolLLaMA with DFSDT 66.7%"),
    ("null", "not measured there"),
    ("nearest_tool", "not measured there"),
)
"""Whom the trained model is to beat, and what was published."""
_TRANSFER = (
    (Setting.I1_TOOL, "+4 points (61% against 57%)"),
    (Setting.I1_CAT, "+5 points (62% against 57%)"),
)


def attempt_settings(
    config: GeneralisationExperiment, trained: TrainedRun, out: Path, workers: int = 0, observer: Observer = silent
) -> dict[str, Json]:
    """What the models do on the settings' tasks, part by part; goes on where it was stopped."""
    counts = {name: config.per_unseen if name in UNSEEN else config.per_known for name in GROUPS}
    make_settings(
        trained.folder, out / "tasks", counts, seed=config.data_seed, resume=True, workers=workers, observer=observer
    )
    tasks, conditions = out / "tasks", config.conditions
    learnt, fresh = Agent(TRAINED, "model", trained.model), Agent(UNTRAINED, "model", trained.untrained)
    plans = {
        TRAINED: EvaluationPlan(tasks, (learnt,), conditions),
        RETRIEVED_PART: EvaluationPlan(
            tasks, (learnt,), conditions, (_retrieved(config),), trained.retriever, limit=config.per_retrieved
        ),
        UNTRAINED: EvaluationPlan(tasks, (fresh,), conditions, limit=config.per_untrained, baselines=False),
    }
    return {
        name: evaluate_run(plan, out / name, resume=True, workers=workers, observer=observer)
        for name, plan in plans.items()
    }


def _retrieved(config: GeneralisationExperiment) -> str:
    return f"{RETRIEVED}{config.retrieved}"


def reproduce_generalisation(config: GeneralisationExperiment, request: Request) -> Json:
    """Measure, and write `report.json`, `generalisation.md` and `generalisation.svg`. Raises UserError."""
    trained = trained_for(request, config.model)
    evaluated = attempt_settings(config, trained, request.out, request.workers, request.observer)
    board = _board(config, request.out)
    report = board.report(request.command, config, trained, list(evaluated.values()), _findings(config, board))
    report["budget"] = config.conditions.limits
    report["candidate_sets"] = evaluated[TRAINED]["candidate_sets"] | evaluated[RETRIEVED_PART]["candidate_sets"]
    write_findings(request.out, NAME, report, _page(report, board, config), {PLOT_FILE: _plot(board)})
    return report


def _board(config: GeneralisationExperiment, out: Path) -> Board:
    places = []
    for label, part in ((GIVEN, TRAINED), (_retrieved(config), RETRIEVED_PART)):
        places += [(Cell(TRAINED, strategy, label), out / part) for strategy in _STRATEGIES]
    places += [(Cell(UNTRAINED, strategy), out / UNTRAINED) for strategy in _STRATEGIES]
    for label, part in ((GIVEN, TRAINED), (_retrieved(config), RETRIEVED_PART)):
        places += [(Cell(name, Strategy.REACT, label), out / part) for name in BASELINES]
    return Board.read(places, GROUPS)


def _findings(config: GeneralisationExperiment, board: Board) -> list[Finding]:
    retrieved = _retrieved(config)
    trained = board.cells[Cell(TRAINED, Strategy.DFSDT)]

    def finding(claim: str, claimed: str, difference: Metric, verdict: Conclusion, more: str = "") -> Finding:
        return Finding(claim=claim, claimed=claimed, measured=points(difference) + more, verdict=verdict)

    found = []
    for name, claimed in _OTHERS:
        strategy = Strategy.DFSDT if name == UNTRAINED else Strategy.REACT
        other = board.cells[Cell(name, strategy)]
        difference = paired(trained, other, UNSEEN)
        rates = rate(trained, UNSEEN), rate(other, UNSEEN)
        claim = f"On unseen toolsets the trained model passes more than {name.replace('_', ' ')}"
        found.append(finding(claim, claimed, difference, conclude(difference), _beside(*rates)))
    known = rate(trained, (Setting.I1_INST.value,))
    for setting, claimed in _TRANSFER:
        difference = apart(rate(trained, (setting.value,)), known)
        claim = f"{setting.value} is less than {MARGIN * 100:.0f} points lower than I1-Inst"
        found.append(finding(claim, claimed, difference, no_worse(difference)))
    for label, claimed in ((GIVEN, "+37.7 points (66.7% against 29.0%)"), (retrieved, "not measured there")):
        searched, chained = (
            board.cells[Cell(TRAINED, strategy, label)] for strategy in (Strategy.DFSDT, Strategy.REACT)
        )
        difference = paired(searched, chained)
        claim = f"DFSDT passes at least {MARGIN * 100:.0f} points more than ReAct, candidates {label}"
        found.append(finding(claim, claimed, difference, conclude(difference, MARGIN)))
    difference = paired(board.cells[Cell(TRAINED, Strategy.DFSDT, retrieved)], trained)
    claim = f"Retrieved candidates cost less than {MARGIN * 100:.0f} points"
    found.append(finding(claim, "+0.6 points (67.3% against 66.7%)", difference, no_worse(difference)))
    return found


def _beside(one: Metric, other: Metric) -> str:
    """Two rates, and whether their intervals meet."""
    if not one.n or not other.n:
        return ""
    meet = one.low <= other.high and other.low <= one.high
    return f"; {percent(one)} against {percent(other)}, intervals {'overlap' if meet else 'apart'}"


def _label(cell: Cell) -> str:
    how = f"{NAMES[cell.strategy]}, " if cell.agent in (TRAINED, UNTRAINED) else ""
    return f"{agent_name(cell)}, {how}{cell.candidates}"


def _plot(board: Board) -> str:
    colours = {TRAINED: PALETTE[0], UNTRAINED: PALETTE[1], "nearest_tool": PALETTE[3], "null": PALETTE[-1]}
    dots = board.dots((*GROUPS, "all"), lambda cell, group: (group, _label(cell), colours[cell.agent]))
    return dot_plot("Tasks passed in the six settings, with 95% intervals", dots)


def _page(report: Json, board: Board, config: GeneralisationExperiment) -> str:
    lines = board.lines(lambda cell: [_label(cell)], lambda row: str(row["n"]))
    limits, sets = report["budget"], report["candidate_sets"]
    complete = sets.get(_retrieved(config), {}).get("complete", 0.0)
    facts = (
        f"{model_facts(report['model'])}, and the same model before training. "
        f"*Inst*: new instructions of known toolsets; *Tool*: new toolsets; *Cat*: new categories. I1: one toolset; "
        "I2: several of a category; I3: several of a collection. Every strategy may make "
        f"{limits['model_calls']} model calls on a task, in branches of at most {limits['max_steps']} steps. Given "
        f"candidates hold all relevant tools ({sets[GIVEN]['tools']:.1f} tools on average); the retriever (a trained "
        f"encoder fused with BM25) offers {config.retrieved} of the whole catalog, among them all relevant ones for "
        f"{complete:.0%} of the tasks. With retrieved candidates {config.per_retrieved} tasks of each setting are "
        f"attempted, by the untrained model {config.per_untrained}. A task passes if the verification accepts the "
        "answering branch: calls, final state and facts, replayed. Intervals are 95%, bootstrapped over toolsets; "
        "comparisons on the same tasks are paired."
    )
    sections = [
        Section("Plot", plot("Tasks passed in the six settings", PLOT_FILE)),
        Section("Tasks passed", table(["", *GROUPS, "all", "n"], lines)),
        Section("Leaks", leak_lines(report["leaks"])),
    ]
    question = "What a model has learnt of some tools: does it carry over to tools that it has never seen?"
    return findings_page("Generalisation", question, facts, report, sections)
