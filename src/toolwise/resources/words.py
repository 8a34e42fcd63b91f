"""Verbs and nouns in tool names: which action a verb means, and singular against plural."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from toolwise.resources.operation import Action

_VERBS: dict[Action, str] = {
    Action.CREATE: "create insert add register put allocate provision upload new make launch post",
    Action.GET: "get fetch retrieve describe read show view lookup load head",
    Action.LIST: "list enumerate index all aggregated",
    Action.UPDATE: "update modify patch edit change set replace rename",
    Action.DELETE: "delete remove destroy deregister unregister terminate release drop purge",
    Action.OTHER: (
        "search query find count validate verify test check send start stop restart reboot resume suspend pause "
        "cancel copy move clone import export convert merge batch bulk tag untag attach detach associate disassociate "
        "enable disable run execute invoke predict generate analyze detect translate refresh sync reset rotate "
        "approve reject accept decline complete finish close open lock unlock archive unarchive restore undelete "
        "publish unpublish subscribe unsubscribe watch poll request submit apply assign unassign grant revoke "
        "enroll login logout authorize preview estimate calculate compare download render notify retry migrate "
        "failover promote demote upgrade install uninstall deploy rollback abort activate deactivate invite "
        "transfer share unshare link unlink join leave follow unfollow like star mute unmute wait classify "
        "summarize troubleshoot simulate fork swap switch exchange ping reverse hide unhide duplicate"
    ),
}
_ACTION_OF = {verb: action for action, verbs in _VERBS.items() for verb in verbs.split()}

_IRREGULAR = {
    "people": "person",
    "children": "child",
    "indices": "index",
    "matrices": "matrix",
    "vertices": "vertex",
    "analyses": "analysis",
    "statuses": "status",
    "aliases": "alias",
    "addresses": "address",
    "leaves": "leaf",
    "men": "man",
    "women": "woman",
    "movies": "movie",
    "cookies": "cookie",
    "caches": "cache",
    "databases": "database",
    "releases": "release",
    "leases": "lease",
    "phases": "phase",
    "responses": "response",
    "licenses": "license",
    "purchases": "purchase",
    "courses": "course",
    "houses": "house",
    "images": "image",
    "buses": "bus",
    "data": "data",
    "series": "series",
    "news": "news",
    "dns": "dns",
    "aws": "aws",
    "kms": "kms",
    "ids": "id",
}


def word_set(text: str) -> frozenset[str]:
    """The words of a line, for tables."""
    return frozenset(text.split())


def verb_action(word: str) -> Action | None:
    """The action that a verb means, or none if it is no verb we know."""
    return _ACTION_OF.get(word)


@lru_cache(maxsize=65536)
def singular(word: str) -> str:
    """The singular of an English noun in lower case, by rule; a word that is singular stays."""
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if len(word) < 4 or not word.endswith("s") or word.endswith(("ss", "us", "is", "ics")):
        return word
    if word.endswith("ies"):
        return word[:-3] + "y"
    if word.endswith(("sses", "shes", "ches", "xes", "zzes")):
        return word[:-2]
    return word[:-1]


def is_plural(word: str) -> bool:
    """Does the word look like a plural?"""
    return singular(word) != word


def singular_noun(words: Sequence[str]) -> tuple[str, ...]:
    """A noun phrase with its last word made singular."""
    return (*words[:-1], singular(words[-1])) if words else ()
