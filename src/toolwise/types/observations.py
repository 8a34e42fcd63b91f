"""Observation: what a tool call returned, with its error kind and where the answer came from."""

from __future__ import annotations

from enum import StrEnum

from toolwise.types.base import Frozen, Json


class ToolErrorKind(StrEnum):
    """Why a tool call did not succeed."""

    UNKNOWN_TOOL = "unknown_tool"
    """No candidate has that name."""
    INVALID_ARGUMENTS = "invalid_arguments"
    """An argument is unknown, missing, mistyped, or outside its enum or bounds (400, 422)."""
    NOT_FOUND = "not_found"
    """The record that the arguments name does not exist (404)."""
    CONFLICT = "conflict"
    """The record exists already, or its state forbids the act (409, 412)."""
    UNAUTHORIZED = "unauthorized"
    """No or wrong credentials (401, 403)."""
    RATE_LIMITED = "rate_limited"
    """Too many requests (429)."""
    SERVER = "server"
    """The tool broke (5xx)."""
    TIMEOUT = "timeout"
    """No answer in time."""
    CONNECTION = "connection"
    """The tool cannot be reached, or hung up."""
    MALFORMED = "malformed"
    """The answer is not what the tool promised: HTML, truncated JSON, an empty body."""
    REFUSED = "refused"
    """We would not make the call: a private address, or a destructive tool without consent."""


class ObservationSource(StrEnum):
    """Where an answer came from; kept on every observation and in every corpus row."""

    REAL = "real"
    """The tool itself ran."""
    RECORDED = "recorded"
    """An earlier real answer, from the record."""
    SIMULATED = "simulated"
    """The simulated world made it from the tool's schemas."""
    LLM = "llm"
    """A language model played the tool."""


class Observation(Frozen):
    """The answer to one ToolCall."""

    status: int
    """An HTTP-like status: 200 on success, 4xx or 5xx otherwise."""
    body: Json = None
    error: ToolErrorKind | None = None
    source: ObservationSource = ObservationSource.SIMULATED

    @property
    def ok(self) -> bool:
        return self.error is None
