"""What a probe's one call says about a tool."""

from __future__ import annotations

import re
from enum import StrEnum

import orjson

from toolwise.schemas import merged, schema_type
from toolwise.types import Frozen, Json, Observation, Tool, ToolErrorKind

_MARKUP = re.compile(r"^\s*(?:<!doctype\s+html|<html|<head|<body|<\?xml[^>]*>\s*<!doctype\s+html)", re.IGNORECASE)
_WRAPPED = 2000
"""Characters at a text's beginning in which markup is looked for."""
_OF_AN_ERROR = frozenset(
    "error errors error_code error_message error_description message messages msg detail details code status "
    "status_code statuscode success ok timestamp path type title request_id requestid documentation_url info".split()
)
_SAYS_ERROR = frozenset({"error", "errors", "error_code", "error_message", "error_description"})


class BodyKind(StrEnum):
    """What came back."""

    OBJECT = "object"
    """A JSON object."""
    ARRAY = "array"
    """A JSON array."""
    SCALAR = "scalar"
    """A JSON number or boolean."""
    TEXT = "text"
    """Text that is no markup."""
    HTML = "html"
    """An HTML page."""
    EMPTY = "empty"
    """Nothing."""


class ProbeOutcome(StrEnum):
    """What became of a tool."""

    OK = "ok"
    """Kept: it answered as it should."""
    ANSWERED_NO = "answered_no"
    """Kept: it refused the example's values in good form (400, 404, 409, 422); so it is alive."""
    NOT_SAFE = "not_safe"
    """Kept, not called: it is not known to be read-only, or known to destroy."""
    REFUSED = "refused"
    """Kept, not called: we may not reach its host, or this world cannot run it."""
    RATE_LIMITED = "rate_limited"
    """Kept for now: it asked us to wait; the next run tries again."""
    DEAD = "dead"
    """Dropped: nobody answers, the address is gone (404, 410 without a proper error), or the server breaks."""
    SLOW = "slow"
    """Dropped: it took longer than allowed."""
    HTML = "html"
    """Dropped: a page for people came back."""
    ERROR_PAGE = "error_page"
    """Dropped: an error, or unstructured text where fields were promised, under a status that says all is well."""
    MALFORMED = "malformed"
    """Dropped: what came back is broken."""
    EMPTY = "empty"
    """Dropped: nothing came back, although fields were promised."""
    UNAUTHORIZED = "unauthorized"
    """Dropped: it wants credentials that we do not have."""
    NO_EXAMPLE = "no_example"
    """Dropped: no valid arguments could be found or made."""

    @property
    def kept(self) -> bool:
        return self in _KEPT

    @property
    def final(self) -> bool:
        """Need a later run not try again?"""
        return self not in {ProbeOutcome.RATE_LIMITED, ProbeOutcome.REFUSED}


_KEPT = frozenset(
    {
        ProbeOutcome.OK,
        ProbeOutcome.ANSWERED_NO,
        ProbeOutcome.NOT_SAFE,
        ProbeOutcome.REFUSED,
        ProbeOutcome.RATE_LIMITED,
    }
)
_BY_ERROR = {
    ToolErrorKind.UNAUTHORIZED: ProbeOutcome.UNAUTHORIZED,
    ToolErrorKind.CONNECTION: ProbeOutcome.DEAD,
    ToolErrorKind.TIMEOUT: ProbeOutcome.SLOW,
    ToolErrorKind.REFUSED: ProbeOutcome.REFUSED,
    ToolErrorKind.UNKNOWN_TOOL: ProbeOutcome.REFUSED,
    ToolErrorKind.RATE_LIMITED: ProbeOutcome.RATE_LIMITED,
    ToolErrorKind.SERVER: ProbeOutcome.DEAD,
}


class Probed(Frozen):
    """One tool's result; a line of `probe.jsonl`."""

    tool: str
    key: str
    """Of the tool's definition and the settings: another one is probed anew."""
    outcome: ProbeOutcome
    kept: bool
    status: int | None = None
    error: ToolErrorKind | None = None
    latency_ms: float | None = None
    bytes: int | None = None
    """Size of the body as JSON."""
    body: BodyKind | None = None
    arguments: dict[str, Json] | None = None
    documented: bool = False
    """Are the arguments an example of the document's own?"""
    detail: str = ""


def body_kind(body: Json) -> BodyKind:
    """What a body is."""
    if body is None or body == "":
        return BodyKind.EMPTY
    if isinstance(body, dict):
        return BodyKind.OBJECT
    if isinstance(body, list):
        return BodyKind.ARRAY
    if isinstance(body, str):
        return BodyKind.HTML if is_html(body) else BodyKind.TEXT
    return BodyKind.SCALAR


def is_html(text: str) -> bool:
    """Is the text a page for people? By its beginning, or by the closing tags of one."""
    return bool(_MARKUP.match(text[:_WRAPPED])) or "</html>" in text[-_WRAPPED:].lower()


def body_size(body: Json) -> int:
    """Bytes of the body as JSON; 0 where there is none."""
    try:
        return 0 if body is None else len(orjson.dumps(body, option=orjson.OPT_NON_STR_KEYS))
    except TypeError:
        return len(str(body))


def outcome_of(tool: Tool, seen: Observation, seconds: float, slow_s: float) -> tuple[ProbeOutcome, BodyKind]:
    """(what became of the tool, what came back)."""
    cause = seen.body
    if isinstance(cause, dict) and set(cause) == {"error"} and not seen.ok:
        cause = cause["error"]
    kind = body_kind(seen.body)
    if _shows_html(cause):
        return ProbeOutcome.HTML, BodyKind.HTML
    if seen.error in _BY_ERROR:
        return _BY_ERROR[seen.error], kind
    if seconds > slow_s:
        return ProbeOutcome.SLOW, kind
    if seen.error is ToolErrorKind.MALFORMED:
        return (ProbeOutcome.EMPTY if kind is BodyKind.EMPTY else ProbeOutcome.MALFORMED), kind
    if seen.error is not None:
        proper = kind in {BodyKind.OBJECT, BodyKind.ARRAY}
        gone = seen.error is ToolErrorKind.NOT_FOUND and not proper
        return (ProbeOutcome.DEAD if gone else ProbeOutcome.ANSWERED_NO), kind
    return _judge_success(tool, seen.body, kind), kind


def _shows_html(cause: Json) -> bool:
    """HTML as the body, or quoted in an error that describes what came back."""
    texts = [cause] if isinstance(cause, str) else list(cause.values()) if isinstance(cause, dict) else []
    return any(isinstance(text, str) and is_html(text) for text in texts)


def _judge_success(tool: Tool, body: Json, kind: BodyKind) -> ProbeOutcome:
    promised = merged(tool.returns, tool.definitions) if tool.returns else {}
    structured = schema_type(promised) in {"object", "array"}
    if kind is BodyKind.EMPTY:
        return ProbeOutcome.EMPTY if structured else ProbeOutcome.OK
    if kind is BodyKind.TEXT and structured:
        return ProbeOutcome.ERROR_PAGE
    if kind is BodyKind.OBJECT and _is_an_error(body, promised.get("properties") or {}):
        return ProbeOutcome.ERROR_PAGE
    return ProbeOutcome.OK


def _is_an_error(body: dict[str, Json], promised: dict[str, Json]) -> bool:
    """Nothing but an error, in an answer that was to hold something else?"""
    names = {name.lower() for name in body}
    if not names <= _OF_AN_ERROR or any(name in promised for name in body):
        return False
    says = any(body[name] not in (None, "", False, [], {}) for name in body if name.lower() in _SAYS_ERROR)
    return says or any(body[name] is False for name in body if name.lower() in {"success", "ok"})
