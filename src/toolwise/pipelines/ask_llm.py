"""The verb `ask` with a model behind an OpenAI-compatible endpoint: every call journalled, within a budget."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from toolwise.corpus import read_trajectories, write_rows
from toolwise.errors import ConfigError, ModelError
from toolwise.pipelines.ask import answer_document, asked_task
from toolwise.pipelines.context import Context
from toolwise.pipelines.engine import SOLVE, solve_with_model
from toolwise.pipelines.retrieve import find_tools
from toolwise.pipelines.settings import parse_strategy
from toolwise.pipelines.teacher import Teacher
from toolwise.pipelines.worlds import WorldConfig
from toolwise.ports import Observer, silent
from toolwise.search import SearchConfig
from toolwise.store import RunFolder
from toolwise.types import Json, content_key

FOLDER = "asked"
"""Where answers are journalled in a catalog's folder, each in a folder of its own."""


def answer_with_model(  # noqa: PLR0913 - a verb takes what its command takes
    instruction: str,
    catalog: Path,
    teacher: Teacher,
    *,
    k: int = 4,
    retriever: str = "auto",
    strategy: str = "dfsdt",
    world: WorldConfig | None = None,
    out: Path | None = None,
    observer: Observer = silent,
) -> Json:
    """The answer with the whole search tree, and what it used. Raises ConfigError, CatalogError, ModelError, RunError.

    Calls of the model and of the world are journalled in `out`, by default beside the catalog: a question that was
    interrupted goes on where it was, and one that was answered is not paid for again.
    """
    if not instruction.strip():
        raise ConfigError("the instruction is empty; say what you want done")
    search = SearchConfig(strategy=parse_strategy(strategy))
    began = time.perf_counter()
    hits = find_tools(instruction, catalog, k, retriever, observer)["hits"]
    found = time.perf_counter()
    task = asked_task(instruction, hits)
    teacher = replace(teacher, world=world or WorldConfig())
    settings = {"verb": "ask", "task": task.key, "search": search.model_dump(mode="json"), **teacher.identity}
    folder = out or catalog / FOLDER / content_key(settings)[:16]
    with RunFolder(folder, settings, resume=True) as run:
        context = Context(run, 1, observer)
        if (finished := run.finished(SOLVE)) is not None:
            summary = finished[1]
        else:
            tasks = context.path("tasks.jsonl")
            write_rows(tasks, [task])
            summary = solve_with_model(context, catalog, tasks, search, teacher)
            if not summary["pending"] and summary["trajectories"]:
                run.finish(SOLVE, summary["session"]["seconds"], summary)
        trajectory = next(iter(read_trajectories(context.path("trajectories.jsonl"))), None)
    if trajectory is None:
        why = summary["stopped"] or next(iter(summary["failed"]), "the endpoint gave no answer")
        raise ModelError(f"nothing was answered: {why}; what was asked is kept in {folder}")
    seconds = {"retrieval": found - began, "loading": 0.0, "search": time.perf_counter() - found}
    more = {"usage": summary["usage"], "notices": summary["notices"], "journal": str(folder)}
    return {**answer_document(hits, trajectory, seconds), **more}
