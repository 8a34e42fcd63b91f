"""Stage 5, calls: are the branch's calls the blueprint's, up to order?"""

from __future__ import annotations

from toolwise.blueprints import may_mutate, same_json
from toolwise.ports import Tools
from toolwise.types import Check, Outcome, RejectReason, Tool
from toolwise.verification.attempt import Attempt, passed, rejected

STAGE = "calls"


def check_calls(attempt: Attempt, tools: Tools) -> Check:
    """Each blueprint call was made with equal arguments and succeeded.

    Extra calls are tolerated if they failed or are known to be read-only. Where no call is right, none may be made.
    Without a blueprint, some call must have succeeded.
    """
    if attempt.outcome is not Outcome.CALL:
        if not attempt.executed:
            return passed(STAGE)
        name = attempt.executed[0].call.name
        return rejected(STAGE, RejectReason.WRONG_CALLS, f"{name} was called where no call is right")
    if attempt.task.blueprint is None:
        return _without_blueprint(attempt)
    return _missing(attempt) or _harmful(attempt, tools) or passed(STAGE)


def _without_blueprint(attempt: Attempt) -> Check:
    """Nobody knows the right calls; but some call must have succeeded where the task needs one."""
    if attempt.task.relevant and not any(done.ok for done in attempt.executed):
        return rejected(STAGE, RejectReason.WRONG_CALLS, "no call succeeded")
    return passed(STAGE)


def _missing(attempt: Attempt) -> Check | None:
    blueprint = attempt.task.blueprint
    for index, call in enumerate(blueprint.calls if blueprint else ()):
        if index in attempt.fulfilment.made:
            continue
        if not call.references and any(
            attempt.executed[at].call.name == call.tool
            and same_json(attempt.executed[at].call.arguments, call.arguments)
            for at in attempt.fulfilment.failed
        ):
            return rejected(STAGE, RejectReason.CALL_FAILED, f"{call.tool} was called as it should be, and failed")
        return rejected(STAGE, RejectReason.WRONG_CALLS, f"{call.tool} was not called as it should be")
    return None


def _harmful(attempt: Attempt, tools: Tools) -> Check | None:
    for at in attempt.fulfilment.strays:
        name = attempt.executed[at].call.name
        if may_mutate(_find(tools, name)):
            return rejected(STAGE, RejectReason.WRONG_CALLS, f"{name} was called beyond what the task needs")
    return None


def _find(tools: Tools, tool_id: str) -> Tool | None:
    try:
        return tools.tool(tool_id)
    except KeyError:
        return None
