"""Funnels of consecutive stages, joined so that they still add up."""

from __future__ import annotations

from collections.abc import Mapping

from toolwise.types import Funnel


def reject(funnel: Funnel, reasons: Mapping[str, int]) -> Funnel:
    """The funnel after some of its accepted rows were rejected by a later check."""
    return followed_by(
        funnel,
        Funnel(
            entered=funnel.accepted,
            accepted=funnel.accepted - sum(reasons.values()),
            rejected=sum(reasons.values()),
            reasons=reasons,
        ),
    )


def followed_by(first: Funnel, second: Funnel) -> Funnel:
    """Both stages as one: what the first accepted is what entered the second. Raises ValueError if it is not."""
    if first.accepted != second.entered:
        raise ValueError(f"{first.accepted} rows were accepted, but {second.entered} entered the next stage")
    reasons = dict(first.reasons)
    for reason, count in second.reasons.items():
        reasons[reason] = reasons.get(reason, 0) + count
    return Funnel(
        entered=first.entered,
        accepted=second.accepted,
        rejected=first.rejected + second.rejected,
        failed=first.failed + second.failed,
        pending=first.pending + second.pending,
        reasons=reasons,
    )
