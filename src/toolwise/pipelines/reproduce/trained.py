"""The trained model of an experiment: a finished run's, or one of its own that experiments side by side share."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from toolwise.catalog import open_catalog
from toolwise.corpus import SplitConfig, split_catalog
from toolwise.errors import DataError
from toolwise.files import read_json
from toolwise.pipelines.assemble import require_training
from toolwise.pipelines.catalog import import_documents
from toolwise.pipelines.context import Context
from toolwise.pipelines.corpus import build_corpus
from toolwise.pipelines.funnels import followed_by
from toolwise.pipelines.reproduce.agents import ModelRecipe
from toolwise.pipelines.reproduce.findings_page import REPORT_FILE
from toolwise.pipelines.reproduce.request import Request
from toolwise.pipelines.retrieve import corpus_pairs, teacher_queries
from toolwise.pipelines.settings import RunConfig, TaskCounts
from toolwise.pipelines.solve import solve_tasks, verify_trajectories
from toolwise.pipelines.tasks import write_tasks
from toolwise.pipelines.train import train_model
from toolwise.retrieval import RetrieverConfig, tool_documents, train_retriever
from toolwise.store import RunFolder
from toolwise.store.run import read_config
from toolwise.training.settings import CompactTrainingConfig
from toolwise.types import Funnel, Json, Split

SHARED, RETRIEVAL = "trained", "retrieval"
"""The folders of the shared model and of the retrieval experiment, beside the experiments' own."""
ENCODER = "retriever"


@dataclass(frozen=True)
class TrainedRun:
    """Where a trained model and what it learnt from lie: the layout of a finished run."""

    folder: Path

    @property
    def model(self) -> Path:
        return self.folder / "model"

    @property
    def untrained(self) -> Path:
        """The same model before training."""
        return self.model / "untrained"

    @property
    def retriever(self) -> str:
        """The trained encoder fused with BM25."""
        return f"hybrid:{self.folder / 'retriever'}"

    @property
    def about(self) -> Json:
        """What the pages say of the model."""
        trained = read_json(self.model / "training.json")
        return {name: trained.get(name) for name in ("parameters", "tokens", "steps", "seconds", "examples")}


def open_trained(folder: Path) -> TrainedRun:
    """A finished run. Raises DataError where a part that is needed is missing."""
    needed = ("catalog/index.json", "tasks.jsonl", "model/config.json", "model/untrained/config.json",
              "retriever/config.json", "run.yaml")  # fmt: skip
    missing = [name for name in needed if not (folder / name).is_file()]
    if missing:
        raise DataError(f"{folder} is no finished run: it has no {missing[0]}; give the folder of `toolwise demo`")
    return TrainedRun(folder.resolve())


def trained_for(request: Request, recipe: ModelRecipe) -> TrainedRun:
    """The given run, or the one beside the experiment's folder, which is made of the catalog, or gone on with, first.

    Its retriever is that of a finished retrieval experiment beside, where this one was trained on the same toolsets.
    Raises DataError, RunError, MissingExtraError.
    """
    if request.run is not None:
        return open_trained(request.run)
    require_training("the experiment")
    counts = TaskCounts(train=recipe.tasks, dev=60, seen_toolset=1, unseen_toolset=1, unseen_category=1)
    config = RunConfig(
        seed=recipe.seed,
        tasks=counts,
        training=CompactTrainingConfig(minutes=recipe.minutes, seed=recipe.seed),
        retriever=RetrieverConfig(minutes=recipe.retriever_minutes, seed=recipe.seed),
    )
    settings = request.settings("reproduce: the model", config)
    folder = request.out.parent / SHARED
    with RunFolder(folder, settings, resume=True) as opened:
        context = Context(opened, request.workers, request.observer)
        split_of = _make(context, config, request.catalog)
        beside = encoder_beside(request.out.parent / RETRIEVAL, settings["catalog"], config.split)
        context.stage("retriever", lambda: _retriever(context, split_of, config, beside))
    return open_trained(folder)


def _make(context: Context, config: RunConfig, given: Path | None) -> Mapping[str, Split]:
    """The stages of a whole run up to the model; what is trained on and what is held out."""
    catalog, tasks, corpus = context.path("catalog"), context.path("tasks.jsonl"), context.path("corpus")
    if given is None:
        context.stage("catalog", lambda: import_documents(config.sources, catalog, "auto", context.observer))
    elif not catalog.exists():
        catalog.symlink_to(given.resolve())
    split = config.split.model_copy(update={"seed": config.seed})
    split_of: Mapping[str, Split] = split_catalog(open_catalog(catalog).summaries, split)
    made = context.stage("tasks", lambda: write_tasks(context, catalog, split_of, config))
    solved = context.stage(
        "solve", lambda: solve_tasks(context, catalog, tasks, config.search, config.errors, config.world)
    )
    rows = {name: context.path(f"{name}.jsonl") for name in ("tasks", "trajectories", "verdicts")}
    verified = context.stage(
        "verify",
        lambda: verify_trajectories(context, catalog, tasks, rows["trajectories"], solved["failed"], config.world),
    )
    funnel = followed_by(*(Funnel.model_validate(summary["funnel"]) for summary in (made, verified)))
    context.stage("corpus", lambda: build_corpus(corpus, rows, catalog, split_of, funnel))
    context.stage("train", lambda: train_model(corpus, context.path("model"), config.training, context.observer))
    return split_of


def encoder_beside(experiment: Path, catalog: Json, split: SplitConfig) -> Path | None:
    """The encoder of the retrieval experiment, if that is finished and holds out the same toolsets."""
    if not (experiment / REPORT_FILE).is_file():
        return None
    config = read_config(experiment)
    same = config.get("catalog") == catalog and SplitConfig(seed=config.get("data_seed", -1)) == split
    return experiment / ENCODER if same else None


def _retriever(context: Context, split_of: Mapping[str, Split], config: RunConfig, beside: Path | None) -> Json:
    """An encoder of the training toolsets, or a copy of one beside. The catalog gets no index: it may be a user's."""
    if beside is not None:
        shutil.copytree(beside, context.path("retriever"), dirs_exist_ok=True)
        return {"copied": str(beside)}
    corpus, opened = context.path("corpus"), open_catalog(context.path("catalog"))
    names = [name for name in opened.names() if split_of.get(name) is Split.TRAIN]
    pairs = [*corpus_pairs(corpus), *teacher_queries(opened, names, config.seed)]
    documents = list(tool_documents(opened.toolset(name) for name in names))
    summary = train_retriever(pairs, documents, context.path("retriever"), config.retriever, context.observer)
    return summary.model_dump(mode="json")
