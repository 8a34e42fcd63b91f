"""Meta-tasks: questions about what tools do, made from executions and answered by them (MetaTool, 2407.12871)."""

from toolwise.metatasks.catalogs import CatalogSubject
from toolwise.metatasks.checking import check_example, score_answer
from toolwise.metatasks.drafts import BOUNDARIES, EXTENSIONS, SIX
from toolwise.metatasks.explorer import Exploration
from toolwise.metatasks.generation import MetaTaskConfig, Tally, generate
from toolwise.metatasks.subject import Subject

__all__ = [
    "BOUNDARIES",
    "EXTENSIONS",
    "SIX",
    "CatalogSubject",
    "Exploration",
    "MetaTaskConfig",
    "Subject",
    "Tally",
    "check_example",
    "generate",
    "score_answer",
]
