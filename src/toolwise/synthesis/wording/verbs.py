"""Verbs of tool documentation: base forms, and what people say instead."""

from __future__ import annotations

from functools import lru_cache

from toolwise.synthesis.wording.lexicon import word_set

_VERBS = """
abort accept access acknowledge activate add adjust advance advertise advise aggregate allocate allow alter analyze
announce answer append apply approve archive ask assess assign assist associate attach audit authenticate authorize
backfill batch begin bind block bookmark book browse build bundle buy calculate call cancel capture change check
checkout claim classify clear clone close collect combine commit compare complete compose compute configure confirm
connect consume contact convert copy count create deactivate decline decode decommission decrease decrypt define delete
demote deploy deprecate deprovision deregister derive describe designate destroy detach detect determine disable
disassociate disconnect discover dismiss display dissociate distribute download downgrade drain drop duplicate edit
elect email enable encode encrypt end enforce enqueue enroll enumerate erase establish estimate evaluate examine
exchange execute expand expire explain export extend extract fail fetch file filter finalize find finish fix flag
flush follow force forecast forget format forward freeze generate get give grant group halt hide identify ignore
import impersonate increase index infer ingest initialize initiate inject insert inspect install instantiate
invalidate invite invoke issue join keep label launch leave like link list load locate lock log look lookup make
manage map mark match measure merge migrate moderate modify monitor mount move mute negotiate notify obtain offer
onboard open optimize order override parse patch pause peek pin ping play poll populate post predict prepare preview
print process produce promote propose provide provision publish pull purchase purge push put query queue quote rank
rate read reactivate reassign reboot rebuild receive recommend reconcile record recover redact redeem redeploy reduce
refresh refund regenerate register reimport reject release reload remove rename render renew reopen reorder repair
replace replay replicate reply report request require resend reserve reset resize resolve respond restart restore
restrict resubmit resume retire retrieve retry return reverse revert review revoke roll rollback rotate route run save
scale scan schedule score search secure see select send serve set share ship show shuffle shut sign simulate skip
snapshot solve sort specify split stage star start stop store stream submit subscribe suggest summarize suspend swap
switch sync synchronize synthesize tag take terminate test toggle trace track train transcribe transfer transform
transition translate trigger truncate tune turn unarchive unassign unban unblock unclaim undelete undeploy
undeprecate unenroll unfollow uninstall unlink unlock unmount unmute unpin unpublish unregister unset unshare
unsubscribe unsuspend untag update upgrade upload upsert use validate verify view vote wait warm watch wipe withdraw
write yield zip
"""
VERBS: frozenset[str] = frozenset(_VERBS.split())

ADVERBS: frozenset[str] = word_set("""
    permanently asynchronously synchronously atomically immediately directly partially fully bulk batch manually
    programmatically temporarily explicitly automatically conditionally gracefully safely forcefully forcibly
    asynchronous synchronous soft hard
""")

_CANONICAL: dict[str, str] = {
    word: canonical
    for canonical, words in {
        "get": "get retrieve return describe fetch show display obtain view lookup look read find see",
        "list": "list enumerate browse",
        "delete": "delete remove destroy erase",
        "update": "update patch modify change edit alter put set",
        "create": "create insert make add",
        "start": "start begin initiate launch",
        "stop": "stop end halt",
        "run": "run execute invoke perform",
        "search": "search query",
    }.items()
    for word in words.split()
}

SYNONYMS: dict[str, tuple[str, ...]] = {
    "get": ("get", "fetch", "look up", "retrieve", "pull up"),
    "retrieve": ("retrieve", "get", "fetch", "look up"),
    "return": ("get", "fetch", "look up", "retrieve"),
    "describe": ("describe", "look up", "get the details of", "show me"),
    "list": ("list", "show me", "get a list of", "give me a list of", "list out"),
    "enumerate": ("list", "enumerate"),
    "create": ("create", "make", "set up", "create"),
    "insert": ("insert", "create", "add"),
    "delete": ("delete", "remove", "get rid of", "delete"),
    "remove": ("remove", "take away", "delete"),
    "update": ("update", "change", "modify", "edit"),
    "modify": ("modify", "change", "update"),
    "patch": ("patch", "update", "change"),
    "add": ("add", "add", "put in"),
    "start": ("start", "begin", "kick off"),
    "stop": ("stop", "halt"),
    "cancel": ("cancel", "call off"),
    "generate": ("generate", "produce"),
    "send": ("send",),
    "display": ("show me", "display"),
    "obtain": ("get", "obtain"),
}
"""A verb's base form -> what an instruction may say instead (repeated = more likely)."""

_ENDINGS = (("ies", "y"), ("es", ""), ("s", ""), ("ing", ""), ("ing", "e"))


@lru_cache(maxsize=8192)
def base_form(word: str) -> str | None:
    """The base form of a verb in its base, third-person or -ing form (`Deletes` -> `delete`); none if no known verb."""
    lower = word.lower()
    prefix, dash, stem = lower.rpartition("-")
    if dash:
        base = base_form(stem)
        return f"{prefix}-{base}" if base and prefix in {"de", "re", "soft", "hard", "force", "un", "pre"} else None
    if lower in VERBS:
        return lower
    for ending, instead in _ENDINGS:
        if lower.endswith(ending) and (base := lower[: -len(ending)] + instead) in VERBS:
            return base
    return None


def third_person(word: str) -> str | None:
    """The base form of a word that is a known verb's third person (`starts` -> `start`), else none."""
    lower = word.lower()
    if lower in VERBS or not lower.endswith("s"):
        return None
    return base_form(lower)


def canonical_verb(verb: str) -> str:
    """One word for all verbs that ask for the same thing (`retrieve` -> `get`)."""
    return _CANONICAL.get(verb, verb)
