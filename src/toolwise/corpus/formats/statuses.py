"""Why a call failed, in ToolBench's observation codes and in ToolAlpaca's status lines."""

from __future__ import annotations

import re
from contextlib import suppress
from enum import IntEnum
from typing import Any

import orjson

from toolwise.types import Observation, ToolErrorKind, read_content

_STATED = re.compile(r"status_code=(\d{3})\b")
_STATUS_LINE = re.compile(r"\AStatus Code: (\d{3})\. Response: ?(.*)\Z", re.DOTALL)
_ADVICE = re.compile(r"\. You should choose one of: \(1\).*\Z", re.DOTALL)
_LONGEST_JSON = 4_000_000


class Code(IntEnum):
    """ToolBench's `observation_code`."""

    OK = 0
    """A normal response (whose own text may still report an error)."""
    UNKNOWN_FUNCTION = 1
    """No function of that name is on offer."""
    BAD_INPUT = 2
    """The input of the finishing function cannot be read."""
    ANSWERED = 3
    """The final answer was given."""
    GAVE_UP = 4
    """The model chose to give up."""
    TIMEOUT = 5
    """The service did not answer in time."""
    NOT_FOUND = 6
    """404."""
    NOT_SUBSCRIBED = 7
    """The key has no subscription. Files of one version swap this code and the next; both mean unauthorized."""
    UNAUTHORIZED = 8
    """401 or 403."""
    TOO_MANY = 9
    """429."""
    RATE_LIMIT = 10
    """A limit of requests a minute."""
    ERROR_IN_MESSAGE = 11
    """The response reports an error."""
    SENDING_FAILED = 12
    """The request could not be sent, or was refused."""


_KIND_OF: dict[int, ToolErrorKind] = {
    Code.UNKNOWN_FUNCTION: ToolErrorKind.UNKNOWN_TOOL,
    Code.BAD_INPUT: ToolErrorKind.INVALID_ARGUMENTS,
    Code.TIMEOUT: ToolErrorKind.TIMEOUT,
    Code.NOT_FOUND: ToolErrorKind.NOT_FOUND,
    Code.NOT_SUBSCRIBED: ToolErrorKind.UNAUTHORIZED,
    Code.UNAUTHORIZED: ToolErrorKind.UNAUTHORIZED,
    Code.TOO_MANY: ToolErrorKind.RATE_LIMITED,
    Code.RATE_LIMIT: ToolErrorKind.RATE_LIMITED,
    Code.ERROR_IN_MESSAGE: ToolErrorKind.SERVER,
    Code.SENDING_FAILED: ToolErrorKind.CONNECTION,
}
_CODE_OF: dict[ToolErrorKind, Code] = {
    ToolErrorKind.UNKNOWN_TOOL: Code.UNKNOWN_FUNCTION,
    ToolErrorKind.INVALID_ARGUMENTS: Code.BAD_INPUT,
    ToolErrorKind.NOT_FOUND: Code.NOT_FOUND,
    ToolErrorKind.CONFLICT: Code.ERROR_IN_MESSAGE,
    ToolErrorKind.UNAUTHORIZED: Code.UNAUTHORIZED,
    ToolErrorKind.RATE_LIMITED: Code.TOO_MANY,
    ToolErrorKind.SERVER: Code.ERROR_IN_MESSAGE,
    ToolErrorKind.TIMEOUT: Code.TIMEOUT,
    ToolErrorKind.CONNECTION: Code.SENDING_FAILED,
    ToolErrorKind.MALFORMED: Code.ERROR_IN_MESSAGE,
    ToolErrorKind.REFUSED: Code.UNAUTHORIZED,
}
_BY_STATUS: dict[int, ToolErrorKind] = {
    400: ToolErrorKind.INVALID_ARGUMENTS,
    401: ToolErrorKind.UNAUTHORIZED,
    403: ToolErrorKind.UNAUTHORIZED,
    404: ToolErrorKind.NOT_FOUND,
    408: ToolErrorKind.TIMEOUT,
    409: ToolErrorKind.CONFLICT,
    412: ToolErrorKind.CONFLICT,
    422: ToolErrorKind.INVALID_ARGUMENTS,
    429: ToolErrorKind.RATE_LIMITED,
    504: ToolErrorKind.TIMEOUT,
}


def kind_of_status(status: int) -> ToolErrorKind | None:
    """None below 400."""
    if status < 400:
        return None
    return _BY_STATUS.get(status, ToolErrorKind.SERVER if status >= 500 else ToolErrorKind.INVALID_ARGUMENTS)


def kind_of_code(code: Any, observation: str) -> ToolErrorKind | None:
    """Why a ToolBench call failed. A status in the observation says more than the codes that lump errors together."""
    if code in (Code.ERROR_IN_MESSAGE, Code.SENDING_FAILED) and (status := _stated_status(observation)):
        return kind_of_status(status) or _KIND_OF[code]
    if code == Code.OK:
        return ToolErrorKind.SERVER if _reports_error(observation) else None
    return _KIND_OF.get(code, ToolErrorKind.SERVER) if isinstance(code, int) else None


def code_of_kind(kind: ToolErrorKind | None) -> int:
    """The nearest code: it has none of its own for conflicts, malformed answers and refusals."""
    return int(Code.OK if kind is None else _CODE_OF[kind])


def _json_object(text: str) -> dict[str, Any]:
    if not text.startswith("{") or len(text) > _LONGEST_JSON:
        return {}
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}


def _stated_status(observation: str) -> int:
    """The HTTP status that an observation states; 0 where it states none."""
    body = _json_object(observation)
    if body.keys() == {"status", "error"} and isinstance(body["status"], int):
        return body["status"]
    found = _STATED.search(str(body.get("error") or "")[:300])
    return int(found[1]) if found else 0


def _reports_error(observation: str) -> bool:
    """ToolBench's wrapper answers `{"error": …, "response": …}`, the first of them empty where all went well."""
    body = _json_object(observation)
    return body.keys() == {"error", "response"} and bool(body["error"])


def read_status_line(observation: str) -> tuple[str, ToolErrorKind | None]:
    """ToolAlpaca's `Status Code: 404. Response: …` as a tool message's text and why the call failed.

    A failed call's text is `{"status": …, "error": …}`, as everywhere in Toolwise; what ToolAlpaca then advises the
    model to do is left out. Text without a status line is a message of its wrapper: the call was never made.
    """
    found = _STATUS_LINE.match(observation)
    if found is None:
        unknown = "is not a valid action" in observation[:400]
        return observation, ToolErrorKind.UNKNOWN_TOOL if unknown else ToolErrorKind.INVALID_ARGUMENTS
    status, text = int(found[1]), found[2]
    kind = kind_of_status(status)
    if kind is None:
        return text, None
    body: Any = _ADVICE.sub("", text)
    with suppress(orjson.JSONDecodeError):
        body = orjson.loads(body)
    return Observation(status=status, body=body, error=kind).content, kind


def status_line(content: str, kind: ToolErrorKind | None) -> str:
    """A tool message's text as ToolAlpaca's executor would have put it."""
    ok, body = read_content(content)
    if kind is None or ok or not isinstance(body, dict):
        return f"Status Code: {200 if kind is None else 500}. Response: {content}"
    error = body["error"]
    text = error if isinstance(error, str) and not _is_json(error) else orjson.dumps(error).decode()
    return f"Status Code: {body['status']}. Response: {text}"


def _is_json(text: str) -> bool:
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True
