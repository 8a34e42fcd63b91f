"""BFCL's rules for comparing calls with accepted answers (Patil et al., ICML 2025, "AST evaluation"), Python files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

from toolwise.evaluation.calls.attempts import Called
from toolwise.types import Json

OPTIONAL = ""
"""Among a parameter's accepted values: the parameter may be left out."""

_TYPES: Mapping[str, type] = {
    "string": str,
    "integer": int,
    "float": float,
    "number": float,
    "boolean": bool,
    "array": list,
    "tuple": list,
    "dict": dict,
    "object": dict,
    "any": str,
}
_DROPPED = str.maketrans({**dict.fromkeys(" ,./-_*^"), "'": '"'})


class Mismatch(StrEnum):
    """Why calls are not the accepted ones."""

    COUNT = "wrong_count"
    """Another number of calls than accepted."""
    FUNCTION = "wrong_function"
    """Another function."""
    MISSING = "missing_parameter"
    """A required parameter, or one that no answer leaves out, is not given."""
    UNEXPECTED = "unexpected_parameter"
    """A parameter that the function or every answer lacks."""
    TYPE = "wrong_type"
    """A value of another type than documented and accepted."""
    VALUE = "wrong_value"
    """A value of the right type that no answer holds."""
    NO_MATCH = "no_match"
    """Several calls: they cannot be matched with the accepted ones, one to one."""


_Found = tuple[Mismatch, str]
"""What is wrong, and with which parameter."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with calls, and where."""

    mismatch: Mismatch
    detail: str


@lru_cache(maxsize=65536)
def plain(text: str) -> str:
    """Lower case without spaces and `,./-_*^`, single quotes as double: two dates written differently are equal."""
    return text.translate(_DROPPED).lower()


def _plain(value: Any) -> Any:
    return plain(value) if type(value) is str else value


def check_calls(functions: Sequence[Json], answers: Sequence[Json], calls: Sequence[Called]) -> Fault | None:
    """None where the calls are accepted: as many as the answers, each matching another one, in any order.

    `functions` are the documented functions, `answers` one `{name: {parameter: [accepted values]}}` for each right
    call. Simple and multiple tasks have one answer, parallel ones several.
    """
    if len(calls) != len(answers):
        return Fault(Mismatch.COUNT, f"{len(calls)} calls, {len(answers)} are right")
    if len(answers) == 1:
        found = _check_call(functions, answers[0], calls[0])
        return None if found is None else _explained(found, answers[0], calls[0])
    lonely = _unmatched(functions, answers, calls)
    return None if lonely is None else Fault(Mismatch.NO_MATCH, f"no call is left for answer {lonely}")


def _explained(found: _Found, answer: Json, call: Called) -> Fault:
    mismatch, parameter = found
    (name, accepted), *_ = answer.items()
    if mismatch is Mismatch.FUNCTION:
        return Fault(mismatch, f"{call[0]!r} where {name!r} is right")
    if mismatch in (Mismatch.TYPE, Mismatch.VALUE):
        given, right = repr(call[1][parameter])[:80], str(accepted[parameter])[:80]
        return Fault(mismatch, f"{parameter!r}: {given}, accepted {right}")
    return Fault(mismatch, repr(parameter))


def _unmatched(functions: Sequence[Json], answers: Sequence[Json], calls: Sequence[Called]) -> int | None:
    """The first answer that a maximum matching (augmenting paths; Kuhn, 1955) leaves without a call, if any.

    Taking for each answer the first call that fits, as is simpler, would make the verdict depend on their order.
    """
    known: dict[tuple[int, int], bool] = {}
    taken: dict[int, int] = {}

    def fits(answer: int, call: int) -> bool:
        key = (answer, call)
        if key not in known:
            known[key] = _check_call(functions, answers[answer], calls[call]) is None
        return known[key]

    def place(answer: int, tried: set[int]) -> bool:
        free = [call for call in range(len(calls)) if call not in taken]
        for call in (*free, *taken):
            if call in tried or not fits(answer, call):
                continue
            tried.add(call)
            if call not in taken or place(taken[call], tried):
                taken[call] = answer
                return True
        return False

    return next((answer for answer in range(len(answers)) if not place(answer, set())), None)


def _check_call(functions: Sequence[Json], answer: Json, call: Called) -> _Found | None:
    name, accepted = next(iter(answer.items()))
    given_name, arguments = call
    if given_name != name:
        return Mismatch.FUNCTION, ""
    parameters = next((function.get("parameters") or {} for function in functions if function["name"] == name), {})
    properties = parameters.get("properties") or {}
    for parameter in parameters.get("required") or ():
        if parameter not in arguments:
            return Mismatch.MISSING, parameter
    for parameter, value in arguments.items():
        if parameter not in properties or parameter not in accepted:
            return Mismatch.UNEXPECTED, parameter
        wrong = _check_value(properties[parameter], accepted[parameter], value)
        if wrong is not None:
            return wrong, parameter
    for parameter, values in accepted.items():
        if parameter not in arguments and OPTIONAL not in values:
            return Mismatch.MISSING, parameter
    return None


def _check_value(schema: Json, accepted: Sequence[Json], value: Any) -> Mismatch | None:
    described = schema.get("type", "any")
    expected = _TYPES.get(described, str)
    items = _items(schema) if described in ("array", "tuple") else None
    if described == "tuple" and type(value) is tuple:
        value = list(value)
    elif described == "float" and type(value) is int:  # Python would convert it
        value = float(value)
    answer_type = _answer_type(accepted)
    variable = answer_type is not None and answer_type is not expected
    if type(value) is not expected:
        if answer_type is None or type(value) is not answer_type:
            return Mismatch.TYPE
        variable = True
    elif items is not None and not _items_fit(value, items, accepted):
        return Mismatch.TYPE
    return None if _is_accepted(value, accepted, expected, items, variable) else Mismatch.VALUE


def _items(schema: Json) -> type:
    items = schema.get("items")
    described = items.get("type", "any") if isinstance(items, dict) else "any"
    return _TYPES.get(described, str)


def _answer_type(accepted: Sequence[Json]) -> type | None:
    """The type of the first accepted value; where it is not the documented one, the answer stands for a variable."""
    for value in accepted:
        if value != OPTIONAL:
            return type(value)
    return None


def _items_fit(value: Any, items: type, accepted: Sequence[Json]) -> bool:
    """Are a list's elements of the documented type, or of an answer's? One level deep, as in BFCL."""
    for answer in accepted:
        if type(answer) is not list:
            return True  # the parameter may be left out, so its elements are not looked at
        element = _answer_type(answer)
        if all(type(part) is items or (element is not None and type(part) is element) for part in value):
            return True
    return False


def _is_accepted(value: Any, accepted: Sequence[Json], expected: type, items: type | None, variable: bool) -> bool:
    if variable:
        return value in accepted
    if expected is dict:
        return any(_same_object(value, answer) for answer in accepted)
    if expected is list and items is dict:
        return any(_same_objects(value, answer) for answer in accepted)
    if expected is str:
        wanted = plain(value)
        return any(type(answer) is str and plain(answer) == wanted for answer in accepted)
    if expected is list:
        given = [_plain(part) for part in value]
        return any(
            given == [_plain(part) for part in answer] for answer in accepted if type(answer) is list or answer == ""
        )
    return value in accepted


def _same_objects(value: Sequence[Any], answer: Json) -> bool:
    """Lists of objects, in order; where the list may be left out an empty one is as good."""
    if type(answer) is not list:
        return answer == OPTIONAL and not value
    return len(value) == len(answer) and all(map(_same_object, value, answer))


def _same_object(value: Any, answer: Json) -> bool:
    """An object of accepted values for each key; a key may be left out where they hold the empty string."""
    if type(value) is not dict or type(answer) is not dict:
        return False
    for key, part in value.items():
        if key not in answer:
            return False
        wanted = _plain(part)
        if not any(_plain(choice) == wanted for choice in answer[key]):
            return False
    return all(key in value or OPTIONAL in choices for key, choices in answer.items())
