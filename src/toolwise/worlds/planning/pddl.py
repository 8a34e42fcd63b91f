"""Problem files in PDDL (McDermott et al., 1998) of BlocksWorld and Logistics, STRIPS or typed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from toolwise.errors import DataError
from toolwise.types import Json
from toolwise.worlds.planning.layout import Facts, Instance

_TOKEN = re.compile(r";[^\n]*|[()]|[^\s();]+")
_MAX_DEPTH = 20
_HANDS = {"handempty", "arm-empty", "armempty", "hand-empty"}
_TABLES = {"ontable", "on-table", "on_table"}
_KINDS = {
    "package": "packages", "obj": "packages", "truck": "trucks", "airplane": "airplanes", "plane": "airplanes",
    "airport": "airports", "location": "locations", "place": "locations", "city": "cities",
}  # fmt: skip
_PREDICATES = {"on": 2, "ontable": 1, "clear": 1, "holding": 1, "handempty": 0, "at": 2, "in": 2, "in-city": 2}

Expression = Any
"""A word, or a list of expressions."""


class PddlError(DataError):
    """A problem file is malformed."""


def read_pddl(path: Path) -> Instance:
    """The instance of a problem file. Raises PddlError naming the file."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PddlError(f"cannot read {path}: {getattr(error, 'strerror', None) or 'not UTF-8 text'}") from error
    try:
        return replace(parse_problem(text), name=str(path))
    except PddlError as error:
        raise PddlError(f"{path}: {error}") from error


def parse_problem(text: str) -> Instance:
    """A problem's start and goal. Which of the two domains it is follows from its predicates. Raises PddlError."""
    sections = _sections(_parse(text))
    objects = _objects(sections)
    init = [_fact(e) for e in sections.get(":init", [])]
    goal = list(_conjuncts(sections[":goal"][0] if sections.get(":goal") else _missing(":goal")))
    used = {fact[0] for fact in (*init, *goal)}
    name = str(sections.get("problem", ["problem"])[0])
    if used & {"at", "in", "in-city"}:
        return _logistics(name, objects, init, goal)
    if used & {"on", "ontable", "clear"}:
        return _blocks(name, objects, init, goal)
    raise PddlError("neither a BlocksWorld problem (on, ontable, clear) nor a Logistics one (at, in, in-city)")


def _missing(section: str) -> Expression:
    raise PddlError(f"the problem has no {section} section; add one")


def _parse(text: str) -> list[Expression]:
    stack: list[list[Expression]] = [[]]
    for match in _TOKEN.finditer(text):
        token = match.group()
        if token.startswith(";"):
            continue
        if token == "(":  # noqa: S105  no password
            stack.append([])
            if len(stack) > _MAX_DEPTH:
                raise PddlError(f"line {_line(text, match)}: brackets nest deeper than {_MAX_DEPTH}")
        elif token == ")":  # noqa: S105
            if len(stack) == 1:
                raise PddlError(f"line {_line(text, match)}: a closing bracket too many")
            done = stack.pop()
            stack[-1].append(done)
        else:
            stack[-1].append(token.lower())
    if len(stack) > 1:
        raise PddlError(f"{len(stack) - 1} closing bracket(s) missing at the end")
    return stack[0]


def _line(text: str, match: re.Match[str]) -> int:
    return text.count("\n", 0, match.start()) + 1


def _sections(parsed: list[Expression]) -> dict[str, list[Expression]]:
    whole = parsed[0] if len(parsed) == 1 else None
    if not isinstance(whole, list) or not whole or whole[0] != "define":
        raise PddlError("a problem is one (define (problem ...) ...); give the problem file, not the domain's")
    sections: dict[str, list[Expression]] = {}
    for part in whole[1:]:
        if not isinstance(part, list) or not part or not isinstance(part[0], str):
            raise PddlError(f"{_show(part)} is no section")
        if part[0] in sections:
            raise PddlError(f"the section {part[0]} occurs twice")
        sections[part[0]] = part[1:]
    if "problem" not in sections:
        raise PddlError("this is no problem (a domain?); give the problem file")
    return sections


def _show(expression: Expression) -> str:
    if isinstance(expression, str):
        return expression
    inner = " ".join(_show(part) for part in expression)
    return f"({inner})"[:80]


def _objects(sections: dict[str, list[Expression]]) -> dict[str, str]:
    """Object -> its type; empty where untyped."""
    found: dict[str, str] = {}
    waiting: list[str] = []
    words = iter(sections.get(":objects") or _missing(":objects"))
    for word in words:
        if not isinstance(word, str):
            raise PddlError(f"{_show(word)} is no object")
        if word != "-":
            if word in found or word in waiting:
                raise PddlError(f"the object {word} is declared twice")
            waiting.append(word)
            continue
        kind = next(words, None)
        if not isinstance(kind, str):
            raise PddlError("a type must follow each dash among the objects")
        found.update(dict.fromkeys(waiting, kind))
        waiting = []
    return {**found, **dict.fromkeys(waiting, "")}


_UNSUPPORTED = {
    "not": "negative goals are not supported; name the facts that must hold instead",
    "or": "a choice of goals is not supported; name the facts that must all hold",
    "imply": "conditional goals are not supported; name the facts that must all hold",
    "forall": "quantified goals are not supported; name each fact",
    "exists": "quantified goals are not supported; name each fact",
    "=": "equalities and numbers are not supported; leave them out",
}
"""Parts of PDDL that neither domain needs."""


def _fact(expression: Expression) -> tuple[str, ...]:
    head = expression[0] if isinstance(expression, list) and expression else ""
    why = _UNSUPPORTED.get(head) if isinstance(head, str) else None
    if why is not None:
        raise PddlError(f"{_show(expression)}: {why}")
    if not isinstance(expression, list) or not expression or not all(isinstance(part, str) for part in expression):
        raise PddlError(f"{_show(expression)} is no plain fact such as (on a b)")
    name = expression[0]
    name = "handempty" if name in _HANDS else "ontable" if name in _TABLES else name
    arity = _PREDICATES.get(name, 1 if name in _KINDS else None)
    if arity is None:
        raise PddlError(f"{_show(expression)}: no predicate {name} in BlocksWorld or Logistics")
    if len(expression) - 1 != arity:
        raise PddlError(f"{_show(expression)}: {name} takes {arity} argument(s)")
    return (name, *expression[1:])


def _conjuncts(expression: Expression) -> Iterator[tuple[str, ...]]:
    if isinstance(expression, list) and expression and expression[0] == "and":
        for part in expression[1:]:
            yield from _conjuncts(part)
    else:
        yield _fact(expression)


def _blocks(name: str, objects: dict[str, str], init: list[tuple[str, ...]], goal: list[tuple[str, ...]]) -> Instance:
    _declared(objects, [*init, *goal])
    on: dict[str, str] = {}
    held: str | None = None
    for fact in init:
        if fact[0] in ("on", "ontable"):
            if fact[1] in on:
                raise PddlError(f"{fact[1]} is in two places at the start")
            on[fact[1]] = fact[2] if fact[0] == "on" else "table"
        elif fact[0] == "holding":
            if held is not None:
                raise PddlError(f"the hand holds both {held} and {fact[1]} at the start")
            held = fact[1]
    lost = [block for block in objects if block not in on and block != held]
    if lost:
        raise PddlError(f"{lost[0]} is nowhere at the start; say (ontable {lost[0]}) or the like")
    _agree_blocks(on, held, init)
    return Instance("blocksworld", {"holding": held, "on": dict(sorted(on.items()))}, tuple(goal), name)


def _agree_blocks(on: dict[str, str], held: str | None, init: list[tuple[str, ...]]) -> None:
    """The derived facts must say what the towers say. Raises PddlError."""
    covered = set(on.values())
    stated = {fact[1] for fact in init if fact[0] == "clear"}
    for block in on:
        if (block in stated) == (block in covered):
            raise PddlError(f"(clear {block}) must hold at the start exactly if nothing is on {block}")
    if (("handempty",) in init) == (held is not None):
        raise PddlError("(handempty) must hold at the start exactly if nothing is held")


def _declared(objects: dict[str, str], facts: list[tuple[str, ...]]) -> None:
    for fact in facts:
        for argument in fact[1:]:
            if argument not in objects:
                raise PddlError(f"({' '.join(fact)}) names {argument}, which is no object of the problem")


def _logistics(
    name: str, objects: dict[str, str], init: list[tuple[str, ...]], goal: list[tuple[str, ...]]
) -> Instance:
    _declared(objects, [*init, *goal])
    groups = _groups(objects, init)
    where: dict[str, str] = {}
    cities: dict[str, list[str]] = {city: [] for city in groups["cities"]}
    for fact in init:
        if fact[0] == "in-city":
            if fact[1] in [p for places in cities.values() for p in places]:
                raise PddlError(f"{fact[1]} is in two cities")
            cities.setdefault(fact[2], []).append(fact[1])
        elif fact[0] in ("at", "in") and where.setdefault(fact[1], fact[2]) != fact[2]:
            raise PddlError(f"{fact[1]} is in two places at the start")
    start: dict[str, Json] = {
        "airports": sorted(groups["airports"]),
        "cities": {city: sorted(places) for city, places in sorted(cities.items())},
    }
    for kind in ("airplanes", "packages", "trucks"):
        lost = [thing for thing in groups[kind] if thing not in where]
        if lost:
            raise PddlError(f"{lost[0]} is nowhere at the start; say (at {lost[0]} ...)")
        start[kind] = {thing: where[thing] for thing in sorted(groups[kind])}
    return Instance("logistics", dict(sorted(start.items())), _moving(goal), name)


def _groups(objects: dict[str, str], init: list[tuple[str, ...]]) -> dict[str, list[str]]:
    """The objects by kind, said by their types or by facts such as (truck t1)."""
    groups: dict[str, list[str]] = {kind: [] for kind in _KINDS.values()}
    said = [*((kind, thing) for thing, kind in objects.items()), *(fact[:2] for fact in init if len(fact) == 2)]
    for kind, thing in said:
        if kind in _KINDS and thing not in groups[_KINDS[kind]]:
            groups[_KINDS[kind]].append(thing)
    return groups


def _moving(goal: list[tuple[str, ...]]) -> Facts:
    odd = next((fact for fact in goal if fact[0] not in ("at", "in")), None)
    if odd is not None:
        raise PddlError(f"({' '.join(odd)}) cannot be a goal; goals say where things are: (at ...) or (in ...)")
    return tuple(goal)
