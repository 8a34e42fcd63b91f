"""Failed observations of real tools: the error's kind, its status, and the kind that a tool's own words speak of."""

from __future__ import annotations

import re

from toolwise.types import Observation, ObservationSource, ToolErrorKind

STATUS = {
    ToolErrorKind.INVALID_ARGUMENTS: 400,
    ToolErrorKind.UNAUTHORIZED: 403,
    ToolErrorKind.REFUSED: 403,
    ToolErrorKind.NOT_FOUND: 404,
    ToolErrorKind.UNKNOWN_TOOL: 404,
    ToolErrorKind.CONFLICT: 409,
    ToolErrorKind.RATE_LIMITED: 429,
    ToolErrorKind.SERVER: 500,
    ToolErrorKind.MALFORMED: 502,
    ToolErrorKind.CONNECTION: 503,
    ToolErrorKind.TIMEOUT: 504,
}
_MAX_MESSAGE = 1_000
_SPOKEN = (
    (ToolErrorKind.UNKNOWN_TOOL, r"unknown tool|tool \S+ not found|no such tool"),
    (ToolErrorKind.RATE_LIMITED, r"rate.?limit|too many requests|\b429\b|quota exceeded"),
    (ToolErrorKind.UNAUTHORIZED, r"unauthori[sz]ed|forbidden|access denied|permission denied|not permitted|"
                                 r"\bEACCES\b|\bEPERM\b|outside (?:the )?allowed|\b40[13]\b"),
    (ToolErrorKind.INVALID_ARGUMENTS, r"invalid arguments?|validation error|invalid input|invalid params|"
                                      r"field required|missing required|required property"),
    (ToolErrorKind.CONFLICT, r"already exists|\bEEXIST\b|conflict|\b409\b"),
    (ToolErrorKind.NOT_FOUND, r"not found|does not exist|no such|\bENOENT\b|unknown revision|did not resolve|"
                              r"could not find|cannot find|\b404\b"),
    (ToolErrorKind.TIMEOUT, r"timed? ?out"),
    (ToolErrorKind.INVALID_ARGUMENTS, r"\binvalid\b|must be|expected|malformed|unsupported|\bEISDIR\b|\bENOTDIR\b"),
)  # fmt: skip
_PATTERNS = tuple((kind, re.compile(pattern, re.IGNORECASE)) for kind, pattern in _SPOKEN)


def spoken_kind(message: str) -> ToolErrorKind:
    """The kind of error that a message speaks of; SERVER where it speaks of none we know.

    MCP has one flag for all errors of a tool; what went wrong is only in its words.
    """
    head = message[:_MAX_MESSAGE]
    return next((kind for kind, pattern in _PATTERNS if pattern.search(head)), ToolErrorKind.SERVER)


def failed(kind: ToolErrorKind, message: str, field: str = "") -> Observation:
    """A failed call of a real tool, in the shape that all worlds' errors have."""
    error = {"code": kind.value, "message": message[:_MAX_MESSAGE], **({"field": field} if field else {})}
    return Observation(status=STATUS[kind], body={"error": error}, error=kind, source=ObservationSource.REAL)
