"""Which parameters refer to records of another resource: `SendMessage(QueueUrl)` needs the queue that it names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from toolwise.resources.operation import Action, Operation
from toolwise.resources.responses import ID_WORDS, kind_of
from toolwise.resources.words import singular_noun
from toolwise.text import identifier_words
from toolwise.types import HttpBinding, Tool, Toolset

_SCALARS = frozenset({"string", "integer"})
_KEYED = (Action.GET, Action.DELETE, Action.UPDATE)
_ID_WORDS = frozenset(ID_WORDS)

Words = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reference:
    """A parameter whose value names a record of a resource."""

    parameter: str
    resource: str
    required: bool
    creatable: bool
    """Does some tool create the resource's records? Else nobody can say which exist."""
    finder: str | None
    """A tool that finds the resource's records by such a value; none where only creates take it."""


@dataclass(frozen=True, slots=True)
class _Owner:
    resource: str
    finder: str | None


def find_references(toolset: Toolset, operations: Mapping[str, Operation]) -> dict[str, tuple[Reference, ...]]:
    """Tool name -> its references, for tools that are not read by an HTTP path (there the path says the parents).

    A parameter refers to the resource whose whole noun it bears, with the word by which tools find its records:
    `TableName`, `hostedZoneId` (where the zone's own tools say `Id`), or the noun alone where those say it too.
    """
    owners = _owners(toolset, operations)
    creatable = {operation.resource for operation in operations.values() if operation.action is Action.CREATE}
    found: dict[str, tuple[Reference, ...]] = {}
    for tool in toolset.tools:
        if not _by_name(tool):
            continue
        references = tuple(
            Reference(name, owner.resource, name in tool.required, owner.resource in creatable, owner.finder)
            for name in tool.properties
            if (owner := owners.get(identifier_words(name))) is not None
            and not _is_own(name, owner.resource, operations.get(tool.name))
            and _is_scalar(tool, name)
        )
        if references:
            found[tool.name] = references
    return found


def _by_name(tool: Tool) -> bool:
    return not (isinstance(tool.binding, HttpBinding) and "{" in tool.binding.path)


def _is_scalar(tool: Tool, name: str) -> bool:
    return kind_of(tool.properties[name], tool.definitions) in _SCALARS


def _is_own(name: str, resource: str, operation: Operation | None) -> bool:
    """Does the parameter name the operation's own record, which is looked for (or made) anyway?"""
    return operation is not None and operation.resource == resource and not operation.singleton


def _owners(toolset: Toolset, operations: Mapping[str, Operation]) -> dict[Words, _Owner]:
    """The words of a parameter -> the resource that it identifies."""
    owners: dict[Words, _Owner] = {}
    for tool in toolset.tools:
        operation = operations.get(tool.name)
        if operation is None or operation.action not in _KEYED or operation.singleton or not _by_name(tool):
            continue
        words = _identifying(operation.keys[-1], operation) if operation.keys else None
        if words is not None:
            owners.setdefault(words, _Owner(operation.resource, tool.name))
    for tool in toolset.tools:
        operation = operations.get(tool.name)
        if operation is None or operation.action is not Action.CREATE or operation.upsert or not _by_name(tool):
            continue
        words = _identifying(operation.key_parameter, operation) if operation.key_parameter else None
        if words is not None:
            owners.setdefault(words, _Owner(operation.resource, None))
    return owners


def _identifying(parameter: str, operation: Operation) -> Words | None:
    """The words by which other tools' parameters mean this resource; none if the key is not named by the noun."""
    words = identifier_words(parameter)
    noun = singular_noun(identifier_words(operation.resource))
    if words == noun:
        return words
    if not words or words[-1] not in _ID_WORDS or words[:-1] not in {(), noun}:
        return None
    return (*noun, words[-1])
