"""Predictions made from accepted answers by seeded mutations: what two checkers are compared on."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

Calls = list[dict[str, dict[str, Any]]]


def accepted_calls(answers: Sequence[Any], functions: Sequence[Any], rng: random.Random) -> Calls:
    """Calls that the answers accept: of each parameter one accepted value, or none where it may be left out."""
    described = {function["name"]: function["parameters"]["properties"] for function in functions}
    calls: Calls = []
    for answer in answers:
        (name, parameters), *_ = answer.items()
        arguments = {}
        for parameter, values in parameters.items():
            choices = [value for value in values if value != ""]
            if not choices or ("" in values and rng.random() < 0.4):
                continue
            schema = described[name].get(parameter, {})
            arguments[parameter] = _concrete(rng.choice(choices), schema, rng)
        calls.append({name: arguments})
    return calls


def _concrete(value: Any, schema: Any, rng: random.Random) -> Any:
    """An answer's value; objects hold lists of accepted values for each key, of which one is taken."""
    if isinstance(value, dict):
        return {
            key: rng.choice([choice for choice in choices if choice != ""] or [""])
            for key, choices in value.items()
            if not ("" in choices and rng.random() < 0.4)
        }
    if isinstance(value, list) and (schema.get("items") or {}).get("type") == "dict":
        return [_concrete(item, {}, rng) for item in value]
    return copy.deepcopy(value)


def mutated(calls: Calls, names: Sequence[str], rng: random.Random) -> Calls:
    """The calls with one to three changes."""
    calls = copy.deepcopy(calls)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        rng.choice(_CHANGES)(calls, names, rng)
    return calls


def _argument(calls: Calls, rng: random.Random) -> tuple[dict[str, Any], str] | None:
    slots = [(arguments, name) for call in calls for arguments in call.values() for name in arguments]
    return rng.choice(slots) if slots else None


def _change_value(calls: Calls, names: Sequence[str], rng: random.Random) -> None:
    slot = _argument(calls, rng)
    if slot is not None:
        arguments, name = slot
        arguments[name] = rng.choice(list(_variants(arguments[name], rng)))


def _variants(value: Any, rng: random.Random) -> Iterator[Any]:
    yield from (None, "", [], {}, True, 0, 1.5, [value], (value,), {"value": value}, str(value), repr(value))
    if isinstance(value, bool):
        yield from (not value, int(value))
    elif isinstance(value, int):
        yield from (float(value), value + 1, -value, value * 1.0 + 0.5)
    elif isinstance(value, float):
        yield from (value + 1e-9, -value, round(value))
    elif isinstance(value, str):
        spaced = value.replace(",", ", ").replace(" ", "  ")
        yield from (value.upper(), value.lower(), spaced, value.replace(" ", ""), value + ".", value[:-1], f"'{value}'")
        yield from (value.replace("/", "-"), value.replace("'", '"'), value + " x", value.replace(" ", "_"))
    elif isinstance(value, list | tuple) and value:
        yield from (list(value)[::-1], value[:-1], [*value, value[0]], tuple(value))
        at = rng.randrange(len(value))
        for part in list(_variants(value[at], rng))[:20]:
            yield [*value[:at], part, *value[at + 1 :]]
    elif isinstance(value, dict) and value:
        key = rng.choice(list(value))
        yield {k: v for k, v in value.items() if k != key}
        yield {**value, "extra": 1}
        for part in list(_variants(value[key], rng))[:20]:
            yield {**value, key: part}


def _drop_argument(calls: Calls, names: Sequence[str], rng: random.Random) -> None:
    slot = _argument(calls, rng)
    if slot is not None:
        del slot[0][slot[1]]


def _add_argument(calls: Calls, names: Sequence[str], rng: random.Random) -> None:
    if calls:
        for arguments in rng.choice(calls).values():
            arguments[rng.choice(("extra", "unit", "limit", "name"))] = rng.choice((1, "x", None, [], "units"))


def _rename_argument(calls: Calls, names: Sequence[str], rng: random.Random) -> None:
    slot = _argument(calls, rng)
    if slot is not None:
        slot[0][slot[1].upper()] = slot[0].pop(slot[1])


def _move_value(calls: Calls, names: Sequence[str], rng: random.Random) -> None:
    one, other = _argument(calls, rng), _argument(calls, rng)
    if one is not None and other is not None:
        one[0][one[1]] = copy.deepcopy(other[0][other[1]])


def _rename_function(calls: Calls, names: Sequence[str], rng: random.Random) -> None:
    if calls:
        call = rng.choice(calls)
        (name,) = call
        call[rng.choice((*names, name.replace(".", "_"), name.upper(), "none"))] = call.pop(name)


def _drop_call(calls: Calls, names: Sequence[str], rng: random.Random) -> None:
    if calls:
        calls.pop(rng.randrange(len(calls)))


def _repeat_call(calls: Calls, names: Sequence[str], rng: random.Random) -> None:
    if calls:
        calls.insert(rng.randrange(len(calls) + 1), copy.deepcopy(rng.choice(calls)))


def _replace_call(calls: Calls, names: Sequence[str], rng: random.Random) -> None:
    if calls:
        calls[rng.randrange(len(calls))] = copy.deepcopy(rng.choice(calls))


def _shuffle(calls: Calls, names: Sequence[str], rng: random.Random) -> None:
    rng.shuffle(calls)


_CHANGES: tuple[Callable[[Calls, Sequence[str], random.Random], None], ...] = (
    *(_change_value,) * 8,
    _drop_argument,
    _drop_argument,
    _add_argument,
    _rename_argument,
    _move_value,
    _rename_function,
    _drop_call,
    _repeat_call,
    _replace_call,
    _shuffle,
)


def as_python(calls: Calls) -> str:
    """The calls as a prompted model writes them."""
    written = (
        f"{name}({', '.join(f'{key}={value!r}' for key, value in arguments.items())})"
        for call in calls
        for name, arguments in call.items()
    )
    return f"[{', '.join(written)}]"
