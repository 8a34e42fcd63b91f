"""Metrics, one a file: the formula, its source, and the function."""

from toolwise.evaluation.metrics.complete_at_k import complete_at_k
from toolwise.evaluation.metrics.exact_call import exact_call, json_equal
from toolwise.evaluation.metrics.ndcg_at_k import ndcg_at_k
from toolwise.evaluation.metrics.pass_power_k import pass_power_k
from toolwise.evaluation.metrics.recall_at_k import recall_at_k
from toolwise.evaluation.metrics.reciprocal_rank import reciprocal_rank
from toolwise.evaluation.metrics.valid_call import valid_call

__all__ = [
    "complete_at_k",
    "exact_call",
    "json_equal",
    "ndcg_at_k",
    "pass_power_k",
    "recall_at_k",
    "reciprocal_rank",
    "valid_call",
]
