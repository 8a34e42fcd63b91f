"""Examples: what models learn from. Chat parts are in OpenAI's shape, as trainers expect them."""

from __future__ import annotations

from typing import Any

from toolwise.types.base import Frozen
from toolwise.types.observations import FaultKind, ObservationSource, ToolErrorKind
from toolwise.types.tasks import Split

ChatMessage = dict[str, Any]
"""OpenAI chat shape; a tool call's `arguments` is a JSON object, never a string."""
FunctionTool = dict[str, Any]
"""`{"type": "function", "function": {"name", "description", "parameters"}}`."""


class Observed(Frozen):
    """Where one tool message came from, and what was wrong with it."""

    source: ObservationSource | None = None
    error: ToolErrorKind | None = None
    fault: FaultKind | None = None
    """Put in on purpose."""


class SFTExample(Frozen):
    """One conversation; every assistant turn is a target, nothing else is."""

    key: str
    task_key: str
    split: Split
    messages: tuple[ChatMessage, ...]
    tools: tuple[FunctionTool, ...]
    observed: tuple[Observed, ...] = ()
    """One for each tool message of `messages`, in order; empty where nobody recorded it."""


class PreferencePair(Frozen):
    """At one point of a search: a turn on the successful path, and a failed sibling (TP-LLaMA, 2406.07115)."""

    key: str
    task_key: str
    split: Split
    prompt: tuple[ChatMessage, ...]
    chosen: tuple[ChatMessage, ...]
    rejected: tuple[ChatMessage, ...]
    tools: tuple[FunctionTool, ...]
    observed: tuple[Observed, ...] = ()
    """One for each tool message of `prompt`, in order; empty where nobody recorded it."""


class RetrievalPair(Frozen):
    """A query and the tools that serve it."""

    key: str
    split: Split
    query: str
    relevant: tuple[str, ...]
    """Tool ids."""
    sources: tuple[ObservationSource, ...] = ()
    """Where the answers came from when the request was carried out, sorted; empty where it was not."""
