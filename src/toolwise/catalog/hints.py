"""What a call does to the world, from its HTTP method and the verb in its name."""

from __future__ import annotations

import re

from toolwise.text import identifier_words

_READING = frozenset(
    """get list describe search query read fetch find lookup check count show view retrieve batchget head preview
validate estimate calculate select scan download detect recognize classify explain resolve verify discover
aggregated aggregate simulate translate evaluate is has watch peek""".split()
)
_DESTROYING = frozenset(
    """delete remove terminate destroy purge erase drop wipe batchdelete bulkdelete clear revoke cancel deregister
trash expunge undeploy disassociate detach uninstall deprovision""".split()
)
_SETTING = frozenset(
    ["put", "set", "update", "replace", "modify", "enable", "disable", "tag", "untag", "rename", "undelete"]
)
_READING_BY_POST = frozenset(
    ["get", "list", "describe", "search", "query", "read", "fetch", "find", "lookup", "batchget", "count", "retrieve"]
)
_LEADING_QUALIFIERS = frozenset(["batch", "bulk", "admin", "async", "start"])
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_SPLIT = re.compile(r"[./]")

Hints = dict[str, bool]


def verb(name: str) -> str:
    """The verb of a tool's name: `BatchGetItem` and `items.batchGet` both give `get`."""
    last = _SPLIT.split(name)[-1]
    words = identifier_words(last) or identifier_words(name)
    for word in words[:-1]:
        if word not in _LEADING_QUALIFIERS:
            return word
    return words[-1] if words else ""


def http_hints(method: str, name: str) -> Hints:
    """Hints of an HTTP operation: RFC 9110, section 9.2, refined by the name's verb."""
    word = verb(name)
    method = method.upper()
    if method in _SAFE_METHODS or (method == "POST" and word in _READING_BY_POST):
        return {"read_only": True, "idempotent": True, "destructive": False}
    if method == "DELETE":
        return {"read_only": False, "idempotent": True, "destructive": True}
    destroys = word in _DESTROYING
    if method == "PUT":
        return {"read_only": False, "idempotent": True, "destructive": destroys}
    if method == "PATCH" or destroys:
        return {"read_only": False, "destructive": destroys}
    return {}


def rpc_hints(name: str, *, read_only: bool, idempotent: bool) -> Hints:
    """Hints of an operation whose HTTP method says nothing: the model's own traits, then the verb."""
    word = verb(name)
    if read_only or word in _READING:
        return {"read_only": True, "idempotent": True, "destructive": False}
    if word in _DESTROYING:
        return {"read_only": False, "destructive": True, **({"idempotent": True} if idempotent else {})}
    if idempotent or word in _SETTING:
        return {"read_only": False, "idempotent": True, "destructive": False}
    return {"read_only": False}
