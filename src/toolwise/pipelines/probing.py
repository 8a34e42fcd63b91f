"""What a probe's one call says about a tool."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

import orjson

from toolwise.schemas import merged, schema_type
from toolwise.types import Frozen, Json, Observation, Tool, ToolErrorKind

_MARKUP = re.compile(r"^\s*(?:<!doctype\s+html|<html|<head|<body|<\?xml[^>]*>\s*<!doctype\s+html)", re.IGNORECASE)
_NO_ROUTE = re.compile(r"^\s*4(?:04|10)\b|page not found|no (?:such )?route|cannot get |^not found\W*$", re.IGNORECASE)
_SAID_NOTHING = "The tool answered with status"
"""How the worlds describe a failure without a body."""
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
    """Dropped: it took longer than allowed, twice."""
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


@dataclass(frozen=True, slots=True)
class Answered:
    """What came back, out of the description that a world gives of a failure."""

    status: int
    body: Json
    kind: BodyKind

    @classmethod
    def of(cls, seen: Observation) -> Answered:
        """Worlds quote what arrived as `answer`, with the status it had; or describe it in `message`."""
        cause = seen.body
        if not seen.ok and isinstance(cause, dict) and set(cause) == {"error"} and isinstance(cause["error"], dict):
            error = cause["error"]
            if "answer_status" in error:
                body = error.get("answer")
                return cls(error["answer_status"], body, body_kind(body))
            if set(error) <= {"code", "message", "retry_after"} and isinstance(error.get("message"), str):
                body = None if error["message"].startswith(_SAID_NOTHING) else error["message"]
                return cls(seen.status, body, body_kind(body))
        return cls(seen.status, cause, body_kind(cause))


def outcome_of(tool: Tool, seen: Observation, answered: Answered, slow: bool) -> ProbeOutcome:
    """What became of the tool."""
    if answered.kind is BodyKind.HTML:
        return ProbeOutcome.HTML
    if seen.error in _BY_ERROR:
        return _BY_ERROR[seen.error]
    if slow:
        return ProbeOutcome.SLOW
    if seen.error is ToolErrorKind.MALFORMED:
        return _judge_malformed(answered)
    if seen.error is ToolErrorKind.NOT_FOUND and _is_no_route(answered):
        return ProbeOutcome.DEAD
    return ProbeOutcome.ANSWERED_NO if seen.error is not None else _judge_success(tool, seen.body, answered.kind)


def _is_no_route(answered: Answered) -> bool:
    """Does the server say that it has no such address, rather than no such record?"""
    if answered.kind is BodyKind.EMPTY:
        return True
    return isinstance(answered.body, str) and bool(_NO_ROUTE.search(answered.body))


def _judge_malformed(answered: Answered) -> ProbeOutcome:
    if answered.kind is BodyKind.EMPTY:
        return ProbeOutcome.EMPTY
    looks_like_json = isinstance(answered.body, str) and answered.body.lstrip().startswith(("{", "[", '"'))
    text = answered.kind is BodyKind.TEXT and not looks_like_json
    return ProbeOutcome.ERROR_PAGE if text else ProbeOutcome.MALFORMED


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
