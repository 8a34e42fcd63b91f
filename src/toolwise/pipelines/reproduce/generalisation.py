"""`toolwise reproduce generalisation`: six settings, trained and untrained, given and retrieved (tables 4 and 5)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from toolwise.evaluation.unseen import Setting
from toolwise.pipelines.evaluate_cells import GIVEN, Agent, Cell
from toolwise.pipelines.evaluate_run import RETRIEVED, EvaluationPlan, evaluate_run
from toolwise.pipelines.evaluate_settings import make_settings
from toolwise.pipelines.reproduce.agents import GeneralisationExperiment, generalisation_experiment
from toolwise.pipelines.reproduce.findings import Conclusion, Finding, as_rows, conclude, percent, points
from toolwise.pipelines.reproduce.findings_page import Section, findings_page, hardware, plot, table, write_findings
from toolwise.pipelines.reproduce.findings_page import cell as shown
from toolwise.pipelines.reproduce.outcomes import (
    MARGIN,
    Outcomes,
    apart,
    no_worse,
    paired,
    rate,
    read_outcomes,
    rows_of,
)
from toolwise.pipelines.reproduce.plots import PALETTE, Dot, dot_plot
from toolwise.pipelines.reproduce.search import leak_lines
from toolwise.pipelines.reproduce.trained import TrainedRun, trained_for
from toolwise.ports import Observer, silent
from toolwise.search import Strategy
from toolwise.types import Json, Metric

__all__ = ["attempt_settings", "generalisation_experiment", "reproduce_generalisation"]

NAME = "generalisation"
TRAINED, UNTRAINED = "trained", "untrained"
PLOT_FILE = "generalisation.svg"
GROUPS = tuple(setting.value for setting in Setting)
UNSEEN = (Setting.I1_TOOL.value, Setting.I1_CAT.value, Setting.I2_CAT.value)
"""The settings whose toolsets training never saw."""
_NAMES = {Strategy.REACT: "ReAct", Strategy.DFSDT: "DFSDT"}


def attempt_settings(
    config: GeneralisationExperiment, trained: TrainedRun, out: Path, workers: int = 0, observer: Observer = silent
) -> tuple[Json, Json]:
    """What the trained model and the untrained one do on the settings' tasks; goes on where it was stopped."""
    make_settings(
        trained.folder, out / "tasks", config.per_setting, seed=config.data_seed, resume=True,
        workers=workers, observer=observer,
    )  # fmt: skip
    learnt = EvaluationPlan(
        out / "tasks",
        (Agent(TRAINED, "model", trained.model),),
        config.conditions,
        (GIVEN, f"{RETRIEVED}{config.retrieved}"),
        trained.retriever,
    )
    fresh = EvaluationPlan(
        out / "tasks",
        (Agent(UNTRAINED, "model", trained.untrained),),
        config.conditions,
        limit=config.untrained_per_setting,
        baselines=False,
    )
    found = (
        evaluate_run(plan, out / name, resume=True, workers=workers, observer=observer)
        for name, plan in ((TRAINED, learnt), (UNTRAINED, fresh))
    )
    return next(found), next(found)


def reproduce_generalisation(
    config: GeneralisationExperiment,
    out: Path,
    *,
    command: str,
    run: Path | None = None,
    catalog: Path | None = None,
    workers: int = 0,
    observer: Observer = silent,
) -> Json:
    """Measure, and write `report.json`, `generalisation.md` and `generalisation.svg` into `out`.

    The model is that of the finished `run`, or one that is trained beside `out`. The same command goes on where it was
    stopped. Raises UserError.
    """
    trained = trained_for(out, run, config.model, catalog=catalog, workers=workers, observer=observer)
    learnt, fresh = attempt_settings(config, trained, out, workers, observer)
    cells = _cells(config, out)
    report: dict[str, Json] = {
        "command": command,
        "settings": config.model_dump(mode="json"),
        "model": trained.about,
        "budget": config.conditions.limits,
        "candidate_sets": learnt["candidate_sets"],
        "leaks": learnt.get("leaks", {}),
        "rows": list(rows_of({cell.name: found for cell, found in cells.items()}, GROUPS)),
        "findings": as_rows(_findings(config, cells)),
        "failed": {**learnt["failed"], **fresh["failed"]},
        "hardware": hardware(),
    }
    write_findings(out, NAME, report, _page(report, cells, config), {PLOT_FILE: _plot(report, cells)})
    return report


def _cells(config: GeneralisationExperiment, out: Path) -> dict[Cell, Outcomes]:
    offered = (GIVEN, f"{RETRIEVED}{config.retrieved}")
    cells = [Cell(TRAINED, strategy, label) for label in offered for strategy in _NAMES]
    cells += [Cell(UNTRAINED, strategy) for strategy in _NAMES]
    cells += [Cell(name, Strategy.REACT, label) for label in offered for name in ("nearest_tool", "null")]
    return {cell: read_outcomes(out / (UNTRAINED if cell.agent == UNTRAINED else TRAINED), cell.name) for cell in cells}


def _findings(config: GeneralisationExperiment, cells: Mapping[Cell, Outcomes]) -> list[Finding]:
    retrieved = f"{RETRIEVED}{config.retrieved}"
    trained = cells[Cell(TRAINED, Strategy.DFSDT)]

    def finding(claim: str, claimed: str, difference: Metric, verdict: Conclusion, more: str = "") -> Finding:
        return Finding(claim=claim, claimed=claimed, measured=points(difference) + more, verdict=verdict)

    found = []
    for name, claimed in (
        (UNTRAINED, "Vicuna and Alpaca pass 0%, ToolLLaMA with DFSDT 66.7%"),
        ("null", "not measured there"),
        ("nearest_tool", "not measured there"),
    ):
        strategy = Strategy.DFSDT if name == UNTRAINED else Strategy.REACT
        other = cells[Cell(name, strategy)]
        difference = paired(trained, other, UNSEEN)
        both = f"; {percent(rate(trained, UNSEEN))} against {percent(rate(other, UNSEEN))}"
        claim = f"On unseen toolsets the trained model passes more than {name.replace('_', ' ')}"
        found.append(finding(claim, claimed, difference, conclude(difference), both))
    known = rate(trained, (Setting.I1_INST.value,))
    for setting, claimed in (
        (Setting.I1_TOOL, "+4 points (61% against 57%)"),
        (Setting.I1_CAT, "+5 points (62% against 57%)"),
    ):
        difference = apart(rate(trained, (setting.value,)), known)
        claim = f"{setting.value} is less than {MARGIN * 100:.0f} points lower than I1-Inst"
        found.append(finding(claim, claimed, difference, no_worse(difference)))
    for label, claimed in ((GIVEN, "+37.7 points (66.7% against 29.0%)"), (retrieved, "not measured there")):
        searched, chained = (cells[Cell(TRAINED, strategy, label)] for strategy in (Strategy.DFSDT, Strategy.REACT))
        difference = paired(searched, chained)
        claim = f"DFSDT passes at least {MARGIN * 100:.0f} points more than ReAct, candidates {label}"
        found.append(finding(claim, claimed, difference, conclude(difference, MARGIN)))
    difference = paired(cells[Cell(TRAINED, Strategy.DFSDT, retrieved)], trained)
    claim = f"Retrieved candidates cost less than {MARGIN * 100:.0f} points"
    found.append(finding(claim, "+0.6 points (67.3% against 66.7%)", difference, no_worse(difference)))
    return found


def _label(cell: Cell) -> str:
    name = cell.agent.replace("_", " ")
    return (
        f"{name}, {_NAMES[cell.strategy]}, {cell.candidates}"
        if cell.agent in (TRAINED, UNTRAINED)
        else (f"{name}, {cell.candidates}")
    )


def _plot(report: Json, cells: Mapping[Cell, Outcomes]) -> str:
    by_name = {cell.name: cell for cell in cells}
    colours = {TRAINED: PALETTE[0], UNTRAINED: PALETTE[1], "nearest_tool": PALETTE[3], "null": PALETTE[-1]}
    rows = [row for group in (*GROUPS, "all") for row in report["rows"] if row["group"] == group and row["n"]]
    dots = [
        Dot(row["group"], _label(by_name[row["cell"]]), row["value"], row["low"], row["high"],
            colours[by_name[row["cell"]].agent])
        for row in rows
    ]  # fmt: skip
    return dot_plot("Tasks passed in the six settings, with 95% intervals", dots)


def _page(report: Json, cells: Mapping[Cell, Outcomes], config: GeneralisationExperiment) -> str:
    by_cell: dict[str, dict[str, Json]] = {}
    for row in report["rows"]:
        by_cell.setdefault(row["cell"], {})[row["group"]] = row
    lines = []
    for cell in cells:
        found = by_cell[cell.name]
        lines.append([_label(cell), *(shown(found[group]) for group in (*GROUPS, "all")), str(found["all"]["n"])])
    limits, model, sets = report["budget"], report["model"], report["candidate_sets"]
    complete = sets.get(f"{RETRIEVED}{config.retrieved}", {}).get("complete", 0.0)
    facts = (
        f"A model of {model['parameters']:,} parameters, trained from nothing, and the same model before training. "
        f"*Inst*: new instructions of known toolsets; *Tool*: new toolsets; *Cat*: new categories. I1: one toolset; "
        "I2: several of a category; I3: several of a collection. Every strategy may make "
        f"{limits['model_calls']} model calls on a task, in branches of at most {limits['max_steps']} steps. Given "
        f"candidates hold all relevant tools ({sets[GIVEN]['tools']:.1f} tools on average); the retriever (a trained "
        f"encoder fused with BM25) offers {config.retrieved} of the whole catalog, among them all relevant ones for "
        f"{complete:.0%} of the tasks. The untrained model attempts {config.untrained_per_setting} tasks of each "
        "setting. A task passes if the verification accepts the answering branch: calls, final state and facts, "
        "replayed. Intervals are 95%, bootstrapped over toolsets; comparisons on the same tasks are paired."
    )
    sections = [
        Section("Plot", plot("Tasks passed in the six settings", PLOT_FILE)),
        Section("Tasks passed", table(["", *GROUPS, "all", "n"], lines)),
        Section("Leaks", leak_lines(report["leaks"])),
    ]
    question = "What a model has learnt of some tools: does it carry over to tools that it has never seen?"
    return findings_page("Generalisation", question, facts, report, sections)
