"""Exact call: is it the right tool with the right arguments, and nothing else?"""

from __future__ import annotations

from collections.abc import Sequence

from toolwise.types import BlueprintCall, Json, Task, ToolCall


def json_equal(left: Json, right: Json) -> bool:
    """Equality of JSON values: numbers by value (1 equals 1.0), true is not 1, objects without order, lists with it.

    Strings are compared exactly, case and spaces included.
    """
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, int | float) and isinstance(right, int | float):
        return left == right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(json_equal(left[key], right[key]) for key in left)
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return len(left) == len(right) and all(json_equal(a, b) for a, b in zip(left, right, strict=True))
    return type(left) is type(right) and bool(left == right)


def _matches(expected: BlueprintCall, call: ToolCall) -> bool:
    return expected.tool == call.name and json_equal(expected.arguments, call.arguments)


def exact_call(task: Task, calls: Sequence[ToolCall]) -> bool:
    """Do a policy's first calls equal the blueprint's? Tool, argument names and values must all be equal.

    `calls` are those of the first assistant turn, naming tools by id. A task with one call needs exactly that call.
    A task with several needs a turn whose calls each equal a different one of the blueprint's calls that can be made
    at once (those without references). A task without calls needs a turn without calls.
    """
    expected = list(task.blueprint.calls) if task.blueprint else []
    if not expected:
        return not calls
    ready = [call for call in expected if not call.references]
    for call in calls:
        match = next((i for i, candidate in enumerate(ready) if _matches(candidate, call)), None)
        if match is None:
            return False
        del ready[match]
    return bool(calls)
