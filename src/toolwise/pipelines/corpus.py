"""The verb `corpus`: accepted trajectories become training examples, without near-duplicates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import cached_property
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
from toolwise.corpus.formats import CorpusFormat, TrajectoryExports, export_examples, remove_other_exports
from toolwise.offers import Offer
from toolwise.pipelines.describing import CatalogDescriber
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
_UNSEEN = (Split.UNSEEN_TOOLSET, Split.UNSEEN_CATEGORY)


@dataclass(frozen=True)
class CorpusSource:
    """Verified trajectories of one run."""

    rows: Mapping[str, Path]
    """Files of `tasks`, `trajectories` and `verdicts`."""
    catalog: Path
    split_of: Mapping[str, Split]
    funnel: Funnel
    """Of all stages so far."""

    @cached_property
    def tools(self) -> CatalogFile:
        return open_catalog(self.catalog)

    @property
    def placed(self) -> tuple[str, tuple[tuple[str, Split], ...]]:
        """What two sources share whose tools are the same in the same splits."""
        return str(self.catalog.resolve()), tuple(self.split_of.items())

    def accepted(self) -> Iterator[tuple[Task, Trajectory]]:
        """The rows that passed every check."""
        tasks = {task.key: task for task in read_tasks(self.rows["tasks"])}
        verdicts = {verdict.key: verdict for verdict in read_rows(self.rows["verdicts"], Verdict)}
        for trajectory in read_trajectories(self.rows["trajectories"]):
            verdict = verdicts.get(trajectory.task_key)
            if verdict is not None and verdict.accepted:
                yield tasks[trajectory.task_key], trajectory

    def tools_of(self, split: Split) -> Iterator[Tool]:
        for name in self.tools.names():
            if self.split_of[name] is split:
                yield from self.tools.toolset(name).tools


@dataclass
class _Collector:
    """Walks the accepted rows of all sources once, keeping what the statistics need."""

    sources: Sequence[CorpusSource]
    trained: Mapping[int, frozenset[str]]
    """For each source the signatures of the tools that the others train on; empty where they share one catalog."""
    exports: TrajectoryExports | None = None
    accepted: list[Task] = field(default_factory=list)
    rejected: Counter[str] = field(default_factory=Counter)

    def examples(self) -> Iterator[SFTExample | PreferencePair | RetrievalPair]:
        known = Deduplicator()
        for number, source in enumerate(self.sources):
            describer = CatalogDescriber(source.tools)
            for task, trajectory in source.accepted():
                if not known.is_new(task.instruction):
                    self.rejected[RejectReason.DUPLICATE.value] += 1
                    continue
                tools = [source.tools.tool(tool_id) for tool_id in task.candidates]
                if self._leaks(task, tools, self.trained[number]):
                    self.rejected[RejectReason.LEAK.value] += 1
                    continue
                self.accepted.append(task)
                if self.exports is not None:
                    self.exports.add(task, trajectory, tools, describer)
                yield from self._of_one(task, trajectory, Offer(tools))

    def _of_one(
        self, task: Task, trajectory: Trajectory, offer: Offer
    ) -> Iterator[SFTExample | PreferencePair | RetrievalPair]:
        if (example := sft_example(task, trajectory, offer)) is not None:
            yield example
        yield from preference_pairs(task, trajectory, offer)
        if (pair := retrieval_pair(task, trajectory)) is not None:
            yield pair

    def _leaks(self, task: Task, tools: Sequence[Tool], trained: frozenset[str]) -> bool:
        """Does it measure a tool as unseen on which another source trains?"""
        if not trained or task.provenance.split not in _UNSEEN:
            return False
        return any(tool_signature(tool) in trained for tool in tools if tool.id in task.relevant)


def build_corpus(
    folder: Path, inputs: Mapping[str, Path], catalog: Path, split_of: Mapping[str, Split], funnel: Funnel
) -> Json:
    """Write the corpus of `inputs` (files of tasks, trajectories and verdicts) into `folder`.

    The summary has the funnel, the counts by kind and split, and statistics of the accepted tasks.
    """
    return merge_corpora(folder, [CorpusSource(inputs, catalog, split_of, funnel)])


def merge_corpora(folder: Path, sources: Sequence[CorpusSource], formats: Sequence[CorpusFormat] | None = None) -> Json:
    """One corpus of several runs, and the same in other people's `formats`; without these, parquet is written too.

    Held-out rows whose tools another source trains on are rejected. Raises DataError, RunError.
    """
    wanted = list(formats or ())
    parquet = formats is None or CorpusFormat.PARQUET in wanted
    apart = list({source.placed: source for source in sources}.values())
    signatures = {source.placed: [tool_signature(t) for t in source.tools_of(Split.TRAIN)] for source in apart}
    foreign = {
        number: frozenset(key for placed, keys in signatures.items() if placed != source.placed for key in keys)
        for number, source in enumerate(sources)
    }
    with TrajectoryExports(folder, wanted) if wanted else nullcontext() as exports:
        collector = _Collector(sources, foreign, exports)
        counts = export_corpus(collector.examples(), folder, parquet=parquet)
    write_rows(folder / ACCEPTED_TASKS, collector.accepted)
    whole = reject(sum((source.funnel for source in sources), Funnel()), dict(collector.rejected))
    trained = [key for keys in signatures.values() for key in keys]
    leaks = {split.value: check_leaks(trained, _each(apart, split)) for split in _UNSEEN}
    split_of = {name: split for source in apart for name, split in source.split_of.items()}
    card = CardFacts(
        title="Toolwise corpus",
        counts=counts,
        toolsets=dict(Counter(split.value for split in split_of.values())),
        funnels={"all stages": whole},
        leaks=leaks,
        suffix="parquet" if parquet else "jsonl",
    )
    write_card(folder, card)
    remove_other_exports(folder, wanted)
    summary = {
        "funnel": whole.model_dump(mode="json"),
        "examples": counts,
        "statistics": _statistics(collector.accepted, apart),
        "leaks": {
            split: {"tools": r.other_tools, "shared_with_training": r.leaked_tools} for split, r in leaks.items()
        },
    }
    if wanted:
        made = {**(exports.summaries() if exports is not None else {}), **export_examples(folder, wanted)}
        summary["exports"] = {to.value: made[to.value] for to in wanted}
    return summary


def _each(sources: Iterable[CorpusSource], split: Split) -> Iterator[Tool]:
    for source in sources:
        yield from source.tools_of(split)


def _statistics(tasks: list[Task], sources: Sequence[CorpusSource]) -> Json:
    used = {tool_id for task in tasks for tool_id in task.relevant}
    toolsets = {tool_id.partition(".")[0] for tool_id in used}
    category_of = {summary.name: summary.category for source in sources for summary in source.tools.summaries}
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
