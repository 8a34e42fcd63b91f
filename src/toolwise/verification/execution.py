"""Stage 3, execution: does a fresh world answer every call as it is recorded?"""

from __future__ import annotations

from toolwise.ports import Session
from toolwise.types import Check, RejectReason
from toolwise.verification.attempt import Attempt, passed, rejected

STAGE = "execution"


async def check_execution(attempt: Attempt, session: Session) -> Check:
    """Make the branch's calls in order. Leaves the session in the branch's final state."""
    for call, node in attempt.observations():
        observation = await session.call(call)
        if observation.error is not node.error or observation.content != node.message.content:
            before, now = node.message.content, observation.content
            detail = f"{call.name} ({call.id}): recorded {_short(before)}, replayed {_short(now)}"
            return rejected(STAGE, RejectReason.REPLAY_DIFFERS, detail)
    return passed(STAGE)


def _short(content: str, limit: int = 120) -> str:
    return content if len(content) <= limit else f"{content[:limit]}…"
