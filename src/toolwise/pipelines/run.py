"""The whole chain, read top to bottom: documents to catalog, tasks, trees, corpus, models, evidence, report.

Each stage is a deterministic function of its input, the configuration and what the run folder records; to
resume is to run again. (Training alone follows the clock: it goes on from its last checkpoint.)
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from toolwise import __version__
from toolwise.catalog import catalog_stats, open_catalog
from toolwise.corpus import split_catalog
from toolwise.files import write_json
from toolwise.pipelines.assemble import require_training
from toolwise.pipelines.catalog import import_documents
from toolwise.pipelines.context import Context
from toolwise.pipelines.corpus import ACCEPTED_TASKS, build_corpus
from toolwise.pipelines.evaluate import evaluate_agents
from toolwise.pipelines.funnels import followed_by
from toolwise.pipelines.meter import MemoryMeter
from toolwise.pipelines.report import PAGE_FILE, RECORD_FILE, RESULT_FILE, page_of_run
from toolwise.pipelines.retrieve import evaluate_retrieval, train_and_index
from toolwise.pipelines.settings import RunConfig
from toolwise.pipelines.solve import solve_tasks, verify_trajectories
from toolwise.pipelines.tasks import write_tasks
from toolwise.pipelines.train import loss_curve, train_model
from toolwise.ports import Observer, silent
from toolwise.reports import write_report
from toolwise.store import RunFolder
from toolwise.types import Funnel, Json, Split

STAGES = ("catalog", "split", "tasks", "solve", "verify", "corpus", "train", "retriever", "evaluate", "retrieval")


def run(
    config: RunConfig,
    out: Path,
    *,
    resume: bool = False,
    workers: int = 0,
    observer: Observer = silent,
    command: str = "",
) -> Json:
    """Run or resume everything in the folder `out`; returns the result document (see docs/results.md).

    Raises RunError if the folder cannot be used, and MissingExtraError, before any work, if an extra is missing.
    """
    require_training("a whole run")
    with MemoryMeter() as meter, RunFolder(out, config.model_dump(mode="json"), resume=resume) as folder:
        context = Context(folder, workers, observer)
        summaries = _perform(context, config)
        record = _record(context, config, summaries, peak_memory_mb=meter.peak_mb, command=command)
        write_json(context.path(RESULT_FILE), record["result"])
        write_json(context.path(RECORD_FILE), record)
        write_report(page_of_run(folder.path), context.path(PAGE_FILE))
        return record["result"]


def _perform(context: Context, config: RunConfig) -> dict[str, Json]:
    """All stages in order; stage name -> summary."""
    catalog, tasks, corpus = context.path("catalog"), context.path("tasks.jsonl"), context.path("corpus")
    done: dict[str, Json] = {}
    done["catalog"] = context.stage(
        "catalog", lambda: import_documents(config.sources, catalog, "auto", context.observer)
    )
    done["split"] = context.stage("split", lambda: _split(catalog, config))
    split_of = {name: Split(split) for name, split in done["split"].items()}
    done["tasks"] = context.stage("tasks", lambda: write_tasks(context, catalog, split_of, config))
    done["solve"] = context.stage(
        "solve", lambda: solve_tasks(context, catalog, tasks, config.search, config.errors, config.world)
    )
    done["verify"] = context.stage(
        "verify",
        lambda: verify_trajectories(
            context, catalog, tasks, context.path("trajectories.jsonl"), done["solve"]["failed"], config.world
        ),
    )
    funnel = followed_by(
        Funnel.model_validate(done["tasks"]["funnel"]), Funnel.model_validate(done["verify"]["funnel"])
    )
    rows = {name: context.path(f"{name}.jsonl") for name in ("tasks", "trajectories", "verdicts")}
    done["corpus"] = context.stage("corpus", lambda: build_corpus(corpus, rows, catalog, split_of, funnel))
    done["train"] = context.stage(
        "train", lambda: train_model(corpus, context.path("model"), config.training, context.observer)
    )
    done["retriever"] = context.stage(
        "retriever",
        lambda: train_and_index(
            corpus, catalog, context.path("retriever"), split_of, config.retriever, context.observer
        ),
    )
    done["evaluate"] = context.stage(
        "evaluate", lambda: evaluate_agents(context, catalog, corpus / ACCEPTED_TASKS, config.evaluation, config.world)
    )
    done["retrieval"] = context.stage(
        "retrieval", lambda: evaluate_retrieval(context, catalog, corpus / ACCEPTED_TASKS, config.seed)
    )
    return done


def _split(catalog: Path, config: RunConfig) -> Json:
    placed = split_catalog(open_catalog(catalog).summaries, config.split.model_copy(update={"seed": config.seed}))
    return {name: split.value for name, split in placed.items()}


def _record(
    context: Context, config: RunConfig, done: Mapping[str, Json], *, peak_memory_mb: float, command: str
) -> Json:
    seconds = {name: round(finished[0], 2) for name in STAGES if (finished := context.run.finished(name))}
    catalog = catalog_stats(open_catalog(context.path("catalog")))
    corpus, evaluated = done["corpus"], done["evaluate"]
    result = {
        "catalog": {key: done["catalog"][key] for key in ("toolsets", "tools", "tools_per_second")},
        "funnel": corpus["funnel"],
        "corpus": corpus["examples"],
        "leaks": corpus["leaks"],
        "model": evaluated["agents"]["model"],
        "baselines": {name: splits for name, splits in evaluated["agents"].items() if name != "model"},
        "retrieval": done["retrieval"]["retrievers"],
        "retrieval_versions_as_one": done["retrieval"]["versions_as_one"],
        "retrieval_pool": done["retrieval"]["pool"],
        "seconds": {**seconds, "total": round(sum(seconds.values()), 2)},
        "peak_memory_mb": round(peak_memory_mb, 1),
        "model_folder": str(context.path("model")),
        "report": str(context.path(PAGE_FILE)),
    }
    return {
        "result": result,
        "created": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "catalog_statistics": catalog,
        "funnels": {
            "tasks": done["tasks"]["funnel"],
            "verification": done["verify"]["funnel"],
            "all stages": corpus["funnel"],
        },
        "corpus": corpus,
        "examples": {kind: sum(splits.values()) for kind, splits in corpus["examples"].items()},
        "curve": loss_curve(context.path("model")),
        "samples": evaluated["samples"],
        "provenance": {
            "command": command,
            "toolwise": __version__,
            "python": platform.python_version(),
            "platform": platform.platform(),
            "config": config.model_dump(mode="json"),
        },
    }
