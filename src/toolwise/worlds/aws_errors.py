"""What kind of failure an AWS service's error is: by its code's words, then its status."""

from __future__ import annotations

import re
from typing import Any

from toolwise.types import Json, Observation, ObservationSource, ToolErrorKind
from toolwise.worlds.failures import STATUS
from toolwise.worlds.http_answer import kind_of_status

_BY_CODE = (
    (ToolErrorKind.RATE_LIMITED, r"Throttl|TooManyRequests|RequestLimitExceeded|SlowDown|ThroughputExceeded"),
    (ToolErrorKind.UNAUTHORIZED, r"AccessDenied|Unauthori[sz]ed|Forbidden|InvalidClientTokenId|Signature|ExpiredToken|"
                                 r"UnrecognizedClient|MissingAuthentication|InvalidAccessKeyId|AuthFailure|OptIn"),
    (ToolErrorKind.NOT_FOUND, r"NotFound|NoSuch|DoesNotExist|NonExistent|NotExist|\A404\Z"),
    (ToolErrorKind.CONFLICT, r"Already|Exists|Exist\Z|Conflict|Duplicate|InUse|NotEmpty|Dependen|InvalidState|"
                             r"IncorrectState|Precondition|ConditionalCheckFailed|\A409\Z|\A412\Z"),
)  # fmt: skip
_CODES = tuple((kind, re.compile(pattern)) for kind, pattern in _BY_CODE)
_GENERIC = frozenset(
    {"ValidationError", "ValidationException", "InvalidRequestException", "BadRequestException", "ClientException"}
)
"""Codes that say nothing: there the message is asked too."""
_SAYS = (
    (ToolErrorKind.CONFLICT, re.compile(r"already exists|already in use", re.IGNORECASE)),
    (ToolErrorKind.NOT_FOUND, re.compile(r"not found|not exist|no such|cannot find|could not find", re.IGNORECASE)),
)
_MAX_MESSAGE = 1_000


def kind_of_error(code: str, message: str, status: int) -> ToolErrorKind:
    """The kind of an error with that code, message and HTTP status."""
    for kind, pattern in _CODES:
        if pattern.search(code):
            return kind
    if code.rpartition("#")[2] in _GENERIC:
        for kind, pattern in _SAYS:
            if pattern.search(message):
                return kind
    return kind_of_status(status) or ToolErrorKind.SERVER


def failed_answer(response: dict[str, Any]) -> Observation:
    """The observation of what botocore's ClientError carries."""
    error = response.get("Error") or {}
    code, message = str(error.get("Code") or "Unknown"), str(error.get("Message") or "")[:_MAX_MESSAGE]
    status = (response.get("ResponseMetadata") or {}).get("HTTPStatusCode")
    status = status if isinstance(status, int) else 500
    kind = kind_of_error(code, message, status)
    body: dict[str, Json] = {"error": {"code": code, "message": message or f"The service answered {status}."}}
    return Observation(
        status=status if status >= 400 else STATUS[kind], body=body, error=kind, source=ObservationSource.REAL
    )
