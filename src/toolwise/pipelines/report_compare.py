"""Runs side by side: the leaderboard with its statistics, why attempts failed, and which attempts are shown."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from toolwise.evaluation.failures import Failure, FailureKind, diagnose
from toolwise.evaluation.intervals import mean_with_interval
from toolwise.evaluation.statistics.comparison import Better, Pair, compare
from toolwise.evaluation.statistics.holm import holm
from toolwise.pipelines.assemble import baseline_policies
from toolwise.pipelines.report_rows import Group, Row, Run
from toolwise.reports import Against, Contender, Cost, Sample, Source
from toolwise.reports.wording import agent_label, strategy_label
from toolwise.types import Json, Metric

SHOWN = 240
"""The most attempts that a page embeds; they are drawn in turn from settings and outcomes."""
_LEVEL = 0.05
_UNTRAINED = "untrained"


@dataclass(frozen=True, slots=True)
class Entry:
    """A contender with its rows and why each failed one failed."""

    contender: Contender
    rows: Mapping[str, Row]
    failures: Mapping[str, Failure]


def entries(runs: Sequence[Run], *, seed: int = 0) -> list[Entry]:
    """Every contender of every run, best first; ties in the order given."""
    groups = [(run, group) for run in runs for group in run.groups]
    names = _names(groups)
    baselines = {*baseline_policies(), _UNTRAINED}
    found = []
    for number, ((run, group), name) in enumerate(zip(groups, names, strict=True)):
        rows = {row.id: row for row in group.rows}
        failures = dict(_failures(group.rows))
        known = [row for row in group.rows if row.missing or row.trajectory is not None]
        contender = Contender(
            key=f"c{number + 1}",
            name=name,
            run=run.name,
            agent=group.agent,
            strategy=group.strategy,
            offer=group.note,
            baseline=group.agent in baselines,
            passed=_rate(group.rows, seed),
            by_setting={
                setting: _rate([row for row in group.rows if row.setting == setting], seed)
                for setting in dict.fromkeys(row.setting for row in group.rows)
            },
            costs=_costs(group.rows),
            failures=_counted(failures),
            known=len(known),
        )
        found.append(Entry(contender, rows, failures))
    found.sort(key=lambda entry: -entry.contender.passed.value)
    return _against_first(found, seed)


def _names(groups: Sequence[tuple[Run, Group]]) -> list[str]:
    """Run, agent, strategy and note, but for the parts that all contenders share."""
    parts = [
        (run.name, agent_label(group.agent), strategy_label(group.strategy) if group.strategy else "", group.note)
        for run, group in groups
    ]
    telling = [i for i in range(4) if len({part[i] for part in parts}) > 1] or [1, 2]
    agents_of = {run: {part[1] for part in parts if part[0] == run} for run, *_ in parts}
    if all("+" in run for run in agents_of) and len({part[1:] for part in parts}) == len(parts):
        telling = [i for i in telling if i]  # a cell's folder is named after all the others
    elif 0 in telling and all(len(agents) == 1 for agents in agents_of.values()):
        telling = [i for i in telling if i != 1]  # a run's name says whose it is
    names = [", ".join(part[i] for i in telling if part[i]) or part[0] for part in parts]
    seen = Counter(names)
    return [f"{name} ({n})" if seen[name] > 1 else name for n, name in enumerate(names, 1)]


def _rate(rows: Sequence[Row], seed: int) -> Metric:
    return mean_with_interval([row.value for row in rows], [row.cluster for row in rows], seed=seed)


def _costs(rows: Sequence[Row]) -> dict[str, Cost]:
    found: dict[str, Cost] = {}
    for name in dict.fromkeys(name for row in rows for name in row.costs):
        known = [row for row in rows if name in row.costs]
        spent, solved = sum(row.costs[name] for row in known), sum(row.value for row in known)
        # A part of the tasks solves another share than all do, so what one solved task cost cannot be told from it.
        whole = solved and len(known) == len(rows)
        found[name] = Cost(mean=spent / len(known), n=len(known), per_solved=spent / solved if whole else None)
    return found


def _failures(rows: Sequence[Row]) -> Iterator[tuple[str, Failure]]:
    """Why each failed row failed; rows whose attempt was not kept say nothing."""
    for row in rows:
        if row.passed:
            continue
        if row.missing:
            yield row.id, Failure(FailureKind.NO_ATTEMPT, "no attempt on this task")
        elif row.task is not None and row.trajectory is not None:
            reference = row.task.blueprint.calls if row.task.blueprint else ()
            found = diagnose(row.task, reference, row.trajectory, row.verdict)
            yield row.id, found or Failure(FailureKind.OTHER, "its verdict accepts it; its score does not")


def _counted(failures: Mapping[str, Failure]) -> dict[str, int]:
    counts = Counter(failure.kind for failure in failures.values())
    return {kind.value: counts[kind] for kind in FailureKind if counts[kind]}


def _against_first(found: Sequence[Entry], seed: int) -> list[Entry]:
    """Each contender paired with the best, with p-values corrected for so many comparisons."""
    if not found:
        return []
    first, others = found[0], found[1:]
    compared = {}
    for entry in others:
        shared = [row for key, row in entry.rows.items() if key in first.rows]
        if shared:
            pairs = [Pair(cluster=r.cluster, left=r.value, right=first.rows[r.id].value) for r in shared]
            compared[entry.contender.key] = compare(pairs, seed=seed)
    adjusted = holm({key: result.p_clustered for key, result in compared.items()})
    placed = [first]
    for entry in others:
        key = entry.contender.key
        if key not in compared:
            placed.append(entry)
            continue
        result = compared[key]
        sure = adjusted[key] < _LEVEL
        word = {Better.LEFT: "this", Better.RIGHT: "first"}.get(result.better, "cannot_tell") if sure else "cannot_tell"
        against = Against(difference=result.difference, tasks=result.tasks, better=word, p=adjusted[key])
        placed.append(Entry(entry.contender.model_copy(update={"against": against}), entry.rows, entry.failures))
    return placed


# What was read --------------------------------------------------------------------------------------------------------


def sources(runs: Sequence[Run], near: Path) -> tuple[Source, ...]:
    """What each run held, its place relative to the folder `near` of the page."""
    return tuple(
        Source(
            name=run.name,
            place=relative(run.path, near),
            tasks=run.tasks,
            rows=run.rows,
            missing=sum(row.missing for group in run.groups for row in group.rows),
            left_out=dict(sorted(run.left_out.items())),
        )
        for run in runs
    )


def relative(path: Path, near: Path) -> str:
    """The way from the page to a file, with forward slashes; the path as given where there is none."""
    try:
        return Path(os.path.relpath(path.resolve(), near.resolve())).as_posix()
    except ValueError:
        return path.as_posix()


def task_notes(runs: Sequence[Run]) -> list[str]:
    """How many tasks each two runs share, where their tasks are not the same."""
    keys = {run.name: {row.id for group in run.groups for row in group.rows} for run in runs}
    notes = [note for run in runs for note in run.notes]
    for one, other in combinations(keys, 2):
        common = len(keys[one] & keys[other])
        if keys[one] == keys[other]:
            continue
        said = f"{one} and {other} have {common:,} tasks in common, of {len(keys[one]):,} and {len(keys[other]):,}"
        notes.append(f"{said}; only those are compared." if common else f"{said}; they cannot be compared.")
    return notes


# Which attempts are shown ---------------------------------------------------------------------------------------------


def samples(board: Sequence[Entry], near: Path, shown: int = SHOWN) -> tuple[Sample, ...]:
    """At most `shown` attempts: tasks in turn from every setting and pattern of outcomes, each with all contenders.

    A pattern is who failed how. So a page that cannot hold all still shows every kind of failure, and the same task
    beside itself for every contender that attempted it.
    """
    chosen: list[Sample] = []
    for key in _in_turn(_strata(board)):
        rows = [(entry, entry.rows[key]) for entry in board if key in entry.rows]
        kept = [(entry, row) for entry, row in rows if row.trajectory is not None and row.task is not None]
        if len(chosen) + len(kept) > shown and chosen:
            break
        chosen += [_sample(entry, row, near) for entry, row in kept]
    return tuple(chosen)


def _strata(board: Sequence[Entry]) -> dict[tuple[str, ...], list[str]]:
    """(setting, outcome of each contender) -> task keys."""
    found: dict[tuple[str, ...], list[str]] = defaultdict(list)
    settings: dict[str, str] = {}
    held: dict[str, int] = Counter()
    for entry in board:
        for key, row in entry.rows.items():
            if row.trajectory is not None:
                settings.setdefault(key, row.setting)
                held[key] += 1
    most = max(held.values(), default=0)
    for key, setting in settings.items():
        pattern = tuple(_outcome(entry, key) for entry in board)
        found["" if held[key] == most else "fewer", setting, *pattern].append(key)
    return found


def _outcome(entry: Entry, key: str) -> str:
    if key not in entry.rows:
        return ""
    failure = entry.failures.get(key)
    return failure.kind.value if failure else "passed"


def _in_turn(strata: Mapping[tuple[str, ...], Sequence[str]]) -> Iterator[str]:
    """One key of each stratum, then a second of each, and so on; those that all contenders attempted come first."""
    for group in ("", "fewer"):
        waiting = [keys for pattern, keys in strata.items() if pattern[0] == group]
        for turn in range(max(map(len, waiting), default=0)):
            yield from (keys[turn] for keys in waiting if turn < len(keys))


def _sample(entry: Entry, row: Row, near: Path) -> Sample:
    assert row.task is not None  # noqa: S101  (its caller has looked)
    assert row.trajectory is not None  # noqa: S101
    failure = entry.failures.get(row.id)
    return Sample(
        task=row.task,
        trajectory=row.trajectory,
        verdict=row.verdict,
        split=row.setting,
        agent=entry.contender.agent,
        contender=entry.contender.key,
        failure=failure.kind.value if failure else "",
        failure_detail=failure.detail if failure else "",
        failure_node=failure.node if failure else None,
        raw=relative(row.file, near) if row.file else "",
        line=row.line,
    )


def failure_kinds() -> dict[str, str]:
    """Every kind with its definition, in the order in which they are looked for."""
    return {kind.value: _DEFINITIONS[kind] for kind in FailureKind}


_DEFINITIONS: Mapping[FailureKind, str] = {
    FailureKind.NO_ATTEMPT: "No prediction, or the attempt broke.",
    FailureKind.UNREADABLE: "The policy failed, or wrote nothing that can be read as a turn.",
    FailureKind.LOOP: "The same call three times or more, and no further.",
    FailureKind.ERROR_NOT_RECOVERED: "The right tool was tried, the call failed, and nothing set it right.",
    FailureKind.WRONG_ARGUMENT: "The right tool accepted a call with an argument that is not the right one.",
    FailureKind.HALLUCINATED_TOOL: "A tool was called that is not on offer.",
    FailureKind.WRONG_TOOL: "Another tool on offer was called, and never the right one.",
    FailureKind.OUT_OF_BUDGET: "Steps or model calls ran out before the right calls were made.",
    FailureKind.PREMATURE_END: "It gave up, or ended without an answer.",
    FailureKind.MISSING_CALL: "It answered as if all was done, without a call that was needed.",
    FailureKind.UNNEEDED_CALL: "A call that nobody asked for.",
    FailureKind.WRONG_ANSWER: "The calls are right; the answer lacks a fact, or makes one up.",
    FailureKind.OTHER: "The verdict says no, and the calls do not show why.",
}


def numbers(board: Sequence[Entry]) -> list[Json]:
    """The leaderboard as JSON."""
    return [entry.contender.model_dump(mode="json") for entry in board]
