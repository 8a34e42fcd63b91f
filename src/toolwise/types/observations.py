"""Observation: what a tool call returned, with its error kind and where the answer came from."""

from __future__ import annotations

from enum import StrEnum

import orjson

from toolwise.types.base import Frozen, Json

_FAILED = 400


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

    @property
    def content(self) -> str:
        """The text of the tool message: the body as JSON, or `{"status": …, "error": …}` where the call failed.

        Keys keep the body's order, as a model would see them. A success without a body is `{"status": 204}`.
        """
        if self.error is None:
            body = {"status": self.status} if self.body is None else self.body
            return orjson.dumps(body, option=orjson.OPT_NON_STR_KEYS).decode()
        cause = self.body
        if isinstance(cause, dict) and set(cause) == {"error"}:
            cause = cause["error"]
        payload = {"status": self.status, "error": self.error.value if cause is None else cause}
        return orjson.dumps(payload, option=orjson.OPT_NON_STR_KEYS).decode()


def read_content(content: str) -> tuple[bool, Json]:
    """A tool message's text as (succeeded, body): the inverse of `Observation.content`, for whoever sees only messages.

    Text that is not JSON is a success whose body is the text itself.
    """
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError:
        return True, content
    if isinstance(body, dict) and body.keys() == {"status", "error"}:
        status = body["status"]
        return not (isinstance(status, int) and status >= _FAILED), body
    return True, body
