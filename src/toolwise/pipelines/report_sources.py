"""Reading what is reported: finished runs, folders of trajectories, and files of scores."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import ValidationError

from toolwise.catalog import open_catalog
from toolwise.errors import DataError, RunError, ToolwiseError
from toolwise.files import read_json
from toolwise.pipelines.assemble import opened_world
from toolwise.pipelines.corpus import ACCEPTED_TASKS
from toolwise.pipelines.evaluate import STAGE
from toolwise.pipelines.report_rows import (
    Group,
    Row,
    Run,
    cluster_of,
    judged,
    read_json_lines,
    read_leniently,
    usable,
)
from toolwise.pipelines.report_scores import costs_of, per_attempt, read_score_file, score_rows, verdict_of
from toolwise.pipelines.rescoring import CELLS_FOLDER
from toolwise.pipelines.verbs import INPUTS_FILE, world_of
from toolwise.pipelines.worlds import WorldConfig
from toolwise.ports import Observer, Progress, silent
from toolwise.store import RunReader
from toolwise.types import Json, Task, Trajectory, Verdict
from toolwise.verification import Verifier

RECORD_FILE = "record.json"
SCORES_FILE = "scores.json"
GIVEN = "given"
"""The candidates that a task names itself."""
STRATEGIES = ("react", "dfsdt")
_EVERY = 100


def read_runs(paths: Sequence[Path], *, observer: Observer = silent) -> list[Run]:
    """Every folder or file, each under a name of its own. Raises UserError for one that holds nothing to report."""
    if not paths:
        raise RunError("name at least one folder: of a finished run, of trajectories, or a file of scores")
    names = _names(paths)
    return [_read(path, name, observer) for path, name in zip(paths, names, strict=True)]


def _names(paths: Sequence[Path]) -> list[str]:
    """The last part of each path; where two are alike, so many parts that they are not, or a number."""
    parts = [path.resolve().with_suffix("").parts if path.is_file() else path.resolve().parts for path in paths]
    for depth in range(1, 4):
        names = ["/".join(part[-depth:]) for part in parts]
        if len(set(names)) == len(names):
            return names
    return [f"{name} ({number})" for number, name in enumerate(names, 1)]


def _read(path: Path, name: str, observer: Observer) -> Run:
    if path.is_dir() and (path / RECORD_FILE).is_file():
        return _finished_run(path, name)
    if path.is_dir() and (path / INPUTS_FILE).is_file():
        return _trajectories_folder(path, name, observer)
    file = path / SCORES_FILE if path.is_dir() else path
    if file.is_file():
        return read_score_file(file, name)
    if not path.exists():
        raise RunError(f"{path} does not exist; name the folder of a run")
    raise RunError(
        f"{path} holds nothing to report: no finished run (finish it with --resume first), no trajectories, no scores"
    )


# Finished runs --------------------------------------------------------------------------------------------------------


def _finished_run(folder: Path, name: str) -> Run:
    """The agents that the run evaluated; every task is scored, and the sampled attempts are kept whole."""
    record = read_json(folder / RECORD_FILE)
    if not isinstance(record, dict) or not isinstance(record.get("result"), dict):
        raise RunError(f"{folder / RECORD_FILE} is no record of a run; finish the run again with --resume")
    run = Run(name, folder, record=record, curve=list(record.get("curve") or ()))
    samples = dict(_samples(record.get("samples") or (), run))
    results = _results(folder)
    if results:
        tasks = _held_out(folder, run)
        for agent, by_split in results.items():
            run.groups += [_agent_rows(agent, how, by_split, tasks, samples, name) for how in STRATEGIES]
    else:
        run.notes.append(f"{name}: only the sampled attempts are known")
        run.groups = _sampled_groups(samples)
    run.rows = sum(len(group.rows) for group in run.groups)
    run.tasks = len({row.id for group in run.groups for row in group.rows})
    return run


_Key = tuple[str, str, str]


def _samples(listed: Sequence[Json], run: Run) -> Iterator[tuple[_Key, tuple[Row, str]]]:
    """(agent, strategy, task key) -> the attempt, with its split."""
    for number, sample in enumerate(listed, 1):
        try:
            task = Task.model_validate(sample["task"])
            if sample["trajectory"] is None:
                continue
            trajectory = Trajectory.model_validate(sample["trajectory"])
            verdict = Verdict.model_validate(sample["verdict"]) if sample["verdict"] else None
            agent, split = str(sample["agent"]), str(sample["split"])
        except (ValidationError, KeyError, TypeError):
            run.left_out[f"{RECORD_FILE}: not a sample"] += 1
            continue
        if not usable(trajectory) or trajectory.task_key != task.key:
            run.left_out[f"{RECORD_FILE}: not a sample"] += 1
            continue
        row = Row(
            id=task.key,
            setting=split,
            cluster=cluster_of(task),
            passed=judged(task, trajectory, verdict),
            task=task,
            trajectory=trajectory,
            verdict=verdict,
            costs=costs_of({}, trajectory),
            file=run.path / RECORD_FILE,
            line=number,
        )
        yield (agent, trajectory.strategy, task.key), (row, split)


def _results(folder: Path) -> dict[str, dict[str, list[tuple[int, Json]]]]:
    """Agent -> split -> (place of the task in its split, its result), from the run's rows."""
    found: dict[str, dict[str, list[tuple[int, Json]]]] = {}
    try:
        with RunReader(folder) as reader:
            for key, value in reader.values(STAGE):
                agent, split, start = key.split("/")
                rows = [(int(start) + i, result) for i, result in enumerate(value["results"])]
                found.setdefault(agent, {}).setdefault(split, []).extend(rows)
    except (ToolwiseError, KeyError, ValueError, TypeError):
        return {}  # an older run, or one whose journal was not copied along: its samples still say something
    return found


def _held_out(folder: Path, run: Run) -> dict[str, list[Task]]:
    """Split -> its tasks in the order in which they were attempted."""
    path = folder / "corpus" / ACCEPTED_TASKS
    found: dict[str, list[Task]] = {}
    if path.is_file():
        for _, task in read_leniently(path, Task, run.left_out):
            found.setdefault(task.provenance.split.value, []).append(task)
    return found


def _agent_rows(
    agent: str,
    strategy: str,
    by_split: Mapping[str, list[tuple[int, Json]]],
    tasks: Mapping[str, list[Task]],
    samples: Mapping[_Key, tuple[Row, str]],
    run: str,
) -> Group:
    rows: list[Row] = []
    for split in sorted(by_split):
        known = tasks.get(split, [])
        for place, result in sorted(by_split[split], key=lambda pair: pair[0]):
            task = known[place] if place < len(known) else None
            if task is not None and cluster_of(task) != result["cluster"]:
                task = None  # the corpus was made again since
            row = Row(
                id=task.key if task else f"{run}/{split}/{place}",
                setting=split,
                cluster=str(result["cluster"]),
                passed=bool(result[f"passed_{strategy}"]),
                task=task,
            )
            kept = samples.get((agent, strategy, row.id))
            rows.append(replace(kept[0], setting=split, passed=row.passed) if kept else row)
    return Group(agent, strategy, tuple(rows))


def _sampled_groups(samples: Mapping[_Key, tuple[Row, str]]) -> list[Group]:
    found: dict[tuple[str, str], list[Row]] = {}
    for (agent, strategy, _), (row, _split) in samples.items():
        found.setdefault((agent, strategy), []).append(row)
    return [Group(agent, strategy, tuple(rows)) for (agent, strategy), rows in found.items()]


# Folders of trajectories ----------------------------------------------------------------------------------------------


_Contender = tuple[str, str]
"""Policy and strategy, as trajectories name them."""


@dataclass(slots=True)
class _Given:
    """What is known of each attempt beside the trajectory itself: a verdict, or a score."""

    verdicts: dict[tuple[_Contender, str], Verdict] = field(default_factory=dict)
    scores: dict[str, Json] = field(default_factory=dict)


def _trajectories_folder(folder: Path, name: str, observer: Observer) -> Run:
    """Trajectories with their tasks, as `solve`, `verify` and `evaluate run` leave them: one cell, or many."""
    inputs = _inputs(folder)
    run = Run(name, folder)
    cells = [cell for cell in inputs.get("cells") or () if isinstance(cell, str)]
    folders = [folder / CELLS_FOLDER / cell for cell in cells] or [folder]
    for cell in folders:
        _read_cell(cell, inputs if cell == folder else _inputs(cell), run, observer)
    return run


def _inputs(folder: Path) -> dict[str, Json]:
    inputs = read_json(folder / INPUTS_FILE) if (folder / INPUTS_FILE).is_file() else None
    if not isinstance(inputs, dict) or not all(isinstance(inputs.get(n), str) for n in ("tasks", "trajectories")):
        raise DataError(f"{folder} holds no trajectories yet; solve its tasks first, or finish it with --resume")
    return dict(inputs)


def _located(folder: Path, named: str) -> Path:
    """Where a file is: as it was written down, or beside the folder's own files if those were moved."""
    path = Path(named)
    near = [path, folder / path.name, folder.parent.parent / path.name]
    return next((one for one in near if one.is_file()), path)


def _read_cell(folder: Path, inputs: Mapping[str, Json], run: Run, observer: Observer) -> None:
    tasks_file, file = _located(folder, inputs["tasks"]), _located(folder, inputs["trajectories"])
    tasks = {task.key: task for _, task in read_leniently(tasks_file, Task, run.left_out)}
    if not tasks:
        raise DataError(f"{tasks_file} holds no task that can be read; give a folder with tasks")
    for key, candidates in _offered(folder, inputs, run).items():
        if key in tasks:
            tasks[key] = tasks[key].model_copy(update={"candidates": candidates})
    found = _by_contender(file, tasks, run)
    run.tasks = max(run.tasks, len(tasks))
    note = "" if inputs.get("candidates", GIVEN) == GIVEN else str(inputs["candidates"])
    if inputs.get("transient"):
        note = ", ".join(filter(None, (note, f"{float(inputs['transient']):.0%} faults")))
    if "agent" in inputs:  # a cell says whose it is, whatever its trajectories are called
        merged = {key: attempt for attempts in found.values() for key, attempt in attempts.items()}
        found = {(str(inputs["agent"]), str(inputs.get("strategy") or "")): merged}
    given = _given(folder, inputs, run, tasks, found, observer)
    for contender, attempts in (found or {("", ""): {}}).items():
        rows = tuple(
            _attempt_row(task, attempts.get(key), given.scores.get(key, {}), given.verdicts.get((contender, key)), file)
            for key, task in tasks.items()
        )
        run.groups.append(Group(contender[0] or run.name, contender[1], rows, note))


def _offered(folder: Path, inputs: Mapping[str, Json], run: Run) -> dict[str, tuple[str, ...]]:
    """Task key -> the tools that a cell of an evaluation offered instead of the task's own."""
    if inputs.get("candidates", GIVEN) == GIVEN or not isinstance(inputs.get("predictions"), str):
        return {}
    file = _located(folder, inputs["predictions"])
    rows = read_json_lines(file, run.left_out) if file.is_file() else ()
    return {
        str(row["id"]): tuple(map(str, row["candidates"]))
        for row in rows
        if "id" in row and isinstance(row.get("candidates"), list)
    }


def _by_contender(
    file: Path, tasks: Mapping[str, Task], run: Run
) -> dict[_Contender, dict[str, tuple[int, Trajectory]]]:
    """(policy, strategy) -> task key -> its first attempt, with the line of the file."""
    found: dict[_Contender, dict[str, tuple[int, Trajectory]]] = {}
    for line, trajectory in read_leniently(file, Trajectory, run.left_out):
        run.rows += 1
        if trajectory.task_key not in tasks:
            run.left_out["of a task that is not in the tasks"] += 1
        elif not usable(trajectory):
            run.left_out["a tree whose nodes do not hang together"] += 1
        else:
            attempts = found.setdefault((trajectory.policy, trajectory.strategy), {})
            if trajectory.task_key in attempts:
                run.left_out["a second attempt on a task"] += 1
            else:
                attempts[trajectory.task_key] = (line, trajectory)
    return found


def _given(
    folder: Path,
    inputs: Mapping[str, Json],
    run: Run,
    tasks: Mapping[str, Task],
    found: Mapping[_Contender, Mapping[str, tuple[int, Trajectory]]],
    observer: Observer,
) -> _Given:
    """Verdicts or scores where the folder keeps them and they are of one contender; else by replay.

    Nothing is replayed in a world that would call real tools or ask a model again.
    """
    given = _Given()
    alone = next(iter(found)) if len(found) == 1 else None
    verdicts = _located(folder, str(inputs.get("verdicts") or "verdicts.jsonl"))
    if alone is not None and verdicts.is_file() and verdicts.name.endswith(".jsonl"):
        for _, verdict in read_leniently(verdicts, Verdict, run.left_out):
            given.verdicts.setdefault((alone, verdict.key), verdict)
    elif alone is not None and (folder / SCORES_FILE).is_file():
        document = read_json(folder / SCORES_FILE)
        repeats = document.get("repeats") if isinstance(document, dict) else None
        for row in score_rows(document, run):
            given.scores.setdefault(str(row.get("task") or row["id"]), per_attempt(row, repeats))
    elif world_of(inputs).repeatable and isinstance(inputs.get("catalog"), str):
        rows = [(who, tasks[key], one) for who, attempts in found.items() for key, (_, one) in attempts.items()]
        catalog = Path(inputs["catalog"])
        catalog = catalog if catalog.exists() else folder.parent.parent / catalog.name
        given.verdicts = asyncio.run(_replayed(rows, catalog, world_of(inputs), observer))
    else:
        run.notes.append(f"{run.name}: not verified, so nothing counts as passed; run `toolwise verify` first")
    return given


async def _replayed(
    rows: Sequence[tuple[_Contender, Task, Trajectory]], catalog: Path, config: WorldConfig, observer: Observer
) -> dict[tuple[_Contender, str], Verdict]:
    """A verdict for every attempt; one that breaks the world has none, and so does not pass."""
    tools = open_catalog(catalog)
    found: dict[tuple[_Contender, str], Verdict] = {}
    async with opened_world(config, tools) as world:
        verifier = Verifier(world, tools)
        for done, (who, task, trajectory) in enumerate(rows, 1):
            with suppress(ToolwiseError, KeyError):
                found[who, task.key] = await verifier.verify(task, trajectory)
            if done % _EVERY == 0 or done == len(rows):
                observer(Progress("replay", done, len(rows)))
    return found


def _attempt_row(
    task: Task,
    attempt: tuple[int, Trajectory] | None,
    score: Mapping[str, Json],
    verdict: Verdict | None,
    file: Path,
) -> Row:
    line, trajectory = attempt or (0, None)
    share = score["scores"].get("pass") if isinstance(score.get("scores"), dict) else None
    share = float(share) if isinstance(share, int | float) and 0 <= share <= 1 else None
    if share is not None and 0 < share < 1:
        trajectory = None  # some of its repeats passed: which one this is, nobody says
    if score:
        verdict = verdict_of(task.key, score)
    return Row(
        id=task.key,
        setting=str(score.get("group") or task.provenance.split.value),
        cluster=str(score.get("cluster") or cluster_of(task)),
        passed=score["passed"] if score else trajectory is not None and judged(task, trajectory, verdict),
        missing=score.get("reason") == "missing" if score else trajectory is None,
        task=task,
        trajectory=trajectory,
        verdict=verdict,
        score=share,
        costs=costs_of(score, trajectory),
        file=file if trajectory is not None else None,
        line=line,
    )
