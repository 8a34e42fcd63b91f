"""The verb `evaluate run`: agents attempt tasks under the same conditions; what they did is kept and scored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import orjson

from toolwise.catalog import open_catalog, write_catalog
from toolwise.corpus import read_tasks, write_rows
from toolwise.errors import ConfigError, DataError
from toolwise.evaluation.unseen import group_of
from toolwise.files import read_json, write_json, write_lines
from toolwise.pipelines.assemble import baseline_policies, plain_policy, require_training
from toolwise.pipelines.context import Context
from toolwise.pipelines.corpus import ACCEPTED_TASKS
from toolwise.pipelines.evaluate_cells import (
    GIVEN,
    LLM,
    PART,
    Agent,
    AttemptJob,
    Cell,
    Conditions,
    attempt_part,
    job_parts,
)
from toolwise.pipelines.evaluate_llm import attempt_with_model
from toolwise.pipelines.parallel import run_shards
from toolwise.pipelines.predictions import PREDICTIONS_FILE, write_predictions
from toolwise.pipelines.rescoring import CELLS_FOLDER, joined, score_cell
from toolwise.pipelines.retrievers import named_retriever
from toolwise.pipelines.settings import parse_strategy
from toolwise.pipelines.teacher import Teacher
from toolwise.pipelines.verbs import INPUTS_FILE, world_of
from toolwise.pipelines.worlds import WorldConfig, settings_of
from toolwise.ports import Observer, Progress, silent
from toolwise.search import Strategy
from toolwise.store import RowStatus, RunFolder
from toolwise.types import Catalog, Json, Split, Task, content_key

STAGE = "evaluate"
RETRIEVED = "retrieved:"
TASKS_FILE, SCORES_FILE, EVALUATION_FILE = "tasks.jsonl", "scores.json", "evaluation.json"
_LEARNT = frozenset({Split.TRAIN, Split.DEV})
_CHUNK = 64


@dataclass(frozen=True)
class EvaluationPlan:
    """What to evaluate."""

    tasks: Path
    """A folder of tasks, or of a finished run, whose held-out tasks are taken."""
    agents: tuple[Agent, ...]
    """The first one is what the run is about."""
    conditions: Conditions = field(default_factory=Conditions)
    candidates: tuple[str, ...] = (GIVEN,)
    """`given`, or `retrieved:K`."""
    retriever: str = "bm25"
    groups: tuple[str, ...] = ()
    """Settings, or other groups of tasks; empty for all."""
    limit: int = 0
    """Tasks of each group; 0 for all."""
    world: WorldConfig | None = None
    baselines: bool = True
    keep_catalog: bool = False
    """Copy the toolsets that are needed for scoring into the run."""

    @property
    def everyone(self) -> tuple[Agent, ...]:
        """The agents, and the baselines that are not among them."""
        named = {agent.name for agent in self.agents}
        beside = [Agent(name, name) for name in baseline_policies() if self.baselines and name not in named]
        return (*self.agents, *beside)


@dataclass(frozen=True)
class TaskSource:
    """Tasks with their catalog."""

    catalog: Path
    tasks: Path
    inputs: Mapping[str, Json]


def task_source(path: Path) -> TaskSource:
    """A folder with tasks (`tasks`, `evaluate settings`, `evaluate import`), or a finished run. Raises DataError."""
    if (path / INPUTS_FILE).is_file():
        inputs = dict(read_json(path / INPUTS_FILE))
        if "catalog" in inputs and "tasks" in inputs:
            return TaskSource(Path(inputs["catalog"]), path / inputs["tasks"], inputs)
    accepted = path / "corpus" / ACCEPTED_TASKS
    if accepted.is_file() and (path / "catalog").is_dir():
        return TaskSource((path / "catalog").resolve(), accepted, {})
    raise DataError(f"{path} holds no tasks; give a folder of `toolwise tasks`, `evaluate settings` or a finished run")


def parse_agent(policy: str, name: str = "") -> Agent:
    """A policy by its name, or a model by its folder. Raises ConfigError."""
    plain = policy.replace("-", "_")
    if policy == LLM:
        return Agent(name or LLM, LLM)
    if (Path(policy) / "config.json").is_file():
        folder = Path(policy).resolve()
        return Agent(_checked(name or folder.name), "model", folder)
    if Path(policy).exists() or "/" in policy:
        raise ConfigError(f"{policy} holds no model; give a model's folder (with config.json), or a policy's name")
    plain_policy(plain)
    return Agent(_checked(name or plain), plain)


def _checked(name: str) -> str:
    if not name or any(c in name for c in "/|+\\") or name.startswith("."):
        raise ConfigError(f"{name!r} cannot name an agent: it is to name a folder too; give another --name")
    return name


def parse_conditions(strategies: Sequence[str], **settings: Json) -> Conditions:
    """Raises ConfigError."""
    from toolwise.config import parse_config

    chosen = tuple(parse_strategy(name).value for name in strategies) or (Strategy.REACT.value,)
    return parse_config(Conditions, {"strategies": chosen, **settings}, "the conditions")


def evaluate_run(
    plan: EvaluationPlan,
    out: Path,
    *,
    teacher: Teacher | None = None,
    resume: bool = False,
    workers: int = 0,
    observer: Observer = silent,
) -> Json:
    """Attempt, keep and score. Every cell is a folder of its own, `cells/NAME`, which can be scored and compared.

    The document is that of `score_folder`. Raises UserError; where a language model's budget or endpoint ends the
    session early, `stopped` says why, and the rest is pending.
    """
    _check(plan)
    source = task_source(plan.tasks)
    tasks = _chosen(source, plan)
    world = plan.world or world_of(source.inputs)
    settings = _settings(plan, source, tasks, world, teacher)
    with RunFolder(out, settings, resume=resume) as folder:
        context = Context(folder, workers, observer)
        write_rows(context.path(TASKS_FILE), tasks)
        offers = {label: _offered(context, source, plan, label, tasks) for label in plan.candidates}
        catalog = _kept_catalog(context, source, offers) if plan.keep_catalog else source.catalog.resolve()
        jobs = {job.key: job for job in _jobs(plan, offers, catalog, world)}
        rows = folder.rows(STAGE)
        run_shards(rows, jobs, attempt_part, stage=STAGE, workers=context.processes, observer=observer)
        failed = {row.key: row.value["error"] for row in rows if row.status is RowStatus.FAILED}
        asked = _ask(context, plan, offers, catalog, world, teacher)
        found = _predictions(row.value for row in rows if row.status is RowStatus.DONE)
        for name, more in asked["predictions"].items():
            found.setdefault(name, []).extend(more)
        document = _finish(context, plan, _Evaluated(source, catalog, world, tasks, found))
        document |= {"candidate_sets": _recall(tasks, offers), "failed": failed, **asked["session"]}
        write_json(context.path(EVALUATION_FILE), {k: v for k, v in document.items() if k != "verdicts"})
        write_json(context.path(SCORES_FILE), document)
    return document


def _check(plan: EvaluationPlan) -> None:
    names = [agent.name for agent in plan.agents]
    if len(set(names)) < len(names):
        raise ConfigError("two agents have one name; give each its own")
    conditions = plan.conditions
    if any(agent.folder is not None for agent in plan.agents):
        require_training("running a local model")
        if conditions.repeats > 1 and not conditions.temperature and set(conditions.transient) == {0.0}:
            raise ConfigError("at temperature 0 every repeat is the same; give --temperature as well as --repeats")
    for label in plan.candidates:
        if label != GIVEN and not (label.startswith(RETRIEVED) and label[len(RETRIEVED) :].isdigit()):
            raise ConfigError(f"unknown --candidates {label!r}; give `given` or `retrieved:K`, such as retrieved:5")
        if label == f"{RETRIEVED}0":
            raise ConfigError("retrieved:0 offers nothing; give at least retrieved:1")


def _chosen(source: TaskSource, plan: EvaluationPlan) -> list[Task]:
    """The held-out tasks of the wanted groups, each once. Raises DataError."""
    groups: dict[str, list[Task]] = {}
    seen: set[str] = set()
    for task in read_tasks(source.tasks):
        if task.key not in seen and task.provenance.split not in _LEARNT:
            seen.add(task.key)
            groups.setdefault(group_of(task), []).append(task)
    missing = [name for name in plan.groups if name not in groups]
    if missing or not groups:
        known = ", ".join(sorted(groups)) or "none but training tasks"
        raise DataError(f"{plan.tasks} has no tasks of {missing[0] if missing else 'held-out splits'}; it has {known}")
    wanted = [name for name in sorted(groups) if not plan.groups or name in plan.groups]
    return [task for name in wanted for task in groups[name][: plan.limit or None]]


def _settings(
    plan: EvaluationPlan, source: TaskSource, tasks: Sequence[Task], world: WorldConfig, teacher: Teacher | None
) -> dict[str, Json]:
    asked = {} if teacher is None else teacher.identity
    return {
        "verb": "evaluate run",
        "tasks": str(source.tasks.resolve()),
        "digest": content_key([task.key for task in tasks]),
        "agents": [[agent.name, agent.policy, str(agent.folder or "")] for agent in plan.everyone],
        "conditions": plan.conditions.model_dump(mode="json"),
        "candidates": list(plan.candidates),
        "retriever": plan.retriever,
        "keep_catalog": plan.keep_catalog,
        "tasks_a_row": PART,
        **settings_of(world),
        **asked,
    }


def _offered(
    context: Context, source: TaskSource, plan: EvaluationPlan, label: str, tasks: Sequence[Task]
) -> list[Task]:
    """The tasks with the candidates of a label; their keys stay, so that they can be compared with the others."""
    if label == GIVEN:
        return list(tasks)
    perform = partial(_retrieved, context, source.catalog, plan.retriever, int(label[len(RETRIEVED) :]), tasks)
    found = context.stage(f"candidates {label}", perform)
    return [task.model_copy(update={"candidates": tuple(found[task.key])}) for task in tasks]


def _retrieved(context: Context, catalog: Path, retriever: str, k: int, tasks: Sequence[Task]) -> Json:
    opened = open_catalog(catalog)
    chosen = named_retriever(opened, retriever, context.observer)
    found: dict[str, list[str]] = {}
    for start in range(0, len(tasks), _CHUNK):
        part = tasks[start : start + _CHUNK]
        hits = chosen.search([task.instruction for task in part], k)
        found |= {task.key: [hit.tool for hit in row] for task, row in zip(part, hits, strict=True)}
        context.observer(Progress("candidates", len(found), len(tasks), retriever))
    return found


def _recall(tasks: Sequence[Task], offers: Mapping[str, Sequence[Task]]) -> Json:
    """How many tools are on offer, and for which share of the tasks all relevant ones are."""
    found = {}
    for label, offered in offers.items():
        complete = [set(task.relevant) <= set(shown.candidates) for task, shown in zip(tasks, offered, strict=True)]
        found[label] = {
            "tools": sum(len(task.candidates) for task in offered) / len(offered),
            "complete": sum(complete) / len(complete),
        }
    return found


def _kept_catalog(context: Context, source: TaskSource, offers: Mapping[str, Sequence[Task]]) -> Path:
    """The toolsets of all candidates, within the run."""
    out = context.path("catalog")
    opened = open_catalog(source.catalog)
    names = {
        tool.partition(".")[0] for tasks in offers.values() for t in tasks for tool in (*t.candidates, *t.relevant)
    }

    def copy() -> Json:
        write_catalog(Catalog(toolsets=tuple(opened.toolset(name) for name in opened.names() if name in names)), out)
        return len(names)

    context.stage("catalog", copy)
    return out.resolve()


def _strategies(plan: EvaluationPlan, agent: Agent) -> tuple[Strategy, ...]:
    """A baseline that is only beside others answers in one chain; more would be the same."""
    return plan.conditions.strategies if agent in plan.agents else (Strategy.REACT,)


def _jobs(
    plan: EvaluationPlan, offers: Mapping[str, Sequence[Task]], catalog: Path, world: WorldConfig
) -> Iterator[AttemptJob]:
    """All that runs in processes of our own: models and long tasks first, so that none is left alone at the end."""
    conditions = plan.conditions
    agents = [agent for agent in plan.everyone if agent.policy != LLM]
    for agent in sorted(agents, key=lambda agent: agent.folder is None):
        for label, tasks in offers.items():
            parts = sorted(job_parts(tasks), key=lambda part: -sum(len(task.relevant) for task in part[1]))
            for rate in conditions.transient:
                for repeat in range(conditions.repeats):
                    for start, part in parts:
                        yield AttemptJob(
                            agent,
                            label,
                            rate,
                            repeat,
                            start,
                            part,
                            _strategies(plan, agent),
                            catalog,
                            world,
                            conditions,
                        )


def _ask(
    context: Context,
    plan: EvaluationPlan,
    offers: Mapping[str, Sequence[Task]],
    catalog: Path,
    world: WorldConfig,
    teacher: Teacher | None,
) -> Json:
    agent = next((agent for agent in plan.agents if agent.policy == LLM), None)
    if agent is None:
        return {"predictions": {}, "session": {}}
    if teacher is None:
        raise ConfigError("--policy llm needs a language model: give --base-url and --model")
    return attempt_with_model(context, agent, plan.conditions, offers, catalog, world, teacher)


def _predictions(values: Iterable[Json]) -> dict[str, list[Json]]:
    found: dict[str, list[Json]] = {}
    for value in values:
        for name, rows in value.items():
            found.setdefault(name, []).extend(rows)
    return found


@dataclass(frozen=True)
class _Evaluated:
    source: TaskSource
    catalog: Path
    world: WorldConfig
    tasks: Sequence[Task]
    predictions: Mapping[str, list[Json]]


def _cells(plan: EvaluationPlan) -> Iterator[Cell]:
    for agent in plan.everyone:
        for label in plan.candidates:
            for rate in plan.conditions.transient:
                for strategy in _strategies(plan, agent):
                    yield Cell(agent.name, strategy, label, rate)


def _finish(context: Context, plan: EvaluationPlan, done: _Evaluated) -> dict[str, Json]:
    """Write each cell's folder and score it."""
    cells = {cell.name: cell for cell in _cells(plan)}
    shared = {
        "catalog": str(done.catalog),
        "tasks": str(context.path(TASKS_FILE).resolve()),
        "split": done.source.inputs.get("split", {}),
        "budget": plan.conditions.limits,
        "repeats": plan.conditions.repeats,
        **settings_of(done.world),
    }
    documents = {}
    for name, cell in cells.items():
        folder = context.path(CELLS_FOLDER, name)
        rows = sorted(done.predictions.get(name, []), key=lambda row: int(row["repeat"]))
        write_predictions(folder / PREDICTIONS_FILE, rows)
        kept = [row["trajectory"] for row in rows if row["trajectory"] is not None and not row["repeat"]]
        write_lines(folder / "trajectories.jsonl", map(orjson.dumps, kept))
        own = {
            "predictions": str((folder / PREDICTIONS_FILE).resolve()),
            "trajectories": str((folder / "trajectories.jsonl").resolve()),
            "agent": cell.agent,
            "strategy": cell.strategy.value,
            "candidates": cell.candidates,
            "transient": cell.transient,
        }
        write_json(folder / INPUTS_FILE, {**shared, **own})
        seed = plan.conditions.seed
        documents[name] = score_cell(
            folder, workers=context.processes, baselines=False, seed=seed, observer=context.observer
        )
        write_json(folder / SCORES_FILE, documents[name])
    main = next(iter(cells))
    first = read_json(context.path(CELLS_FOLDER, main) / INPUTS_FILE)
    write_json(context.path(INPUTS_FILE), {**first, "cells": list(cells)})
    leaks = done.source.inputs.get("settings")
    return {**joined(documents, str(context.path())), **({"leaks": leaks} if leaks else {})}
