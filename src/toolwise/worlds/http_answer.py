"""From a response to an observation: typed, within bounds, without secrets, and never HTML where JSON was promised."""

from __future__ import annotations

import base64

import orjson

from toolwise.connections.http import HttpResponse
from toolwise.schemas import merged, schema_type
from toolwise.types import Json, Observation, ObservationSource, Tool, ToolErrorKind
from toolwise.worlds.credentials import Redaction
from toolwise.worlds.failures import failed

_KINDS = {
    401: ToolErrorKind.UNAUTHORIZED,
    402: ToolErrorKind.UNAUTHORIZED,
    403: ToolErrorKind.UNAUTHORIZED,
    404: ToolErrorKind.NOT_FOUND,
    407: ToolErrorKind.UNAUTHORIZED,
    408: ToolErrorKind.TIMEOUT,
    409: ToolErrorKind.CONFLICT,
    410: ToolErrorKind.NOT_FOUND,
    412: ToolErrorKind.CONFLICT,
    423: ToolErrorKind.CONFLICT,
    428: ToolErrorKind.CONFLICT,
    429: ToolErrorKind.RATE_LIMITED,
    504: ToolErrorKind.TIMEOUT,
}
_NO_BODY = frozenset({204, 205, 304})
_MAX_DEPTH = 100
_EXCERPT = 500
_MAX_RETRY_AFTER = 60


def kind_of_status(status: int) -> ToolErrorKind | None:
    """What a status says; none for success. A 3xx that leads nowhere is not what any tool promised."""
    if status in _KINDS:
        return _KINDS[status]
    if status >= 500:
        return ToolErrorKind.SERVER
    if status >= 400:
        return ToolErrorKind.INVALID_ARGUMENTS
    return None if 200 <= status < 300 or status == 304 else ToolErrorKind.MALFORMED


def read_answer(tool: Tool, method: str, response: HttpResponse, redaction: Redaction) -> Observation:
    """The observation of a response."""
    kind = kind_of_status(response.status)
    if kind is not None:
        return _failure(response, kind, redaction)
    if not response.content:
        promised = _promises_json(tool) and method != "HEAD" and response.status == 200
        return _malformed(response, "an empty body", redaction) if promised else _success(response, None)
    try:
        body = _parsed(response)
    except (ValueError, RecursionError) as error:
        if _promises_json(tool) or _is_json(response.media_type):
            return _malformed(response, _fault(response, error), redaction)
        return _success(response, redaction.json(_as_it_is(response)))
    return _success(response, redaction.json(body))


def _success(response: HttpResponse, body: Json) -> Observation:
    return Observation(status=response.status, body=body, source=ObservationSource.REAL)


def _is_json(media_type: str) -> bool:
    return media_type.endswith(("/json", "+json"))


def _promises_json(tool: Tool) -> bool:
    """Does the document promise a JSON response? Text it describes as a string."""
    if tool.returns is None:
        return False
    schema = merged(tool.returns, tool.definitions)
    return bool(schema) and schema_type(schema) not in {"string", "any"}


def _parsed(response: HttpResponse) -> Json:
    """The JSON body. Raises ValueError."""
    body = orjson.loads(response.content.removeprefix(b"\xef\xbb\xbf"))
    if _deeper_than(body, _MAX_DEPTH):
        raise ValueError(f"nested more than {_MAX_DEPTH} deep")
    return body


def _deeper_than(value: Json, depth: int) -> bool:
    level = [value]
    for _ in range(depth):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return False
    return True


def _as_it_is(response: HttpResponse) -> Json:
    """A body that is not JSON and need not be: text, or bytes with their type."""
    textual = response.media_type.startswith("text/") or response.media_type.endswith(("xml", "javascript", "yaml"))
    if textual or not response.media_type:
        return response.text()
    return {"media_type": response.media_type, "base64": base64.b64encode(response.content).decode()}


def _fault(response: HttpResponse, error: Exception) -> str:
    if "html" in response.media_type or response.content[:200].lstrip().lower().startswith((b"<!doctype", b"<html")):
        return "HTML in place of JSON"
    if response.media_type and not _is_json(response.media_type):
        return f"'{response.media_type[:60]}' in place of JSON"
    return f"invalid JSON: {str(error)[:100]}"


def _malformed(response: HttpResponse, what: str, redaction: Redaction) -> Observation:
    seen = failed(ToolErrorKind.MALFORMED, f"The tool answered with {what}.")
    excerpt = redaction.text(response.text()[: 4 * _EXCERPT])[:_EXCERPT]
    error = {**seen.body["error"], "answer_status": response.status, **({"answer": excerpt} if excerpt else {})}
    return seen.model_copy(update={"body": {"error": error}})


def _failure(response: HttpResponse, kind: ToolErrorKind, redaction: Redaction) -> Observation:
    """The service's own words about what failed; Retry-After is kept with them."""
    try:
        told = redaction.json(_parsed(response)) if response.content else None
    except (ValueError, RecursionError):
        told = redaction.text(response.text()[: 4 * _EXCERPT])[:_EXCERPT]
    if isinstance(told, dict) and set(told) == {"error"} and isinstance(told["error"], dict):
        told = told["error"]
    error: dict[str, Json] = {"code": kind.value}
    if isinstance(told, dict):
        error |= told
    else:
        error["message"] = f"The tool answered with status {response.status}." if told in (None, "") else told
    wait = response.headers.get("retry-after")
    if wait is not None and kind in {ToolErrorKind.RATE_LIMITED, ToolErrorKind.SERVER}:
        error["retry_after"] = (
            int(wait) if wait.isdecimal() and len(wait) < 10 else redaction.text(wait[:_MAX_RETRY_AFTER])
        )
    return Observation(
        status=response.status if response.status >= 400 else 502,
        body={"error": error},
        error=kind,
        source=ObservationSource.REAL,
    )
