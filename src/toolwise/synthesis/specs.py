"""What the teacher knows of one tool: the request it serves, and the values that a caller can state."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from toolwise.offers import compact_parameters
from toolwise.schemas import merged, schema_type
from toolwise.synthesis.wording.lexicon import word_set
from toolwise.synthesis.wording.phrases import Phrase, clean, meaning_words, named_phrase, task_phrase
from toolwise.text import first_sentence, identifier_words, phrase
from toolwise.types import Schema, Tool

SCALARS = frozenset({"string", "integer", "number", "boolean"})
MAX_DEPTH = 2
"""Objects may nest this deep around a stated value."""
MAX_ITEMS = 3
"""Scalars in a stated array."""
IDENTIFIERS = word_set("id identifier name arn key number title uuid slug handle")
"""What things are told apart by."""

_PLUMBING = word_set("""
    nexttoken pagetoken token marker cursor etag kind fingerprint clienttoken clientrequesttoken requestid
    dryrun validateonly selflink creationtimestamp fields alt key prettyprint quotauser userip callback
    accesstoken xgafv uploadtype uploadprotocol oauthtoken idempotencytoken idempotencykey allowmissing
    updatemask createtime updatetime readmask contenttype pretty bearertoken continuationtoken startingtoken
""")
_UNWRITABLE = re.compile(
    r"^\W*(?:output[ -]only|deprecated|read[ -]only|do not use|reserved|this (?:field|parameter) is "
    r"deprecated|not (?:used|supported)|identifies what kind of resource)",
    re.I,
)
_LEAD = re.compile(r"^(?:(?:required|optional|immutable|input only|identifier)\s*[.:]\s*)+", re.I)
_NOUN = re.compile(
    r"^(?:the|an?|my|your)\s+(.+?)(?=\s+(?:that|which|to|for|used|where|when|in|on|from|with|whose|under|is|"
    r"are|associated|you|this|being|must|can|will|as)\b|[,;:.(]|$)",
    re.I,
)
_HEADS = frozenset({"id", "identifier", "name", "arn", "number", "key", "code", "version", "type"})


@dataclass(frozen=True, slots=True)
class Leaf:
    """One value that a caller states: a scalar, or an array of scalars."""

    path: tuple[str, ...]
    """From the top-level parameter down."""
    kind: str
    schema: Schema
    """The value's own schema, unresolved; an array's, not its items'."""
    needed: tuple[bool, ...]
    """For each step of the path: must it be given whenever what holds it is?"""
    label: str
    """The parameter's own words."""
    described: str
    """Words of its description; empty where they do not name it."""

    @property
    def parameter(self) -> str:
        """The top-level parameter."""
        return self.path[0]


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """One tool as the teacher sees it."""

    tool: Tool
    phrase: Phrase
    leaves: tuple[Leaf, ...]
    """Values a caller can state, in document order."""
    required: tuple[str, ...]
    """Top-level parameters that every call must give."""
    named: Phrase | None = None
    """The same request in the words of the tool's name; none where the name holds none."""

    def of(self, parameter: str) -> tuple[Leaf, ...]:
        """The leaves of one top-level parameter."""
        return tuple(leaf for leaf in self.leaves if leaf.path[0] == parameter)

    @property
    def subject(self) -> Leaf | None:
        """The one value that says which thing the request is about, so that `the queue Blue` needs no other word.

        None where the tool has several such parameters, or none.
        """
        about = self.phrase.words
        found = [
            leaf
            for leaf in self.leaves
            if len(leaf.path) == 1
            and leaf.kind in {"string", "integer"}
            and "enum" not in leaf.schema
            and meaning_words(leaf.label) - IDENTIFIERS <= about
        ]
        return found[0] if len(found) == 1 else None


def describe_tool(tool: Tool) -> ToolSpec | None:
    """The tool's spec; none if it serves no request that can be worded, or needs a value that cannot be stated.

    A required parameter must be a scalar, an array of scalars, or an object whose required parts are such.
    """
    request = task_phrase(tool)
    if request is None:
        return None
    view = compact_parameters(tool)
    required = tuple(view.get("required") or ())
    full = merged(tool.parameters, tool.definitions).get("properties") or {}
    leaves: list[Leaf] = []
    for name, shown in (view.get("properties") or {}).items():
        found = _leaves(tool, (name,), shown, full.get(name, {}), (name in required,))
        if name in required and not found:
            return None
        if found:
            leaves.extend(found)
    return ToolSpec(tool, request, tuple(leaves), required, named_phrase(tool.name))


def _leaves(
    tool: Tool, path: tuple[str, ...], shown: Schema, schema: Any, needed: tuple[bool, ...]
) -> list[Leaf] | None:
    """The statable values below a parameter; none if it cannot be given, or, where optional, should not be."""
    schema = schema if isinstance(schema, dict) else {}
    whole = merged(schema, tool.definitions)
    kind = schema_type(whole)
    if not needed[-1] and not writable(path[-1], whole):
        return None
    if kind in SCALARS or (kind == "array" and _scalar_array(whole, tool)):
        return [_leaf(path, kind, schema, needed, str(whole.get("description") or ""))]
    if kind != "object" or len(path) > MAX_DEPTH:
        return None
    inner = whole.get("properties")
    if not isinstance(inner, dict):
        return None
    must = set(shown.get("required") or ())
    leaves: list[Leaf] = []
    for name, part in (shown.get("properties") or {}).items():
        found = _leaves(tool, (*path, name), part, inner.get(name, {}), (*needed, name in must))
        if found is None and name in must:
            return None
        leaves.extend(found or ())
    return leaves or None


def _scalar_array(schema: Schema, tool: Tool) -> bool:
    items = schema.get("items")
    if not isinstance(items, dict) or int(schema.get("minItems") or 0) > MAX_ITEMS:
        return False
    return schema_type(merged(items, tool.definitions)) in SCALARS - {"boolean"}


def writable(name: str, schema: Schema) -> bool:
    """Would a person state this optional value? Not what the server sets, nor paging, nor transport."""
    if "".join(identifier_words(name)) in _PLUMBING or schema.get("readOnly") or schema.get("deprecated"):
        return False
    return schema.get("format") not in {"byte", "binary"} and not _UNWRITABLE.match(
        str(schema.get("description") or "")
    )


def _leaf(path: tuple[str, ...], kind: str, schema: Schema, needed: tuple[bool, ...], description: str) -> Leaf:
    words = list(identifier_words(path[-1]))
    if len(path) > 1:
        parent = [word for word in identifier_words(path[-2]) if word not in words]
        words = parent + words
    label = " ".join(words) or phrase(path[0]) or path[0]
    return Leaf(path, kind, schema, needed, label, described_label(description, path[-1]))


def described_label(description: str, name: str) -> str:
    """The noun phrase by which a description names its parameter: `The ID of the backend` -> `ID of the backend`.

    Empty unless it is short and shares a word with the parameter's name.
    """
    sentence = clean(first_sentence(_LEAD.sub("", description.lstrip()), 120))
    match = _NOUN.match(sentence)
    if match is None:
        return ""
    noun = re.sub(r"\b(?:specified|given|new|existing|unique|desired|requested) ", "", match.group(1)).strip()
    words = noun.split()
    if not 1 <= len(words) <= 6 or not all(re.fullmatch(r"[\w-]+", word) for word in words):
        return ""
    if words[-1].lower() in {"of", "or", "and", "the", "a", "an", "at", "by", "if"}:
        return ""
    if any(word.endswith(("ing", "ed", "ly")) for word in words):
        return ""
    mine, own = meaning_words(noun), meaning_words(name)
    if not mine & own and not (words[0].lower() in _HEADS and words[0].lower() in identifier_words(name)):
        return ""
    brand = noun[1:2].isupper() or (len(words) > 1 and words[1][:1].isupper() and words[0].lower() not in _HEADS)
    return noun if brand else noun[0].lower() + noun[1:]
