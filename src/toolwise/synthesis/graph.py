"""The tool graph: an edge wherever a field of one tool's response can fill a parameter of another tool.

Blueprints of dependent calls are walks on it, as in Magnet (arXiv 2503.07826) and ToolFlow (arXiv 2410.18447).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from toolwise.resources import Action, Operation
from toolwise.schemas import merged, schema_type
from toolwise.synthesis.wording.lexicon import word_set
from toolwise.synthesis.wording.phrases import meaning_words, singular
from toolwise.text import first_sentence, identifier_words
from toolwise.types import Schema, Tool, Toolset

MAX_FIELDS = 40
"""Response fields considered of one tool."""
MAX_TARGETS = 24
"""Parameters considered for one field."""
MIN_SCORE = 0.55
"""Weaker edges are dropped."""
ACROSS = 0.25
"""What an edge between toolsets loses: equal names mean less there."""

_IDENTIFIERS = frozenset({"id", "identifier", "name", "arn", "key", "uid", "uuid", "number", "slug", "url", "email"})
_SHOWN = frozenset({"display", "friendly", "full", "first", "last", "nick", "short", "long", "given", "family"})
"""What makes a name one that is shown, and identifies nothing."""
_OWNER = 0.5
"""How sure it is that a parameter named as a resource takes that resource's id or name."""
_BARE = frozenset({"name", "id", "key", "uid", "uuid", "url", "number", "arn", "identifier"})
"""Parameters that say nothing of whose they are."""
_MEANINGLESS = word_set("""
    status state type description kind etag tag token next page count total size time date created updated
    region request version message reason format fingerprint link display title label value enabled locale
    language marker cursor limit offset timestamp owner role mode max min error result
""")


@dataclass(frozen=True, slots=True)
class Field:
    """A scalar in a tool's response."""

    path: tuple[str | int, ...]
    """Keys and indices; an array is entered at index 0."""
    kind: str
    description: str

    @property
    def name(self) -> str:
        """The last key."""
        return next((part for part in reversed(self.path) if isinstance(part, str)), "")


@dataclass(frozen=True, slots=True)
class Edge:
    """`source`'s response field at `path` can fill `target`'s top-level `parameter`."""

    source: str
    path: tuple[str | int, ...]
    target: str
    parameter: str
    score: float
    """From 0 to 1: how sure it is that the two mean the same."""


class _Slot:
    """A parameter that a field may fill; what takes time to know is found when first asked for."""

    def __init__(self, tool: Tool, parameter: str) -> None:
        self.tool = tool
        self.parameter = parameter

    @cached_property
    def _schema(self) -> Schema:
        return merged(self.tool.properties[self.parameter], self.tool.definitions)

    @cached_property
    def kind(self) -> str:
        """Its JSON type; empty for an enumeration, which no response names."""
        return "" if self._schema.get("enum") else schema_type(self._schema)

    @cached_property
    def words(self) -> frozenset[str]:
        """The meaning-bearing words of its description."""
        return meaning_words(first_sentence(str(self._schema.get("description") or "")))

    @property
    def required(self) -> bool:
        """Must every call give it?"""
        return self.parameter in self.tool.required


def response_fields(tool: Tool, limit: int = MAX_FIELDS, depth: int = 4) -> list[Field]:
    """The scalars that a tool's response schema promises, breadth first, at most `limit`."""
    if tool.returns is None:
        return []
    fields: list[Field] = []
    level: list[tuple[tuple[str | int, ...], Schema]] = [((), tool.returns)]
    for _ in range(depth):
        following: list[tuple[tuple[str | int, ...], Schema]] = []
        for path, schema in level:
            whole = merged(schema, tool.definitions)
            kind = schema_type(whole)
            if kind == "object":
                properties = whole.get("properties")
                parts = list(properties.items())[:limit] if isinstance(properties, dict) else []
                following.extend(((*path, name), part) for name, part in parts if isinstance(part, dict))
            elif kind == "array" and isinstance(whole.get("items"), dict):
                following.append(((*path, 0), whole["items"]))
            elif kind in {"string", "integer", "number"} and path:
                fields.append(Field(path, kind, str(whole.get("description") or "")))
        level = following[: 4 * limit]
        if len(fields) >= limit:
            break
    return fields[:limit]


def _key(words: Sequence[str]) -> tuple[str, ...]:
    return tuple(singular(word) for word in words)


def resource_noun(operation: Operation | None) -> tuple[str, ...]:
    """The words of the resource that a tool works on, singular; empty where it is not known."""
    if operation is None or not operation.resource:
        return ()
    return _key(identifier_words(operation.resource.rsplit("/", 1)[-1]))


class ToolGraph:
    """Edges among the tools of a toolset, or of a group of toolsets. Built from an index; edges are found on demand."""

    def __init__(self, toolsets: Sequence[Toolset], operations: Mapping[str, Mapping[str, Operation]]) -> None:
        """`operations`: toolset name -> tool name -> Operation, as `toolwise.resources.recognise` gives."""
        self._operations = operations
        self._tools = {tool.id: tool for toolset in toolsets for tool in toolset.tools}
        self._slots: dict[tuple[str, ...], list[_Slot]] = {}
        self._nouns = {resource_noun(operation) for found in operations.values() for operation in found.values()}
        self._edges: dict[str, tuple[Edge, ...]] = {}
        for toolset in toolsets:
            for tool in toolset.tools:
                self._add(tool)

    def _add(self, tool: Tool) -> None:
        for name in tool.properties:
            self._slots.setdefault(_key(identifier_words(name)), []).append(_Slot(tool, name))

    def operation(self, tool: Tool) -> Operation | None:
        """What a tool does to which resource, if that is known."""
        return self._operations.get(tool.toolset, {}).get(tool.name)

    def edges_from(self, tool_id: str) -> tuple[Edge, ...]:
        """The edges that leave a tool, best first; ties in catalog order."""
        found = self._edges.get(tool_id)
        if found is None:
            found = self._edges[tool_id] = self._find(self._tools[tool_id])
        return found

    def _find(self, source: Tool) -> tuple[Edge, ...]:
        best: dict[tuple[str, str], Edge] = {}
        operation = self.operation(source)
        if operation is not None and operation.action is Action.DELETE:
            return ()  # what is gone is no use to a later call
        noun = resource_noun(operation)
        for field in response_fields(source):
            for key, certainty in self._keys(field, noun):
                for slot in self._slots.get(key, ())[:MAX_TARGETS]:
                    if slot.tool.id == source.id:
                        continue
                    score = self._score(source, field, slot, certainty)
                    held = best.get((slot.tool.id, slot.parameter))
                    if score >= MIN_SCORE and (held is None or score > held.score):
                        best[slot.tool.id, slot.parameter] = Edge(
                            source.id, field.path, slot.tool.id, slot.parameter, round(score, 3)
                        )
        return tuple(sorted(best.values(), key=lambda edge: -edge.score))

    def _keys(self, field: Field, noun: tuple[str, ...]) -> list[tuple[tuple[str, ...], float]]:
        """The parameter names under which a field's value may be asked for, each with how sure that is."""
        words = _key(identifier_words(field.name))
        if not words or words[-1] in _MEANINGLESS or (words[-1] == "name" and words[0] in _SHOWN):
            return []
        if words[-1] not in _IDENTIFIERS and words not in self._nouns:
            return []
        if len(words) > 1:
            return [(words, 0.6)]
        holders = [part for part in field.path[:-1] if isinstance(part, str)]
        owner = _key(identifier_words(holders[-1])) if holders else noun
        keys: list[tuple[tuple[str, ...], float]] = []
        if words[0] in _IDENTIFIERS:
            if owner:
                keys.append(((*owner, *words), 0.6))
                if words[0] in {"id", "name"}:
                    keys.append((owner, _OWNER))
            if owner == noun or not holders:
                keys.append((words, 0.25))
        else:
            keys.append((words, 0.4))
        return keys

    def _score(self, source: Tool, field: Field, slot: _Slot, certainty: float) -> float:
        if field.kind != slot.kind:
            return 0.0
        mine, theirs = self.operation(source), self.operation(slot.tool)
        same_resource = (
            mine is not None
            and theirs is not None
            and source.toolset == slot.tool.toolset
            and mine.resource == theirs.resource
        )
        if slot.parameter in _BARE and not same_resource:
            return 0.0
        if theirs is not None and theirs.action is Action.CREATE and (slot.parameter in _BARE or same_resource):
            return 0.0  # a new record is not named after one that exists
        if certainty == _OWNER and field.name.lower() not in slot.words:
            return 0.0  # `bucket` takes a bucket's name only if its description says so
        score = certainty + 0.1
        if same_resource and theirs is not None:
            score += 0.25 if slot.parameter in theirs.keys else 0.05
        about = meaning_words(first_sentence(field.description)) | meaning_words(field.name)
        if slot.words and about:
            score += 0.2 * len(about & slot.words) / min(len(about), len(slot.words))
        score += 0.05 if slot.required else 0.0
        return min(1.0, score - (ACROSS if source.toolset != slot.tool.toolset else 0.0))

    def record_edges(self, tool_id: str) -> list[Edge]:
        """The edges from a create or list to what reads, changes or removes one record of the same resource."""
        source = self._tools[tool_id]
        operation = self.operation(source)
        if operation is None or operation.action not in {Action.CREATE, Action.LIST}:
            return []
        return [
            edge
            for edge in self.edges_from(tool_id)
            if (target := self.operation(self._tools[edge.target])) is not None
            and target.resource == operation.resource
            and edge.parameter in target.keys
            and target.action is not Action.CREATE
        ]
