"""Examples: what models learn from. Chat parts are in OpenAI's shape, as trainers expect them."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from toolwise.types.base import Frozen, Json
from toolwise.types.messages import ToolCall
from toolwise.types.observations import FaultKind, ObservationSource, ToolErrorKind
from toolwise.types.tasks import Split, WorldSpec

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


class MetaTaskKind(StrEnum):
    """What is masked of an executed transition: state s, call a, state s' (MetaTool, 2407.12871, section 3)."""

    EFFECT = "effect"
    """Given s and a: which s'?"""
    DECISION = "decision"
    """Given s and s': which a? Any call that leads there is right."""
    REVERSION = "reversion"
    """Given a and s': which s? Any state from which the call leads there is right."""
    INPUT_BOUNDARY = "input_boundary"
    """Given s and a: can the call run?"""
    OUTPUT_BOUNDARY = "output_boundary"
    """Given s and a candidate: can it be reached within k calls?"""
    COUNTERFACT = "counterfact"
    """Given calls and their outcome, but no state before it: the outcome, had one call been another."""
    ERROR_KIND = "error_kind"
    """Extension of ours. Given s and a call that fails: with which kind of error?"""
    VIOLATED_PRECONDITION = "violated_precondition"
    """Extension of ours. Given s and a call that fails: which precondition is violated?"""


class MetaTaskExample(Frozen):
    """A question about tools, made from executions and answered by them; all that is needed to execute it again."""

    key: str
    """Content hash of what the question shows, whatever its wording."""
    kind: MetaTaskKind
    split: Split
    world: WorldSpec
    """`start` is the state before the first of `calls`; hidden where the question asks for it or withholds it."""
    tools: tuple[str, ...]
    """Ids of the tools that the question is about."""
    question: str
    answer: str
    """One right answer, in the form that the question asks for."""
    calls: tuple[ToolCall, ...] = ()
    """The calls given or asked for; of an output boundary a way there, or where there is none the calls offered."""
    after: Json = None
    """The outcome of `calls` (or the candidate): a state, or the outline of an observation."""
    changed: int | None = None
    """Counterfact: index of the call that is replaced."""
    instead: ToolCall | None = None
    """Counterfact: what replaces it."""
    otherwise: Json = None
    """Counterfact: the outcome then."""
    steps: int = 0
    """Output boundary: the most calls allowed."""
    positive: bool | None = None
    """Boundary tasks: the label."""
    reason: str = ""
    """What makes a negative: the violated precondition, or the corrupted fact. Counterfact: what was varied."""
    exploration: str = ""
    """Which exploration found it: `random`, `coverage` or `solution`."""
