"""`toolwise reproduce retrieval`: word matching, an untrained encoder, a trained one, and both kinds fused."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from toolwise.catalog import CatalogFile, open_catalog
from toolwise.corpus import SplitConfig, check_leaks, read_rows, read_tasks, retrieval_pair, split_catalog, write_rows
from toolwise.corpus.leaks import tool_signature
from toolwise.errors import ConfigError
from toolwise.pipelines.assemble import require_training
from toolwise.pipelines.context import Context
from toolwise.pipelines.parallel import run_all_shards
from toolwise.pipelines.reproduce.embedded import catalog_of
from toolwise.pipelines.reproduce.findings import as_rows
from toolwise.pipelines.reproduce.findings_page import hardware, write_findings
from toolwise.pipelines.reproduce.request import Request
from toolwise.pipelines.reproduce.retrieval_results import Found, findings_of, merged_rows, rate_rows, render
from toolwise.pipelines.reproduce.retrieval_search import Query, pool_jobs, search_pool
from toolwise.pipelines.reproduce.retrieval_settings import RetrievalExperiment, full_retrieval, quick_retrieval
from toolwise.pipelines.retrieve import HELD_OUT, teacher_queries
from toolwise.pipelines.settings import RunConfig, TaskCounts
from toolwise.pipelines.tasks import write_tasks
from toolwise.retrieval import tool_documents, train_retriever
from toolwise.store import RunFolder
from toolwise.types import Json, Split, Task, TaskKind

NAME = "retrieval"
QUERIES_FILE = "queries.jsonl"
_POOLS = "pools"
_TRAINED = (Split.TRAIN, Split.DEV)


def retrieval_experiment(quick: bool, pools: Sequence[int] = ()) -> RetrievalExperiment:
    """The experiment's settings. Raises ConfigError."""
    config = quick_retrieval() if quick else full_retrieval()
    if any(size < 1 for size in pools):
        raise ConfigError("a pool holds at least one tool; give --pool 1000, say")
    return config.model_copy(update={"pools": tuple(sorted(set(pools)))}) if pools else config


def reproduce_retrieval(config: RetrievalExperiment, request: Request) -> Json:
    """Train a retriever and compare it with others over growing pools; writes `report.json`, a page and a plot.

    The same command goes on where it was stopped. Raises ConfigError, CatalogError, RunError, MissingExtraError.
    """
    require_training("the experiment")
    with RunFolder(request.out, request.settings("reproduce retrieval", config), resume=True) as folder:
        context = Context(folder, request.workers, request.observer)
        opened = open_catalog(catalog_of(context, request.catalog))
        placed = split_catalog(opened.summaries, SplitConfig(seed=config.data_seed))
        counts = context.stage("tasks", lambda: write_tasks(context, opened.folder, placed, _run_config(config)))
        chosen = context.stage("queries", lambda: _choose(context, opened, placed, config))
        encoder = context.path("retriever")
        training = context.stage("retriever", lambda: _train(context, opened, placed, config, encoder))
        queries = list(read_rows(context.path(QUERIES_FILE), Query))
        jobs = pool_jobs(opened, encoder, queries, config.pools, config.data_seed)
        searched = run_all_shards(
            folder.rows(_POOLS), jobs, search_pool,
            stage=_POOLS, workers=context.processes, observer=request.observer,
        )  # fmt: skip
    whole = next(of for of in searched.values() if of["versions_as_one"])
    found = Found(queries, {size: of["strict"] for size, of in searched.items()}, whole["versions_as_one"])
    report = {
        "command": request.command,
        "settings": config.model_dump(mode="json"),
        "findings": as_rows(findings_of(found, chosen["leaks"])),
        "queries": chosen["kinds"],
        "tasks": counts["splits"],
        "leaks": chosen["leaks"],
        "training": training,
        "fusion_weight": whole["fusion_weight"],
        "rates": rate_rows(found),
        "versions_as_one": merged_rows(found),
        "failed": {},
        "hardware": hardware(),
    }
    page, plots = render(report)
    write_findings(request.out, NAME, report, page, plots)
    return report


def _run_config(config: RetrievalExperiment) -> RunConfig:
    half = max(1, config.held_out // 2)
    tasks = TaskCounts(
        train=config.train_tasks,
        dev=max(1, config.train_tasks // 10),
        seen_toolset=1,
        unseen_toolset=half,
        unseen_category=half,
    )
    return RunConfig(seed=config.data_seed, tasks=tasks, synthesis=config.synthesis)


def _choose(context: Context, opened: CatalogFile, placed: Mapping[str, Split], config: RetrievalExperiment) -> Json:
    """The held-out queries, as many of each kind, spread over the toolsets; and what they share with training."""
    tasks = [t for t in read_tasks(context.path("tasks.jsonl")) if t.provenance.split in HELD_OUT and t.relevant]
    if not tasks:
        raise ConfigError(f"{opened.folder} has too few toolsets to hold any out; give a larger catalog")
    queries = [query for kind in TaskKind for query in _spread([t for t in tasks if t.kind is kind], config)]
    write_rows(context.path(QUERIES_FILE), queries)
    relevant = dict.fromkeys(tool for query in queries for tool in query.relevant)
    trained = [name for name in opened.names() if placed[name] is Split.TRAIN]
    signatures = [tool_signature(tool) for name in trained for tool in opened.toolset(name).tools]
    leaks = check_leaks(signatures, map(opened.tool, relevant))
    return {
        "kinds": dict(Counter(query.kind.value for query in queries)),
        "leaks": {
            "toolsets": len({tool.partition(".")[0] for tool in relevant} & set(trained)),
            "tools": leaks.leaked_tools,
            "relevant": len(relevant),
        },
    }


def _spread(tasks: Sequence[Task], config: RetrievalExperiment) -> list[Query]:
    """Toolsets take turns, so that no large one dominates."""
    rng = random.Random(f"queries:{config.data_seed}")
    queues: dict[str, list[Task]] = {}
    for task in rng.sample(list(tasks), len(tasks)):
        queues.setdefault(task.relevant[0].partition(".")[0], []).append(task)
    chosen: list[Task] = []
    while len(chosen) < config.queries and any(queues.values()):
        for queue in queues.values():
            if queue and len(chosen) < config.queries:
                chosen.append(queue.pop())
    return [Query(query=task.instruction, kind=task.kind, relevant=task.relevant) for task in chosen]


def _train(
    context: Context, opened: CatalogFile, placed: Mapping[str, Split], config: RetrievalExperiment, out: Path
) -> Json:
    """On the training tasks and on queries for training tools; nothing of a held-out toolset is read."""
    names = [name for name in opened.names() if placed[name] is Split.TRAIN]
    tasks = (task for task in read_tasks(context.path("tasks.jsonl")) if task.provenance.split in _TRAINED)
    pairs = [pair for task in tasks if (pair := retrieval_pair(task)) is not None]
    tools = [f"{name}.{tool}" for name in names for tool in opened.summary(name).tools]
    chosen = random.Random(f"tools:{config.data_seed}").sample(tools, min(len(tools), config.tool_queries))
    asked: dict[str, set[str]] = {}
    for tool in chosen:
        toolset, _, tool_name = tool.partition(".")
        asked.setdefault(toolset, set()).add(tool_name)
    only = {toolset: frozenset(of) for toolset, of in asked.items()}
    pairs += teacher_queries(opened, sorted(only), config.data_seed, only)
    documents = list(tool_documents(map(opened.toolset, names)))
    summary = train_retriever(pairs, documents, out, config.retriever, context.observer)
    return summary.model_dump(mode="json")
