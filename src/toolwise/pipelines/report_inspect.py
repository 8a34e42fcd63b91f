"""The attempts and scores of runs as Inspect AI logs, one an agent."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from toolwise import __version__
from toolwise.errors import MissingExtraError, RunError, boundary
from toolwise.pipelines.report_compare import Entry, entries, task_notes
from toolwise.pipelines.report_rows import Row
from toolwise.pipelines.report_sources import read_runs
from toolwise.ports import Observer, Progress, silent
from toolwise.types import Json, Node, Role, Task, ToolErrorKind, Trajectory, content_key
from toolwise.types.base import canonical_json

if TYPE_CHECKING:
    from inspect_ai.log import EvalLog, EvalSample
    from inspect_ai.model import ChatMessage
    from inspect_ai.tool import ToolCallError

SCORER = "toolwise"
TASK = "toolwise"
_UNSAFE = re.compile(r"[^A-Za-z0-9]+")


def write_inspect_logs(
    paths: Sequence[Path], out: Path, *, seed: int = 0, observer: Observer = silent
) -> dict[str, Json]:
    """Write `out/NAME.eval` for each agent of the runs: samples with their messages, scores and metadata.

    A sample is a task; its messages are the branch that answered (else the last), its score whether it passed, its
    metadata the kind of failure. Tasks without an attempt are samples without messages that score 0. Raises
    MissingExtraError, and UserError for a path that holds nothing to report.
    """
    try:
        from inspect_ai.log import write_eval_log
    except ImportError as error:
        raise MissingExtraError("writing Inspect AI logs", "inspect") from error
    runs = read_runs(paths, observer=observer)
    board = entries(runs, seed=seed)
    when = {run.name: _when(run.path) for run in runs}
    written: list[Json] = []
    for done, entry in enumerate(board, 1):
        name = _UNSAFE.sub("-", entry.contender.name).strip("-").lower() or entry.contender.key
        file = out / f"{done:02d}_{name}.eval"
        with boundary(RunError, f"cannot write {file} (choose another folder or free some space)"):
            out.mkdir(parents=True, exist_ok=True)
            log = _log(entry, when[entry.contender.run])
            write_eval_log(log, str(file), format="eval")
        written.append({"name": entry.contender.name, "file": str(file), "samples": len(entry.rows)})
        observer(Progress("inspect", done, len(board)))
    return {"logs": written, "out": str(out), "notes": task_notes(runs)}


def _when(path: Path) -> str:
    """When the run's own file was last written: a log must have a time, and this one is the attempts'."""
    names = ("record.json", "trajectories.jsonl", "inputs.json")
    file = next((path / name for name in names if (path / name).is_file()), path)
    return datetime.fromtimestamp(int(file.stat().st_mtime), UTC).isoformat()


def _log(entry: Entry, created: str) -> EvalLog:
    from inspect_ai.log import (
        EvalConfig,
        EvalDataset,
        EvalLog,
        EvalMetric,
        EvalResults,
        EvalScore,
        EvalSpec,
        EvalStats,
    )

    contender = entry.contender
    metric = contender.passed
    key = content_key("inspect", contender.name, contender.run, sorted(entry.rows))
    shown = {"low": metric.low, "high": metric.high, "n": metric.n, "interval": "95%, clustered by toolset"}
    score = EvalScore(
        name=SCORER,
        scorer=SCORER,
        scored_samples=len(entry.rows),
        unscored_samples=0,
        metrics={"pass_rate": EvalMetric(name="pass_rate", value=metric.value, metadata=shown)},
    )
    return EvalLog(
        status="success",
        eval=EvalSpec(
            eval_id=key,
            run_id=key,
            task_id=key,
            created=created,
            task=TASK,
            dataset=EvalDataset(name=contender.run, samples=len(entry.rows), sample_ids=sorted(entry.rows)),
            model=f"toolwise/{contender.agent or contender.run}",
            solver=contender.strategy or None,
            config=EvalConfig(),
            packages={"toolwise": __version__},
            metadata={"agent": contender.name, "run": contender.run, "failures": dict(contender.failures)},
        ),
        results=EvalResults(total_samples=len(entry.rows), completed_samples=len(entry.rows), scores=[score]),
        stats=EvalStats(started_at=created, completed_at=created),
        samples=[_sample(entry, row) for _, row in sorted(entry.rows.items())],
    )


def _sample(entry: Entry, row: Row) -> EvalSample:
    from inspect_ai.log import EvalSample
    from inspect_ai.model import ModelOutput
    from inspect_ai.scorer import Score

    task, failure = row.task, entry.failures.get(row.id)
    answer = row.trajectory.answer if row.trajectory else ""
    score = Score(
        value=row.value,
        answer=answer,
        explanation=failure.detail if failure else None,
        metadata={"failure": failure.kind.value} if failure else {},
    )
    return EvalSample(
        id=row.id,
        epoch=1,
        input=task.instruction if task else row.id,
        target=_target(task) if task else "",
        messages=list(_messages(row.id, row.trajectory)) if row.trajectory else [],
        output=ModelOutput.from_content(entry.contender.agent or "agent", answer) if answer else ModelOutput(),
        scores={SCORER: score},
        metadata={
            "setting": row.setting,
            "cluster": row.cluster,
            "missing": row.missing,
            **dict(row.costs),
            **({"candidates": list(task.candidates), "kind": task.kind.value} if task else {}),
            **({"row": f"{row.file.name}:{row.line}"} if row.file else {}),
        },
    )


def _target(task: Task) -> list[str]:
    """The right calls, one a line, then the facts that the answer must hold."""
    calls = task.blueprint.calls if task.blueprint else ()
    said = [f"{call.tool}({canonical_json(call.arguments).decode()})" for call in calls]
    return [*said, *task.checks.facts] or [task.checks.outcome.value]


def _messages(key: str, trajectory: Trajectory) -> Iterator[ChatMessage]:
    """The branch that answered; else the one that ended last."""
    from inspect_ai.model import (
        ChatMessageAssistant,
        ChatMessageSystem,
        ChatMessageTool,
        ChatMessageUser,
        ContentReasoning,
        ContentText,
    )
    from inspect_ai.tool import ToolCall

    leaf = trajectory.answer_leaf
    path = trajectory.path(max(trajectory.ends, default=len(trajectory.nodes) - 1) if leaf is None else leaf)
    names: dict[str, str] = {}
    for place, node in enumerate(path):
        message, name = node.message, f"{key}-{place}"
        if message.role is Role.TOOL:
            called = message.tool_call_id
            yield ChatMessageTool(
                id=name,
                content=message.content,
                tool_call_id=called or None,
                function=names.get(called),
                error=_error(node),
            )
        elif message.role is Role.ASSISTANT:
            calls = [
                ToolCall(id=c.id or f"{name}-{i}", function=c.name, arguments=c.arguments)
                for i, c in enumerate(message.tool_calls)
            ]
            names.update((call.id, call.function) for call in calls)
            said = [ContentText(text=message.content)] if message.content else []
            thought = [ContentReasoning(reasoning=message.thought)] if message.thought else []
            yield ChatMessageAssistant(
                id=name, content=[*thought, *said] if thought else message.content, tool_calls=calls or None
            )
        else:
            kind = ChatMessageSystem if message.role is Role.SYSTEM else ChatMessageUser
            yield kind(id=name, content=message.content)


def _error(node: Node) -> ToolCallError | None:
    from inspect_ai.tool import ToolCallError

    if node.error is None:
        return None
    if node.error is ToolErrorKind.TIMEOUT:
        return ToolCallError("timeout", node.error.value)
    if node.error is ToolErrorKind.UNAUTHORIZED:
        return ToolCallError("permission", node.error.value)
    return ToolCallError("unknown", node.error.value)
