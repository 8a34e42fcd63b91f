"""Which record, which collection and which parent the arguments of a call name."""

from __future__ import annotations

from collections.abc import Mapping

from toolwise.resources import Operation
from toolwise.types import Json
from toolwise.worlds.tooling import KnownTool

Arguments = Mapping[str, Json]


def scope_of(operation: Operation, arguments: Arguments) -> dict[str, Json]:
    """Which collection a call addresses; for resource names the parent's name, also taken from the record's own."""
    if operation.key_prefix:
        if operation.scope:
            value = arguments.get(operation.scope[-1])
        else:
            value = str(arguments.get(operation.keys[-1], "")).rsplit("/", 2)[0] if operation.keys else None
        return {"parent": value} if value else {}
    return {name: arguments[name] for name in operation.scope if name in arguments}


def parent_of(known: KnownTool, operation: Operation, arguments: Arguments) -> tuple[str, Json, dict[str, Json]] | None:
    """(parameter, id, scope) of the parent record that a call names."""
    names = operation.scope + (operation.keys if operation.singleton else ())
    if not known.parent or not names or names[-1] not in arguments:
        return None
    value = arguments[names[-1]]
    if operation.key_prefix:
        above = str(value).rsplit("/", 2)[0]
        return names[-1], value, {"parent": above} if above != value else {}
    return names[-1], value, {name: arguments[name] for name in names[:-1] if name in arguments}


def addresses(operation: Operation, arguments: Arguments) -> bool:
    """Does the call name one record?"""
    return bool(operation.keys) and arguments.get(operation.keys[-1]) is not None
