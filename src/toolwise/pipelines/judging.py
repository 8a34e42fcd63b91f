"""Judge stored predictions with a pinned, journalled model; and hold a judge against people's labels."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from toolwise.errors import DataError
from toolwise.evaluation.benchmarks.items import Benchmark, Item
from toolwise.evaluation.benchmarks.lines import read_rows
from toolwise.evaluation.benchmarks.predictions import Predictions, read_predictions
from toolwise.evaluation.benchmarks.toolalpaca import read_toolalpaca, solution_of, toolalpaca_rows
from toolwise.evaluation.benchmarks.toolbench import read_toolbench, toolbench_rows, toolbench_solution
from toolwise.evaluation.calls.procedure import Solution
from toolwise.evaluation.intervals import mean_with_interval
from toolwise.evaluation.judge.agreement import agreement, corrected_rate, kappa_with_interval
from toolwise.evaluation.judge.judging import Judge, Judged, Preference, readabilities
from toolwise.evaluation.judge.prompts import PREFERENCE_NAME, PREFERENCES, STATUS_NAME, STATUSES, VERSION
from toolwise.evaluation.judge.reading import RESPONSE, YES_NO, read_label
from toolwise.files import write_json, write_lines
from toolwise.llm.endpoint import EndpointConfig, EndpointModel
from toolwise.pipelines.journalled import JournalledModel
from toolwise.ports import ChatModel, Observer, Progress, silent
from toolwise.store import RunFolder
from toolwise.types import Json, canonical_json

_STAGE = "judge"
_SYNONYMS: Mapping[str, str] = {
    **dict.fromkeys(("solved", "yes", "pass", "passed", "true", "1", "correct"), "pass"),
    **dict.fromkeys(("unsolved", "no", "fail", "failed", "false", "0", "incorrect", "wrong"), "fail"),
    **dict.fromkeys(("unsure", "uncertain"), "unsure"),
    **{label: label for label in ("win", "tie", "loss", "first", "second", "equal", "left", "right")},
}
_HUMAN = ("human", "human_label", "label", "gold")
_JUDGE = ("judge", "judge_label", "verdict")
_TEXT = ("judge_text", "text", "output")
_UNREADABLE = "unreadable"
_Reader = Callable[[Path, Counter[str]], Iterable[Json]]
ResultT = TypeVar("ResultT", Judged, Preference)


def judge_against_labels(labels: Path, *, seed: int = 0) -> Json:
    """Agreement, Cohen's kappa and the corrected rate from rows of `{"id", "human", "judge" or "judge_text"}`.

    Rows without a human label count for the judge's rate only. A judge's answer that cannot be read disagrees with
    every label. Raises DataError.
    """
    broken: Counter[str] = Counter()
    rows: dict[str, tuple[str, str, str]] = {}
    for number, row in enumerate(read_rows(labels, broken)):
        read = _label_row(row, number)
        if isinstance(read, str):
            broken[read] += 1
        elif read[0] in rows:
            broken["a second row of an id"] += 1
        else:
            rows[read[0]] = read[1:]
    both = [row for row in rows.values() if row[0]]
    if not both:
        raise DataError(f"{labels} holds no row with a human label; give rows of id, human and judge")
    people, machine, clusters = zip(*both, strict=True)
    everyone = [judge == "pass" for _, judge, _ in rows.values()]
    correction = corrected_rate(everyone, [h == "pass" for h in people], [j == "pass" for j in machine])
    confusion = Counter(f"human {human}, judge {judge}" for human, judge, _ in both)
    return {
        "labels": str(labels),
        "rows": len(rows) + sum(broken.values()),
        "labelled": len(both),
        "judged_only": len(rows) - len(both),
        "broken": dict(broken),
        "unreadable_verdicts": sum(judge == _UNREADABLE for _, judge, _ in rows.values()),
        "agreement": agreement(people, machine, clusters, seed=seed).model_dump(),
        "kappa": kappa_with_interval(people, machine, seed=seed).model_dump(),
        "confusion": dict(sorted(confusion.items())),
        "rate": correction.model_dump(),
    }


def _label_row(row: Json, number: int) -> tuple[str, str, str, str] | str:
    """(id, human, judge, cluster), the human label empty where there is none; or why the row is not used."""
    if not isinstance(row, dict):
        return "not an object"
    item_id = str(row.get("id", number))
    human_key = next((key for key in _HUMAN if row.get(key) not in (None, "")), None)
    human = _SYNONYMS.get(str(row[human_key]).strip().lower(), "") if human_key else ""
    if human_key and not human:
        return "a human label that is none of the known ones"
    judge_key = next((key for key in _JUDGE if row.get(key) not in (None, "")), None)
    text_key = next((key for key in _TEXT if isinstance(row.get(key), str)), None)
    if judge_key:
        judge = _SYNONYMS.get(str(row[judge_key]).strip().lower(), _UNREADABLE)
    elif text_key:
        judge = _read_text(row[text_key])
    elif human:
        judge = _UNREADABLE
    else:
        return "neither a human label nor a judge's"
    return item_id, human, judge, str(row.get("cluster") or item_id)


def _read_text(text: str) -> str:
    for name, labels in ((STATUS_NAME, STATUSES), (PREFERENCE_NAME, PREFERENCES), (RESPONSE, YES_NO)):
        if label := read_label(text, name, labels).label:
            return _SYNONYMS[label.lower()]
    return _UNREADABLE


@dataclass(frozen=True, slots=True)
class JudgeSettings:
    """The judge, pinned."""

    endpoint: EndpointConfig
    votes: int = 4
    temperature: float = 0.0
    max_tokens: int = 256
    in_flight: int = 16


def judge_predictions(  # noqa: PLR0913 - a verb takes what its command takes
    kind: str,
    data: Path,
    predictions: Path,
    out: Path,
    judge: JudgeSettings,
    *,
    against: Path | None = None,
    resume: bool = False,
    seed: int = 0,
    observer: Observer = silent,
) -> Json:
    """Pass rate and SoPR of predictions; with `against`, also win rate and SoWR over those. Raises UserError.

    Writes `votes.jsonl` (every vote, with the judge's words) and `scores.json` to `out`.
    """
    benchmark, reader, solve = _benchmark(kind, data)
    known = frozenset(item.id for item in benchmark.items)
    left = read_predictions(predictions, known, reader)
    right = read_predictions(against, known, reader) if against is not None else None
    settings = {
        "verb": "judge",
        "benchmark": kind,
        "data": str(data),
        "predictions": str(predictions),
        "against": str(against) if against else "",
        "judge": judge.endpoint.model,
        "prompts": VERSION,
        "votes": judge.votes,
        "temperature": judge.temperature,
        "max_tokens": judge.max_tokens,
    }
    with RunFolder(out, settings, resume=resume) as folder:

        async def run() -> Json:
            endpoint = EndpointModel(judge.endpoint)
            try:
                model = JournalledModel(endpoint, folder.journal)
                document = await judged_document(
                    benchmark, left, right, model, judge, solve=solve, out=out, seed=seed, observer=observer
                )
                return {**document, "calls": {"asked": model.asked, "performed": model.performed}}
            finally:
                await endpoint.close()

        document = {**asyncio.run(run()), "judge": settings}
        write_json(out / "scores.json", document)
    return document


def _benchmark(kind: str, data: Path) -> tuple[Benchmark, _Reader, Callable[[Json], Solution]]:
    if kind == "toolalpaca":
        return read_toolalpaca(data), toolalpaca_rows, lambda output: solution_of(output)[1]
    if kind == "toolbench":
        return read_toolbench(data), toolbench_rows, toolbench_solution
    raise DataError(f"no judge for {kind!r}; choose toolalpaca or toolbench")


async def judged_document(  # noqa: PLR0913 - what a judgement is made of
    benchmark: Benchmark,
    left: Predictions,
    right: Predictions | None,
    model: ChatModel,
    settings: JudgeSettings,
    *,
    solve: Callable[[Json], Solution],
    out: Path | None = None,
    seed: int = 0,
    observer: Observer = silent,
) -> Json:
    """Every item judged by `model`, side by side; the denominator is the number of items."""
    judge = Judge(model, votes=settings.votes, max_tokens=settings.max_tokens, temperature=settings.temperature)

    def solution(given: Predictions, item: Item) -> Solution | None:
        return solve(given.outputs[item.id]) if item.id in given.outputs else None

    async def status(item: Item) -> Judged:
        tools = "\n".join(f"{tool.name}: {tool.description}" for tool in item.tools)
        return await judge.status(item.id, item.cluster, item.task.instruction, tools, solution(left, item))

    async def prefer(item: Item) -> Preference:
        assert right is not None  # noqa: S101 # only asked where there is something to compare with
        answers = solution(left, item), solution(right, item)
        return await judge.prefer(item.id, item.cluster, item.task.instruction, *answers)

    judged = await _side_by_side(benchmark.items, status, settings.in_flight, observer, _STAGE)
    preferred = await _side_by_side(benchmark.items, prefer, settings.in_flight, observer, "compare") if right else []
    if out is not None:
        rows = [{"kind": type(row).__name__.lower(), **row.model_dump(mode="json")} for row in (*judged, *preferred)]
        write_lines(out / "votes.jsonl", (canonical_json(row) for row in rows))
    document = {
        "benchmark": benchmark.name,
        "tasks": len(judged),
        "main": "pass",
        "predictions": left.summary(row.id for row in judged),
        "scores": _pass_scores(judged, seed),
        "statuses": dict(Counter(_status(row) for row in judged)),
        "votes": readabilities([vote for row in judged for vote in (*row.answer_votes, *row.task_votes)]),
        "verdicts": [_verdict(row) for row in judged],
    }
    return {**document, "comparison": _win_scores(preferred, right, seed)} if right is not None else document


async def _side_by_side(
    items: Sequence[Item],
    ask: Callable[[Item], Awaitable[ResultT]],
    in_flight: int,
    observer: Observer,
    stage: str,
) -> list[ResultT]:
    gate, done = asyncio.Semaphore(in_flight), 0

    async def one(item: Item) -> ResultT:
        nonlocal done
        async with gate:
            result = await ask(item)
        done += 1
        observer(Progress(stage, done, len(items)))
        return result

    return list(await asyncio.gather(*(one(item) for item in items)))


def _pass_scores(judged: Sequence[Judged], seed: int) -> Json:
    clusters = [row.cluster for row in judged]
    return {
        "pass": mean_with_interval([row.passed for row in judged], clusters, seed=seed).model_dump(),
        "sopr": mean_with_interval([row.solvable_pass for row in judged], clusters, seed=seed).model_dump(),
    }


def _win_scores(preferred: Sequence[Preference], right: Predictions, seed: int) -> Json:
    clusters = [row.cluster for row in preferred]
    compared = [row for row in preferred if row.left_first]
    pairs = sum(len(row.left_first) for row in compared)
    flips = mean_with_interval(
        [row.flips / len(row.left_first) for row in compared], [row.cluster for row in compared], seed=seed
    )
    return {
        "predictions": right.summary(row.id for row in preferred),
        "scores": {
            "win": mean_with_interval([row.win for row in preferred], clusters, seed=seed).model_dump(),
            "sowr": mean_with_interval([row.solvable_win for row in preferred], clusters, seed=seed).model_dump(),
            "flip_rate": flips.model_dump(),
        },
        "outcomes": dict(Counter({1.0: "win", 0.5: "tie", 0.0: "loss"}[row.win] for row in preferred)),
        "pairs_of_votes": pairs,
        "flips": sum(row.flips for row in compared),
        "votes": readabilities([vote for row in preferred for vote in (*row.left_first, *row.right_first)]),
    }


def _status(row: Judged) -> str:
    if row.missing:
        return "missing"
    return row.status if any(vote.label for vote in row.answer_votes) else _UNREADABLE


def _verdict(row: Judged) -> Json:
    return {
        "id": row.id,
        "cluster": row.cluster,
        "passed": row.passed >= 1.0,
        "scores": {"pass": row.passed, "sopr": row.solvable_pass},
        "status": _status(row),
        "reason": "" if row.passed >= 1 else _status(row).lower(),
    }
