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


class FaultKind(StrEnum):
    """A failure that was put in on purpose; what the caller sees of it, and what became of the call."""

    UNAUTHORIZED = "unauthorized"
    """401; the call is not made."""
    FORBIDDEN = "forbidden"
    """403; the call is not made."""
    NOT_FOUND = "not_found"
    """404; the call is not made."""
    REQUEST_TIMEOUT = "request_timeout"
    """408: the server gave up waiting for the request; the call is not made."""
    RATE_LIMITED = "rate_limited"
    """429 with Retry-After; the call is not made."""
    SERVER_ERROR = "server_error"
    """500, 502 or 503; the call is not made."""
    TIMEOUT = "timeout"
    """No answer in time; the call was made or not, as the seed says."""
    DROPPED_CONNECTION = "dropped_connection"
    """The connection broke; the call was made or not, as the seed says."""
    TRUNCATED_JSON = "truncated_json"
    """The call is made; its answer stops in the middle."""
    HTML = "html"
    """The call is made; an HTML page comes back in place of its answer."""
    RENAMED_FIELDS = "renamed_fields"
    """The call is made; fields of its answer have other names than documented."""
    WRONG_TYPES = "wrong_types"
    """The call is made; values of its answer have other types than documented."""
    EMPTY_BODY = "empty_body"
    """The call is made; its answer is lost, with a status that says all is well."""
    PROMPT_INJECTION = "prompt_injection"
    """The call is made; its answer holds text that tries to command the model."""


_LOOKS_FINE = frozenset({FaultKind.RENAMED_FIELDS, FaultKind.WRONG_TYPES, FaultKind.PROMPT_INJECTION})
"""Faults that show in the body itself: the tool message is the body, as a caller would get it."""


class Observation(Frozen):
    """The answer to one ToolCall."""

    status: int
    """An HTTP-like status: 200 on success, 4xx or 5xx otherwise."""
    body: Json = None
    error: ToolErrorKind | None = None
    source: ObservationSource = ObservationSource.SIMULATED
    fault: FaultKind | None = None
    """The failure that was put in on purpose, if one was."""

    @property
    def ok(self) -> bool:
        return self.error is None

    @property
    def content(self) -> str:
        """The text of the tool message: the body as JSON, or `{"status": …, "error": …}` where the call failed.

        Keys keep the body's order, as a model would see them. A success without a body is `{"status": 204}`.
        """
        if self.error is None or self.fault in _LOOKS_FINE:
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
        failed = isinstance(status, int) and (status >= _FAILED or bool(body["error"]))
        return not failed, body
    return True, body
