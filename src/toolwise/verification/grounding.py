"""Stage 6, grounding: does the answer state the required facts, and do they come from the observations?"""

from __future__ import annotations

from toolwise.answers import scalars
from toolwise.text import contains_fact
from toolwise.types import Check, Outcome, RejectReason
from toolwise.verification.attempt import Attempt, passed, rejected

STAGE = "grounding"


def check_grounding(attempt: Attempt) -> Check:
    """Every fact is in the answer and, where calls were right, in what a successful call returned."""
    for fact in attempt.task.checks.facts:
        if not contains_fact(attempt.answer, fact):
            return rejected(STAGE, RejectReason.UNGROUNDED, f"the answer does not state {fact!r}")
        if attempt.outcome is Outcome.CALL and not _observed(fact, attempt):
            return rejected(STAGE, RejectReason.UNGROUNDED, f"no observation holds {fact!r}")
    return passed(STAGE)


def _observed(fact: str, attempt: Attempt) -> bool:
    """Is the fact a value that a successful call returned, or part of one?"""
    texts = [text for done in attempt.executed if done.ok for text in scalars(done.body)]
    return fact in texts or any(contains_fact(text, fact) for text in texts)
