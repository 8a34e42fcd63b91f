"""Evaluation: metrics with 95% intervals, scoreboards, and the baselines beside every result."""

from toolwise.evaluation.baselines import NearestToolPolicy, NullPolicy, nearest_tools
from toolwise.evaluation.intervals import difference_with_interval, mean_with_interval, wilson
from toolwise.evaluation.metrics import (
    complete_at_k,
    exact_call,
    json_equal,
    ndcg_at_k,
    pass_power_k,
    recall_at_k,
    reciprocal_rank,
    valid_call,
)
from toolwise.evaluation.pass_rate import passed
from toolwise.evaluation.scoreboard import TaskResult, ranking_scores, retrieval_scores, scoreboard

__all__ = [
    "NearestToolPolicy",
    "NullPolicy",
    "TaskResult",
    "complete_at_k",
    "difference_with_interval",
    "exact_call",
    "json_equal",
    "mean_with_interval",
    "ndcg_at_k",
    "nearest_tools",
    "pass_power_k",
    "passed",
    "ranking_scores",
    "recall_at_k",
    "reciprocal_rank",
    "retrieval_scores",
    "scoreboard",
    "valid_call",
    "wilson",
]
