"""The grammar of an assistant's turn, token by token, for one set of candidates.

A turn is a coroutine: it yields the tokens that may come next and is sent the one that was chosen. Where only one
can come it is taken without asking the model, so most of a call's JSON costs no decision. It knows only the
*shown* schema: bounds and patterns are checked afterwards, on the finished call.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from toolwise.models.tokenizer import CALL_ARGUMENTS, CALL_CLOSE, CALL_OPEN, Special
from toolwise.types import FunctionTool, Schema

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

MAX_STRING = 120
"""Tokens in one string value; then it is closed."""
MAX_DIGITS = 18
"""Digits in one number."""
MAX_ITEMS = 8
"""Items in one array, and free keys in one object."""
MAX_DEPTH = 3
"""Levels of arrays and objects whose shape the schema leaves open."""
MAX_CALLS = 6
"""Calls in one turn."""

Allowed = Sequence[int]
"""Token ids of which one may come next."""
Steps = Generator[Allowed, int, Any]


class Vocabulary:
    """What the grammar needs to know of the tokenizer."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        self._encode = tokenizer.backend_tokenizer.encode
        self._spelled: dict[str, tuple[int, ...]] = {}
        # In the order of their ids, as a vocabulary lists its words in another one whenever it is loaded.
        tokens = {index: token for token, index in sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])}
        self.size = len(tokenizer)
        special = set(tokenizer.all_special_ids)
        units = {self.one(unit) for unit in (CALL_OPEN, CALL_ARGUMENTS, CALL_CLOSE)}
        self.open, self.arguments, self.close = (self.one(u) for u in (CALL_OPEN, CALL_ARGUMENTS, CALL_CLOSE))
        self.end = self.one(Special.END)
        plain = [index for index in tokens if index not in special and index not in units]
        control = {f"<0x{code:02X}>" for code in [*range(32), 127]}
        self.text = [index for index in plain if tokens[index] not in control]
        self.string = [
            index
            for index in plain
            if not any(mark in tokens[index] for mark in ('"', "\\", "\n", "\t", "\r", "\x0b", "\x0c"))
            and tokens[index] not in control
            and tokens[index] not in ("<0x22>", "<0x5C>")
        ]
        self.quote, self.backslash = self.one('"'), self.one("\\")
        self.digits = [self.one(digit) for digit in "0123456789"]
        self.minus, self.point, self.zero = self.one("-"), self.one("."), self.digits[0]
        self.comma, self.colon = self.one(", "), self.one('": ')
        self.brace, self.unbrace = self.one("{"), self.one("}")
        self.bracket, self.unbracket = self.one("["), self.one("]")
        self.escapes = [self.quote, self.backslash, self.one("/")]
        # After a backslash; a tokenizer of few words may not keep these letters whole, and then they are not written.
        self.escapes += [spelled[0] for letter in "ntr" if len(spelled := self.spell(letter)) == 1]

    def spell(self, text: str) -> tuple[int, ...]:
        """The tokens of a text, remembered."""
        if text not in self._spelled:
            self._spelled[text] = tuple(self._encode(text, add_special_tokens=False).ids)
        return self._spelled[text]

    def one(self, text: str) -> int:
        """The only token of a text. Raises ValueError if it has several."""
        tokens = self.spell(text)
        if len(tokens) != 1:
            raise ValueError(f"the tokenizer does not keep {text!r} whole")
        return tokens[0]


@dataclass
class Copying:
    """Lets strings be only what the conversation holds: an option, see `LocalModel`."""

    source: np.ndarray
    """Token ids of the user's words and the observations."""

    def after(self, positions: np.ndarray) -> np.ndarray:
        """Positions that follow, within the source."""
        following = positions + 1
        return following[following < len(self.source)]


@dataclass
class TurnGrammar:
    """All turns that may be written for some candidates."""

    vocabulary: Vocabulary
    tools: Sequence[FunctionTool]
    copying: Copying | None = None
    text_allowed: bool = True
    calls_allowed: bool = True
    _names: dict[tuple[int, ...], Schema] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for tool in self.tools:
            function = tool["function"]
            self._names[self.vocabulary.spell(function["name"])] = function.get("parameters") or {}

    def turn(self) -> Steps:
        """One whole turn, up to and with its end token."""
        v = self.vocabulary
        first: list[int] = []
        if self.calls_allowed and self._names:
            first.append(v.open)
        if self.text_allowed or not first:
            first += [token for token in v.text if token != v.end]
        token = yield first
        if token != v.open:
            while token != v.end:
                token = yield [*v.text, v.end]
            return
        calls = 1
        while token == v.open:
            yield from self._call()
            token = yield [v.end] if calls == MAX_CALLS else [v.end, v.open]
            calls += 1

    def _call(self) -> Steps:
        v = self.vocabulary
        name = yield from _one_of(list(self._names), (v.arguments,))
        yield from self._fields(self._names[name], v.close)

    def _fields(self, schema: Schema, close: int) -> Steps:
        """The fields of an object in the order shown, after its opening brace; takes the closing token too."""
        v = self.vocabulary
        properties: Mapping[str, Schema] = schema.get("properties") or {}
        required = set(schema.get("required") or ())
        names = list(properties)
        index = 0
        started = False
        while True:
            must = next((i for i in range(index, len(names)) if names[i] in required), None)
            candidates = names[index : must + 1] if must is not None else names[index:]
            may_close = must is None
            if not started:
                token = yield ([v.quote] if candidates else []) + ([close] if may_close else [])
                if token == close:
                    return
            spelled = {v.spell(_inside(name)): name for name in candidates}
            chosen = spelled[(yield from _one_of(list(spelled), (v.colon,)))]
            index = names.index(chosen) + 1
            more = index < len(names)
            may_close = not any(name in required for name in names[index:])
            ends = ([v.comma] if more else []) + ([close] if may_close else [])
            token = yield from self._value(properties[chosen], ends, 0)
            if token == close:
                return
            yield [v.quote]
            started = True

    def _value(self, schema: Schema, ends: Sequence[int], depth: int) -> Steps:
        """A value and the token after it, one of `ends`; returns that token."""
        v = self.vocabulary
        if schema.get("enum"):
            return (yield from self._enumerated(schema["enum"], ends))
        kind = schema.get("type")
        if kind in ("integer", "number"):
            return (yield from self._number(ends, whole=kind == "integer"))
        if kind == "boolean":
            yield from _one_of([v.spell("true"), v.spell("false")], ())
        elif kind == "string":
            yield [v.quote]
            yield from self._string(v.quote)
        elif kind == "array":
            yield [v.bracket]
            yield from self._items(schema, depth)
        elif kind == "object" and schema.get("properties"):
            yield [v.brace]
            yield from self._fields(schema, v.unbrace)
        elif kind == "object":
            yield [v.brace]
            yield from self._free_fields(depth)
        else:
            return (yield from self._anything(ends, depth))
        return (yield list(ends))

    def _enumerated(self, values: Sequence[Any], ends: Sequence[int]) -> Steps:
        v = self.vocabulary
        spelled = [v.spell(json.dumps(value, ensure_ascii=False)) for value in values]
        _, end = yield from _one_of_then(spelled, ends)
        return end

    def _number(self, ends: Sequence[int], *, whole: bool, first: int | None = None) -> Steps:
        v = self.vocabulary
        token = first if first is not None else (yield [v.minus, *v.digits])
        if token == v.minus:
            token = yield v.digits
        leading_zero, fraction, digits = token == v.zero, False, 1
        while True:
            allowed = list(ends)
            if digits < MAX_DIGITS and not (leading_zero and not fraction):
                allowed += v.digits
            if not whole and not fraction:
                allowed.append(v.point)
            token = yield allowed
            if token in ends:
                return token
            if token == v.point:
                fraction = True
                yield v.digits
            digits += 1

    def _string(self, close: int) -> Steps:
        """A string's content after its opening quote, and the token that closes it."""
        v = self.vocabulary
        positions: np.ndarray | None = None
        for length in range(MAX_STRING):
            if self.copying is None:
                token = yield [*v.string, v.backslash, close]
            else:
                source = self.copying.source
                if positions is None:
                    positions = np.arange(len(source))
                following = set(source[positions].tolist()) & set(v.string)
                token = yield [*sorted(following), close] if length or not following else sorted(following)
            if token == close:
                return
            if token == v.backslash:
                yield v.escapes
            elif self.copying is not None and positions is not None:
                positions = self.copying.after(positions[self.copying.source[positions] == token])
        yield [close]

    def _items(self, schema: Schema, depth: int) -> Steps:
        """An array's items after its opening bracket, and its closing one."""
        v = self.vocabulary
        item = schema.get("items") or {}
        if depth >= MAX_DEPTH:
            yield [v.unbracket]
            return
        first = self._value(item, [v.comma, v.unbracket], depth + 1)
        if schema.get("minItems"):
            token = yield from first
        else:
            token = yield from _unless(v.unbracket, first)
        for count in range(1, MAX_ITEMS + 1):
            if token == v.unbracket:
                return
            ends = [v.unbracket] if count == MAX_ITEMS else [v.comma, v.unbracket]
            token = yield from self._value(item, ends, depth + 1)

    def _free_fields(self, depth: int) -> Steps:
        """Fields of an object of unknown shape, after its opening brace, and its closing one."""
        v = self.vocabulary
        if depth >= MAX_DEPTH or (yield [v.quote, v.unbrace]) == v.unbrace:
            if depth >= MAX_DEPTH:
                yield [v.unbrace]
            return
        for count in range(1, MAX_ITEMS + 1):
            yield from self._string(v.colon)
            ends = [v.unbrace] if count == MAX_ITEMS else [v.comma, v.unbrace]
            if (yield from self._anything(ends, depth + 1)) == v.unbrace:
                return
            yield [v.quote]

    def _anything(self, ends: Sequence[int], depth: int) -> Steps:
        v = self.vocabulary
        words = {v.spell(word)[0]: v.spell(word) for word in ("true", "false")}
        deeper = [v.brace, v.bracket] if depth < MAX_DEPTH else []
        first = yield [v.quote, v.minus, *v.digits, *words, *deeper]
        if first == v.minus or first in v.digits:
            return (yield from self._number(ends, whole=False, first=first))
        if first == v.quote:
            yield from self._string(v.quote)
        elif first == v.brace:
            yield from self._free_fields(depth + 1)
        elif first == v.bracket:
            yield from self._items({}, depth + 1)
        else:
            for token in words[first][1:]:
                yield [token]
        return (yield list(ends))


def _unless(closing: int, steps: Steps) -> Steps:
    """What `steps` allow, or `closing` in place of all of it; returns what they return, or `closing`."""
    token = yield [*next(steps), closing]
    if token == closing:
        return closing
    try:
        allowed = steps.send(token)
        while True:
            allowed = steps.send((yield allowed))
    except StopIteration as done:
        return done.value


def _inside(text: str) -> str:
    """A text as it stands between JSON's quotes."""
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _one_of_then(options: Sequence[tuple[int, ...]], ends: Sequence[int]) -> Steps:
    """One of some token sequences and the token after it; returns both. Options may begin one another."""
    taken: tuple[int, ...] = ()
    while True:
        open_ = [option for option in options if option[: len(taken)] == taken]
        following = {option[len(taken)] for option in open_ if len(option) > len(taken)}
        if taken in options:
            following |= set(ends)
        if taken in options and not ends and len(open_) == 1:
            return taken, None
        token = yield sorted(following)
        if taken in options and token in ends:
            return taken, token
        taken = (*taken, token)


def _one_of(options: Sequence[tuple[int, ...]], ends: Sequence[int]) -> Steps:
    """As `_one_of_then`, but returns the option alone."""
    taken, _ = yield from _one_of_then(options, ends)
    return taken
