"""The verb `status`: how a run stands, whether it lives or not."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Any

from toolwise.pipelines.asking import SESSION, USAGE
from toolwise.pipelines.journalled import usage_from
from toolwise.store import RunReader, StageState
from toolwise.types import Json

_SHOWN_REJECTS = 5


class RunState(StrEnum):
    """Whether somebody works on a run, and if not, why."""

    RUNNING = "running"
    """A process holds it."""
    FINISHED = "finished"
    """All its rows are done, rejected or failed."""
    STOPPED = "stopped"
    """It ended in good order with rows pending: a budget was spent, or an endpoint failed."""
    INTERRUPTED = "interrupted"
    """Its process was killed."""


def run_status(folder: Path) -> dict[str, Json]:
    """Stages with their funnels, usage, the latest session, and what was rejected last. Raises RunError."""
    with RunReader(folder) as run:
        stages = list(run.stages())
        session, used = run.noted(SESSION), run.noted(USAGE)
        state = _state(run.held, stages, session)
        return {
            "run": str(folder),
            "verb": run.config.get("verb"),
            "state": state.value,
            "process": session["process"] if session and state is RunState.RUNNING else None,
            "stages": [_stage(stage) for stage in stages],
            "usage": None if used is None else _usage(used),
            "journalled": run.effects,
            "session": None if session is None else _session(session, state),
            "stopped": session["stopped"] if session and state is RunState.STOPPED else None,
            "last_rejects": (session and session["rejects"]) or run.rejects(_SHOWN_REJECTS),
        }


def _state(held: bool, stages: list[StageState], session: Json) -> RunState:
    if held:
        return RunState.RUNNING
    if any(stage.funnel is None or stage.funnel.pending for stage in stages if stage.seconds is None) or not stages:
        return RunState.STOPPED if session and session["over"] else RunState.INTERRUPTED
    return RunState.FINISHED


def _stage(stage: StageState) -> dict[str, Json]:
    funnel = None if stage.funnel is None else stage.funnel.model_dump(mode="json")
    return {"stage": stage.name, "funnel": funnel, "finished": stage.seconds is not None, "seconds": stage.seconds}


def _usage(noted: Json) -> dict[str, Json]:
    used = usage_from(noted)
    return {
        "calls": used.calls,
        "prompt_tokens": used.prompt_tokens,
        "completion_tokens": used.completion_tokens,
        "cached_tokens": used.cached_tokens,
        "cost": None if used.cost is None else round(used.cost, 6),
    }


def _session(noted: dict[str, Any], state: RunState) -> dict[str, Json]:
    """The latest session; what only a living one has is null for others."""
    lives = state is RunState.RUNNING
    return {
        "seconds": round(noted["seconds"], 3),
        "done": noted["done"],
        "rows_per_s": round(noted["rows_per_s"], 3),
        "calls_per_s": round(noted["calls_per_s"], 3),
        "in_flight": noted["in_flight"] if lives else None,
        "seconds_left": noted["seconds_left"] if lives else None,
        "budget": noted["budget"],
        "budget_left": noted["budget_left"],
        "noted_at": noted["at"],
    }
