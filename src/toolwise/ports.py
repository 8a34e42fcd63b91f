"""Ports: the tiny protocols by which stages meet. Adapters live in the stages' own packages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from toolwise.types import (
    FunctionTool,
    Json,
    Message,
    Observation,
    Schema,
    StopReason,
    Task,
    Tool,
    ToolCall,
)


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a model picks its tokens."""

    temperature: float = 0.0
    max_tokens: int = 256
    seed: int = 0


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One model call. `tools` are OpenAI functions; `messages` use their function names."""

    messages: tuple[Message, ...]
    tools: tuple[FunctionTool, ...] = ()
    sampling: Sampling = Sampling()
    answer_schema: Schema | None = None
    """The answer must be one JSON document that this schema accepts; none for free text and calls."""


@dataclass(frozen=True, slots=True)
class ChatReply:
    """A model's answer with its cost in tokens."""

    message: Message
    finish_reason: str = "stop"
    prompt_tokens: int = 0
    completion_tokens: int = 0


class ChatModel(Protocol):
    """A language model behind any API."""

    async def complete(self, request: ChatRequest) -> ChatReply:
        """Raises ModelError."""
        ...


class Tools(Protocol):
    """Look-up of tools by id; a Catalog is one."""

    def tool(self, tool_id: str) -> Tool:
        """Raises KeyError."""
        ...


class Session(Protocol):
    """One run of one task in a world."""

    async def call(self, call: ToolCall) -> Observation:
        """Run a tool. A tool's failure is an Observation with an error, never an exception."""
        ...

    def state(self) -> Mapping[str, Json]:
        """The whole state as a JSON object; equal states are equal objects."""
        ...

    def snapshot(self) -> object:
        """An opaque token for `restore`; its cost does not depend on the state's size."""
        ...

    def restore(self, snapshot: object) -> None:
        """Go back to a snapshot of this session; may be used any number of times."""
        ...

    def prepare(self, call: ToolCall) -> None:
        """Make the records exist that `call` needs to succeed (for writing tasks, never while solving)."""
        ...


class World(Protocol):
    """Runs tools."""

    name: str
    can_fork: bool
    """Whether sessions support `snapshot` and `restore`."""

    def open(self, task: Task) -> Session:
        """A fresh session in the task's start state."""
        ...


@dataclass(frozen=True, slots=True)
class Turn:
    """What a policy sees when it must act."""

    task: Task
    tools: tuple[Tool, ...]
    """The candidates, in the order shown."""
    path: tuple[Message, ...]
    """Root-to-node messages, the user's instruction first."""
    siblings: tuple[tuple[Message, ...], ...] = ()
    """What earlier children of this node did and what came back; a new child must differ from them."""
    seed: int = 0
    """Different for every model call of one search, and reproducible."""


@dataclass(frozen=True, slots=True)
class Step:
    """A policy's act: an assistant message. With no tool calls it is the final answer."""

    message: Message
    stop: StopReason | None = None
    """Set when the branch ends here for a reason of the policy's own (GAVE_UP, UNPARSABLE)."""


class Policy(Protocol):
    """Decides the next step: a model, or the blueprint policy."""

    name: str

    async def act(self, turn: Turn) -> Step: ...


@dataclass(frozen=True, slots=True)
class Hit:
    """One search result."""

    tool: str
    score: float


class Retriever(Protocol):
    """Finds tools for a query."""

    name: str

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        """For each query its best `k` tools, best first."""
        ...


@dataclass(frozen=True, slots=True)
class Progress:
    """One event of a running stage, for whoever shows it."""

    stage: str
    done: int
    total: int
    note: str = ""
    values: Mapping[str, float] = field(default_factory=dict)


class Observer(Protocol):
    """Receives progress; must be cheap and must not raise."""

    def __call__(self, event: Progress) -> None: ...


def silent(event: Progress) -> None:
    """An Observer that shows nothing."""
