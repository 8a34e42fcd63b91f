"""The verbs of the middle of the chain as separate steps, each in a run folder of its own.

A step's folder records where its inputs are, so that the next step needs only the folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from toolwise.catalog import open_catalog
from toolwise.config import parse_config
from toolwise.corpus import split_catalog
from toolwise.errors import DataError
from toolwise.files import read_json, write_json
from toolwise.pipelines.context import Context
from toolwise.pipelines.corpus import build_corpus
from toolwise.pipelines.settings import RunConfig, TaskCounts, parse_strategy
from toolwise.pipelines.solve import solve_tasks, verify_trajectories
from toolwise.pipelines.tasks import write_tasks
from toolwise.pipelines.worlds import WorldConfig, settings_of
from toolwise.ports import Observer, silent
from toolwise.search import TEACHER_RATES, SearchConfig
from toolwise.store import RunFolder
from toolwise.types import Funnel, Json, Split

INPUTS_FILE = "inputs.json"
_SIMULATED = WorldConfig()


def make_tasks(  # noqa: PLR0913 - a verb takes what its command takes
    catalog: Path,
    out: Path,
    counts: tuple[int, int],
    *,
    world: WorldConfig = _SIMULATED,
    seed: int = 0,
    resume: bool = False,
    workers: int = 0,
    observer: Observer = silent,
) -> Json:
    """Split a catalog and write `counts[0]` training tasks and `counts[1]` tasks for each other split.

    The later steps run in the same `world`, unless they are given another.
    """
    held = dict.fromkeys(("dev", "seen_toolset", "unseen_toolset", "unseen_category"), counts[1])
    config = RunConfig(seed=seed, tasks=TaskCounts(train=counts[0], **held), world=world)
    placed = split_catalog(open_catalog(catalog).summaries, config.split.model_copy(update={"seed": seed}))
    settings = {"verb": "tasks", "catalog": str(catalog.resolve()), **config.model_dump(mode="json")}
    with RunFolder(out, settings, resume=resume) as folder:
        context = Context(folder, workers, observer)
        summary = context.stage("tasks", lambda: write_tasks(context, catalog, placed, config))
        inputs = {"catalog": str(catalog.resolve()), "split": {name: split.value for name, split in placed.items()}}
        inputs |= settings_of(world)
        write_json(
            context.path(INPUTS_FILE), {**inputs, "tasks": _here(context, "tasks.jsonl"), "funnel": summary["funnel"]}
        )
    return summary


def solve_folder(  # noqa: PLR0913 - as above
    tasks: Path,
    out: Path,
    strategy: str,
    *,
    world: WorldConfig | None = None,
    seed: int = 0,
    resume: bool = False,
    workers: int = 0,
    observer: Observer = silent,
) -> Json:
    """Solve the tasks of a folder with the embedded teacher, which errs on training tasks and recovers."""
    inputs = _inputs(tasks, "tasks")
    search = SearchConfig(strategy=parse_strategy(strategy), seed=seed)
    chosen = world or world_of(inputs)
    settings = {"verb": "solve", "tasks": inputs["tasks"], "search": search.model_dump(mode="json")}
    settings |= settings_of(chosen)
    with RunFolder(out, settings, resume=resume) as folder:
        context = Context(folder, workers, observer)
        catalog, source = Path(inputs["catalog"]), Path(inputs["tasks"])
        summary = context.stage("solve", lambda: solve_tasks(context, catalog, source, search, TEACHER_RATES, chosen))
        found = {"trajectories": _here(context, "trajectories.jsonl"), "failed": summary["failed"]}
        write_json(context.path(INPUTS_FILE), {**inputs, **settings_of(chosen), **found})
    return summary


def verify_folder(
    trajectories: Path,
    out: Path,
    *,
    world: WorldConfig | None = None,
    resume: bool = False,
    workers: int = 0,
    observer: Observer = silent,
) -> Json:
    """Replay and check the trajectories of a folder."""
    inputs = _inputs(trajectories, "trajectories")
    chosen = world or world_of(inputs)
    settings = {"verb": "verify", "trajectories": inputs["trajectories"], **settings_of(chosen)}
    with RunFolder(out, settings, resume=resume) as folder:
        context = Context(folder, workers, observer)
        catalog, tasks, solved = (Path(inputs[name]) for name in ("catalog", "tasks", "trajectories"))
        summary = context.stage(
            "verify", lambda: verify_trajectories(context, catalog, tasks, solved, inputs["failed"], chosen)
        )
        verified = {"verdicts": _here(context, "verdicts.jsonl"), "verified": summary["funnel"]}
        write_json(context.path(INPUTS_FILE), {**inputs, **verified})
    return summary


def corpus_folder(verified: Path, out: Path) -> Json:
    """Turn the accepted trajectories of a verified folder into examples."""
    inputs = _inputs(verified, "verdicts")
    split_of = {name: Split(split) for name, split in inputs["split"].items()}
    rows = {name: Path(inputs[name]) for name in ("tasks", "trajectories", "verdicts")}
    return build_corpus(out, rows, Path(inputs["catalog"]), split_of, Funnel.model_validate(inputs["verified"]))


def world_of(inputs: Mapping[str, Json]) -> WorldConfig:
    """The world of the step before; the simulation where it names none."""
    return parse_config(WorldConfig, inputs.get("world") or {}, INPUTS_FILE)


def _here(context: Context, name: str) -> str:
    return str(context.path(name).resolve())


def _inputs(folder: Path, needed: str) -> Mapping[str, Json]:
    if not (folder / INPUTS_FILE).exists():
        raise DataError(f"{folder} holds no {needed}; give the folder that the step before wrote")
    inputs = read_json(folder / INPUTS_FILE)
    if needed not in inputs:
        raise DataError(f"{folder} holds no {needed}; give the folder that the step before wrote")
    return dict(inputs)
