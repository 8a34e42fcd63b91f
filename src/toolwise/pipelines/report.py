"""The verb `report`: one run, or several side by side, as a page, as Markdown or as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path

from toolwise import __version__
from toolwise.errors import ConfigError
from toolwise.files import write_atomic, write_json
from toolwise.pipelines.report_compare import entries, failure_kinds, samples, sources, task_notes
from toolwise.pipelines.report_rows import Run
from toolwise.pipelines.report_sources import RECORD_FILE, read_runs
from toolwise.ports import Observer, silent
from toolwise.reports import (
    CatalogStatistics,
    CorpusStatistics,
    CurvePoint,
    RunDocument,
    Sample,
    finite,
    render_markdown,
    write_report,
)
from toolwise.reports.wording import plural
from toolwise.types import Funnel, Json, Metric, Task, Trajectory, Verdict

__all__ = ["PAGE_FILE", "RECORD_FILE", "RESULT_FILE", "page", "page_of_run", "write_reports"]

RESULT_FILE = "result.json"
PAGE_FILE = "report.html"
_COMPARED = (
    "Every agent attempted tasks whose right calls are known, because they were executed before the task was worded. "
    "An attempt passes if its own calls, run again in a fresh world, leave the right state, and its answer says what "
    "it must.",
    "Each rate comes with n, the number of tasks behind it, and a 95% interval, the range in which the true rate "
    "plausibly lies. Tasks of one toolset resemble each other, so intervals are clustered by toolset.",
    "A task without an attempt counts as failed. Differences are taken on the tasks that both agents attempted.",
)
_SCORED = "Only scores were given: what passes is what each file says, and why an attempt failed is not known here."
_ABOUT = (
    "Real API documents became a catalog of tools; every tool can be run at once in a simulated world with state.",
    "A teacher without a language model sampled calls, ran them, and only then wrote instructions: each task has a "
    "right answer that was executed. Toolsets were split before anything was generated.",
    "From accepted tasks a model of about a million parameters learned from nothing, on this machine. Below is what "
    "it does with tools that it has never seen.",
)


class ReportFormat(StrEnum):
    """What a report is written as; the ending of the file says which."""

    HTML = ".html"
    """One page with everything on it, search trees included."""
    MARKDOWN = ".md"
    """The numbers as tables, for a terminal or a pull request."""
    JSON = ".json"
    """Every number, for programs; of the attempts, where they are and why they failed."""


def write_reports(
    paths: Sequence[Path], out: Path | None = None, *, seed: int = 0, observer: Observer = silent
) -> dict[str, Json]:
    """Report one run, or several side by side; returns the numbers.

    Without `out` a folder's page is written into it, and that of several into `report.html` here. Raises UserError
    for a path that holds nothing to report, or an ending that is none of `ReportFormat`.
    """
    target = out or (paths[0] / PAGE_FILE if len(paths) == 1 and paths[0].is_dir() else Path(PAGE_FILE))
    kind = _format(target)
    runs = read_runs(paths, observer=observer)
    document = document_of(runs, near=target.parent, seed=seed)
    result = {**(runs[0].record["result"] if len(runs) == 1 and runs[0].record else {}), **summary(document)}
    if kind is ReportFormat.HTML:
        write_report(document, target)
    elif kind is ReportFormat.MARKDOWN:
        with write_atomic(target) as file:
            file.write(render_markdown(document).encode())
    else:
        write_json(target, finite({**result, "samples": _listed(document)}))
    return {**result, "report": str(target)}


def _format(target: Path) -> ReportFormat:
    ending = {".htm": ".html", ".markdown": ".md"}.get(target.suffix.lower(), target.suffix.lower())
    if target.is_dir() or ending not in set(ReportFormat):
        known = ", ".join(kind.value for kind in ReportFormat)
        raise ConfigError(f"--out {target} does not end in one of {known}; name a file of one of these kinds")
    return ReportFormat(ending)


def summary(document: RunDocument) -> dict[str, Json]:
    """The comparison as JSON: the leaderboard, why attempts failed, what was read, and what to mind."""
    return {
        "leaderboard": [contender.model_dump(mode="json") for contender in document.contenders],
        "failure_kinds": dict(document.failure_kinds),
        "sources": [source.model_dump(mode="json") for source in document.sources],
        "notes": list(document.notes),
    }


def _listed(document: RunDocument) -> list[Json]:
    """The attempts that a page would show, without their trees."""
    shown = ("split", "agent", "contender", "failure", "failure_detail", "failure_node", "raw", "line")
    return [
        {
            "task": sample.task.key,
            "instruction": sample.task.instruction,
            **sample.model_dump(mode="json", include=set(shown)),
        }
        for sample in document.samples
    ]


def document_of(runs: Sequence[Run], *, near: Path, seed: int = 0) -> RunDocument:
    """One finished run in full, or several runs side by side, for a page in the folder `near`."""
    board = entries(runs, seed=seed)
    compared: dict[str, Json] = {
        "contenders": tuple(entry.contender for entry in board),
        "failure_kinds": failure_kinds() if any(entry.failures for entry in board) else {},
        "samples": samples(board, near),
        "attempts": sum(row.trajectory is not None for entry in board for row in entry.rows.values()),
        "sources": sources(runs, near),
        "notes": tuple(task_notes(runs)),
    }
    if len(runs) == 1 and runs[0].record is not None:
        return page(runs[0].record).model_copy(update=compared)
    names = [run.name for run in runs]
    several = f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]
    return RunDocument(
        title=f"{len(runs)} runs side by side" if len(runs) > 1 else f"How {several} did",
        subtitle=f"{several}: {_size(compared, runs)}.",
        about=_COMPARED if compared["attempts"] else (_SCORED, *_COMPARED[1:]),
        curves={run.name: tuple(map(CurvePoint.model_validate, run.curve)) for run in runs if run.curve},
        provenance={"seed": seed, "version": __version__, **_provenance(runs)},
        **compared,
    )


def _size(compared: Mapping[str, Json], runs: Sequence[Run]) -> str:
    tasks = len({row.id for run in runs for group in run.groups for row in group.rows})
    agents = len(compared["contenders"])
    return f"{plural(agents, 'agent')} on {plural(tasks, 'task')}"


def _provenance(runs: Sequence[Run]) -> dict[str, Json]:
    return {run.name: run.record["provenance"] for run in runs if run.record and run.record.get("provenance")}


def page_of_run(folder: Path) -> RunDocument:
    """The page of a finished run: its record, with every agent that it evaluated beside the others."""
    return document_of(read_runs([folder]), near=folder)


def page(record: Json) -> RunDocument:
    """The page's content from a run's record alone."""
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
