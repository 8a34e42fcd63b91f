"""The same question on a catalog's toolsets: do meta-tasks raise accuracy on toolsets that training never saw?"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from toolwise.catalog import open_catalog
from toolwise.corpus import read_tasks
from toolwise.evaluation import exact_call
from toolwise.files import read_json
from toolwise.pipelines.assemble import model_policy, simulated_world
from toolwise.pipelines.corpus import ACCEPTED_TASKS
from toolwise.pipelines.evaluate import attempt_all
from toolwise.pipelines.meter import Stopwatch
from toolwise.pipelines.mixed_corpus import MIXTURE_FILE, MixtureSource, mixed_corpus_of
from toolwise.pipelines.mixing import Variant
from toolwise.pipelines.reproduce.settings import MetaTaskExperiment
from toolwise.pipelines.train import train_model
from toolwise.pipelines.verbs import make_tasks, solve_folder, verify_folder
from toolwise.search import SearchConfig, Strategy
from toolwise.types import Json, Split

CATALOG = "catalog"
UNSEEN, EXACT = "unseen toolsets", "unseen toolsets, exact calls"
COMPARED = (Variant.SOLUTION_ONLY, Variant.MIXED)
_CONCURRENCY = 48


@dataclass(frozen=True)
class CatalogCell:
    """A model to train on a catalog's corpus and to score on unseen toolsets."""

    folder: Path
    """The experiment's part for the catalog."""
    catalog: Path
    config: MetaTaskExperiment
    variant: Variant
    seed: int
    world: str = CATALOG
    left_out: None = None

    @property
    def key(self) -> str:
        return f"{CATALOG}/{self.variant.value}/{self.seed}"


def prepare_catalog(folder: Path, catalog: Path, config: MetaTaskExperiment) -> Json:
    """Tasks, solutions and one corpus for each variant, of equal tokens and with one tokenizer."""
    counts = (config.catalog_tasks, config.catalog_held_out)
    make_tasks(catalog, folder / "tasks", counts, seed=config.data_seed, resume=True, workers=1)
    solve_folder(folder / "tasks", folder / "solved", Strategy.DFSDT.value, resume=True, workers=1)
    verify_folder(folder / "solved", folder / "verified", resume=True, workers=1)
    mixed = folder / Variant.MIXED.value
    source = MixtureSource(config.catalog_ratio, seed=config.data_seed)
    first = mixed_corpus_of([folder / "verified"], mixed, None, source)
    again = MixtureSource(config.catalog_ratio, mixed / "metatasks", Variant.SOLUTION_ONLY, config.data_seed)
    second = mixed_corpus_of([folder / "verified"], folder / Variant.SOLUTION_ONLY.value, None, again)
    return {Variant.MIXED.value: first["mixture"], Variant.SOLUTION_ONLY.value: second["mixture"]}


def train_and_score_catalog(cell: CatalogCell) -> Json:
    """Train on the variant's corpus, and attempt the held-out tasks of unseen toolsets once each (ReAct)."""
    watch = Stopwatch()
    corpus, out = cell.folder / cell.variant.value, cell.folder / "models" / f"{cell.variant.value}-{cell.seed}"
    settings = cell.config.catalog_training.model_copy(
        update={"max_tokens": cell.config.catalog_tokens, "seed": cell.seed}
    )
    trained = train_model(corpus, out, settings)
    tools = open_catalog(cell.catalog)
    tasks = [task for task in read_tasks(corpus / ACCEPTED_TASKS) if task.provenance.split is Split.UNSEEN_TOOLSET]
    search = SearchConfig(strategy=Strategy.REACT, seed=cell.config.data_seed)
    policy = model_policy(out, threads=1)
    attempts = asyncio.run(attempt_all(tasks, policy, simulated_world(tools), tools, search, _CONCURRENCY))
    return {
        "success": {
            UNSEEN: [attempt.passed for attempt in attempts],
            EXACT: [bool(exact_call(attempt.task, attempt.first_calls)) for attempt in attempts],
        },
        "answers": {},
        "mixture": read_json(corpus / MIXTURE_FILE),
        **{name: trained[name] for name in ("tokens", "steps", "parameters", "loss")},
        "seconds": round(watch.seconds, 1),
    }
