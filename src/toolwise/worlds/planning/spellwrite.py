"""SpellAndWrite: spell a word into loose letters, write letters on a bounded tape at a cursor, undo the last edit.

State: a *tape* of n cells, each a letter or blank (`_`); a *cursor* between 0 and n, where n is behind the last cell;
a *tray*, the multiset of loose letters; and the *last edit*, which is none, `write x` or `erase x`. The instance's
*words* never change. Six tools; a call whose precondition fails changes nothing:

- `spell(word)`: the tray must be empty, the word one of the instance's. The tray holds the word's letters.
- `write(letter)`: the letter must be in the tray, the cursor on a blank cell. The cell takes the letter out of the
  tray and the cursor moves one cell right. Last edit: `write letter`.
- `erase()`: the cursor must be on a letter. The cell becomes blank; the letter is lost. Last edit: `erase letter`.
- `move(direction)`: one cell `left` or `right`, between 0 and n.
- `discard()`: the tray must not be empty. It becomes empty.
- `undo()`: there must be a last edit. It is taken back: after `write x` the cursor returns, the cell is blank again and
  x is back in the tray; after `erase x` the cell holds x again. Only once: no last edit remains.

`spell`, `move` and `discard` make the last edit final: afterwards there is none.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from toolwise.types import Json
from toolwise.worlds.planning.layout import Facts, Instance, InstanceError, Operator, ToolText

BLANK = "_"
_LONGEST = 12
_REMEMBERED = 5_000
_LAYOUTS = 64
_WORDS = (
    "cat dog sun map pen cup hat box key jar bed bus car fan leg net oil pot rug saw tin van wig yak zip ant arm bee "
    "cow ear fox gem hen ink jam kit log mud nut owl pig rat sea tap urn vet web bark bell bird boat bone book cake "
    "card clay coat coin cork corn crab dawn desk dish door drum duck dust fern film fish flag frog gate gift goat "
    "gold hail hand harp hill horn jade kite knot lake lamp leaf lime lion loaf mask milk mint moon moss nest oven "
    "palm path pear plum pond quiz rain ring road rock root rope rose salt sand seal seed ship shoe silk snow soap "
    "star swan tent tide tile tree vase vine wave wind wolf wood wool yarn"
).split()
TOOLS: tuple[ToolText, ...] = (
    ToolText(
        "spell",
        "Spell {word} into loose letters on the tray, which must be empty.",
        {"word": "One of the words that can be spelt."},
        "{word} into letters: spell.",
    ),
    ToolText(
        "write",
        "Write {letter} from the tray into the cell under the cursor, which must be blank. The cursor moves right.",
        {"letter": "A letter on the tray."},
        "{letter} from the tray: write.",
    ),
    ToolText("erase", "Erase the letter under the cursor. It is lost.", {}, "Erase."),
    ToolText(
        "move",
        "Move the cursor one cell in {direction}, within the tape.",
        {"direction": "Either left or right."},
        "{direction}, left or right: move.",
    ),
    ToolText("discard", "Throw away all letters on the tray, of which there must be some.", {}, "Discard."),
    ToolText("undo", "Take back the last edit, if the last call that ran was a write or an erase.", {}, "Undo."),
)
CURSOR = "^"
"""Stands before the cell under the cursor."""
_FORM = re.compile(r"tape ([a-z_^ ]+), tray ([a-z ]+), last (none|write [a-z]|erase [a-z])")


class Sheet(NamedTuple):
    """A state."""

    tape: str
    cursor: int
    tray: str
    """Sorted letters."""
    last: tuple[str, str] | None
    """The last edit and its letter."""


class SpellWriteLayout:
    """The dynamics of some words and a length of tape."""

    def __init__(self, words: tuple[str, ...], cells: int) -> None:
        self.words, self.cells = words, cells
        self.family = f"spellwrite {cells} {' '.join(words)}"
        self.letters = "".join(sorted(set("".join(words))))
        self._longest = max(map(len, words))
        self._trays = _parts(words)
        actions: list[tuple[str, tuple[str, ...]]] = [("spell", (word,)) for word in words]
        actions += [("write", (letter,)) for letter in self.letters]
        actions += [("erase", ()), ("move", ("left",)), ("move", ("right",)), ("discard", ()), ("undo", ())]
        self.operators: Sequence[Operator] = tuple(Operator(tool, arguments) for tool, arguments in actions)
        self._by_call = {(o.tool, o.arguments): o for o in self.operators}
        self._runnable: dict[Sheet, tuple[Operator, ...]] = {}
        self._loaded: dict[tuple[Json, ...], Sheet] = {}

    def find(self, tool: str, arguments: tuple[str, ...]) -> Operator | None:
        return self._by_call.get((tool, arguments))

    def violated(self, state: Sheet, operator: Operator) -> tuple[str, ...]:
        tape, cursor, tray, last = state
        tool = operator.tool
        if tool == "spell":
            return ("the tray must be empty",) if tray else ()
        if tool == "write":
            broken = [] if operator.arguments[0] in tray else [f"{operator.arguments[0]} must be on the tray"]
            if cursor >= self.cells or tape[cursor] != BLANK:
                broken.append("the cursor must be on a blank cell")
            return tuple(broken)
        if tool == "erase":
            return () if cursor < self.cells and tape[cursor] != BLANK else ("the cursor must be on a letter",)
        if tool == "move":
            stuck = cursor == (0 if operator.arguments[0] == "left" else self.cells)
            return ("the cursor must stay within the tape",) if stuck else ()
        if tool == "discard":
            return () if tray else ("the tray must hold a letter",)
        return () if last else ("there must be a last edit",)

    def successor(self, state: Sheet, operator: Operator) -> Sheet:
        tape, cursor, tray, last = state
        tool = operator.tool
        if tool == "spell":
            return Sheet(tape, cursor, "".join(sorted(operator.arguments[0])), None)
        if tool == "write":
            letter = operator.arguments[0]
            return Sheet(_put(tape, cursor, letter), cursor + 1, tray.replace(letter, "", 1), ("write", letter))
        if tool == "erase":
            return Sheet(_put(tape, cursor, BLANK), cursor, tray, ("erase", tape[cursor]))
        if tool == "move":
            return Sheet(tape, cursor + (1 if operator.arguments[0] == "right" else -1), tray, None)
        return Sheet(tape, cursor, "", None) if tool == "discard" or last is None else _undone(state, last)

    def runnable(self, state: Sheet) -> Sequence[Operator]:
        known = self._runnable.get(state)
        if known is None:
            known = tuple(o for o in self.operators if not self.violated(state, o))
            if len(self._runnable) >= _REMEMBERED:
                self._runnable.clear()
            self._runnable[state] = known
        return known

    def predecessors(self, state: Sheet, operator: Operator) -> list[Sheet]:
        found: list[Sheet] = []
        for before in self._before(state, operator):
            sheets = self._with_edits(before)
            if operator.tool == "undo":
                found += [sheet for sheet in sheets if self._leads(sheet, operator, state)]
            elif sheets and self._leads(sheets[0], operator, state):  # no other tool looks at the last edit
                found += sheets
        return found

    def _leads(self, before: Sheet, operator: Operator, state: Sheet) -> bool:
        return not self.violated(before, operator) and self.successor(before, operator) == state

    def _before(self, state: Sheet, operator: Operator) -> list[tuple[str, int, str]]:
        """Tape, cursor and tray that the action may have started from; too many rather than too few."""
        tape, cursor, tray, last = state
        tool = operator.tool
        if tool == "spell":
            return [(tape, cursor, "")]
        if tool == "write":
            back = "".join(sorted(tray + operator.arguments[0]))
            return [(_put(tape, cursor - 1, BLANK), cursor - 1, back)] if cursor else []
        if tool == "erase":
            return [(_put(tape, cursor, last[1]), cursor, tray)] if last and cursor < self.cells else []
        if tool == "move":
            return [(tape, cursor - (1 if operator.arguments[0] == "right" else -1), tray)]
        if tool == "discard":
            return [(tape, cursor, some) for some in _parts(self.words)]
        found = [(_put(tape, cursor, BLANK), cursor, tray)] if cursor < self.cells else []
        if cursor < self.cells:
            found += [(_put(tape, cursor, a), cursor + 1, tray.replace(a, "", 1)) for a in sorted(set(tray))]
        return found

    def _with_edits(self, sheet: tuple[str, int, str]) -> list[Sheet]:
        """All well-formed states with this tape, cursor and tray."""
        tape, cursor, tray = sheet
        if not 0 <= cursor <= self.cells or not self._fits(tray):
            return []
        found = [Sheet(tape, cursor, tray, None)]
        if cursor < self.cells and tape[cursor] == BLANK:
            found += [Sheet(tape, cursor, tray, ("erase", letter)) for letter in self.letters]
        if cursor > 0 and tape[cursor - 1] != BLANK and self._fits(tray + tape[cursor - 1]):
            found.append(Sheet(tape, cursor, tray, ("write", tape[cursor - 1])))
        return found

    def _well_formed(self, sheet: Sheet) -> bool:
        """Can the last edit have left the tape, cursor and tray so?"""
        tape, cursor, tray, last = sheet
        if not 0 <= cursor <= self.cells or not self._fits(tray):
            return False
        if last is None:
            return True
        if last[0] == "write":
            return cursor > 0 and last == ("write", tape[cursor - 1]) and self._fits(tray + last[1])
        return last[0] == "erase" and last[1] in self.letters and cursor < self.cells and tape[cursor] == BLANK

    def _fits(self, tray: str) -> bool:
        """Can the tray be what is left of a word?"""
        return "".join(sorted(tray)) in self._trays

    def load(self, data: Mapping[str, Json]) -> Sheet:
        tape, cursor, tray, last = data.get("tape"), data.get("cursor"), data.get("tray"), data.get("last")
        try:
            known = self._loaded.get((tape, cursor, tray, last))
        except TypeError:  # not even texts and numbers
            known = None
        if known is not None:
            return known
        sheet = self._checked(tape, cursor, tray, last)
        if len(self._loaded) >= _REMEMBERED:
            self._loaded.clear()
        self._loaded[sheet.tape, sheet.cursor, tray, last] = sheet
        return sheet

    def _checked(self, tape: Json, cursor: Json, tray: Json, last: Json) -> Sheet:
        if not isinstance(tape, str) or not isinstance(tray, str) or not isinstance(cursor, int):
            raise InstanceError('a SpellAndWrite state is {"words", "tape", "cursor", "tray", "last"}')
        if len(tape) != self.cells or not set(tape) <= {*self.letters, BLANK}:
            raise InstanceError(f"the tape must hold {self.cells} of the words' letters or blanks (_), not {tape!r}")
        edit = tuple(str(last).split()) if last else None
        sheet = Sheet(tape, cursor, "".join(sorted(tray)), edit)  # type: ignore[arg-type]
        if not self._well_formed(sheet):
            raise InstanceError(f"cursor {cursor}, tray {tray!r} and last edit {last!r} do not fit the tape {tape!r}")
        return sheet

    def dump(self, state: Sheet) -> dict[str, Json]:
        last = " ".join(state.last) if state.last else None
        words = list(self.words)
        return {"cursor": state.cursor, "last": last, "tape": state.tape, "tray": state.tray, "words": words}

    def corrupted(self, state: Sheet, rng: random.Random) -> tuple[Sheet, str] | None:
        if rng.random() < 0.5:
            cell = rng.randrange(self.cells)
            letter = rng.choice([a for a in (*self.letters, BLANK) if a != state.tape[cell]])
            fact = f"cell {cell} holds {letter}, not {state.tape[cell]}"
            sheet = state._replace(tape=_put(state.tape, cell, letter))
        else:
            cursor = rng.choice([c for c in range(self.cells + 1) if c != state.cursor])
            fact = f"the cursor is at {cursor}, not {state.cursor}"
            sheet = state._replace(cursor=cursor)
        return (sheet, fact) if self._well_formed(sheet) else None

    def satisfied(self, state: Sheet, goal: Facts) -> bool:
        return all(fact == ("tape", state.tape) for fact in goal)

    def estimate(self, state: Sheet, goal: Facts) -> int:
        """A write for each cell that lacks its letter, an erase for each wrong letter, the spelling and the moves."""
        if not goal:
            return 0
        wanted = goal[0][1]
        lacking = [b for a, b in zip(state.tape, wanted, strict=True) if b not in (a, BLANK)]
        wrong = sum(a not in (b, BLANK) for a, b in zip(state.tape, wanted, strict=True))
        missing = (Counter(lacking) - Counter(state.tray)).total()
        if state.last is not None:  # undoing it may give one letter back without spelling
            missing -= 1
        spells = -(-max(missing, 0) // self._longest)
        clears = 1 if missing > 0 and Counter(state.tray) - Counter(lacking) else 0
        travel = _travel(state, wanted) - (state.last is not None)
        return len(lacking) + wrong + spells + clears + max(travel, 0)

    def contradiction(self, state: Sheet, goal: Facts) -> str:
        targets = {fact[-1] for fact in goal}
        if any(len(fact) != 2 or fact[0] != "tape" for fact in goal) or len(targets) > 1:
            return "the goal must be one tape"
        for tape in targets:
            if len(tape) != self.cells:
                return f"the goal has {len(tape)} cells, the tape {self.cells}"
            foreign = sorted(set(tape) - {*self.letters, BLANK})
            if foreign:
                return f"no word has the letter {foreign[0]!r} of the goal"
        return ""


class SpellWrite:
    """The domain; `size` is the number of letters in the goal, the tape two cells longer than half as much again."""

    name = "spellwrite"
    description = "Words are spelt into loose letters, and letters are written on a tape."
    tools = TOOLS

    def __init__(self) -> None:
        self._known: dict[tuple[tuple[str, ...], int], SpellWriteLayout] = {}

    def layout(self, data: Mapping[str, Json]) -> SpellWriteLayout:
        words, tape = data.get("words"), data.get("tape")
        try:
            return self._known[tuple(words), len(tape)]  # type: ignore[arg-type]
        except (KeyError, TypeError):
            layout = self._checked(words, tape)
        self._known[layout.words, layout.cells] = layout
        return layout

    def _checked(self, words: Json, tape: Json) -> SpellWriteLayout:
        if not isinstance(words, list) or not words or not all(isinstance(w, str) and w.isalpha() for w in words):
            raise InstanceError('a SpellAndWrite state needs "words", a list of words')
        if not isinstance(tape, str) or not 1 <= len(tape) <= 2 * _LONGEST:
            raise InstanceError(f'a SpellAndWrite state needs a "tape" of 1 to {2 * _LONGEST} cells')
        if len(self._known) >= _LAYOUTS:
            self._known.clear()
        return SpellWriteLayout(tuple(words), len(tape))

    def generate(self, size: int, rng: random.Random) -> Instance:
        if not 1 <= size <= _LONGEST:
            raise InstanceError(f"SpellAndWrite takes 1 to {_LONGEST} letters, not {size}")
        words = sorted(rng.sample(_WORDS, 2 if size < 5 else 3))
        cells = size + rng.randint(1, 2)
        text = "".join(rng.sample(words, len(words)))
        letters = text[:size] if rng.random() < 0.5 else "".join(rng.sample(text, min(size, len(text))))
        offset = rng.randint(0, cells - len(letters))
        wanted = (BLANK * offset + letters).ljust(cells, BLANK)
        tape = BLANK * cells
        if rng.random() < 0.5:  # some of the tape is written on already, not all of it rightly
            cell = rng.randrange(cells)
            tape = _put(tape, cell, rng.choice(text))
        start = {"cursor": rng.randint(0, cells), "last": None, "tape": tape, "tray": "", "words": words}
        return Instance(self.name, start, (("tape", wanted),))

    def describe(self, data: Mapping[str, Json], rng: random.Random) -> str:
        words = ", ".join(data["words"])
        cells = " ".join(data["tape"])
        tray = " ".join(data["tray"])
        last = data["last"]
        style = rng.randrange(3)
        if style == 0:
            return (
                f"Words: {words}. The tape reads {cells}, the cursor is at {data['cursor']}, the tray holds "
                f"{tray or 'nothing'}. Last edit: {last or 'none'}."
            )
        if style == 1:
            edit = f"could take back {last}" if last else "has nothing to take back"
            return (
                f"Cursor {data['cursor']} on tape {cells}. Tray: {tray or 'empty'}. An undo {edit}. "
                f"One can spell {words}."
            )
        edit = f"The last edit was {last}." if last else "There is no last edit."
        return (
            f"{'Loose letters: ' + tray if tray else 'No loose letters'}. {edit} Tape, from cell 0: {cells}. "
            f"The cursor stands at cell {data['cursor']}. Known words: {words}."
        )

    def describe_goal(self, goal: Facts, rng: random.Random) -> str:
        cells = " ".join(goal[0][1]) if goal else "anything"
        return rng.choice(["Goal: the tape reads {}.", "Make the tape read {}.", "In the end the tape is {}."]).format(
            cells
        )

    def scene(self, data: Mapping[str, Json]) -> str:
        return f"Words: {', '.join(f'{word} = {_spaced(word)}' for word in data['words'])}."

    def write_goal(self, goal: Facts) -> str:
        return f"tape {_spaced(goal[0][1])}" if goal else "anything"

    def write(self, data: Mapping[str, Json]) -> str:
        tape = _put(data["tape"], data["cursor"], CURSOR + data["tape"][data["cursor"] : data["cursor"] + 1])
        tray = _spaced(data["tray"]) or "empty"
        return f"tape {_spaced(tape)}, tray {tray}, last {data['last'] or 'none'}"

    def read(self, text: str, like: Mapping[str, Json]) -> dict[str, Json] | None:
        match = _FORM.fullmatch(text.strip().rstrip("."))
        if match is None:
            return None
        cells, tray, last = match.groups()
        tape = cells.replace(" ", "")
        if tape.count(CURSOR) != 1:
            return None
        return {
            "cursor": tape.index(CURSOR),
            "last": None if last == "none" else last,
            "tape": tape.replace(CURSOR, ""),
            "tray": "" if tray == "empty" else "".join(sorted(tray.replace(" ", ""))),
            "words": list(like["words"]),
        }


def _travel(state: Sheet, wanted: str) -> int:
    """The least moves: the cursor gets to every cell that must change; only a write crosses a cell for nothing."""
    change = [i for i, (a, b) in enumerate(zip(state.tape, wanted, strict=True)) if a != b]
    if not change:
        return 0
    first, last, cursor = change[0], change[-1], state.cursor
    free = {i for i in change if wanted[i] != BLANK}
    crossed = sum(i not in free for i in range(max(first, cursor), last))
    return abs(first - cursor) + crossed


def _spaced(letters: str) -> str:
    return " ".join(letters)


def _undone(state: Sheet, last: tuple[str, str]) -> Sheet:
    tape, cursor, tray, _ = state
    if last[0] == "write":
        return Sheet(_put(tape, cursor - 1, BLANK), cursor - 1, "".join(sorted(tray + last[1])), None)
    return Sheet(_put(tape, cursor, last[1]), cursor, tray, None)


def _put(tape: str, cell: int, letter: str) -> str:
    return tape[:cell] + letter + tape[cell + 1 :]


@lru_cache(maxsize=256)
def _parts(words: tuple[str, ...]) -> dict[str, None]:
    """Every multiset of letters that can be left of a word, as sorted text, in a fixed order."""
    found: dict[str, None] = {}
    for word in words:
        letters = sorted(word)
        for chosen in range(1 << len(letters)):
            found["".join(a for i, a in enumerate(letters) if chosen >> i & 1)] = None
    return found
