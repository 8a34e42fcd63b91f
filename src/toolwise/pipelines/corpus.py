"""The verb `corpus`: accepted trajectories become training examples, without near-duplicates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from toolwise.catalog import CatalogFile, open_catalog
from toolwise.corpus import (
    CardFacts,
    Deduplicator,
    check_leaks,
    export_corpus,
    preference_pairs,
    read_rows,
    read_tasks,
    read_trajectories,
    retrieval_pair,
    sft_example,
    tool_signature,
    write_card,
    write_rows,
)
from toolwise.offers import Offer
from toolwise.pipelines.funnels import reject
from toolwise.types import (
    Funnel,
    Json,
    PreferencePair,
    RejectReason,
    RetrievalPair,
    SFTExample,
    Split,
    Task,
    Tool,
    Trajectory,
    Verdict,
)

CountedT = TypeVar("CountedT")
ACCEPTED_TASKS = "accepted.jsonl"
"""The tasks whose trajectories passed every check, in order; what evaluation draws from."""


@dataclass
class _Collector:
    """Walks the accepted rows once, keeping what the statistics need."""

    tools: CatalogFile
    accepted: list[Task] = field(default_factory=list)
    duplicates: int = 0

    def examples(
        self, rows: Iterator[tuple[Task, Trajectory]]
    ) -> Iterator[SFTExample | PreferencePair | RetrievalPair]:
        known = Deduplicator()
        for task, trajectory in rows:
            if not known.is_new(task.instruction):
                self.duplicates += 1
                continue
            self.accepted.append(task)
            offer = Offer([self.tools.tool(tool_id) for tool_id in task.candidates])
            if (example := sft_example(task, trajectory, offer)) is not None:
                yield example
            yield from preference_pairs(task, trajectory, offer)
            if (pair := retrieval_pair(task, trajectory)) is not None:
                yield pair


def build_corpus(
    folder: Path, inputs: Mapping[str, Path], catalog: Path, split_of: Mapping[str, Split], funnel: Funnel
) -> Json:
    """Write the corpus of `inputs` (files of tasks, trajectories and verdicts) into `folder`.

    The summary has the funnel, the counts by kind and split, and statistics of the accepted tasks.
    """
    tools = open_catalog(catalog)
    collector = _Collector(tools)
    counts = export_corpus(collector.examples(_accepted(inputs)), folder)
    write_rows(folder / ACCEPTED_TASKS, collector.accepted)
    whole = reject(funnel, {RejectReason.DUPLICATE.value: collector.duplicates} if collector.duplicates else {})
    trained = [tool_signature(tool) for tool in _tools_of(tools, split_of, Split.TRAIN)]
    leaks = {
        split.value: check_leaks(trained, _tools_of(tools, split_of, split))
        for split in (Split.UNSEEN_TOOLSET, Split.UNSEEN_CATEGORY)
    }
    write_card(
        folder,
        CardFacts(
            title="Toolwise corpus",
            counts=counts,
            toolsets=dict(Counter(split.value for split in split_of.values())),
            funnels={"all stages": whole},
            leaks=leaks,
        ),
    )
    return {
        "funnel": whole.model_dump(mode="json"),
        "examples": counts,
        "statistics": _statistics(collector.accepted, tools),
        "leaks": {
            split: {"tools": r.other_tools, "shared_with_training": r.leaked_tools} for split, r in leaks.items()
        },
    }


def _accepted(inputs: Mapping[str, Path]) -> Iterator[tuple[Task, Trajectory]]:
    tasks = {task.key: task for task in read_tasks(inputs["tasks"])}
    verdicts = {verdict.key: verdict for verdict in read_rows(inputs["verdicts"], Verdict)}
    for trajectory in read_trajectories(inputs["trajectories"]):
        verdict = verdicts.get(trajectory.task_key)
        if verdict is not None and verdict.accepted:
            yield tasks[trajectory.task_key], trajectory


def _tools_of(catalog: CatalogFile, split_of: Mapping[str, Split], split: Split) -> Iterator[Tool]:
    for name in catalog.names():
        if split_of[name] is split:
            yield from catalog.toolset(name).tools


def _statistics(tasks: list[Task], catalog: CatalogFile) -> Json:
    used = {tool_id for task in tasks for tool_id in task.relevant}
    toolsets = {tool_id.partition(".")[0] for tool_id in used}
    category_of = {summary.name: summary.category for summary in catalog.summaries}
    return {
        "tasks": len(tasks),
        "toolsets": len(toolsets),
        "tools": len(used),
        "by_split": _counts(task.provenance.split.value for task in tasks),
        "by_kind": _counts(task.kind.value for task in tasks),
        "by_pattern": _counts(task.provenance.pattern for task in tasks),
        "calls_per_task": _counts(len(task.blueprint.calls) if task.blueprint else 0 for task in tasks),
        "by_category": _counts(category_of[task.relevant[0].partition(".")[0]] for task in tasks if task.relevant),
    }


def _counts(values: Iterable[CountedT]) -> dict[CountedT, int]:
    """Most frequent first."""
    return dict(Counter(values).most_common())
