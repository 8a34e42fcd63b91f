"""How many instructions are asked for, of which kinds, in which language, and what is refused."""

from __future__ import annotations

from pydantic import Field, field_validator

from toolwise.config import Config
from toolwise.synthesis.instructions.language import LANGUAGES
from toolwise.types import TaskKind

PER_CALL = 10
"""Instructions that one model call writes (ToolLLM, section 2.2)."""
SPECIFIC = 7
"""Of them, the first so many are specific; the others are scenarios."""
SHOWN_SEEDS = 3
"""Seed examples in one prompt."""
TOOLSETS = (2, 5)
"""Toolsets of a category or collection in one call, at least and at most."""
TOOLS_EACH = 3
"""The most tools of each of them."""
MULTI = (TaskKind.CATEGORY, TaskKind.COLLECTION)


class InstructionsConfig(Config):
    """What a run's instructions depend on, besides the catalog and the model."""

    seed: int = 0
    kinds: tuple[TaskKind, ...] = Field(default=tuple(TaskKind), min_length=1)
    per_toolset: int = Field(default=PER_CALL, ge=1)
    """Instructions of each kind for each toolset that can have them, before the filters."""
    most_tools: int = Field(default=12, ge=1)
    """Tools of a single toolset in one call; a larger toolset is sampled anew for each call."""
    documentation_chars: int = Field(default=4000, ge=200)
    """A tool whose parameters' full schema is longer is documented by its compact view."""
    language: str = "en"
    longest: int = Field(default=1500, ge=80)
    """Characters in an instruction."""
    similarity: float = Field(default=0.8, gt=0, le=1)
    """Jaccard similarity of character 5-grams from which on the later of two instructions is dropped."""

    @field_validator("language")
    @classmethod
    def _known(cls, language: str) -> str:
        if language not in LANGUAGES:
            raise ValueError(f"unknown language {language!r}; known are {', '.join(sorted(LANGUAGES))}")
        return language

    @field_validator("kinds")
    @classmethod
    def _once(cls, kinds: tuple[TaskKind, ...]) -> tuple[TaskKind, ...]:
        return tuple(kind for kind in TaskKind if kind in kinds)
