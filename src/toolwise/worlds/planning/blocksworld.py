"""BlocksWorld: one hand, blocks in towers; pick up, put down, stack, unstack (Slaney and Thiebaux, 2001)."""

from __future__ import annotations

import random
from collections.abc import Mapping
from functools import lru_cache

from toolwise.types import Json
from toolwise.worlds.planning.layout import Facts, Instance, InstanceError, Operator, ToolText
from toolwise.worlds.planning.strips import Fact, Strips

TABLE = "table"
_NAMES = "abcdefghijklmnopqrstuvwxyz"
_SENTENCES = {
    "clear": "nothing may lie on {0}",
    "ontable": "{0} must lie on the table",
    "handempty": "the hand must be empty",
    "holding": "the hand must hold {0}",
    "on": "{0} must lie on {1}",
}
TOOLS: tuple[ToolText, ...] = (
    ToolText(
        "pick_up",
        "Pick up {block} from the table. It must lie on the table with nothing on it, and the hand must be empty.",
        {"block": "The block to pick up."},
        "{block} from the table: pick up.",
    ),
    ToolText(
        "put_down",
        "Put {block}, which the hand must hold, down on the table.",
        {"block": "The block held."},
        "{block} to the table: put down.",
    ),
    ToolText(
        "stack",
        "Put {block}, which the hand must hold, onto {target}. Nothing may lie on {target}.",
        {"block": "The block held.", "target": "The block to put it on."},
        "{block} onto {target}: put on.",
    ),
    ToolText(
        "unstack",
        "Take {block} off {target}, on which it must lie. Nothing may lie on {block}, and the hand must be empty.",
        {"block": "The block to take.", "target": "The block that it lies on."},
        "{block} off {target}: take off.",
    ),
)


class BlocksLayout(Strips):
    """The dynamics of a set of blocks."""

    def __init__(self, blocks: tuple[str, ...]) -> None:
        super().__init__()
        self.blocks = blocks
        self.family = "blocks " + " ".join(blocks)
        empty: Fact = ("handempty",)
        for a in blocks:
            held: Fact = ("holding", a)
            self.add("pick_up", (a,), [("clear", a), ("ontable", a), empty], [held])
            self.add("put_down", (a,), [held], [("clear", a), ("ontable", a), empty])
        for a in blocks:
            for b in blocks:
                if a != b:
                    self.add("stack", (a, b), [("holding", a), ("clear", b)], [("clear", a), ("on", a, b), empty])
                    self.add("unstack", (a, b), [("on", a, b), ("clear", a), empty], [("holding", a), ("clear", b)])

    def violated(self, state: int, operator: Operator) -> tuple[str, ...]:
        missing = operator.needs & ~state
        return tuple(_SENTENCES[f[0]].format(*f[1:]) for f in self.facts(missing)) if missing else ()

    def predecessors(self, state: int, operator: Operator) -> list[int]:
        before = self.inverse(state, operator)
        return [] if before is None else [before]

    def load(self, data: Mapping[str, Json]) -> int:
        on, held = data.get("on"), data.get("holding")
        if not isinstance(on, dict) or held in on or {*on, *([held] if held else [])} != set(self.blocks):
            raise InstanceError('a BlocksWorld state is {"on": {block: block or "table"}, "holding": block or null}')
        below = [place for place in on.values() if place != TABLE]
        if len(set(below)) != len(below) or not set(below) <= set(on):
            raise InstanceError("a block lies on the held one, or two blocks lie on one; mend the state")
        if _in_circle(on):
            raise InstanceError("blocks lie on each other in a circle; mend the state")
        facts: list[Fact] = [("on", a, b) if b != TABLE else ("ontable", a) for a, b in on.items()]
        facts += [("clear", a) for a in on if a not in set(below)]
        facts.append(("holding", held) if held else ("handempty",))
        return self.mask(facts)

    def render(self, state: int) -> dict[str, Json]:
        on: dict[str, str] = {}
        held = None
        for fact in self.facts(state):
            if fact[0] == "on":
                on[fact[1]] = fact[2]
            elif fact[0] == "ontable":
                on[fact[1]] = TABLE
            elif fact[0] == "holding":
                held = fact[1]
        return {"holding": held, "on": dict(sorted(on.items()))}

    def corrupted(self, state: int, rng: random.Random) -> tuple[int, str] | None:
        data = self.dump(state)
        on: dict[str, str] = data["on"]
        under = set(on.values())
        loose = [a for a in on if a not in under]
        if not loose:
            return None
        block = rng.choice(loose)
        places = [p for p in [*loose, TABLE] if p not in (block, on[block])]
        if not places:
            return None
        place = rng.choice(places)
        return self.load({**data, "on": {**on, block: place}}), f"{block} lies on {place}, not on {on[block]}"

    def satisfied(self, state: int, goal: Facts) -> bool:
        return self.holds(state, goal)

    def estimate(self, state: int, goal: Facts) -> int:
        """Two actions for each block that must move, four where one below it, now and in the goal, must move too."""
        data = self.render(state)
        on, held = data["on"], data["holding"]
        wanted = {f[1]: f[2] if f[0] == "on" else TABLE for f in goal if f[0] in ("on", "ontable")}
        moving = _must_move(on, wanted)
        total = sum(4 if moving & _below(a, on) & _below(a, wanted) else 2 for a in moving)
        if moving - set(wanted):
            total -= 1  # the last one may stay in the hand
        return total + (held in wanted)

    def contradiction(self, state: int, goal: Facts) -> str:
        wanted: dict[str, str] = {}
        for fact in goal:
            unknown = [name for name in fact[1:] if name not in self.blocks]
            if unknown or fact[0] not in _SENTENCES:
                return f"the goal {' '.join(fact)} names something that does not exist"
            place = {"on": fact[-1], "ontable": TABLE, "holding": "the hand"}.get(fact[0])
            if place is not None and wanted.setdefault(fact[1], place) != place:
                return f"the goal wants {fact[1]} in two places"
        used = [place for place in wanted.values() if place not in (TABLE, "the hand")]
        crowded = next((place for place in used if used.count(place) > 1 or ("clear", place) in goal), "")
        if crowded:
            return f"the goal wants too much on {crowded}"
        if _in_circle({a: b for a, b in wanted.items() if b != "the hand"}):
            return "the goal wants blocks on each other in a circle"
        held = [a for a, place in wanted.items() if place == "the hand"]
        if len(held) > 1 or (held and (("handempty",) in goal or ("clear", held[0]) in goal or held[0] in used)):
            return "the goal wants the hand to hold too much"
        return ""


def _in_circle(on: Mapping[str, str]) -> bool:
    return any(a in _below(a, on) for a in on)


def _below(block: str, on: Mapping[str, str]) -> set[str]:
    """All blocks below a block; itself among them only if they lie in a circle."""
    found: set[str] = set()
    place = on.get(block, TABLE)
    while place != TABLE and place not in found:
        found.add(place)
        place = on.get(place, TABLE)
    return found


def _must_move(on: Mapping[str, str], wanted: Mapping[str, str]) -> set[str]:
    """Blocks that are not where the goal wants them, and all above them."""
    wrong = {a for a, b in on.items() if wanted.get(a, b) != b}
    return wrong | {a for a in on if wrong & _below(a, on)} if wrong else wrong


class BlocksWorld:
    """The domain; `size` is the number of blocks."""

    name = "blocksworld"
    description = "A hand moves blocks between towers on a table, one at a time."
    tools = TOOLS

    def layout(self, data: Mapping[str, Json]) -> BlocksLayout:
        on, held = data.get("on"), data.get("holding")
        if not isinstance(on, dict) or not all(isinstance(name, str) for name in [*on, *on.values(), held or ""]):
            raise InstanceError('a BlocksWorld state is {"on": {block: block or "table"}, "holding": block or null}')
        return _layout(tuple(sorted({*on, *([held] if held else [])})))

    def generate(self, size: int, rng: random.Random) -> Instance:
        if not 2 <= size <= len(_NAMES):
            raise InstanceError(f"BlocksWorld takes 2 to {len(_NAMES)} blocks, not {size}")
        blocks = sorted(rng.sample(_NAMES, size))
        start = _towers(blocks, rng)
        while True:
            wanted = _towers(blocks, rng)
            if wanted != start:
                break
        goal = tuple(("on", a, b) if b != TABLE else ("ontable", a) for a, b in sorted(wanted.items()))
        return Instance(self.name, {"holding": None, "on": dict(sorted(start.items()))}, goal)

    def describe(self, data: Mapping[str, Json], rng: random.Random) -> str:
        on, held = data["on"], data["holding"]
        style = rng.randrange(3)
        if style == 0:
            lines = [f"{a} is on the table" if b == TABLE else f"{a} is on {b}" for a, b in on.items()]
            lines.append(f"the hand holds {held}" if held else "the hand is empty")
            rng.shuffle(lines)
            return ", ".join(lines) + "."
        above = {b: a for a, b in on.items() if b != TABLE}
        towers = []
        for bottom in (a for a, b in on.items() if b == TABLE):
            tower = [bottom]
            while tower[-1] in above:
                tower.append(above[tower[-1]])
            towers.append(tower)
        rng.shuffle(towers)
        if style == 1:
            hand = f"Held: {held}." if held else "Held: nothing."
            return f"Towers from bottom to top: {'; '.join(' '.join(t) for t in towers)}. {hand}"
        hand = f"Block {held} is in the hand." if held else "Nothing is in the hand."
        return f"{hand} Towers from top to bottom: {' | '.join(' '.join(t[::-1]) for t in towers)}."

    def describe_goal(self, goal: Facts, rng: random.Random) -> str:
        words = {"on": "{0} on {1}", "ontable": "{0} on the table", "clear": "nothing on {0}"}
        words |= {"holding": "{0} in the hand", "handempty": "an empty hand"}
        parts = [words[f[0]].format(*f[1:]) for f in goal]
        rng.shuffle(parts)
        return rng.choice(["Goal: {}.", "Make it so: {}.", "In the end there must be: {}."]).format(", ".join(parts))

    def scene(self, data: Mapping[str, Json]) -> str:
        return ""

    def write_goal(self, goal: Facts) -> str:
        words = {"on": "{0} on {1}", "ontable": "{0} on table", "clear": "{0} clear"}
        words |= {"holding": "hand {0}", "handempty": "hand empty"}
        return ", ".join(words[f[0]].format(*f[1:]) for f in goal)

    def write(self, data: Mapping[str, Json]) -> str:
        parts = [f"{a} on {b}" for a, b in sorted(data["on"].items())]
        return ", ".join([*parts, f"hand {data['holding'] or 'empty'}"])

    def read(self, text: str, like: Mapping[str, Json]) -> dict[str, Json] | None:
        on: dict[str, str] = {}
        held: str | None = None
        for part in text.strip().rstrip(".").split(","):
            words = part.split()
            if len(words) == 3 and words[1] == "on" and words[0] not in on:
                on[words[0]] = words[2]
            elif len(words) == 2 and words[0] == "hand":
                held = None if words[1] == "empty" else words[1]
            else:
                return None
        return {"holding": held, "on": dict(sorted(on.items()))}


def _towers(blocks: list[str], rng: random.Random) -> dict[str, str]:
    """Blocks put one by one onto a random tower or the table, in random order."""
    on: dict[str, str] = {}
    tops: list[str] = []
    for block in rng.sample(blocks, len(blocks)):
        spot = rng.randrange(len(tops) + 1)
        if spot == len(tops):
            on[block] = TABLE
            tops.append(block)
        else:
            on[block] = tops[spot]
            tops[spot] = block
    return on


@lru_cache(maxsize=64)
def _layout(blocks: tuple[str, ...]) -> BlocksLayout:
    return BlocksLayout(blocks)
