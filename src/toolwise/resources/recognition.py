"""Recognise the resources of a toolset: every tool that creates, reads, lists, changes or removes records."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from toolwise.resources.named import recognise_named
from toolwise.resources.operation import Action, Operation
from toolwise.resources.responses import (
    find_id_field,
    find_record,
    items_of,
    names_noun,
    properties_of,
    record_schema,
    result_field,
    scalar_fields,
)
from toolwise.resources.rest import recognise_http
from toolwise.schemas import resolve
from toolwise.text import identifier_words
from toolwise.types import HttpBinding, Schema, Tool, Toolset

_REMEMBERED = 64
_known: OrderedDict[int, tuple[Toolset, dict[str, Operation]]] = OrderedDict()
"""By identity: toolsets are frozen, and holding them keeps their identities from being used again."""


def recognise(toolset: Toolset) -> dict[str, Operation]:
    """Tool name -> what it does to which resource; tools without a recognised resource are absent.

    The latest toolsets are remembered, because a world and a teacher ask about the same ones.
    """
    if id(toolset) not in _known:
        _known[id(toolset)] = (toolset, _recognise(toolset))
        if len(_known) > _REMEMBERED:
            _known.popitem(last=False)
    return _known[id(toolset)][1]


def _recognise(toolset: Toolset) -> dict[str, Operation]:
    """All of a toolset's operations.

    Deterministic, and a function of the toolset alone. HTTP bindings are read by method and path template, all
    else (AWS operations, loose functions, RPC over POST) by verb and noun; responses then say where records and
    their ids are.
    """
    over_http = [tool for tool in toolset.tools if isinstance(tool.binding, HttpBinding)]
    operations = recognise_http(over_http)
    rest = [tool for tool in toolset.tools if tool.name not in operations and not _has_holes(tool)]
    for name, operation in recognise_named(rest).items():
        operations.setdefault(name, operation)
    return _with_fields(toolset, operations)


def _has_holes(tool: Tool) -> bool:
    """Does an HTTP path have parameters? Then the path has spoken, and the name is not asked."""
    return isinstance(tool.binding, HttpBinding) and "{" in tool.binding.path


def _with_fields(toolset: Toolset, operations: Mapping[str, Operation]) -> dict[str, Operation]:
    """Second pass: record and id fields, which need all operations of a resource at once."""
    groups: dict[str, list[tuple[Tool, Operation]]] = {}
    for tool in toolset.tools:
        if tool.name in operations:
            operation = operations[tool.name]
            groups.setdefault(operation.resource, []).append((tool, operation))
    found: dict[str, Operation] = {}
    for resource, members in groups.items():
        noun = _noun(resource)
        model = _model(members, noun)
        fields = scalar_fields(model, toolset.definitions)
        key = _resource_key(members, noun, fields)
        for tool, operation in members:
            found[tool.name] = _complete(tool, operation, noun, model, key)
    return {tool.name: found[tool.name] for tool in toolset.tools if tool.name in found}


def _noun(resource: str) -> tuple[str, ...]:
    return identifier_words(resource.rsplit("/", 1)[-1])


_MODEL_ORDER = (Action.GET, Action.LIST, Action.CREATE, Action.UPDATE)


def _model(members: Sequence[tuple[Tool, Operation]], noun: Sequence[str]) -> Schema | None:
    """The record's schema: what get returns, else an item of the list, else what create or update returns."""
    for action in _MODEL_ORDER:
        for tool, operation in members:
            if operation.action is not action or tool.returns is None:
                continue
            schema = (
                _item_schema(tool, operation.items_field)
                if action is Action.LIST
                else record_schema(
                    tool.returns, tool.definitions, find_record(tool.returns, tool.definitions, noun, None)
                )
            )
            if schema is not None and properties_of(schema, tool.definitions):
                return schema
    return None


def _item_schema(tool: Tool, field: str | None) -> Schema | None:
    array = record_schema(tool.returns, tool.definitions, field)
    return items_of(array, tool.definitions) if array is not None else None


def _resource_key(
    members: Sequence[tuple[Tool, Operation]], noun: Sequence[str], fields: Mapping[str, str]
) -> tuple[str | None, str | None]:
    """(key parameter, id field) of the resource as most tools use it: the first get, update or delete decides."""
    for action in (Action.GET, Action.DELETE, Action.UPDATE, Action.OTHER, Action.CREATE):
        for tool, operation in members:
            if operation.action is action and operation.keys:
                found = None if operation.singleton else _id_field(tool, operation.keys[-1], noun, fields)
                return operation.keys[-1], found
    for field in fields:
        if names_noun(field, noun):
            return None, field
    return None, None


def _id_field(tool: Tool, parameter: str, noun: Sequence[str], fields: Mapping[str, str]) -> str | None:
    description = str(resolve(tool.properties.get(parameter, {}), tool.definitions).get("description") or "")
    return find_id_field(parameter, description, noun, fields)


def _complete(
    tool: Tool,
    operation: Operation,
    noun: Sequence[str],
    model: Schema | None,
    key: tuple[str | None, str | None],
) -> Operation:
    record_field = None
    if operation.action is Action.LIST:
        own = _item_schema(tool, operation.items_field)
    else:
        record_field = find_record(tool.returns, tool.definitions, noun, model)
        own = record_schema(tool.returns, tool.definitions, record_field)
        if record_field is None and operation.action in {Action.CREATE, Action.UPDATE}:
            record_field = result_field(tool.returns, tool.definitions)
    parameter = operation.keys[-1] if operation.keys and not _by_path(tool, operation) else key[0]
    id_field = None
    if not operation.singleton:
        id_field = _own_id_field(tool, parameter, noun, (own, model), key, keyed=bool(operation.keys))
    chosen = operation.key_parameter
    if operation.action is Action.CREATE and not operation.keys:
        if id_field in tool.properties and id_field not in operation.scope and not operation.key_prefix:
            chosen = id_field
        chosen = chosen or _chosen_by_caller(tool, operation, noun, key)
    return replace(operation, id_field=id_field, record_field=record_field, key_parameter=chosen)


def _own_id_field(
    tool: Tool,
    parameter: str | None,
    noun: Sequence[str],
    schemas: Sequence[Schema | None],
    key: tuple[str | None, str | None],
    *,
    keyed: bool,
) -> str | None:
    """The field for a key parameter in the tool's own record, else in the resource's; `key` is the resource's own."""
    main = parameter == key[0] or parameter is None
    if keyed and main and key[1] is not None:
        return key[1]
    for schema in schemas:
        fields = scalar_fields(schema, tool.definitions)
        if main and key[1] in fields:
            return key[1]
        if parameter is not None and (field := _id_field(tool, parameter, noun, fields)) is not None:
            return field
    return key[1] if main else None


def _by_path(tool: Tool, operation: Operation) -> bool:
    """Is the record addressed by its place in the path, so that the parameter's own name does not matter?"""
    return isinstance(tool.binding, HttpBinding) and f"{{{operation.keys[-1]}" in tool.binding.path.replace("+", "")


def _chosen_by_caller(
    tool: Tool, operation: Operation, noun: Sequence[str], key: tuple[str | None, str | None]
) -> str | None:
    """The parameter of a create by which the caller names the new record."""
    free = [name for name in tool.properties if name not in operation.scope]
    if operation.key_prefix:  # Google: POST {parent}/instances?instanceId=…
        for name in free:
            words = identifier_words(name)
            if words[-1:] == ("id",) and len(words) > 1 and names_noun(name, noun):
                return name
        return None
    for wanted in (key[1], key[0]):
        if wanted is not None and wanted in free:
            return wanted
    return None
