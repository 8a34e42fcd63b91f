"""`toolwise reproduce diversity`: do more toolsets help, at as many instances and as many tokens?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from toolwise.catalog import open_catalog
from toolwise.corpus import read_tasks
from toolwise.errors import ConfigError, RunError
from toolwise.pipelines.assemble import require_training
from toolwise.pipelines.context import Context
from toolwise.pipelines.parallel import run_all_shards, run_shards
from toolwise.pipelines.reproduce.diversity_cells import (
    BASE,
    Cell,
    choose_instances,
    score_baselines,
    train_and_score,
    train_base,
)
from toolwise.pipelines.reproduce.diversity_data import (
    TEST,
    TESTS_FILE,
    DataJob,
    cluster,
    data_jobs,
    draw,
    fix_tests,
    write_data,
)
from toolwise.pipelines.reproduce.diversity_results import SCORES, Scores, findings_of, rate_rows, render, scores_mean
from toolwise.pipelines.reproduce.diversity_settings import DiversityExperiment, full_diversity, quick_diversity
from toolwise.pipelines.reproduce.embedded import catalog_of
from toolwise.pipelines.reproduce.findings import as_rows
from toolwise.pipelines.reproduce.findings_page import hardware, write_findings
from toolwise.pipelines.reproduce.request import Request
from toolwise.store import RunFolder
from toolwise.store.rows import Rows, RowStatus
from toolwise.types import Json

NAME = "diversity"
_DATA, _MODELS = "data", "models"


def diversity_experiment(quick: bool, seeds: int | None = None, toolsets: Sequence[int] = ()) -> DiversityExperiment:
    """The experiment's settings. Raises ConfigError."""
    config = quick_diversity() if quick else full_diversity()
    if toolsets and (len(set(toolsets)) < 2 or min(toolsets) < 1):
        raise ConfigError("the experiment compares at least two numbers of toolsets; repeat --toolsets")
    changed: dict[str, Json] = {}
    if seeds is not None:
        changed["seeds"] = tuple(range(seeds))
    if toolsets:
        changed["toolsets"] = tuple(sorted(set(toolsets)))
    return config.model_copy(update=changed)


def reproduce_diversity(config: DiversityExperiment, request: Request) -> Json:
    """Train and score a model for each draw and number of toolsets; writes `report.json`, a page and a plot.

    The same command goes on where it was stopped. Raises ConfigError, CatalogError, RunError, MissingExtraError.
    """
    require_training("the experiment")
    out, observer = request.out, request.observer
    with RunFolder(out, request.settings("reproduce diversity", config), resume=True) as folder:
        context = Context(folder, request.workers, observer)
        source = catalog_of(context, request.catalog)
        jobs = data_jobs(out, source, draw(open_catalog(source), config), config)
        run_all_shards(folder.rows(_DATA), jobs, write_data, stage=_DATA, workers=context.processes, observer=observer)
        tests = context.stage("tests", lambda: fix_tests(jobs, out))
        instances = context.stage("instances", lambda: choose_instances(jobs, out, config))
        base = context.stage(BASE, lambda: train_base(out, config, context.processes, observer))
        cells = {cell.key: cell for cell in _cells(out, config, jobs)}
        rows = folder.rows(_MODELS)
        run_shards(rows, cells, train_and_score, stage=_MODELS, workers=context.processes, observer=observer)
        baselines = context.stage("baselines", lambda: score_baselines(cells[BASE]))
        report = _report(config, cells, rows, baselines, instances)
    report |= {"command": request.command, "settings": config.model_dump(mode="json"), "tests": tests, "base": base}
    page, plots = render(report)
    write_findings(out, NAME, report, page, plots)
    return report


def _cells(out: Path, config: DiversityExperiment, jobs: Mapping[str, DataJob]) -> list[Cell]:
    """The base first; then draw by draw, so that a run that is stopped early has whole comparisons."""
    train = sorted((job for key, job in jobs.items() if key != TEST), key=lambda job: (job.seed, len(job.toolsets)))
    return [Cell(out, config, jobs[TEST]), *(Cell(out, config, jobs[TEST], job) for job in train)]


def _report(
    config: DiversityExperiment, cells: Mapping[str, Cell], rows: Rows, baselines: Json, instances: Json
) -> dict[str, Json]:
    done = {row.key: row.value for row in rows if row.status is RowStatus.DONE}
    if BASE not in done:
        raise RunError("the base model could not be scored; run the command again")
    models: dict[int, dict[int, Json]] = {}
    for key, cell in cells.items():
        if cell.job is not None and key in done:
            models.setdefault(cell.toolsets, {})[cell.seed] = done[key]
    clusters = [cluster(task) for task in read_tasks(cells[BASE].folder / TESTS_FILE)]
    scores = Scores(clusters, dict(sorted(models.items())), {**baselines, BASE: done[BASE]})
    return {
        "findings": as_rows(findings_of(config, scores, instances["chosen"])),
        "rates": rate_rows(scores),
        "instances": instances,
        "models": [_model(key, value, instances["chosen"][key]) for key, value in done.items() if key != BASE],
        "failed": {row.key: row.value["error"] for row in rows if row.status is RowStatus.FAILED},
        "hardware": hardware(),
        "model_minutes": round(sum(value["seconds"] for value in done.values()) / 60, 1),
    }


def _model(key: str, value: Json, chosen: Json) -> Json:
    kept = {name: value[name] for name in ("tokens", "steps", "parameters", "loss", "seconds", "leaks")}
    rates = {name: scores_mean(value[name]) for name in SCORES}
    counts = {"instances": chosen["instances"], "toolsets_used": chosen["toolsets"], "epoch_tokens": chosen["tokens"]}
    return {"cell": key, **kept, **counts, **rates}
