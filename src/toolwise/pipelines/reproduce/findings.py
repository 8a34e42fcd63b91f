"""What every experiment ends with: a claim, what was claimed, what was measured, and a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from toolwise.types import Frozen, Json, Metric

ZERO = 1e-9
"""An interval that ends at nothing does not exclude nothing."""


class Conclusion(StrEnum):
    """Whether a published claim is true here."""

    HOLDS = "holds"
    """The interval excludes the opposite."""
    FAILS = "does not hold"
    """The interval excludes the claim."""
    UNCLEAR = "cannot tell"
    """The interval allows both, or nothing was measured."""


class Finding(Frozen):
    """One row of the table that a reader looks at first."""

    claim: str
    claimed: str
    """The figure in the publication, or what the claim needs to hold."""
    measured: str
    verdict: Conclusion


def conclude(difference: Metric, margin: float = 0.0) -> Conclusion:
    """Does a claimed advantage of more than nothing, and of `margin` at least, hold?

    `difference` is a fraction with its 95% interval. It holds if the interval lies above zero and the value reaches
    the margin; it fails if the whole interval lies below the margin (or, with none, at zero and below).
    """
    if not difference.n:
        return Conclusion.UNCLEAR
    if difference.low > ZERO and difference.value >= margin:
        return Conclusion.HOLDS
    below = difference.high < margin if margin > 0 else difference.high <= ZERO
    return Conclusion.FAILS if below else Conclusion.UNCLEAR


def percent(metric: Metric) -> str:
    """A rate with its interval, in per cent."""
    if not metric.n:
        return "not measured"
    return f"{100 * metric.value:.1f}% (95%: {100 * metric.low:.1f} to {100 * metric.high:.1f}; n = {metric.n})"


def points(difference: Metric) -> str:
    """A difference of two rates with its interval, in percentage points."""
    if not difference.n:
        return "not measured"
    value, low, high = (100 * x for x in (difference.value, difference.low, difference.high))
    return f"{value:+.1f} points (95%: {low:+.1f} to {high:+.1f}; n = {difference.n})"


def wider(metrics: Sequence[Metric]) -> Metric:
    """The same mean clustered in several ways, of which none is independent of the others: the widest interval."""
    low, high = min(metric.low for metric in metrics), max(metric.high for metric in metrics)
    return metrics[0].model_copy(update={"low": low, "high": high})


def as_rows(findings: Sequence[Finding]) -> list[Json]:
    """Findings as the JSON document holds them."""
    return [finding.model_dump(mode="json") for finding in findings]
