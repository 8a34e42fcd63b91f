"""Score other people's predictions on their own benchmarks, beside the baselines."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

from toolwise.catalog import write_catalog
from toolwise.errors import DataError
from toolwise.evaluation.benchmarks.aggregate import Scored, summary
from toolwise.evaluation.benchmarks.baseline_outputs import first_turns
from toolwise.evaluation.benchmarks.bfcl import read_bfcl
from toolwise.evaluation.benchmarks.items import Benchmark
from toolwise.evaluation.benchmarks.predictions import Predictions, read_predictions
from toolwise.evaluation.benchmarks.seal_tools import read_seal_tools
from toolwise.evaluation.benchmarks.toolalpaca import read_toolalpaca, toolalpaca_rows
from toolwise.evaluation.benchmarks.toolbench import read_toolbench, toolbench_rows
from toolwise.files import write_json, write_lines
from toolwise.pipelines.assemble import baseline_policies
from toolwise.pipelines.verbs import INPUTS_FILE
from toolwise.ports import Observer, Progress, silent
from toolwise.types import Json, Provenance, Split

_STAGE = "score"


def score_bfcl(
    data: Path,
    predictions: Path,
    categories: Sequence[str] = (),
    *,
    baselines: bool = True,
    seed: int = 0,
    observer: Observer = silent,
) -> Json:
    """BFCL's single-turn Python files. Raises DataError."""
    benchmark = read_bfcl(data, categories)
    given = read_predictions(predictions, _ids(benchmark))
    return scored_document(benchmark, given, predictions, baselines=baselines, seed=seed, observer=observer)


def score_seal_tools(
    data: Path,
    predictions: Path,
    split: str = "",
    *,
    baselines: bool = True,
    seed: int = 0,
    observer: Observer = silent,
) -> Json:
    """Seal-Tools' queries: precision, recall and F1 of tools and of parameters, format and exact rates."""
    benchmark = read_seal_tools(data, split)
    given = read_predictions(predictions, _ids(benchmark))
    return scored_document(benchmark, given, predictions, baselines=baselines, seed=seed, observer=observer)


def score_toolalpaca(
    data: Path, predictions: Path, *, baselines: bool = True, seed: int = 0, observer: Observer = silent
) -> Json:
    """ToolAlpaca's evaluation file: procedure, response and overall by rule. Raises DataError."""
    benchmark = read_toolalpaca(data)
    given = read_predictions(predictions, _ids(benchmark), reader=toolalpaca_rows)
    return scored_document(benchmark, given, predictions, baselines=baselines, seed=seed, observer=observer)


def score_toolbench(
    data: Path, predictions: Path, *, baselines: bool = True, seed: int = 0, observer: Observer = silent
) -> Json:
    """ToolBench's or StableToolBench's queries without a judge: answered, and relevant tools called."""
    benchmark = read_toolbench(data)
    given = read_predictions(predictions, _ids(benchmark), reader=toolbench_rows)
    return scored_document(benchmark, given, predictions, baselines=baselines, seed=seed, observer=observer)


def import_benchmark(kind: str, data: Path, out: Path) -> Json:
    """A benchmark as a folder of tasks with its catalog, as `toolwise tasks` writes one. Raises DataError, RunError."""
    readers: dict[str, Callable[[Path], Benchmark]] = {
        "bfcl": read_bfcl,
        "seal-tools": read_seal_tools,
        "toolalpaca": read_toolalpaca,
        "toolbench": read_toolbench,
    }
    if kind not in readers:
        raise DataError(f"unknown benchmark {kind!r}; choose one of {', '.join(readers)}")
    benchmark = readers[kind](data)
    catalog, tasks = (out / "catalog").resolve(), (out / "tasks.jsonl").resolve()
    write_catalog(benchmark.catalog, catalog)
    unique = {  # held out whatever happens: nobody is to train on a benchmark by accident
        item.task.key: item.task.model_copy(
            update={"provenance": Provenance(teacher=kind, split=Split.UNSEEN_CATEGORY, pattern=item.group)}
        )
        for item in benchmark.items
    }
    count = write_lines(tasks, (task.model_dump_json().encode() for task in unique.values()))
    write_json(out / "ids.json", {item.id: item.task.key for item in benchmark.items})
    write_json(out / INPUTS_FILE, {"catalog": str(catalog), "tasks": str(tasks), "split": {}})
    return {
        "benchmark": kind,
        "tasks": count,
        "same_task_twice": len(benchmark.items) - count,
        "tools": len(benchmark.catalog),
        "left_out_of_the_benchmark": dict(benchmark.broken),
        "out": str(out),
    }


def _ids(benchmark: Benchmark) -> frozenset[str]:
    return frozenset(item.id for item in benchmark.items)


def scored_document(
    benchmark: Benchmark,
    given: Predictions,
    path: Path,
    *,
    baselines: bool = True,
    seed: int = 0,
    observer: Observer = silent,
) -> Json:
    """A verdict for every item of the benchmark, the metrics, and what the baselines score on the same items."""
    scored: list[Scored] = []
    for done, item in enumerate(benchmark.items, 1):
        scored.append((item, benchmark.scorer(item, given.outputs.get(item.id))))
        if done % 500 == 0:
            observer(Progress(_STAGE, done, len(benchmark.items)))
    observer(Progress(_STAGE, len(scored), len(scored)))
    return {
        "benchmark": benchmark.name,
        "tasks": len(scored),
        "main": benchmark.main,
        "left_out_of_the_benchmark": dict(benchmark.broken),
        "predictions": given.summary(item.id for item in benchmark.items),
        **summary(benchmark, scored, seed=seed),
        "baselines": baseline_scores(benchmark, seed=seed) if baselines else {},
        "verdicts": [_verdict(item_score, benchmark.main) for item_score in scored],
        "provenance": {"predictions": str(path), "digest": _digest(path)},
    }


def baseline_scores(benchmark: Benchmark, *, seed: int = 0) -> Json:
    """Baseline -> its metrics on every item."""
    found = {}
    for name, policy in baseline_policies().items():
        outputs = asyncio.run(first_turns(policy, benchmark.items))
        pairs = zip(benchmark.items, outputs, strict=True)
        scored = [(item, benchmark.scorer(item, output)) for item, output in pairs]
        part = summary(benchmark, scored, seed=seed)
        found[name] = {"scores": part["scores"], "attempts": part["attempts"]}
    return found


def _verdict(scored: Scored, main: str) -> Json:
    item, score = scored
    return {
        "id": item.id,
        "group": item.group,
        "cluster": item.cluster,
        "task": item.task.key,
        "passed": score.values[main] >= 1.0,
        "attempted": score.attempted.value,
        "scores": dict(score.values),
        **({"counts": dict(score.counts)} if score.counts else {}),
        "reason": score.reason,
        "detail": score.detail,
    }


def _digest(path: Path) -> str:
    """Of the predictions' bytes, so that a score can be traced to what was scored."""
    digest = hashlib.blake2b(digest_size=10)
    for file in sorted(path.rglob("*.json*")) if path.is_dir() else [path]:
        if file.is_file():
            digest.update(file.read_bytes())
    return digest.hexdigest()
