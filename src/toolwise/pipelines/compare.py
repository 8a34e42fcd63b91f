"""The verb `compare`: two files of scored tasks, paired by task."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from toolwise.errors import DataError
from toolwise.evaluation.benchmarks.lines import read_rows
from toolwise.evaluation.statistics.comparison import Better, Comparison, Pair, compare
from toolwise.evaluation.statistics.detectable import detectable_difference
from toolwise.evaluation.statistics.holm import holm
from toolwise.types import Json

_SIZES = (50, 100, 200, 500, 1000, 2000, 5000, 10000)
_FILES = ("scores.json", "verdicts.jsonl")


@dataclass(frozen=True, slots=True)
class _Row:
    score: float
    cluster: str
    group: str
    task: str


def compare_files(left: Path, right: Path, metric: str = "", *, seed: int = 0) -> Json:
    """Which of two scored files is better, by how much, how sure; or that it cannot be told, and how many tasks would.

    A file is what `toolwise evaluate … --json` prints, or JSON lines of `{"id", "passed" or a score, "cluster"}`, or
    a folder that holds either. Only tasks in both are compared; the others are counted. Raises DataError.
    """
    name, ours, theirs = _read_both(left, right, metric)
    versions = [key for key in ours if key in theirs and ours[key].task != theirs[key].task]
    shared = [key for key in ours if key in theirs and ours[key].task == theirs[key].task]
    if not shared:
        raise DataError(f"{left} and {right} share no task; score both on the same tasks")
    groups = dict.fromkeys(ours[key].group for key in shared)
    whole = compare(_pairs(shared, ours, theirs), seed=seed)
    parts = {
        group: compare(_pairs([key for key in shared if ours[key].group == group], ours, theirs), seed=seed)
        for group in (groups if len(groups) > 1 else ())
    }
    adjusted = holm({group: part.p_clustered for group, part in parts.items()})
    discordant = max((whole.only_left + whole.only_right) / whole.tasks, 1 / whole.tasks)
    return {
        "left": str(left),
        "right": str(right),
        "metric": name,
        "says": _sentence(whole),
        **_dumped(whole),
        "groups": {group: {**_dumped(part), "p_holm": adjusted[group]} for group, part in parts.items()},
        "note": _note(len(parts)),
        "detectable_by_tasks": {
            str(size): round(detectable_difference(size, discordant, whole.design_effect), 4) for size in _SIZES
        },
        "unpaired": {
            "only_in_left": len(ours.keys() - theirs.keys()),
            "only_in_right": len(theirs.keys() - ours.keys()),
            "another_version_of_the_task": len(versions),
        },
    }


def _dumped(found: Comparison) -> Json:
    document = found.model_dump(mode="json")
    return {"left_mean": document.pop("left"), "right_mean": document.pop("right"), **document}


def _note(groups: int) -> str:
    if not groups:
        return "one comparison: no correction is needed"
    return (
        f"{groups} groups are compared besides the whole: `p_holm` is corrected for that (Holm, 1979), and a group's "
        "`better` is not; only the comparison over all tasks was planned"
    )


def _pairs(keys: list[str], ours: Mapping[str, _Row], theirs: Mapping[str, _Row]) -> list[Pair]:
    return [Pair(cluster=ours[key].cluster, left=ours[key].score, right=theirs[key].score) for key in keys]


def _sentence(found: Comparison) -> str:
    metric = found.difference
    size = f"{abs(metric.value) * 100:.1f} points (95% [{metric.low * 100:.1f}, {metric.high * 100:.1f}])"
    if found.better is not Better.CANNOT_TELL:
        return f"the {found.better.value} one is better by {size} on {found.tasks:,} tasks, p = {found.p_clustered:.4f}"
    if found.tasks_needed is None:
        return f"cannot tell: both score the same on {found.tasks:,} tasks; no number of tasks would show no difference"
    return (
        f"cannot tell: they differ by {size} on {found.tasks:,} tasks, p = {found.p_clustered:.3f}; about "
        f"{max(found.tasks_needed, found.tasks + 1):,} tasks would show such a difference 4 times in 5"
    )


def _read_both(left: Path, right: Path, metric: str) -> tuple[str, Mapping[str, _Row], Mapping[str, _Row]]:
    name, ours = _read(left, metric)
    return name, ours, _read(right, metric or name)[1]


def _read(path: Path, metric: str) -> tuple[str, Mapping[str, _Row]]:
    """The metric's name and the rows by id. Raises DataError."""
    file = next((path / name for name in _FILES if (path / name).is_file()), path) if path.is_dir() else path
    if file.is_dir():
        raise DataError(f"{path} holds neither {' nor '.join(_FILES)}; save what `toolwise evaluate … --json` prints")
    broken: Counter[str] = Counter()
    listed = list(read_rows(file, broken))
    if len(listed) == 1 and isinstance(listed[0], dict) and isinstance(listed[0].get("verdicts"), list):
        metric = metric or str(listed[0].get("main") or "")
        listed = listed[0]["verdicts"]
    rows: dict[str, _Row] = {}
    for row in listed:
        score = _score(row, metric)
        if score is None or row["id"] in rows:
            broken["no id, no such score, or a second row of an id"] += 1
        else:
            cluster = str(row.get("cluster") or row["id"])
            rows[str(row["id"])] = _Row(score, cluster, str(row.get("group") or ""), str(row.get("task") or ""))
    if broken:
        count = sum(broken.values())
        raise DataError(
            f"{file}: {count} of {len(listed)} rows cannot be compared ({next(iter(broken))}); mend the file"
        )
    if not rows:
        raise DataError(f"{file} holds no scored task")
    return metric or "passed", rows


def _score(row: Json, metric: str) -> float | None:
    if not isinstance(row, dict) or not isinstance(row.get("id"), str | int):
        return None
    scores = row["scores"] if isinstance(row.get("scores"), dict) else row
    value = scores.get(metric) if metric and metric != "passed" else row.get("passed", scores.get("score"))
    if not isinstance(value, bool | int | float) or not 0 <= value <= 1:
        return None
    return float(value)
