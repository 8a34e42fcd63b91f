"""What the formats cannot hold: rows that were left out of an export, and parts of rows that were changed."""

from __future__ import annotations

from enum import StrEnum


class LossReason(StrEnum):
    """Why a row is not in an export."""

    USER_TURNS = "user_turns"
    """The user speaks again later: the format knows one instruction only."""
    SEVERAL_TOOLSETS = "several_toolsets"
    """Its calls are of several toolsets: the format files each row under one."""
    NO_ANSWER = "no_answer"
    """No branch answered: the format holds answered conversations only."""
    NO_CALLS = "no_calls"
    """Nothing was called: the format holds tool use only."""
    UNOBSERVED_CALL = "unobserved_call"
    """A call without its observation."""
    ODD_TURNS = "odd_turns"
    """Turns in an order that the format does not know."""


class CannotHoldError(Exception):
    """The format has no place for this row."""

    def __init__(self, reason: LossReason) -> None:
        super().__init__(reason.value)
        self.reason = reason
