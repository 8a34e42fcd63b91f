"""How a search explores: strategy, width, depth and budget."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from toolwise.config import Config


class Strategy(StrEnum):
    """The order in which steps are tried."""

    REACT = "react"
    """One chain of steps."""
    REACT_N = "react@n"
    """Independent chains, each from the start, until one answers."""
    DFSDT = "dfsdt"
    """Depth-first search over a tree of steps (ToolLLM, section 3.2)."""


class SearchConfig(Config):
    """A *step* is one model call together with the tool calls that it asks for."""

    strategy: Strategy = Strategy.DFSDT
    width: int = Field(default=2, ge=1)
    """DFSDT: the most children of one node."""
    max_steps: int = Field(default=8, ge=1)
    """The most steps of one branch; the final answer is a step, so a task of one call needs two."""
    budget: int = Field(default=24, ge=1)
    """The most model calls of one task, whatever the strategy."""
    backtrack: int = Field(default=2, ge=1)
    """DFSDT: how many steps a branch that ended in vain is taken back before another child is asked for.

    1 asks again where the last step was taken; 2 also takes back the step before it, which is what a give-up
    calls for: it says that the way here was wrong. The search never backs out of the root.
    """
    attempts: int = Field(default=4, ge=1)
    """ReAct@N: the most chains."""
    seed: int = 0
