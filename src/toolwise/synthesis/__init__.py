"""The embedded teacher: tasks with executed, known right answers, from tool documents alone."""

from toolwise.synthesis.config import SynthesisConfig
from toolwise.synthesis.graph import Edge, ToolGraph
from toolwise.synthesis.plans import Pattern
from toolwise.synthesis.queries import tool_queries
from toolwise.synthesis.synthesis import Synthesis, synthesise
from toolwise.synthesis.wording.rules import names_tool, states_all_values

__all__ = [
    "Edge",
    "Pattern",
    "Synthesis",
    "SynthesisConfig",
    "ToolGraph",
    "names_tool",
    "states_all_values",
    "synthesise",
    "tool_queries",
]
