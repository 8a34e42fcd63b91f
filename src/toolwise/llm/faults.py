"""What can go wrong between us and a model's endpoint: named once, with the remedy, and fatal or not."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import orjson

from toolwise.errors import ModelError, UserError

_SHOWN = 160
"""Characters of a foreign answer that an error repeats."""


class EndpointFault(StrEnum):
    """Why a model call did not succeed."""

    RATE_LIMITED = "rate_limited"
    """The endpoint asks for fewer requests (429)."""
    SERVER = "server"
    """The endpoint broke (5xx)."""
    UNREACHABLE = "unreachable"
    """No connection can be made: a closed port, an unknown host."""
    CONNECTION = "connection"
    """The endpoint hung up."""
    TIMEOUT = "timeout"
    """No answer in time."""
    MALFORMED = "malformed"
    """The answer is not of OpenAI's shape: HTML from a proxy, cut JSON."""
    UNPARSABLE = "unparsable"
    """The model wrote calls or JSON that cannot be read, also when asked again."""
    TRUNCATED = "truncated"
    """The model's answer was cut off at the limit of tokens."""
    CONTEXT_LENGTH = "context_length"
    """The request is longer than the model's context, also when shortened."""
    NO_TOOLS = "no_tools"
    """The model takes no tools."""
    NO_SCHEMA = "no_schema"
    """The endpoint takes no schema for the answer."""
    REFUSED = "refused"
    """The endpoint refuses this very request (400, 422)."""


RETRIED = frozenset(
    {
        EndpointFault.RATE_LIMITED,
        EndpointFault.SERVER,
        EndpointFault.UNREACHABLE,
        EndpointFault.CONNECTION,
        EndpointFault.TIMEOUT,
        EndpointFault.MALFORMED,
    }
)
"""Worth another attempt as they are."""


class EndpointError(ModelError):
    """One call failed; others may go on."""

    def __init__(self, kind: EndpointFault, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.retry_after = retry_after
        """Seconds that the endpoint asks us to wait."""


class EndpointUnusableError(UserError):
    """No call to this endpoint can succeed: the run stops, and goes on when the user has mended it."""


def fault_of(
    status: int, body: bytes, *, where: str, model: str, key_name: str, retry_after: float | None = None
) -> EndpointError | EndpointUnusableError:
    """What an HTTP answer other than 200 means. `where` is the endpoint's address without secrets."""
    code, text = _error_text(body)
    said = f"{where} answered {status}: {text}"
    remedy = _remedy(status, f"{code} {text}".lower(), model, key_name)
    if remedy:
        return EndpointUnusableError(f"{said}; {remedy}")
    if status == 429:
        kind = EndpointFault.RATE_LIMITED
    elif status in (408, 504):
        kind = EndpointFault.TIMEOUT
    elif status >= 500 or status == 409:
        kind = EndpointFault.SERVER
    else:
        kind = _refusal(status, f"{code} {text}".lower())
    return EndpointError(kind, said, retry_after=retry_after)


def _remedy(status: int, low: str, model: str, key_name: str) -> str:
    """What the user must do where no call can succeed; empty for a failure of this call alone."""
    if status in (401, 403):
        return f"check the key in the environment variable {key_name}"
    if status == 402 or "insufficient_quota" in low or "exceeded your current quota" in low:
        return "top up the account, then run again with --resume"
    if status == 404 and "model" in low:
        return f"the endpoint has no model {model!r}: choose another with --model"
    if status == 404:
        return "check --base-url, which usually ends in /v1"
    if status < 400:
        return "check --base-url: a chat endpoint answers with 200 or an error"
    return ""


def _refusal(status: int, low: str) -> EndpointFault:
    """Which of the refusals that we can do something about this is."""
    if status == 413 or "context_length" in low or "context length" in low or "maximum context" in low:
        return EndpointFault.CONTEXT_LENGTH
    if ("too long" in low or "exceed" in low) and ("prompt" in low or "token" in low or "context" in low):
        return EndpointFault.CONTEXT_LENGTH
    denied = any(word in low for word in ("support", "enable", "unknown", "unrecognized", "not allowed", "invalid"))
    if denied and ("response_format" in low or "json_schema" in low):
        return EndpointFault.NO_SCHEMA
    if any(word in low for word in ("support", "enable", "tool-call-parser")) and (
        "tool" in low or "function call" in low
    ):
        return EndpointFault.NO_TOOLS
    return EndpointFault.REFUSED


def _error_text(body: bytes) -> tuple[str, str]:
    """(code, message) of an error's body, whatever its shape."""
    try:
        document: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return "", excerpt(body)
    error = document.get("error", document) if isinstance(document, dict) else document
    if isinstance(error, dict):
        text = error.get("message") or error.get("detail") or orjson.dumps(error).decode()
        return f"{error.get('code') or ''} {error.get('type') or ''}", shortened(str(text))
    return "", shortened(str(error))


def excerpt(body: bytes) -> str:
    """The start of a foreign answer, as one line."""
    text = body[: 4 * _SHOWN].decode(errors="replace")
    if text.lstrip()[:1] == "<":
        return f"an HTML page ({shortened(text, 60)})"
    return shortened(text) or "an empty body"


def shortened(text: str, limit: int = _SHOWN) -> str:
    """One line of at most `limit` characters."""
    line = " ".join(text.split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"
