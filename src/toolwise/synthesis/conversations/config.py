"""How many conversations there are of which sorts, and when one is dropped."""

from __future__ import annotations

from pydantic import Field

from toolwise.config import Config

Share = float


class ConversationConfig(Config):
    """What a run's conversations depend on, besides the catalog, the world and the model."""

    seed: int = 0
    scenario: Share = Field(default=0.5, ge=0, le=1)
    """First messages of up to five sentences that tell a situation; the others are one or two sentences."""
    question: Share = Field(default=0.4, ge=0, le=1)
    """Of the short first messages: questions; the others are imperatives."""
    multi_call: Share = Field(default=0.4, ge=0, le=1)
    """First requests that need several calls (ToolAlpaca: 1,426 of 3,938)."""
    withhold: Share = Field(default=0.3, ge=0, le=1)
    """The user leaves out a required value, and gives it when asked."""
    change: Share = Field(default=0.2, ge=0, le=1)
    """The user changes their mind about a value."""
    add: Share = Field(default=0.3, ge=0, le=1)
    """The user adds another request."""
    candidates: int = Field(default=6, ge=1, le=64)
    """Tools on offer; more where more are needed."""
    max_steps: int = Field(default=5, ge=1)
    """Turns with calls that one request may take (ToolAlpaca's filter)."""
    max_questions: int = Field(default=3, ge=1)
    """Questions that the assistant may ask about one request."""
    user_tries: int = Field(default=3, ge=1)
    """Times that the user role is asked for one message that keeps to the script."""
    attempts: int = Field(default=6, ge=1)
    """Draws of a script before a conversation is dropped."""
