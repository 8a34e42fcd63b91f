"""`toolwise reproduce metatasks`: does answering questions about tools help a model to use them, at equal tokens?"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

from toolwise.errors import ConfigError
from toolwise.files import write_atomic, write_json
from toolwise.metatasks import SIX
from toolwise.pipelines.assemble import require_training
from toolwise.pipelines.context import Context
from toolwise.pipelines.mixing import Variant, checked_ratio
from toolwise.pipelines.parallel import run_shards
from toolwise.pipelines.reproduce.catalogs import (
    CATALOG,
    COMPARED,
    CatalogCell,
    prepare_catalog,
    train_and_score_catalog,
)
from toolwise.pipelines.reproduce.cells import Cell, score_baselines, train_and_score, world_data
from toolwise.pipelines.reproduce.comparison import (
    Scored,
    ablation_rows,
    answer_rows,
    baseline_rows,
    findings,
    success_rows,
)
from toolwise.pipelines.reproduce.page import render_page, render_plot
from toolwise.pipelines.reproduce.request import Request
from toolwise.pipelines.reproduce.settings import MetaTaskExperiment, full_experiment, quick_experiment
from toolwise.store import RunFolder
from toolwise.store.rows import RowStatus
from toolwise.types import Json

REPORT_FILE, PAGE_FILE, PLOT_FILE = "report.json", "metatasks.md", "metatasks.svg"
_STAGE = "models"


def metatask_experiment(
    quick: bool,
    worlds: Sequence[str] = (),
    seeds: int | None = None,
    ratio: float | None = None,
    ablated: Sequence[str] = (),
) -> MetaTaskExperiment:
    """The experiment's settings. Raises ConfigError."""
    make = quick_experiment if quick else full_experiment
    known = make().worlds
    unknown = next((name for name in (*worlds, *ablated) if name not in known), None)
    if unknown is not None:
        raise ConfigError(f"the experiment has no world {unknown!r}; choose among {', '.join(known)}")
    config = make(tuple(worlds), tuple(range(seeds)) if seeds else ())
    missing = next((name for name in ablated if name not in config.worlds), None)
    if missing is not None:
        raise ConfigError(f"--ablate {missing}: this world is not in the experiment; add --world {missing}")
    if ablated:
        config = config.model_copy(update={"ablated": tuple(dict.fromkeys(ablated))})
    return config if ratio is None else config.model_copy(update={"ratio": checked_ratio(ratio)})


def reproduce_metatasks(config: MetaTaskExperiment, request: Request, *, so_far: bool = False) -> Json:
    """Train and score every cell, and write `report.json`, `metatasks.md` and `metatasks.svg`.

    With a `catalog`, mixed and solution-only models are also compared on its unseen toolsets. With `so_far` nothing
    more is trained: the report is of the models that a stopped run has finished, and counts the others.
    The same command goes on where it was stopped: finished models are rows. Raises RunError, MissingExtraError.
    """
    require_training("the experiment")
    out, catalog = request.out, request.catalog
    with RunFolder(out, request.settings("reproduce metatasks", config), resume=True) as folder:
        context = Context(folder, request.workers, request.observer)
        data = {
            world: context.stage(f"data: {world}", world_data(out, config, world).prepare) for world in config.worlds
        }
        baselines = {
            world: context.stage(f"baselines: {world}", partial(score_baselines, world_data(out, config, world)))
            for world in config.worlds
        }
        on_catalog = _Trained() if catalog is None else _on_catalog(context, catalog, config, so_far)
        cells = {cell.key: cell for cell in _cells(out, config)}
        on_worlds = _trained(context, _STAGE, cells, train_and_score, so_far)
        report = _report(config, [*on_worlds.scored, *on_catalog.scored], baselines, data)
        report["command"] = request.command
        report["failed"] = on_catalog.failed | on_worlds.failed
        report["unfinished"] = on_catalog.unfinished + on_worlds.unfinished
    write_json(out / REPORT_FILE, report)
    for name, text in ((PAGE_FILE, render_page(report)), (PLOT_FILE, render_plot(report["success"]))):
        with write_atomic(out / name) as file:
            file.write(text.encode())
    return report


@dataclass(frozen=True)
class _Trained:
    """What came of some cells."""

    scored: list[Scored] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    unfinished: int = 0


CellT = TypeVar("CellT", Cell, CatalogCell)


def _trained(
    context: Context, stage: str, cells: Mapping[str, CellT], train: Callable[[CellT], Json], so_far: bool
) -> _Trained:
    """Train what is not a finished row yet, unless only what is so far is asked for."""
    rows = context.run.rows(stage)
    if not so_far:
        run_shards(rows, cells, train, stage=stage, workers=context.processes, observer=context.observer)
    done = [Scored(cells[row.key], row.value) for row in rows if row.status is RowStatus.DONE]
    failed = {row.key: row.value["error"] for row in rows if row.status is RowStatus.FAILED}
    return _Trained(done, failed, len(cells) - len(done) - len(failed))


def _on_catalog(context: Context, catalog: Path, config: MetaTaskExperiment, so_far: bool) -> _Trained:
    """The models of a catalog's corpora."""
    part = context.path(CATALOG)
    context.stage(f"data: {CATALOG}", lambda: prepare_catalog(part, catalog, config))
    seeds = config.seeds[: config.catalog_seeds]
    made = (CatalogCell(part, catalog, config, variant, seed) for seed in seeds for variant in COMPARED)
    return _trained(context, CATALOG, {cell.key: cell for cell in made}, train_and_score_catalog, so_far)


def _cells(out: Path, config: MetaTaskExperiment) -> Iterator[Cell]:
    """Seed by seed, so that a run that is stopped early has whole comparisons."""
    for place, seed in enumerate(config.seeds):
        for world in config.worlds:
            for variant in config.variants:
                yield Cell(out, config, world, variant, seed)
        for world in config.ablated if place < config.ablation_seeds else ():
            for kind in SIX:
                yield Cell(out, config, world, Variant.MIXED, seed, kind)


def _report(
    config: MetaTaskExperiment, scored: Sequence[Scored], baselines: Mapping[str, Json], data: Mapping[str, Json]
) -> dict[str, Json]:
    seconds = sum(one.result["seconds"] for one in scored)
    return {
        "hypothesis": HYPOTHESIS,
        "settings": config.model_dump(mode="json"),
        "data": dict(data),
        "models": [
            {
                "cell": one.cell.key,
                **{key: one.result[key] for key in ("tokens", "steps", "parameters", "loss", "seconds", "mixture")},
            }
            for one in scored
        ],
        "success": [*success_rows(scored), *baseline_rows(baselines)],
        "answers": answer_rows(scored),
        "ablations": ablation_rows(config, scored),
        "findings": findings(config, scored),
        "hardware": {
            "machine": platform.machine(),
            "system": platform.system(),
            "python": platform.python_version(),
            "threads_a_model": config.training.threads,
        },
        "model_minutes": round(seconds / 60, 1),
    }


HYPOTHESIS = (
    "At equal training tokens, mixing meta-tasks into the solutions beats solutions alone by at least 5 points of "
    "success on at least two of the three worlds, and on renamed tools in all of them."
)
