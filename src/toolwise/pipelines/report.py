"""The verb `report`: from what a run recorded to its result document and its HTML page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from toolwise.errors import RunError
from toolwise.files import read_json
from toolwise.reports import (
    CatalogStatistics,
    CorpusStatistics,
    CurvePoint,
    RunDocument,
    Sample,
    write_report,
)
from toolwise.types import Funnel, Json, Metric, Task, Trajectory, Verdict

RESULT_FILE = "result.json"
RECORD_FILE = "record.json"
"""Everything that the page shows, so that it can be made again."""
PAGE_FILE = "report.html"
_ABOUT = (
    "Real API documents became a catalog of tools; every tool can be run at once in a simulated world with state.",
    "A teacher without a language model sampled calls, ran them, and only then wrote instructions: each task has a "
    "right answer that was executed. Toolsets were split before anything was generated.",
    "From accepted tasks a model of about a million parameters learned from nothing, on this machine. Below is what "
    "it does with tools that it has never seen.",
)


def rewrite_report(folder: Path, out: Path | None) -> Json:
    """Write the page of a finished run again. Raises RunError if the run has no results yet."""
    if not (folder / RECORD_FILE).exists():
        raise RunError(f"{folder} holds no finished run; finish it with --resume first")
    record = read_json(folder / RECORD_FILE)
    target = out or folder / PAGE_FILE
    write_report(page(record), target)
    return {**record["result"], "report": str(target)}


def page(record: Json) -> RunDocument:
    """The page's content from a run's record."""
    result = record["result"]
    catalog = record["catalog_statistics"]
    unseen = result["model"].get("unseen_toolset", {}).get("exact_call")
    subtitle = "Trained from nothing on this machine, from real API documents"
    if unseen:
        subtitle += f"; on unseen toolsets {unseen['value']:.0%} of single calls are exactly right"
    return RunDocument(
        title="A compact model that uses tools it has never seen",
        subtitle=f"{subtitle}.",
        created=record["created"],
        about=_ABOUT,
        model=_splits(result["model"]),
        baselines={name: _splits(splits) for name, splits in result["baselines"].items()},
        retrieval={name: _metrics(scores) for name, scores in result["retrieval"].items()},
        retrieval_pool=catalog["tools"],
        funnels={name: Funnel.model_validate(funnel) for name, funnel in record["funnels"].items()},
        catalog=CatalogStatistics(
            toolsets=catalog["toolsets"],
            tools=catalog["tools"],
            parameters=catalog["parameters"],
            tools_per_second=result["catalog"]["tools_per_second"],
            categories={name: counts["toolsets"] for name, counts in catalog["categories"].items()},
            left_out=catalog["left_out"],
        ),
        corpus=CorpusStatistics.model_validate({**record["corpus"]["statistics"], "examples": record["examples"]}),
        curve=tuple(CurvePoint.model_validate(point) for point in record["curve"]),
        samples=tuple(_samples(record["samples"])),
        seconds=result["seconds"],
        peak_memory_mb=result["peak_memory_mb"],
        provenance=record["provenance"],
    )


def _metrics(scores: Mapping[str, Json]) -> dict[str, Metric]:
    return {name: Metric.model_validate(metric) for name, metric in scores.items()}


def _splits(splits: Mapping[str, Json]) -> dict[str, dict[str, Metric]]:
    return {split: _metrics(scores) for split, scores in splits.items()}


def _samples(samples: list[Json]) -> Iterator[Sample]:
    for sample in samples:
        if sample["trajectory"] is not None:
            yield Sample(
                task=Task.model_validate(sample["task"]),
                trajectory=Trajectory.model_validate(sample["trajectory"]),
                verdict=Verdict.model_validate(sample["verdict"]) if sample["verdict"] else None,
                split=sample["split"],
                agent=sample["agent"],
            )
