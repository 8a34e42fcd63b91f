"""The diversity experiment's models: a base that knows no real tool, and one model for each draw of toolsets."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from toolwise.catalog import open_catalog
from toolwise.corpus import read_sft, read_tasks, write_rows
from toolwise.errors import RunError
from toolwise.evaluation import exact_call
from toolwise.files import read_json
from toolwise.pipelines.assemble import baseline_policies, model_policy, simulated_world
from toolwise.pipelines.evaluate import SINGLE, attempt_all
from toolwise.pipelines.meter import Stopwatch
from toolwise.pipelines.reproduce.diversity_data import TEST, TESTS_FILE, DataJob, balanced, conversations, leaks_of
from toolwise.pipelines.reproduce.diversity_settings import DiversityExperiment
from toolwise.ports import Observer, Policy
from toolwise.search import SearchConfig, Strategy
from toolwise.types import Json, SFTExample, Task

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

BASE = "base"
TOKENIZER = "tokenizer"
INSTANCES_FILE = "instances.jsonl"
_CONCURRENCY = 128
_THREADS = 3
_REPORTED = ("tokens", "steps", "loss", "parameters", "examples", "too_long")


@dataclass(frozen=True)
class Cell:
    """A model to train on some toolsets' instances, or the base itself (no job), and to score."""

    folder: Path
    config: DiversityExperiment
    tests: DataJob
    job: DataJob | None = None

    @property
    def key(self) -> str:
        return BASE if self.job is None else self.job.key

    @property
    def toolsets(self) -> int:
        return len(self.job.toolsets) if self.job else 0

    @property
    def seed(self) -> int:
        return self.job.seed if self.job else 0


def choose_instances(jobs: Mapping[str, DataJob], folder: Path, config: DiversityExperiment) -> Json:
    """One tokenizer for all, then equally many instances for each draw that fit into the model's context."""
    from toolwise.training.batching import encode
    from toolwise.training.sft import corpus_tokenizer

    train = {key: job for key, job in jobs.items() if key != TEST}
    found = {key: conversations(job) for key, job in train.items()}
    share = max(1, 6000 // len(found))
    words = [example for examples, of in found.values() for example in balanced(examples, of, share, "words")]
    tokenizer = corpus_tokenizer(words, config.training.vocabulary)
    tokenizer.save_pretrained(folder / TOKENIZER)
    lengths = {
        key: {e.key: len(item) for e, item in zip(examples, encode(examples, tokenizer, {}), strict=True)}
        for key, (examples, _) in found.items()
    }
    fitting = {
        key: [example for example in examples if lengths[key][example.key] <= config.training.longest]
        for key, (examples, _) in found.items()
    }
    count = min(config.instances, *(len(examples) for examples in fitting.values()))
    if not count:
        raise RunError("a draw has no conversation that fits into the model's context; give a larger catalog")
    chosen: dict[str, Json] = {}
    for key, job in train.items():
        picked = balanced(fitting[key], found[key][1], count, f"instances:{key}")
        write_rows(job.folder / INSTANCES_FILE, picked)
        chosen[key] = {
            "instances": len(picked),
            "toolsets": len({found[key][1][example.task_key] for example in picked}),
            "tokens": sum(lengths[key][example.key] for example in picked),
        }
    return {"instances": count, "chosen": chosen}


def _tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    from transformers import PreTrainedTokenizerFast

    tokenizer: PreTrainedTokenizerFast = PreTrainedTokenizerFast.from_pretrained(folder / TOKENIZER)
    return tokenizer


def train_base(folder: Path, config: DiversityExperiment, processes: int, observer: Observer) -> Json:
    """A model that has read made-up tools only: it can copy and choose, and has met no real toolset."""
    from toolwise.training.sft import WHOLE, Given, train_compact
    from toolwise.training.synthetic import synthetic_example

    examples: list[SFTExample] = [
        synthetic_example(WHOLE, f"base:{config.data_seed}:{number}") for number in range(config.base_examples)
    ]
    threads = max(1, min(_THREADS, processes))
    settings = config.training.model_copy(update={"max_tokens": config.base_tokens, "threads": threads})
    trained = train_compact(examples, (), folder / BASE, settings, observer, Given(_tokenizer(folder)))
    return dict(trained.model_dump(mode="json"))


def train_and_score(cell: Cell) -> Json:
    """Go on from the base with the cell's instances, and attempt every held-out task once (ReAct)."""
    watch = Stopwatch()
    model = cell.folder / BASE
    trained: Json = {}
    if cell.job is not None:
        model = cell.folder / "models" / cell.key.replace("/", "-")
        trained = _train(cell, cell.job, model)
    tests = list(read_tasks(cell.folder / TESTS_FILE))
    leaks = leaks_of(cell.job, tests) if cell.job is not None else {}
    policy = model_policy(model, threads=cell.config.training.threads, max_tokens=cell.config.turn_tokens)
    return {**_score(cell, policy, tests), **trained, "leaks": leaks, "seconds": round(watch.seconds, 1)}


def _train(cell: Cell, job: DataJob, out: Path) -> Json:
    from toolwise.training.sft import SUMMARY_FILE, Given, train_compact

    if (out / SUMMARY_FILE).is_file():  # trained, and stopped while it was scored
        trained = read_json(out / SUMMARY_FILE)
        return {name: trained[name] for name in _REPORTED}
    config = cell.config
    settings = config.training.model_copy(
        update={
            "max_tokens": config.tokens, "selection": 0.0, "synthetic": 0.0, "seed": cell.seed,
            "learning_rate": config.learning_rate,
        }
    )  # fmt: skip
    given = Given(_tokenizer(cell.folder), base=cell.folder / BASE)
    summary = train_compact(list(read_sft(job.folder / INSTANCES_FILE)), (), out, settings, given=given)
    return {name: getattr(summary, name) for name in _REPORTED}


def _score(cell: Cell, policy: Policy, tests: Sequence[Task]) -> Json:
    tools = open_catalog(cell.tests.folder / "catalog")
    search = SearchConfig(
        strategy=Strategy.REACT, max_steps=cell.config.max_steps, budget=cell.config.max_steps, attempts=1
    )
    attempts = asyncio.run(attempt_all(tests, policy, simulated_world(tools), tools, search, _CONCURRENCY))
    single = [attempt.task.provenance.pattern == SINGLE for attempt in attempts]
    return {
        "passed": [attempt.passed for attempt in attempts],
        "exact": [
            exact_call(attempt.task, attempt.first_calls) if one else None
            for one, attempt in zip(single, attempts, strict=True)
        ],
    }


def score_baselines(cell: Cell) -> Json:
    """Doing nothing, and calling the nearest tool with what the instruction states; name -> scores."""
    tests = list(read_tasks(cell.folder / TESTS_FILE))
    return {name: _score(cell, policy, tests) for name, policy in baseline_policies().items()}
