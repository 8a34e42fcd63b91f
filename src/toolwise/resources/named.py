"""Recognition by name: `CreateVpc`, `DescribeVpcs`, `DeleteVpc(VpcId)` are operations on the resource `vpc`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from toolwise.resources.operation import Action, Operation
from toolwise.resources.responses import find_items, names_noun
from toolwise.resources.words import is_plural, singular_noun, verb_action, word_set
from toolwise.schemas import merged, schema_type
from toolwise.text import identifier_words
from toolwise.types import Tool

_SCALARS = frozenset({"string", "integer", "number"})
_VERSION = re.compile(r"v\d+\Z")
_NOT_SCOPE = word_set("token max limit type mode version client request dry")


@dataclass(frozen=True, slots=True)
class _Named:
    tool: Tool
    verb: str
    action: Action
    noun: tuple[str, ...]
    """As written; its singular is the resource."""


def recognise_named(tools: Sequence[Tool]) -> dict[str, Operation]:
    """Tool name -> operation, for tools whose names are a verb and a noun that other tools share."""
    read = [named for tool in tools if (named := _read(tool)) is not None]
    actions: dict[tuple[str, ...], set[Action]] = {}
    for named in read:
        actions.setdefault(singular_noun(named.noun), set()).add(named.action)
    key_owner = _key_owners(read)
    found: dict[str, Operation] = {}
    keys: dict[str, str] = {}
    for named in sorted(read, key=lambda named: named.action is Action.CREATE):  # creates last: they follow the others
        operation = _classify(named, actions[singular_noun(named.noun)], key_owner)
        if operation is not None:
            if operation.keys and operation.action is not Action.OTHER:
                keys.setdefault(operation.resource, operation.keys[-1])
            found[named.tool.name] = _named_like_others(named.tool, operation, keys.get(operation.resource))
    found = _with_common_scope(found)
    return {named.tool.name: found[named.tool.name] for named in read if named.tool.name in found}


def _with_common_scope(operations: dict[str, Operation]) -> dict[str, Operation]:
    """Operations whose scope is what get or delete also need; other required values are fields of the record."""
    needed: dict[str, set[str]] = {}
    for operation in operations.values():
        if operation.action in {Action.GET, Action.DELETE}:
            needed.setdefault(operation.resource, set()).update(operation.scope)
    made: dict[str, Operation] = {}
    for tool, operation in operations.items():
        if operation.action in {Action.CREATE, Action.UPDATE} and operation.resource in needed:
            scope = tuple(name for name in operation.scope if name in needed[operation.resource])
            made[tool] = replace(operation, scope=scope)
        else:
            made[tool] = operation
    return made


def _named_like_others(tool: Tool, operation: Operation, key: str | None) -> Operation:
    """A create that takes the parameter by which the other tools find the record is named by that one."""
    if operation.action is not Action.CREATE or key is None or key not in tool.properties:
        return operation
    scope = tuple(name for name in operation.scope if name != key)
    return replace(operation, key_parameter=key, scope=scope)


def _read(tool: Tool) -> _Named | None:
    """Split a name such as `CreateBucket`, `chat.postMessage` or `asset_list` into verb and noun."""
    *context, last = [part for part in tool.name.replace("/", ".").split(".") if part] or [tool.name]
    words = identifier_words(last)
    if len(words) >= 2 and verb_action(words[0]) is not None:
        verb, noun = words[0], words[1:]
    elif len(words) >= 2 and verb_action(words[-1]) in {Action.CREATE, Action.LIST, Action.UPDATE, Action.DELETE}:
        verb, noun = words[-1], words[:-1]
    elif len(words) == 1 and verb_action(words[0]) is not None and context:
        verb, noun = words[0], identifier_words(context[-1])
    else:
        return None
    while len(noun) > 1 and _VERSION.match(noun[-1]):  # `ListObjectsV2` lists objects
        noun = noun[:-1]
    action = verb_action(verb)
    return _Named(tool, verb, action, noun) if action is not None and noun else None


def _key_owners(read: Sequence[_Named]) -> dict[str, tuple[str, ...]]:
    """Key parameter -> the resource whose records it identifies, from the tools that get, change or delete them."""
    owners: dict[str, tuple[str, ...]] = {}
    for named in read:
        if named.action in {Action.GET, Action.UPDATE, Action.DELETE}:
            own = _own_key(named.tool, named.noun, required_only=True)
            if own is not None and (len(identifier_words(own)) > 1 or identifier_words(own) == named.noun):
                owners.setdefault(own, singular_noun(named.noun))
    for named in read:
        if named.action is Action.CREATE:
            own = _own_key(named.tool, named.noun, required_only=True)
            if own is not None and identifier_words(own)[:-1] == singular_noun(named.noun):
                owners.setdefault(own, singular_noun(named.noun))
    return owners


def _scalars(tool: Tool, *, required_only: bool) -> list[str]:
    """Parameters that may name a record; one of a closed list of values names none."""
    names = tool.required if required_only else tuple(tool.properties)
    return [n for n in names if n in tool.properties and _is_open_scalar(tool, n)]


def _is_open_scalar(tool: Tool, name: str) -> bool:
    schema = merged(tool.properties[name], tool.definitions)
    return schema_type(schema) in _SCALARS and "enum" not in schema


def _own_key(tool: Tool, noun: Sequence[str], *, required_only: bool) -> str | None:
    """The parameter that identifies one record of the noun."""
    names = [name for name in _scalars(tool, required_only=required_only) if names_noun(name, noun)]
    exact = [n for n in names if identifier_words(n)[:-1] == singular_noun(tuple(noun))]
    return (exact or names)[0] if names else None


def _classify(named: _Named, actions: set[Action], owners: dict[str, tuple[str, ...]]) -> Operation | None:
    if named.action is Action.OTHER:
        return _act(named, actions, owners)
    if named.action is Action.CREATE:
        return _create(named, actions)
    if named.action is Action.LIST or (named.action is Action.GET and _lists(named)):
        return _list(named)
    return _one(named, actions, owners)


def _lists(named: _Named) -> bool:
    """Does a get-like tool list? A plural noun, an array of such things, and no required key of one record."""
    tool = named.tool
    if not is_plural(named.noun[-1]) or find_items(tool.returns, tool.definitions, named.noun) is None:
        return False
    return _own_key(tool, named.noun, required_only=True) is None


def _list(named: _Named) -> Operation:
    tool = named.tool
    scope = tuple(n for n in _scalars(tool, required_only=True) if not _NOT_SCOPE & set(identifier_words(n)))
    field = find_items(tool.returns, tool.definitions, named.noun)
    return Operation(Action.LIST, _resource(named.noun), (), scope, None, field)


def _one(named: _Named, actions: set[Action], owners: dict[str, tuple[str, ...]]) -> Operation | None:
    tool = named.tool
    required = _scalars(tool, required_only=True)
    own = _own_key(tool, named.noun, required_only=True)
    part = own is None and bool(required)
    if part:
        own = required[-1]  # a part of something: GetBucketPolicy(Bucket)
    if own is None:
        own = _own_key(tool, named.noun, required_only=False)
    if own is None:
        return None
    scope = tuple(n for n in required if n != own and names_any(n))
    whole = owners.get(own) if part else None
    if whole is None or actions & {Action.CREATE, Action.DELETE} or whole == singular_noun(named.noun):
        return Operation(named.action, _resource(named.noun), (own,), scope)
    return Operation(
        named.action, _resource(named.noun), (own,), scope, parent=" ".join(whole), singleton=True
    )  # what nothing makes or removes is there as long as the whole is


def names_any(parameter: str) -> bool:
    """Does a parameter look like the name of a record at all?"""
    words = identifier_words(parameter)
    return bool(words) and names_noun(parameter, words[:-1] or words)


def _create(named: _Named, actions: set[Action]) -> Operation | None:
    tool = named.tool
    known = actions & {Action.GET, Action.LIST, Action.DELETE, Action.UPDATE}
    if not known and named.verb not in {"create", "register"}:
        return None
    own = _own_key(tool, named.noun, required_only=False)
    upsert = named.verb in {"put", "set", "register"}
    if upsert and own is None:
        own = next(iter(_scalars(tool, required_only=True)), None)
    required = _scalars(tool, required_only=True)
    scope = tuple(n for n in required if n != own and identifier_words(n)[-1] in {"id", "arn", "bucket", "identifier"})
    return Operation(Action.CREATE, _resource(named.noun), (), scope, key_parameter=own, upsert=upsert)


def _act(named: _Named, actions: set[Action], owners: dict[str, tuple[str, ...]]) -> Operation | None:
    """An act on a record: of its own noun (`StopExperiment(id)`), else of the noun that a parameter names."""
    if actions & {Action.GET, Action.DELETE, Action.UPDATE}:
        own = _own_key(named.tool, named.noun, required_only=True)
        if own is not None:
            return Operation(Action.OTHER, _resource(named.noun), (own,))
    required = _scalars(named.tool, required_only=True)
    own = next((name for name in required if name in owners), None)
    return None if own is None else Operation(Action.OTHER, " ".join(owners[own]), (own,))


def _resource(noun: Sequence[str]) -> str:
    return " ".join(singular_noun(tuple(noun)))
