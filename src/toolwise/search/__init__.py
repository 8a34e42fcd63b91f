"""Search: ReAct and DFSDT over a policy and a world, and the policy that follows a blueprint."""

from toolwise.search.blueprint_policy import BlueprintPolicy
from toolwise.search.config import SearchConfig, Strategy
from toolwise.search.mistakes import TEACHER_RATES, ErrorRates, Mistake
from toolwise.search.strategies import search

__all__ = ["TEACHER_RATES", "BlueprintPolicy", "ErrorRates", "Mistake", "SearchConfig", "Strategy", "search"]
