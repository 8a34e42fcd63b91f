"""Are plans valid? Written apart from the worlds and the solver: it knows the rules, not their bit sets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from toolwise.types import Json
from toolwise.worlds.planning.layout import Instance

Step = tuple[str, tuple[str, ...]]
"""A tool and its arguments in the order of its parameters."""


class InvalidStepError(Exception):
    """A step cannot run; the message is the rule that it breaks."""


def check_plan(instance: Instance, steps: Iterable[Step]) -> str:
    """Why the plan is invalid; empty for a valid one."""
    run = {"blocksworld": _move_block, "logistics": _move_package, "spellwrite": _edit}[instance.domain]
    state: dict[str, Any] = _copied(instance.start)
    for number, (tool, arguments) in enumerate(steps, 1):
        try:
            run(state, tool, arguments)
        except InvalidStepError as error:
            return f"step {number}, {tool}({', '.join(arguments)}): {error}"
    unmet = next((fact for fact in instance.goal if not _holds(state, fact)), None)
    return "" if unmet is None else f"the goal {' '.join(unmet)} does not hold at the end"


def _copied(state: Mapping[str, Json]) -> dict[str, Any]:
    return {key: dict(value) if isinstance(value, dict) else value for key, value in state.items()}


def _need(condition: bool, rule: str) -> None:
    if not condition:
        raise InvalidStepError(rule)


def _move_block(state: dict[str, Any], tool: str, arguments: tuple[str, ...]) -> None:
    on: dict[str, str] = state["on"]
    block = arguments[0]
    if tool in ("pick_up", "unstack"):
        _need(state["holding"] is None, "the hand is full")
        _need(block not in on.values(), "something lies on the block")
        _need(on.get(block) == ("table" if tool == "pick_up" else arguments[1]), "the block lies elsewhere")
        del on[block]
        state["holding"] = block
        return
    _need(state["holding"] == block, "the hand does not hold the block")
    if tool == "stack":
        _need(arguments[1] in on and arguments[1] not in on.values(), "the target is covered, or no block on its place")
    on[block] = arguments[1] if tool == "stack" else "table"
    state["holding"] = None


def _move_package(state: dict[str, Any], tool: str, arguments: tuple[str, ...]) -> None:
    first, second, third = arguments
    vehicles = {**state["trucks"], **state["airplanes"]}
    if tool == "load":
        _need(state["packages"].get(first) == third, "the package is elsewhere")
        _need(vehicles.get(second) == third, "the vehicle is elsewhere")
        state["packages"][first] = second
    elif tool == "unload":
        _need(state["packages"].get(first) == second, "the package is not in the vehicle")
        _need(vehicles.get(second) == third, "the vehicle is elsewhere")
        state["packages"][first] = third
    elif tool == "drive":
        _need(state["trucks"].get(first) == second, "the truck is elsewhere")
        _need(any(second in group and third in group for group in state["cities"].values()), "not in one city")
        state["trucks"][first] = third
    else:
        _need(state["airplanes"].get(first) == second, "the airplane is elsewhere")
        _need(second in state["airports"] and third in state["airports"], "not between airports")
        state["airplanes"][first] = third


def _edit(state: dict[str, Any], tool: str, arguments: tuple[str, ...]) -> None:
    cells, cursor, tray = list(state["tape"]), state["cursor"], sorted(state["tray"])
    last = None
    if tool == "spell":
        _need(not tray and arguments[0] in state["words"], "the tray is full, or no such word")
        tray = list(arguments[0])
    elif tool == "write":
        _need(arguments[0] in tray and cursor < len(cells) and cells[cursor] == "_", "no such letter, or no blank cell")
        tray.remove(arguments[0])
        cells[cursor] = arguments[0]
        last, cursor = f"write {arguments[0]}", cursor + 1
    elif tool == "erase":
        _need(cursor < len(cells) and cells[cursor] != "_", "no letter under the cursor")
        last, cells[cursor] = f"erase {cells[cursor]}", "_"
    elif tool == "move":
        cursor += {"left": -1, "right": 1}[arguments[0]]
        _need(0 <= cursor <= len(cells), "beyond the tape")
    elif tool == "discard":
        _need(bool(tray), "the tray is empty")
        tray = []
    else:
        _need(state["last"] is not None, "nothing to take back")
        edit, letter = state["last"].split()
        if edit == "write":
            cursor -= 1
            tray.append(letter)
        cells[cursor] = "_" if edit == "write" else letter
    state.update(tape="".join(cells), cursor=cursor, tray="".join(sorted(tray)), last=last)


def _holds(state: dict[str, Any], fact: tuple[str, ...]) -> bool:
    name = fact[0]
    if name == "tape":
        return bool(state["tape"] == fact[1])
    if name in ("at", "in"):
        places = {**state["packages"], **state["trucks"], **state["airplanes"]}
        return bool(places.get(fact[1]) == fact[2])
    if name == "clear":
        return fact[1] in state["on"] and fact[1] not in state["on"].values()
    if name in ("on", "ontable"):
        return bool(state["on"].get(fact[1]) == (fact[2] if name == "on" else "table"))
    return bool(state["holding"] == (fact[1] if name == "holding" else None))
