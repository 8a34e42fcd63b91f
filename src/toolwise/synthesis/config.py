"""How many tasks of which sorts the embedded teacher makes."""

from __future__ import annotations

from pydantic import Field

from toolwise.config import Config

Share = float


class SynthesisConfig(Config):
    """Settings of the embedded teacher. Shares within a group need not add up to 1; they are weights."""

    seed: int = 0
    per_toolset: int = Field(default=8, ge=1)
    """Tasks aimed for per toolset of the pool, for callers that derive `count` from the pool's size."""
    candidates: int = Field(default=4, ge=1, le=64)
    """Tools on offer in a task; more where more are relevant."""
    max_calls: int = Field(default=5, ge=1, le=5)
    max_arguments: int = Field(default=5, ge=1, le=8)
    """Stated values in one call."""
    attempts: int = Field(default=4, ge=1)
    """Draws allowed per task aimed for, before the stage stops short."""

    single: Share = Field(default=0.6, ge=0)
    """One call."""
    parallel: Share = Field(default=0.15, ge=0)
    """Independent calls."""
    chain: Share = Field(default=0.18, ge=0)
    """Each later call takes an argument from an earlier response."""
    mixed: Share = Field(default=0.07, ge=0)
    """A chain and an independent call."""

    group: Share = Field(default=0.35, ge=0, le=1)
    """Of the tasks of several independent calls: drawn from several toolsets of a category or collection."""

    negatives: Share = Field(default=0.1, ge=0, le=1)
    """Tasks in which no call is right."""
    no_tool: Share = Field(default=0.3, ge=0)
    no_fit: Share = Field(default=0.35, ge=0)
    missing_value: Share = Field(default=0.35, ge=0)

    service: Share = Field(default=0.35, ge=0, le=1)
    """Instructions that mention the toolset's title (never a tool's name)."""
    longest: int = Field(default=900, ge=80)
    """Characters in an instruction; a longer one is dropped."""
