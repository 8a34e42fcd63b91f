"""Stage 4, state: did the branch leave the world as the task asks?"""

from __future__ import annotations

from toolwise.ports import Session
from toolwise.types import Check, RejectReason, content_key
from toolwise.verification.attempt import Attempt, passed, rejected

STAGE = "state"


def check_state(attempt: Attempt, session: Session) -> Check:
    """Compare the replayed session's final state with the expected one (as tau-bench does), where there is one."""
    expected = attempt.task.checks.final_state
    if expected is None or content_key(session.state()) == expected:
        return passed(STAGE)
    return rejected(STAGE, RejectReason.WRONG_STATE, "the final state is not the expected one")
