"""Are a conversation's calls the blueprint's, up to order and optional arguments?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from toolwise.blueprints import ExecutedCall, fulfil, may_mutate, same_json
from toolwise.ports import Tools
from toolwise.schemas import resolve
from toolwise.types import Blueprint, Json, Tool


def equivalent_calls(blueprint: Blueprint | None, executed: Sequence[ExecutedCall], tools: Tools) -> bool:
    """Every blueprint call is made once and succeeds, in any order that its references allow; nothing else changes
    anything.

    An optional argument that repeats its documented default may be given or left out. Calls that fail, and further
    calls of tools known to be read-only, are tolerated. Without a blueprint no call is right.
    """
    wanted = blueprint or Blueprint(calls=())
    if not wanted.calls:
        return not executed
    known = {name: _tool(tools, name) for name in {*(c.tool for c in wanted.calls), *(e.call.name for e in executed)}}
    calls = tuple(
        call.model_copy(update={"arguments": _without_defaults(call.arguments, known[call.tool])})
        for call in wanted.calls
    )
    done = [
        replace(
            one,
            call=one.call.model_copy(update={"arguments": _without_defaults(one.call.arguments, known[one.call.name])}),
        )
        for one in executed
    ]
    found = fulfil(Blueprint(calls=calls), done)
    if len(found.made) < len(calls):
        return False
    return not any(may_mutate(known[executed[at].call.name]) for at in found.strays)


def _tool(tools: Tools, name: str) -> Tool | None:
    try:
        return tools.tool(name)
    except KeyError:
        return None


def _without_defaults(arguments: Mapping[str, Json], tool: Tool | None) -> dict[str, Json]:
    """The arguments but those that are optional and equal to their default."""
    if tool is None:
        return dict(arguments)
    return {name: value for name, value in arguments.items() if not _is_default(name, value, tool)}


def _is_default(name: str, value: Json, tool: Tool) -> bool:
    part = tool.properties.get(name)
    if name in tool.required or not isinstance(part, dict):
        return False
    schema = resolve(part, tool.definitions)
    return "default" in schema and same_json(schema["default"], value)
