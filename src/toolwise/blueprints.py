"""Following a blueprint: which of its calls a conversation has made, and what its next calls need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from toolwise.types import Blueprint, BlueprintCall, Json, Message, Reference, Role, Tool, ToolCall, read_content


@dataclass(frozen=True, slots=True)
class ExecutedCall:
    """A call of a conversation with what came back."""

    call: ToolCall
    ok: bool
    body: Json
    """The response, or the error's description."""
    turn: int
    """Index of the assistant message that made the call."""


@dataclass(frozen=True, slots=True)
class Fulfilment:
    """How a conversation's calls relate to a blueprint."""

    made: Mapping[int, int] = field(default_factory=dict)
    """Blueprint call -> the executed call that fulfilled it (indices into both sequences)."""
    strays: tuple[int, ...] = ()
    """Executed calls that succeeded and fulfil nothing."""
    failed: tuple[int, ...] = ()
    """Executed calls that did not succeed."""


def executed_calls(messages: Sequence[Message]) -> list[ExecutedCall]:
    """The calls of a conversation that were answered, in order."""
    open_calls: dict[str, tuple[ToolCall, int]] = {}
    executed: list[ExecutedCall] = []
    for index, message in enumerate(messages):
        for call in message.tool_calls:
            open_calls[call.id] = (call, index)
        if message.role is Role.TOOL and message.tool_call_id in open_calls:
            call, turn = open_calls.pop(message.tool_call_id)
            ok, body = read_content(message.content)
            executed.append(ExecutedCall(call, ok, body, turn))
    return executed


def same_json(left: Json, right: Json) -> bool:
    """Are two JSON values equal? Numbers by value (1 equals 1.0), booleans only to booleans, objects in any order."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same_json(value, right[key]) for key, value in left.items())
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return len(left) == len(right) and all(map(same_json, left, right))
    return bool(left == right)


def follow(reference: Reference, body: Json) -> Json:
    """The value that a reference points to. Raises LookupError where the response lacks it."""
    for part in reference.path:
        reachable = isinstance(body, dict) or (isinstance(body, list) and isinstance(part, int))
        if not reachable:
            raise LookupError(f"the response has no {part!r}")
        body = body[part]
    return body


def resolved_arguments(call: BlueprintCall, bodies: Mapping[int, Json]) -> dict[str, Json] | None:
    """A call's arguments with its references filled in from earlier responses.

    None where a response that it refers to is not there yet, or lacks the value.
    """
    if not call.references:
        return call.arguments
    arguments = dict(call.arguments)
    for name, reference in call.references.items():
        if reference.call not in bodies:
            return None
        try:
            arguments[name] = follow(reference, bodies[reference.call])
        except LookupError:
            return None
    return arguments


def fulfil(blueprint: Blueprint, executed: Sequence[ExecutedCall]) -> Fulfilment:
    """Match successful calls to the blueprint's, each to the first open one that is equal to it."""
    made: dict[int, int] = {}
    strays: list[int] = []
    failed: list[int] = []
    for position, done in enumerate(executed):
        if not done.ok:
            failed.append(position)
            continue
        bodies = {index: executed[at].body for index, at in made.items()}
        match = next(
            (
                index
                for index, call in enumerate(blueprint.calls)
                if index not in made
                and call.tool == done.call.name
                and (arguments := resolved_arguments(call, bodies)) is not None
                and same_json(arguments, done.call.arguments)
            ),
            None,
        )
        if match is None:
            strays.append(position)
        else:
            made[match] = position
    return Fulfilment(made, tuple(strays), tuple(failed))


def may_mutate(tool: Tool | None) -> bool:
    """Can a successful call change the world? Yes, unless the tool is known to be read-only."""
    return tool is None or tool.hints.read_only is not True
