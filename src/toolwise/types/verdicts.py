"""Verdict and Funnel: what was checked, what was dropped, and why."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from pydantic import ConfigDict, Field, model_validator

from toolwise.types.base import Frozen


class RejectReason(StrEnum):
    """Why a row did not pass; every dropped row has exactly one."""

    NO_ANSWER = "no_answer"
    """Format: no branch ended with a final answer."""
    MALFORMED = "malformed"
    """Format: turns out of order, a call without its observation, or an empty turn."""
    UNKNOWN_TOOL = "unknown_tool"
    """Schema: a call names no candidate."""
    INVALID_ARGUMENTS = "invalid_arguments"
    """Schema: a call's arguments break the tool's schema."""
    REPLAY_DIFFERS = "replay_differs"
    """Execution: a fresh world gave another observation than the recorded one."""
    CALL_FAILED = "call_failed"
    """Execution: a call that should succeed failed."""
    WRONG_STATE = "wrong_state"
    """State: the final state is not the expected one."""
    WRONG_CALLS = "wrong_calls"
    """State: the calls are not equivalent to the blueprint's."""
    UNGROUNDED = "ungrounded"
    """Grounding: a required fact is not in the answer, or not in any observation."""
    JUDGE = "judge"
    """The judge did not accept it."""
    DUPLICATE = "duplicate"
    """A near-duplicate of an earlier row."""
    LEAK = "leak"
    """Its content also occurs across a split."""
    TOO_LONG = "too_long"
    """Longer than the model's context."""
    NO_VALUE = "no_value"
    """Synthesis: no valid value could be made for a required parameter."""
    AMBIGUOUS = "ambiguous"
    """Synthesis: another candidate would do as well, or the wording could not be made unique."""


class Check(Frozen):
    """One named check and its result."""

    name: str
    passed: bool
    reason: RejectReason | None = None
    detail: str = ""


class Verdict(Frozen):
    """All checks of one row; accepted only if all pass."""

    key: str
    checks: tuple[Check, ...] = ()

    @property
    def accepted(self) -> bool:
        return all(check.passed for check in self.checks)

    @property
    def reason(self) -> RejectReason | None:
        """The first failed check's reason."""
        return next((check.reason for check in self.checks if not check.passed), None)


class Funnel(Frozen):
    """Counts of one stage; `entered` (shown as `in`) is always the sum of the four outcomes."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, serialize_by_alias=True)

    entered: int = Field(default=0, alias="in")
    accepted: int = 0
    rejected: int = 0
    failed: int = 0
    pending: int = 0
    reasons: Mapping[str, int] = Field(default_factory=dict)
    """Reason -> count, over rejected and failed rows."""

    @model_validator(mode="after")
    def _adds_up(self) -> Funnel:
        outcomes = self.accepted + self.rejected + self.failed + self.pending
        if self.entered != outcomes:
            raise ValueError(f"funnel does not add up: in={self.entered}, outcomes={outcomes}")
        if sum(self.reasons.values()) != self.rejected + self.failed:
            raise ValueError("funnel reasons do not add up to rejected + failed")
        return self

    def __add__(self, other: Funnel) -> Funnel:
        reasons = dict(self.reasons)
        for reason, count in other.reasons.items():
            reasons[reason] = reasons.get(reason, 0) + count
        return Funnel(
            entered=self.entered + other.entered,
            accepted=self.accepted + other.accepted,
            rejected=self.rejected + other.rejected,
            failed=self.failed + other.failed,
            pending=self.pending + other.pending,
            reasons=reasons,
        )
