"""Meta-tasks: questions about what tools do, made from executions and answered by them (MetaTool, 2407.12871)."""

from toolwise.metatasks.catalogs import CatalogSubject
from toolwise.metatasks.checking import check_example, score_answer
from toolwise.metatasks.drafts import BOUNDARIES, EXTENSIONS, SIX
from toolwise.metatasks.explorer import Exploration
from toolwise.metatasks.generation import MetaTaskConfig, Tally, generate
from toolwise.metatasks.rendering import (
    answer_of,
    chat_call,
    joined,
    metatask_conversation,
    one_conversation,
    question_tools,
    tool_message,
)
from toolwise.metatasks.solutions import FINISHED, Goals, Solution, SolutionConfig, solutions
from toolwise.metatasks.subject import Subject, started

__all__ = [
    "BOUNDARIES",
    "EXTENSIONS",
    "FINISHED",
    "SIX",
    "CatalogSubject",
    "Exploration",
    "Goals",
    "MetaTaskConfig",
    "Solution",
    "SolutionConfig",
    "Subject",
    "Tally",
    "answer_of",
    "chat_call",
    "check_example",
    "generate",
    "joined",
    "metatask_conversation",
    "one_conversation",
    "question_tools",
    "score_answer",
    "solutions",
    "started",
    "tool_message",
]
