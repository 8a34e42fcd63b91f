"""What a stock model may write in one turn: words, or calls of the candidates whose arguments fit the schemas shown.

The grammar is compiled by llguidance for the form that the model's own chat template gives to calls.
"""

from __future__ import annotations

import json
import re
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from llguidance import LLMatcher
from llguidance.hf import from_tokenizer
from llguidance.numpy import fill_next_token_bitmask

from toolwise.llm.grammar import MAX_CALLS
from toolwise.models.call_shapes import CALL_ID, call_shape
from toolwise.models.chat_forms import ChatForm
from toolwise.types import FunctionTool, Schema, canonical_json

_ANY = r"(.|\n)"
_REMEMBERED = 512
"""Compiled grammars that are kept."""
_SHOWN_ONLY = frozenset({"description", "default", "example", "examples", "title"})
_CHECKED_LATER = frozenset({"pattern", "format"})
"""What a grammar may not be able to express; the finished call is checked in full anyway."""


class TurnLimits:
    """The limits on one turn, as far as it is written."""

    def __init__(self, matcher: LLMatcher, end: int) -> None:
        self._matcher = matcher
        self._end = end

    def forced(self) -> list[int]:
        """Tokens that must come now, whatever the model would say; they must still be taken."""
        if self._matcher.is_error():
            return []
        if self._matcher.is_stopped():
            return [self._end]
        return [int(token) for token in self._matcher.compute_ff_tokens()]

    def fill(self, bits: np.ndarray) -> None:
        """Write into [1, words] (int32) which tokens may come next, one bit each."""
        if self._matcher.is_error():  # a schema that turned out too complex: the finished call is checked anyway
            bits.fill(-1)
        else:
            fill_next_token_bitmask(self._matcher, bits)

    def take(self, token: int) -> None:
        """Go on with a token that may come."""
        if not self._matcher.is_stopped():
            self._matcher.consume_token(token)


class StockGrammar:
    """Makes the limits for a tokenizer and its chat template."""

    def __init__(self, form: ChatForm, vocabulary: int) -> None:
        """`vocabulary` is how many logits the model has. Raises ValueError where the form cannot be constrained."""
        shape = call_shape(form)
        if shape is None:
            raise ValueError("the chat template writes calls in a form of its own")
        self._shape = shape
        self._specials = form.specials
        self._id_of = form.tokenizer.convert_tokens_to_ids
        self._end = form.turn_end_id
        words: Any = form.tokenizer
        self._tokenizer = from_tokenizer(words, n_vocab=vocabulary, eos_token=list(form.stop_ids))
        self._compiled: OrderedDict[bytes, LLMatcher | None] = OrderedDict()

    def limits(self, tools: Sequence[FunctionTool]) -> TurnLimits | None:
        """For one turn with these candidates; none without candidates, or where no grammar can be made of them."""
        key = canonical_json([tool["function"] for tool in tools])
        if key not in self._compiled:
            self._compiled[key] = self._compile(tools) if tools else None
            if len(self._compiled) > _REMEMBERED:
                self._compiled.popitem(last=False)
        matcher = self._compiled[key]
        return None if matcher is None else TurnLimits(matcher.deep_copy(), self._end)

    def _compile(self, tools: Sequence[FunctionTool]) -> LLMatcher | None:
        for dropped in (_SHOWN_ONLY, _SHOWN_ONLY | _CHECKED_LATER):
            grammar = LLMatcher.grammar_from_lark(self.lark(tools, dropped))
            if not LLMatcher.validate_grammar(grammar, self._tokenizer):
                return LLMatcher(self._tokenizer, grammar, log_level=0)
        return None

    def lark(self, tools: Sequence[FunctionTool], dropped: frozenset[str] = _SHOWN_ONLY) -> str:
        """The grammar of a turn; `dropped` keywords of schemas are left to the check of the finished call."""
        shape = self._shape
        special = next((text for text in self._specials if shape.opening.startswith(text)), None)
        mark = "" if special else _literal(shape.mark)
        words = f"TEXT: /{_ANY}+/" + (f" & ~/{_ANY}*{mark}{_ANY}*/" if mark else "")
        rules = [words]
        opening = self._pieces(shape.opening)
        if special:
            opening = f"TEXT? {opening}"
        elif shape.opening.startswith(shape.mark) and shape.mark == "<tool_call>":
            # Words may come before the first call; the token of words that ends with the mark begins the call.
            rules.append(f"SAID: /{_ANY}*{mark}/ & ~/{_ANY}*{mark}{_ANY}+/")
            opening = f"SAID {self._pieces(shape.opening.removeprefix(shape.mark))}"
        more = f" ({self._pieces(shape.between)} call){{0,{MAX_CALLS - 1}}}" if shape.between else ""
        calls = f"{opening} call{more} {self._pieces(shape.closing)}"
        rules.insert(0, f"start: {self._pieces(shape.lead)} (TEXT | {calls})")
        rules.append("call: " + " | ".join(f"call_{i}" for i in range(len(tools))))
        for i, tool in enumerate(tools):
            function = tool["function"]
            name, middle = json.dumps(function["name"]), self._pieces(shape.middle)
            schema = _closed(function.get("parameters") or {}, dropped)
            written = {**schema, "type": "object", "x-guidance": self._json_options()}
            rules += [f"call_{i}: {name} {middle} given_{i}", f"given_{i}: %json {json.dumps(written)}"]
        return "\n".join(rules)

    def _json_options(self) -> dict[str, Any]:
        return {
            "whitespace_flexible": False,
            "item_separator": self._shape.item_separator,
            "key_separator": self._shape.key_separator,
            "lenient": True,
        }

    def _pieces(self, text: str) -> str:
        """A fixed text as a sequence of special tokens, ids of calls and literals."""
        marks = "|".join(re.escape(mark) for mark in (CALL_ID, *self._specials))
        parts: Iterator[str] = (part for part in re.split(f"({marks})", text) if part)
        return " ".join(self._piece(part) for part in parts)

    def _piece(self, part: str) -> str:
        if part == CALL_ID:
            return "/[a-zA-Z0-9]{9}/"
        if part in self._specials:
            return f"<[{self._id_of(part)}]>"
        return json.dumps(part, ensure_ascii=False)


def _literal(text: str) -> str:
    """A text in a regular expression."""
    return "".join(character if character.isalnum() else f"\\x{{{ord(character):X}}}" for character in text)


def _closed(schema: Schema, dropped: frozenset[str]) -> Schema:
    """The schema without some keywords, and with no other members of an object than those shown."""
    view: dict[str, Any] = {key: value for key, value in schema.items() if key not in dropped}
    if isinstance(properties := view.get("properties"), dict) and properties:
        view["properties"] = {name: _closed(inner, dropped) for name, inner in properties.items()}
        view.setdefault("additionalProperties", False)
    if isinstance(items := view.get("items"), dict):
        view["items"] = _closed(items, dropped)
    return view
