"""Stage 6, grounding: does the answer state the required facts, and do they come from the observations?"""

from __future__ import annotations

from toolwise.answers import scalars
from toolwise.ports import Tools
from toolwise.text import contains_fact
from toolwise.types import Check, Outcome, RejectReason, Role
from toolwise.verification.attempt import Attempt, passed, rejected
from toolwise.verification.claims import ungrounded

STAGE = "grounding"


def check_grounding(attempt: Attempt, tools: Tools) -> Check:
    """Every fact is in the answer and, where calls were right, in what a successful call returned.

    Where the facts do not say all (no blueprint, or several turns of the user's), no turn may claim a value that was
    not heard before it.
    """
    for fact in attempt.task.checks.facts:
        if not contains_fact(attempt.answer, fact):
            return rejected(STAGE, RejectReason.UNGROUNDED, f"the answer does not state {fact!r}")
        if attempt.outcome is Outcome.CALL and not _observed(fact, attempt):
            return rejected(STAGE, RejectReason.UNGROUNDED, f"no observation holds {fact!r}")
    return _turns(attempt, tools) or passed(STAGE)


def _turns(attempt: Attempt, tools: Tools) -> Check | None:
    """Each turn's claims, one by one."""
    turns = sum(message.role is Role.USER for message in attempt.messages)
    if attempt.outcome is not Outcome.CALL or (attempt.task.blueprint is not None and turns == 1):
        return None
    found = ungrounded(attempt.messages, tools, attempt.task.candidates)
    if found is None:
        return None
    return rejected(STAGE, RejectReason.UNGROUNDED, f"message {found[0]} states {found[1]!r}, which nobody said before")


def _observed(fact: str, attempt: Attempt) -> bool:
    """Is the fact a value that a successful call returned, or part of one?"""
    texts = [text for done in attempt.executed if done.ok for text in scalars(done.body)]
    return fact in texts or any(contains_fact(text, fact) for text in texts)
