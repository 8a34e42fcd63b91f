"""Scores of items into metrics with intervals, over all items and for each of the benchmark's groups."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from toolwise.evaluation.benchmarks.items import Benchmark, Item, Score
from toolwise.evaluation.calls.attempts import Attempted
from toolwise.evaluation.intervals import mean_with_interval
from toolwise.evaluation.statistics.pooled import pooled_scores
from toolwise.types import Json, Metric

Scored = tuple[Item, Score]


def metrics_of(benchmark: Benchmark, scored: Sequence[Scored], *, seed: int = 0) -> dict[str, Metric]:
    """Every score's mean, and the pooled precision, recall and F1; the denominator is the number of items."""
    clusters = [item.cluster for item, _ in scored]
    names = dict.fromkeys(name for _, score in scored for name in score.values)
    metrics = {
        name: mean_with_interval([score.values.get(name, 0.0) for _, score in scored], clusters, seed=seed)
        for name in names
    }
    for name, prefix in benchmark.pooled.items():
        counts = [_triple(score.counts, prefix) for _, score in scored]
        for part, metric in zip(("precision", "recall", "f1"), pooled_scores(counts, clusters, seed=seed), strict=True):
            metrics[f"{name}_{part}"] = metric
    return metrics


def _triple(counts: Mapping[str, int], prefix: str) -> tuple[int, int, int]:
    correct, predicted, gold = (counts.get(f"{prefix}_{part}", 0) for part in ("correct", "predicted", "gold"))
    return correct, predicted, gold


def summary(benchmark: Benchmark, scored: Sequence[Scored], *, seed: int = 0) -> Json:
    """Metrics over all items, by group, what was attempted, and why items failed."""
    groups = list(dict.fromkeys(item.group for item, _ in scored))
    parts = {group: [(item, score) for item, score in scored if item.group == group] for group in groups}
    return {
        "scores": _dumped(metrics_of(benchmark, scored, seed=seed)),
        "groups": {
            group: {
                "tasks": len(part),
                "attempts": attempts(part),
                "scores": _dumped(metrics_of(benchmark, part, seed=seed)),
            }
            for group, part in parts.items()
        },
        "attempts": attempts(scored),
        "reasons": dict(Counter(score.reason for _, score in scored if score.reason).most_common()),
    }


def attempts(scored: Sequence[Scored]) -> dict[str, int]:
    """How many items were called for, abstained from, attempted in vain, and missing."""
    counted = Counter(score.attempted for _, score in scored)
    return {kind.value: counted[kind] for kind in Attempted}


def _dumped(metrics: Mapping[str, Metric]) -> Json:
    return {name: metric.model_dump() for name, metric in metrics.items()}
