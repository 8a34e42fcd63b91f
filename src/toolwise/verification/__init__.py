"""Verification: format, schema, execution, state, calls, grounding, judge; every drop has a reason."""

from toolwise.verification.funnel import STAGES, Judge, Verifier, dropped_by_stage, funnel_of, verify

__all__ = ["STAGES", "Judge", "Verifier", "dropped_by_stage", "funnel_of", "verify"]
