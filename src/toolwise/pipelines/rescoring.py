"""Score stored trajectories again, offline: replayed in a fresh world, compared with the blueprints, counted."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
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
from toolwise.evaluation.pass_rate import passed
from toolwise.files import read_json
from toolwise.pipelines.assemble import opened_world
from toolwise.pipelines.verbs import INPUTS_FILE, world_of
from toolwise.pipelines.worlds import WorldConfig, settings_of
from toolwise.ports import Observer, Progress, silent
from toolwise.types import Json, Message, Task, Trajectory
from toolwise.verification import Verifier

_STAGE = "score"
_PART = 500
"""Trajectories that one process scores before it hands back what it found."""
_NAMES = ("pass", "calls", "answered")


@dataclass(frozen=True, slots=True)
class _Part:
    catalog: Path
    world: WorldConfig
    rows: tuple[tuple[Task, Trajectory], ...]


def score_folder(folder: Path, *, workers: int = 1, seed: int = 0, observer: Observer = silent) -> Json:
    """Score the trajectories of a folder against its tasks; a task without one counts as failed.

    `pass` needs every check of the verification and an answer; `calls` compares calls with the blueprint's, up to
    order and optional arguments; `answered` is an answer of any kind. Raises DataError, CatalogError.
    """
    inputs = _inputs(folder)
    tasks = {task.key: task for task in read_tasks(Path(inputs["tasks"]))}
    if not tasks:
        raise DataError(f"{inputs['tasks']} holds no tasks")
    trajectories, given = _trajectories(Path(inputs["trajectories"]), tasks)
    pairs = [(tasks[key], trajectory) for key, trajectory in trajectories.items()]
    world = world_of(inputs)
    parts = [
        _Part(Path(inputs["catalog"]), world, tuple(pairs[start : start + _PART]))
        for start in range(0, len(pairs), _PART)
    ]
    scored: dict[str, Json] = {}
    for found in _run(parts, workers):
        scored.update(found)
        observer(Progress(_STAGE, len(scored), len(pairs)))
    verdicts = [_verdict(task, scored.get(key)) for key, task in tasks.items()]
    return {
        "benchmark": "tasks",
        "tasks": len(tasks),
        "main": "pass",
        "predictions": {**given, "missing": len(tasks) - len(pairs)},
        "scores": _metrics(verdicts, seed),
        "groups": {
            group: {"tasks": len(part), "scores": _metrics(part, seed)}
            for group in dict.fromkeys(row["group"] for row in verdicts)
            if (part := [row for row in verdicts if row["group"] == group])
        },
        "reasons": dict(Counter(row["reason"] for row in verdicts if row["reason"]).most_common()),
        "attempts": dict(Counter("missing" if row["reason"] == "missing" else "tried" for row in verdicts)),
        "cost": _cost(verdicts),
        "baselines": {},
        "verdicts": verdicts,
        "provenance": {**settings_of(world), "folder": str(folder)},
    }


def _run(parts: Sequence[_Part], workers: int) -> list[dict[str, Json]]:
    if workers <= 1 or len(parts) <= 1:
        return [_score_part(part) for part in parts]
    with ProcessPoolExecutor(min(workers, len(parts)), mp_context=get_context("spawn")) as pool:
        return list(pool.map(_score_part, parts))


def _inputs(folder: Path) -> Mapping[str, Json]:
    if not (folder / INPUTS_FILE).is_file():
        raise DataError(
            f"{folder} holds no {INPUTS_FILE}; give the folder of `toolwise solve` or `toolwise evaluate run`"
        )
    inputs = dict(read_json(folder / INPUTS_FILE))
    if missing := [name for name in ("catalog", "tasks", "trajectories") if name not in inputs]:
        raise DataError(f"{folder / INPUTS_FILE} names no {missing[0]}; give a folder that holds trajectories")
    return inputs


def _trajectories(path: Path, tasks: Mapping[str, Task]) -> tuple[dict[str, Trajectory], dict[str, Json]]:
    """The first trajectory of each task, and the counts of the others."""
    broken: Counter[str] = Counter()
    found: dict[str, Trajectory] = {}
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
        elif trajectory.task_key in found:
            duplicate += 1
        else:
            found[trajectory.task_key] = trajectory
    counts: dict[str, Json] = {
        "rows": rows + broken["not JSON"],
        "used": len(found),
        "duplicate": duplicate,
        "unknown": unknown,
        "broken": dict(broken),
    }
    return found, counts


def _score_part(part: _Part) -> dict[str, Json]:
    return asyncio.run(_scored(part))


async def _scored(part: _Part) -> dict[str, Json]:
    tools = open_catalog(part.catalog)
    found: dict[str, Json] = {}
    async with opened_world(part.world, tools) as world:
        verifier = Verifier(world, tools)
        for task, trajectory in part.rows:
            leaf = trajectory.answer_leaf
            messages: list[Message] = [] if leaf is None else trajectory.messages(leaf)
            calls = bool(messages) and equivalent_calls(task.blueprint, executed_calls(messages), tools)
            row: dict[str, Json] = {
                "calls": float(calls),
                "answered": float(bool(trajectory.answer.strip())),
                "model_calls": trajectory.model_calls,
            }
            try:
                verdict = await verifier.verify(task, trajectory)
                row["pass"] = float(passed(task, trajectory, verdict))
                row["reason"] = verdict.reason.value if verdict.reason else ""
            except ToolwiseError as error:
                row |= {"pass": 0.0, "reason": type(error).__name__}
            found[task.key] = row
    return found


def _verdict(task: Task, row: Json) -> Json:
    found = row or {"pass": 0.0, "calls": 0.0, "answered": 0.0, "model_calls": 0, "reason": "missing"}
    return {
        "id": task.key,
        "group": task.provenance.split.value,
        "cluster": (task.relevant or task.candidates or ("",))[0].split(".", 1)[0],
        "task": task.key,
        "passed": found["pass"] >= 1.0,
        "scores": {name: found[name] for name in _NAMES},
        "model_calls": found["model_calls"],
        "reason": found["reason"],
    }


def _metrics(rows: Sequence[Json], seed: int) -> Json:
    clusters = [row["cluster"] for row in rows]
    return {
        name: mean_with_interval([row["scores"][name] for row in rows], clusters, seed=seed).model_dump()
        for name in _NAMES
    }


def _cost(rows: Sequence[Json]) -> Json:
    """Model calls in all, and for each task that was solved (those of the failures included)."""
    calls, solved = sum(row["model_calls"] for row in rows), sum(row["passed"] for row in rows)
    return {"model_calls": calls, "model_calls_per_solved_task": calls / solved if solved else None}
