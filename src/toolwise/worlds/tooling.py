"""What a world needs to know of a tool, worked out once: its operation, its schema check, whether it only reads."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Protocol

from toolwise.resources import Action, Operation, Reference, find_references, recognise
from toolwise.resources.words import singular, singular_noun, verb_action
from toolwise.schemas import merged
from toolwise.text import identifier_words
from toolwise.types import HttpBinding, Json, ParameterLocation, Schema, Tool, Toolset
from toolwise.worlds.arguments import ArgumentChecker

_READING_WORDS = frozenset(
    {
        "get", "list", "describe", "search", "query", "find", "read", "fetch", "retrieve", "show", "count", "check",
        "validate", "verify", "lookup", "view", "preview", "estimate", "calculate", "compare", "scan", "select",
        "detect", "analyze", "predict", "classify", "translate", "download", "head", "test", "poll",
    }
)  # fmt: skip
_IDEMPOTENT = re.compile(
    r"\bis (?:an )?idempotent\b|does not (?:result in|return|cause|throw|raise) an (?:error|exception)"
    r"|\breturns? (?:the|an) [^.]{0,60}\bexisting\b",
    re.IGNORECASE,
)
_NEEDS_EMPTY = re.compile(
    r"\b(?:must|need to|have to)\b[^.]{0,80}\b(?:deleted?|detach(?:ed)?|removed?|terminated?|empt(?:y|ied))\b"
    r"[^.]{0,80}\bbefore\b"
    r"|\bmust not (?:contain|have)\b|\bmust be empty\b",
    re.IGNORECASE,
)
_FIELD_LOCATIONS = frozenset({ParameterLocation.BODY, ParameterLocation.WHOLE_BODY})
_SEEKING = frozenset({Action.GET, Action.DELETE})
_MAX_CHECKERS = 4096


class ToolsetSource(Protocol):
    """Where toolsets come from; a Catalog is one."""

    def toolset(self, name: str) -> Toolset:
        """Raises KeyError."""
        ...


@dataclass(frozen=True, slots=True)
class Child:
    """A resource whose records belong to records of another."""

    parameter: str
    """Scope or field that names the other record."""
    resource: str
    inside: bool
    """Are they found only by way of the other record, and so go with it?"""


@dataclass(frozen=True)
class KnownTool:
    """A tool as the world sees it."""

    tool: Tool
    operation: Operation | None
    resource: str
    """`toolset:resource`; empty where none is recognised."""
    parent: str
    """Likewise the parent's."""
    id_field: str | None
    """The field that carries the resource's ids."""
    alias_fields: tuple[str, ...]
    """Other fields by which some tool of the resource finds its records."""
    model: Schema | None
    """The record's schema, as the tool that shows it best returns it."""
    key_schema: Schema | None
    """The schema of the parameter by which records are found."""
    key_names: frozenset[str]
    """All parameters by which tools of the resource find its records."""
    creators: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """`toolset:resource` -> the ids of the tools that create its records, for the whole toolset."""
    references: tuple[Reference, ...] = ()
    """Parameters that name records of other resources."""
    children: tuple[Child, ...] = ()
    """Whose records belong to a record of this resource."""

    @cached_property
    def definitions(self) -> Mapping[str, Schema]:
        """The toolset's shared schemas (kept here: a model's private attribute is slow to read)."""
        return self.tool.definitions

    @cached_property
    def noun(self) -> tuple[str, ...]:
        """The resource's noun, singular; empty where none is recognised."""
        if self.operation is None:
            return ()
        *before, last = identifier_words(self.operation.resource.rsplit("/", 1)[-1]) or ("",)
        return (*before, singular(last))

    @cached_property
    def selectors(self) -> tuple[str, ...]:
        """Parameters by which a describing tool asks for certain records, each of which must exist.

        `DescribeVpcs(VpcIds)`; a tool that says it lists only filters.
        """
        operation, (verb, *_) = self.operation, identifier_words(self.tool.name.rsplit(".", 1)[-1]) or ("",)
        if operation is None or operation.action is not Action.LIST or verb_action(verb) is not Action.GET:
            return ()
        fields = {identifier_words(field) for field in (self.id_field, *self.alias_fields) if field}
        return tuple(name for name in self.tool.properties if singular_noun(identifier_words(name)) in fields)

    @cached_property
    def idempotent_by_document(self) -> bool:
        """Does the documentation promise that doing it twice, or to nothing, is no error?"""
        return _IDEMPOTENT.search(self.tool.description) is not None

    @cached_property
    def needs_empty(self) -> bool:
        """For DELETE: does the documentation say that what belongs to the record must go first?"""
        return _NEEDS_EMPTY.search(self.tool.description) is not None

    @cached_property
    def record_schema(self) -> Schema | None:
        """The schema of the record, or of the listed records, in the response."""
        return None if self.operation is None else record_schema(self.tool, self.operation)

    @cached_property
    def reads(self) -> bool:
        """Does a call leave the world as it is? The document's hint, else the method, action or verb."""
        hint = self.tool.hints.read_only
        if hint is not None:
            return hint
        if self.operation is not None and self.operation.action is not Action.OTHER:
            return self.operation.action in {Action.GET, Action.LIST}
        if isinstance(self.tool.binding, HttpBinding) and self.tool.binding.method.upper() in {"GET", "HEAD"}:
            return True
        words = identifier_words(self.tool.name.rsplit(".", 1)[-1])
        return bool(words) and words[0] in _READING_WORDS

    @cached_property
    def field_names(self) -> tuple[str, ...]:
        """Parameters whose values become fields of the record; a whole body's own fields do."""
        operation, binding = self.operation, self.tool.binding
        if operation is None:
            return ()
        identity = {*operation.keys, *operation.scope}
        names = [name for name in self.tool.properties if name not in identity]
        if isinstance(binding, HttpBinding) and binding.locations:
            names = [name for name in names if binding.locations.get(name) in _FIELD_LOCATIONS]
        return tuple(names)

    def _wraps(self, name: str) -> bool:
        """Is the parameter an envelope: the same as the response's, or named by the record's noun?"""
        operation = self.operation
        return operation is not None and (name == operation.record_field or identifier_words(name) == self.noun)

    def fields(self, arguments: Mapping[str, Json]) -> dict[str, Json]:
        """The record fields that a call gives."""
        made: dict[str, Json] = {}
        locations = self.tool.binding.locations if isinstance(self.tool.binding, HttpBinding) else {}
        for name in self.field_names:
            if name not in arguments:
                continue
            value = arguments[name]
            whole = locations.get(name) is ParameterLocation.WHOLE_BODY or self._wraps(name)
            if whole and isinstance(value, dict):
                made.update(value)
            else:
                made[name] = value
        return made


class Toolbox:
    """Known tools and compiled argument checks, by tool id; built on first use."""

    def __init__(self, source: ToolsetSource) -> None:
        self._source = source
        self._toolsets: dict[str, dict[str, KnownTool]] = {}
        self._checkers: OrderedDict[str, ArgumentChecker] = OrderedDict()

    def find(self, tool_id: str) -> KnownTool | None:
        """The tool of that id, or none."""
        toolset, _, name = tool_id.partition(".")
        known = self._toolsets.get(toolset)
        if known is None:
            try:
                known = know(self._source.toolset(toolset))
            except KeyError:
                return None
            self._toolsets[toolset] = known
        return known.get(name)

    def checker(self, known: KnownTool) -> ArgumentChecker:
        """The tool's compiled schema check; the least recently used are forgotten beyond a few thousand."""
        checker = self._checkers.get(known.tool.id)
        if checker is None:
            checker = self._checkers[known.tool.id] = ArgumentChecker(known.tool)
            if len(self._checkers) > _MAX_CHECKERS:
                self._checkers.popitem(last=False)
        else:
            self._checkers.move_to_end(known.tool.id)
        return checker


_MODEL_ORDER = (Action.GET, Action.LIST, Action.CREATE, Action.UPDATE, Action.OTHER, Action.DELETE)


def record_schema(tool: Tool, operation: Operation) -> Schema | None:
    """The schema of the record, or of the listed records, in a tool's response."""
    if tool.returns is None:
        return None
    field = operation.items_field if operation.action is Action.LIST else operation.record_field
    if field is None:
        return None
    found = merged(tool.returns, tool.definitions)
    if field:
        found = merged((found.get("properties") or {}).get(field) or {}, tool.definitions)
    if operation.action is Action.LIST:
        found = merged(found.get("items") or {}, tool.definitions)
    return found


@dataclass(frozen=True, slots=True)
class _Resource:
    """What the tools of one resource agree on."""

    id_field: str | None
    alias_fields: tuple[str, ...]
    model: Schema | None
    key_schema: Schema | None
    key_names: frozenset[str]


def _agree(members: list[tuple[Tool, Operation]]) -> _Resource:
    ordered = sorted(members, key=lambda member: _MODEL_ORDER.index(member[1].action))
    schemas = (record_schema(tool, operation) for tool, operation in ordered)
    model = next((schema for schema in schemas if schema and schema.get("properties")), None)
    keyed_ops = [(tool, op) for tool, op in ordered if op.keys and op.id_field is not None]
    main = keyed_ops[0][1].keys[-1] if keyed_ops else None
    same = [
        op.id_field
        for tool, op in ordered
        if op.id_field is not None and (not op.keys or op.keys[-1] == main or isinstance(tool.binding, HttpBinding))
    ]
    others = [op.id_field for _, op in keyed_ops]
    others += [op.key_parameter for _, op in members if op.key_parameter is not None and op.key_parameter in others]
    id_field = next(iter(same), None)
    aliases = tuple(dict.fromkeys(field for field in others if field is not None and field not in same))
    finder = next(((tool, op) for tool, op in keyed_ops if op.keys[-1] == main), None)
    schema = None if finder is None else finder[0].properties.get(finder[1].keys[-1])
    key_schema = None if finder is None or schema is None else merged(schema, finder[0].definitions)
    finding = (op for _, op in members if op.action is not Action.OTHER and not op.singleton and not op.key_prefix)
    key_names = frozenset(name for op in finding for name in op.keys[-1:])
    return _Resource(id_field, aliases, model, key_schema, key_names)


def know(toolset: Toolset) -> dict[str, KnownTool]:
    """Tool name -> what a world needs to know of it."""
    operations = recognise(toolset)
    groups: dict[str, list[tuple[Tool, Operation]]] = {}
    for tool in toolset.tools:
        if (operation := operations.get(tool.name)) is not None:
            groups.setdefault(operation.resource, []).append((tool, operation))
    resources = {resource: _agree(members) for resource, members in groups.items()}
    relations = _relations(toolset, operations)
    return {
        tool.name: _known(toolset.name, tool, operations.get(tool.name), resources, relations) for tool in toolset.tools
    }


@dataclass(frozen=True, slots=True)
class _Relations:
    """How the resources of a toolset hang together."""

    references: Mapping[str, tuple[Reference, ...]]
    children: Mapping[str, tuple[Child, ...]]
    creators: Mapping[str, frozenset[str]]


def _relations(toolset: Toolset, operations: Mapping[str, Operation]) -> _Relations:
    references = find_references(toolset, operations)
    children: dict[str, dict[Child, None]] = {}
    sought = {(op.resource, name) for op in operations.values() if op.action in _SEEKING for name in op.scope}
    for name, operation in operations.items():
        if operation.action is not Action.CREATE:
            continue
        child = f"{toolset.name}:{operation.resource}"
        if operation.parent and operation.scope and not operation.key_prefix:
            children.setdefault(operation.parent, {})[Child(operation.scope[-1], child, True)] = None
        for reference in references.get(name, ()):
            if reference.required:
                inside = (operation.resource, reference.parameter) in sought
                children.setdefault(reference.resource, {})[Child(reference.parameter, child, inside)] = None
    creators: dict[str, set[str]] = {}
    for name, operation in operations.items():
        if operation.action is Action.CREATE:
            creators.setdefault(f"{toolset.name}:{operation.resource}", set()).add(f"{toolset.name}.{name}")
    return _Relations(
        references,
        {owner: tuple(found) for owner, found in children.items()},
        {resource: frozenset(tools) for resource, tools in creators.items()},
    )


def _known(
    toolset: str,
    tool: Tool,
    operation: Operation | None,
    resources: Mapping[str, _Resource],
    relations: _Relations,
) -> KnownTool:
    references = tuple(
        replace(reference, resource=f"{toolset}:{reference.resource}")
        for reference in relations.references.get(tool.name, ())
    )
    if operation is None:
        nothing = (tool, None, "", "", None, (), None, None, frozenset[str]())
        return KnownTool(*nothing, creators=relations.creators, references=references)
    parent = f"{toolset}:{operation.parent}" if operation.parent else ""
    agreed = resources[operation.resource]
    resource = f"{toolset}:{operation.resource}"
    return KnownTool(
        tool,
        operation,
        resource,
        parent,
        agreed.id_field,
        agreed.alias_fields,
        agreed.model,
        agreed.key_schema,
        agreed.key_names,
        relations.creators,
        references,
        relations.children.get(operation.resource, ()),
    )
