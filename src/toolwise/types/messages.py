"""Message and ToolCall: the OpenAI chat shape, with arguments as objects."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from toolwise.types.base import Frozen, Json


class Role(StrEnum):
    """Who speaks."""

    SYSTEM = "system"
    """Standing instructions."""
    USER = "user"
    """The person who wants something done."""
    ASSISTANT = "assistant"
    """The model under study, or its teacher."""
    TOOL = "tool"
    """What a tool call returned."""


class ToolCall(Frozen):
    """A request to run one tool.

    Inside Toolwise `name` is a tool's id (or, from a model that made it up, whatever the model said);
    OpenAI-legal function names exist only at the edges (see `toolwise.offers`).
    """

    id: str = ""
    name: str
    arguments: dict[str, Json] = Field(default_factory=dict)


class Message(Frozen):
    """One turn."""

    role: Role
    content: str = ""
    thought: str = ""
    """The model's reasoning, kept apart from what it says and calls."""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""
    """For role `tool`: the call this answers."""
