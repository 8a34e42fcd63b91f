"""Score stored attempts again, offline: replayed in a fresh world, compared with the blueprints, counted."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from pydantic import ValidationError

from toolwise.blueprints import executed_calls
from toolwise.catalog import open_catalog
from toolwise.corpus import read_tasks
from toolwise.errors import DataError, ToolwiseError
from toolwise.evaluation.benchmarks.lines import read_rows
from toolwise.evaluation.calls.equivalence import equivalent_calls
from toolwise.evaluation.intervals import mean_with_interval
from toolwise.evaluation.metrics.pass_power_k import pass_power_k
from toolwise.evaluation.pass_rate import passed
from toolwise.evaluation.unseen import group_of
from toolwise.files import read_json
from toolwise.pipelines.assemble import baseline_policies, opened_world
from toolwise.pipelines.predictions import Prediction, Spent, read_predictions
from toolwise.pipelines.verbs import INPUTS_FILE, world_of
from toolwise.pipelines.worlds import WorldConfig, settings_of
from toolwise.ports import Observer, Progress, Tools, silent
from toolwise.search import SearchConfig, Strategy, search
from toolwise.types import Json, Message, Task, Trajectory
from toolwise.verification import Verifier
from toolwise.worlds import RefusalsWorld

CELLS_FOLDER = "cells"
_STAGE = "score"
_PART = 250
"""Attempts that one process scores before it hands back what it found."""
NAMES = ("pass", "calls", "answered")


@dataclass(frozen=True, slots=True)
class ScoringPart:
    """Attempts to verify in one process, or tasks that a baseline attempts first."""

    catalog: Path
    world: WorldConfig
    rows: tuple[tuple[Task, Prediction | None], ...]
    baseline: str = ""
    budget: int = 0
    """Of the baseline's model calls."""


def score_folder(
    folder: Path, *, workers: int = 1, baselines: bool = True, seed: int = 0, observer: Observer = silent
) -> Json:
    """Score the attempts of a folder against its tasks; a task without one counts as failed.

    The folder is one of `toolwise solve` (trajectories) or of `toolwise evaluate run` (predictions). `pass` needs every
    check of the verification and an answer; `calls` compares calls with the blueprint's, up to order and optional
    arguments; `answered` is an answer of any kind. Unless they are in the folder already, the baselines attempt the
    same tasks. Raises DataError, CatalogError.
    """
    cells = folder / CELLS_FOLDER
    if not cells.is_dir():
        return score_cell(folder, workers=workers, baselines=baselines, seed=seed, observer=observer)
    names = _inputs(folder).get("cells") or sorted(cell.name for cell in cells.iterdir())
    documents = {
        name: score_cell(cells / name, workers=workers, baselines=False, seed=seed, observer=observer) for name in names
    }
    return joined(documents, str(folder))


def joined(documents: Mapping[str, Json], folder: str) -> Json:
    """The scores of all cells of a run: those of the first one, with the others beside them."""
    main = next(iter(documents))
    brief = {name: _brief(document) for name, document in documents.items()}
    beside = {name: part for name, part in brief.items() if part["agent"] in baseline_policies()}
    provenance = {**documents[main]["provenance"], "folder": folder}
    return {**documents[main], "cell": main, "cells": brief, "baselines": beside, "provenance": provenance}


def _brief(document: Json) -> Json:
    names = ("agent", "strategy", "candidates", "transient", "scores", "groups", "cost", "pass_power_k", "reasons")
    return {
        "attempts": document["attempts"],
        "predictions": document["predictions"],
        **{name: document[name] for name in names if name in document},
    }


def score_cell(
    folder: Path, *, workers: int = 1, baselines: bool = True, seed: int = 0, observer: Observer = silent
) -> Json:
    """One folder of attempts by one agent. Raises DataError, CatalogError."""
    inputs = _inputs(folder)
    tasks = {task.key: task for task in read_tasks(_located(folder, inputs, "tasks"))}
    if not tasks:
        raise DataError(f"{inputs['tasks']} holds no tasks")
    catalog, world, repeats = _located(folder, inputs, "catalog"), world_of(inputs), int(inputs.get("repeats", 1))
    of_run = "predictions" in inputs
    if of_run:
        file = read_predictions(_located(folder, inputs, "predictions"), list(tasks), repeats)
        found, given = dict(file.found), dict(file.counts)
    else:
        found, given = _trajectories(_located(folder, inputs, "trajectories"), tasks)
    rows = [(tasks[key], found[key, repeat]) for key, repeat in found]
    scored = run_parts(_parts(catalog, world, rows), workers, observer)
    name_of: Callable[[Task], str] = group_of if of_run else lambda task: task.provenance.split.value
    verdicts = [
        _verdict(task, name_of(task), [scored.get((key, repeat)) for repeat in range(repeats)])
        for key, task in tasks.items()
    ]
    return {
        "benchmark": "tasks",
        "tasks": len(tasks),
        "main": "pass",
        **{
            name: inputs[name] for name in ("agent", "strategy", "candidates", "transient", "repeats") if name in inputs
        },
        **({"budget": inputs["budget"]} if "budget" in inputs else {}),
        "predictions": given,
        **_summary(verdicts, seed),
        "pass_power_k": _pass_power_k(verdicts, repeats, seed),
        "reasons": dict(Counter(row["reason"] for row in verdicts if row["reason"]).most_common()),
        "baselines": _baselines(tasks, catalog, world, workers, seed) if baselines and world.repeatable else {},
        "verdicts": verdicts,
        "provenance": {**settings_of(world), "folder": str(folder)},
    }


def _summary(verdicts: Sequence[Json], seed: int) -> Json:
    groups = {
        group: {"tasks": len(part), "scores": _metrics(part, seed), "cost": cost_of(part)}
        for group in dict.fromkeys(row["group"] for row in verdicts)
        if (part := [row for row in verdicts if row["group"] == group])
    }
    return {
        "scores": _metrics(verdicts, seed),
        "groups": groups,
        "attempts": dict(Counter("missing" if row["reason"] == "missing" else "tried" for row in verdicts)),
        "cost": cost_of(verdicts),
    }


def _baselines(tasks: Mapping[str, Task], catalog: Path, world: WorldConfig, workers: int, seed: int) -> Json:
    """What the null agent and the nearest tool score on the same tasks."""
    budget = SearchConfig().budget
    found: dict[str, Json] = {}
    for name in baseline_policies():
        rows = [(task, None) for task in tasks.values()]
        scored = run_parts(_parts(catalog, world, rows, name, budget), workers)
        verdicts = [_verdict(task, task.provenance.split.value, [scored.get((key, 0))]) for key, task in tasks.items()]
        part = _summary(verdicts, seed)
        found[name] = {"scores": part["scores"], "groups": part["groups"], "attempts": part["attempts"]}
    return found


def _parts(
    catalog: Path,
    world: WorldConfig,
    rows: Sequence[tuple[Task, Prediction | None]],
    baseline: str = "",
    budget: int = 0,
) -> list[ScoringPart]:
    # Those of a toolset together: recognising what its tools do costs more than scoring an attempt at them.
    rows = sorted(rows, key=lambda row: (*row[0].relevant, *row[0].candidates)[:1])
    starts = range(0, len(rows), _PART)
    return [ScoringPart(catalog, world, tuple(rows[start : start + _PART]), baseline, budget) for start in starts]


def run_parts(
    parts: Sequence[ScoringPart], workers: int, observer: Observer = silent
) -> dict[tuple[str, int], dict[str, Json]]:
    """The scores of all rows, by task and repeat."""
    scored: dict[tuple[str, int], dict[str, Json]] = {}
    total = sum(len(part.rows) for part in parts)

    def take(found: dict[tuple[str, int], dict[str, Json]]) -> None:
        scored.update(found)
        observer(Progress(_STAGE, len(scored), total))

    if workers <= 1 or len(parts) <= 1:
        for part in parts:
            take(score_part(part))
        return scored
    with ProcessPoolExecutor(min(workers, len(parts)), mp_context=get_context("spawn")) as pool:
        for found in pool.map(score_part, parts):
            take(found)
    return scored


def _inputs(folder: Path) -> Mapping[str, Json]:
    if not (folder / INPUTS_FILE).is_file():
        raise DataError(
            f"{folder} holds no {INPUTS_FILE}; give the folder of `toolwise solve` or `toolwise evaluate run`"
        )
    inputs = dict(read_json(folder / INPUTS_FILE))
    needed = ("catalog", "tasks") if "predictions" in inputs else ("catalog", "tasks", "trajectories")
    if missing := [name for name in needed if name not in inputs]:
        raise DataError(f"{folder / INPUTS_FILE} names no {missing[0]}; give a folder that holds trajectories")
    return inputs


def _located(folder: Path, inputs: Mapping[str, Json], name: str) -> Path:
    """An input where it was, or, where the folder was moved, within the folder or the run that it is a cell of."""
    path = Path(inputs[name])
    places = [path, folder / path.name, folder.parent.parent / path.name]
    return next((place for place in places if place.exists()), path)


def _trajectories(path: Path, tasks: Mapping[str, Task]) -> tuple[dict[tuple[str, int], Prediction], dict[str, Json]]:
    """The first trajectory of each task, and the counts of the others."""
    broken: Counter[str] = Counter()
    found: dict[tuple[str, int], Prediction] = {}
    rows = duplicate = unknown = 0
    for row in read_rows(path, broken):
        rows += 1
        try:
            trajectory = Trajectory.model_validate(row)
        except ValidationError:
            broken["not a trajectory"] += 1
            continue
        if trajectory.task_key not in tasks:
            unknown += 1  # a task's key is a hash of its content: another version of it is another task
        elif (trajectory.task_key, 0) in found:
            duplicate += 1
        else:
            spent = Spent(model_calls=trajectory.model_calls)
            found[trajectory.task_key, 0] = Prediction(id=trajectory.task_key, trajectory=trajectory, spent=spent)
    counts: dict[str, Json] = {
        "rows": rows + broken["not JSON"],
        "used": len(found),
        "duplicate": duplicate,
        "unknown": unknown,
        "missing": len(tasks) - len(found),
        "broken": dict(broken),
    }
    return found, counts


def score_part(part: ScoringPart) -> dict[tuple[str, int], dict[str, Json]]:
    """Score one part, in a process of its own or in this one."""
    return asyncio.run(_scored(part))


async def _scored(part: ScoringPart) -> dict[tuple[str, int], dict[str, Json]]:
    tools = open_catalog(part.catalog)
    found: dict[tuple[str, int], dict[str, Json]] = {}
    policy = baseline_policies()[part.baseline] if part.baseline else None
    config = SearchConfig(strategy=Strategy.REACT, budget=max(1, part.budget))
    async with opened_world(part.world, tools) as world:
        replaying = RefusalsWorld(world)
        plain, refusing = Verifier(world, tools), Verifier(replaying, tools)
        for task, row in part.rows:
            prediction = row
            if policy is not None:
                try:
                    trajectory = await search(task, policy, world, tools, config)
                except (ToolwiseError, KeyError) as error:
                    prediction = Prediction(id=task.key, error=type(error).__name__)
                else:
                    spent = Spent(model_calls=trajectory.model_calls)
                    prediction = Prediction(id=task.key, trajectory=trajectory, spent=spent)
            if prediction is not None:
                verifier = refusing if _was_refused(prediction, replaying) else plain
                found[task.key, prediction.repeat] = await _row(task, prediction, verifier, tools)
    return found


def _was_refused(prediction: Prediction, world: RefusalsWorld) -> bool:
    """Was the attempt made under refusals of the moment? Then they come again at the same places."""
    trajectory = prediction.trajectory
    leaf = trajectory.answer_leaf if trajectory is not None else None
    world.branch = trajectory.path(leaf) if trajectory is not None and leaf is not None else ()
    return prediction.transient and any(node.fault is not None for node in world.branch)


async def _row(task: Task, prediction: Prediction, verifier: Verifier, tools: Tools) -> dict[str, Json]:
    spent = prediction.spent.model_dump()
    row: dict[str, Json] = {**dict.fromkeys(NAMES, 0.0), "spent": spent, "reason": ""}
    trajectory = prediction.trajectory
    if trajectory is None:
        return {**row, "reason": prediction.error or "no_trajectory"}
    if prediction.candidates:
        task = task.model_copy(update={"candidates": prediction.candidates})
    leaf = trajectory.answer_leaf
    messages: list[Message] = [] if leaf is None else trajectory.messages(leaf)
    row["calls"] = float(bool(messages) and equivalent_calls(task.blueprint, executed_calls(messages), tools))
    row["answered"] = float(bool(trajectory.answer.strip()))
    try:
        verdict = await verifier.verify(task, trajectory)
    except (ToolwiseError, KeyError) as error:
        return {**row, "reason": type(error).__name__}
    row["pass"] = float(passed(task, trajectory, verdict))
    return {**row, "reason": verdict.reason.value if verdict.reason else ""}


_MISSING: dict[str, Json] = {**dict.fromkeys(NAMES, 0.0), "spent": Spent().model_dump(), "reason": "missing"}


def _verdict(task: Task, group: str, rows: Sequence[dict[str, Json] | None]) -> Json:
    """A task's row: the means over its repeats, of which a missing one fails."""
    found = [row or _MISSING for row in rows]
    spent = [row["spent"] for row in found]
    costs = [one["cost"] for one in spent]
    calls = sum(one["model_calls"] for one in spent)
    return {
        "id": task.key,
        "group": group,
        "cluster": (task.relevant or task.candidates or ("",))[0].split(".", 1)[0],
        "task": task.key,
        "passed": all(row["pass"] >= 1.0 for row in found),
        "scores": {name: sum(row[name] for row in found) / len(found) for name in NAMES},
        "passes": int(sum(row["pass"] for row in found)),
        "model_calls": calls,
        "costs": {
            "model_calls": calls,
            "prompt_tokens": sum(one["prompt_tokens"] for one in spent),
            "completion_tokens": sum(one["completion_tokens"] for one in spent),
            "seconds": sum(one["seconds"] for one in spent),
            "cost": None if None in costs else sum(costs),
        },
        "reason": next((row["reason"] for row in found if row["reason"]), ""),
    }


def _metrics(rows: Sequence[Json], seed: int) -> Json:
    clusters = [row["cluster"] for row in rows]
    return {
        name: mean_with_interval([row["scores"][name] for row in rows], clusters, seed=seed).model_dump()
        for name in NAMES
    }


def _pass_power_k(rows: Sequence[Json], repeats: int, seed: int) -> Json:
    """k -> the chance that k attempts on a task all pass (tau-bench's pass^k), for all k up to the repeats."""
    clusters = [row["cluster"] for row in rows]
    return {
        str(k): mean_with_interval(
            [pass_power_k(row["passes"], repeats, k) for row in rows], clusters, seed=seed
        ).model_dump()
        for k in range(1, repeats + 1)
    }


def cost_of(rows: Sequence[Json]) -> Json:
    """Totals, and each for one solved attempt (the failures' cost included); none where nothing is solved."""
    solved = sum(row["passes"] for row in rows)
    names = ("model_calls", "prompt_tokens", "completion_tokens", "seconds", "cost")
    totals: dict[str, float | None] = {}
    for name in names:
        values = [row["costs"][name] for row in rows]
        totals[name] = None if None in values else sum(values)
    per = {
        f"{name}_per_solved_task": total / solved if solved and total is not None else None
        for name, total in totals.items()
    }
    return {"solved": solved, **totals, **per}
