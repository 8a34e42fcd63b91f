"""Scores as a report reads them: a row's verdict and costs, and files of scores without trajectories."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import orjson

from toolwise.errors import DataError
from toolwise.pipelines.report_rows import MODEL_CALLS, Group, Row, Run, read_json_lines
from toolwise.types import Check, Json, RejectReason, Trajectory, Verdict

_COSTS = (MODEL_CALLS, "prompt_tokens", "completion_tokens", "tokens", "seconds", "cost", "money")


def verdict_of(key: str, score: Mapping[str, Json]) -> Verdict:
    """A score's row as a verdict of one check."""
    if score.get("passed") is True:
        return Verdict(key=key, checks=(Check(name="score", passed=True),))
    reason = str(score.get("reason") or "")
    known = RejectReason(reason) if reason in set(RejectReason) else None
    detail = str(score.get("detail") or ("" if known else reason))
    return Verdict(key=key, checks=(Check(name="score", passed=False, reason=known, detail=detail),))


def per_attempt(row: dict[str, Json], repeats: Json) -> dict[str, Json]:
    """The row with the costs of one attempt, where they are those of all its repeats."""
    if not isinstance(repeats, int) or repeats < 2 or not isinstance(row.get("costs"), dict):
        return row
    costs = {name: cost / repeats if isinstance(cost, int | float) else cost for name, cost in row["costs"].items()}
    return {**row, "costs": costs}


def costs_of(score: Mapping[str, Json], trajectory: Trajectory | None) -> dict[str, float]:
    """What a row says of its cost; tokens in and out are added, and money has one name."""
    listed = {**score, **(score["costs"] if isinstance(score.get("costs"), dict) else {})}
    known: dict[str, float] = {
        name: float(listed[name])
        for name in _COSTS
        if isinstance(listed.get(name), int | float) and not isinstance(listed.get(name), bool) and listed[name] >= 0
    }
    if trajectory is not None and trajectory.model_calls:
        known.setdefault(MODEL_CALLS, float(trajectory.model_calls))
    parts = [known.pop(name) for name in ("prompt_tokens", "completion_tokens") if name in known]
    if any(parts):  # a policy that is no language model uses none
        known.setdefault("tokens", sum(parts))
    if "cost" in known:
        known.setdefault("money", known.pop("cost"))
    return known


def read_score_file(file: Path, name: str) -> Run:
    """What `toolwise evaluate … --json` printed, or JSON lines of scored rows: numbers without trajectories."""
    run = Run(name, file)
    try:
        document = orjson.loads(file.read_bytes())
    except OSError as error:
        raise DataError(f"cannot read {file}: {error.strerror}; check the path") from error
    except orjson.JSONDecodeError:
        document = {"verdicts": list(read_json_lines(file, run.left_out))}
    rows: dict[str, Row] = {}
    for row in score_rows(document, run):
        run.rows += 1
        if str(row["id"]) in rows:
            run.left_out["a second row of an id"] += 1
            continue
        rows[str(row["id"])] = Row(
            id=str(row.get("task") or row["id"]),
            setting=str(row.get("group") or "all"),
            cluster=str(row.get("cluster") or row["id"]),
            passed=bool(row["passed"]),
            missing=row.get("reason") == "missing",
            costs=costs_of(row, None),
        )
    if not rows:
        raise DataError(f"{file} holds no scored task; save what `toolwise evaluate … --json` prints")
    named = document if isinstance(document, dict) else {}
    agent, strategy = str(named.get("policy") or name), str(named.get("strategy") or "")
    run.groups = [Group(agent, strategy, tuple(rows.values()))]
    run.tasks = len(rows)
    return run


def score_rows(document: Json, run: Run) -> Iterator[dict[str, Json]]:
    """The rows that have an id and say whether they passed; the others are counted."""
    listed = document.get("verdicts") if isinstance(document, dict) else document
    for row in listed if isinstance(listed, list) else []:
        if isinstance(row, dict) and isinstance(row.get("id"), str | int) and isinstance(row.get("passed"), bool):
            yield row
        else:
            run.left_out["a score without id or verdict"] += 1
