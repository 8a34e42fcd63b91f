"""How a chat template writes calls, found by having it write some: what a constraint on a turn must know."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from toolwise.models.chat_forms import ChatForm
from toolwise.models.turn_texts import CALL_OPEN
from toolwise.types import ChatMessage, FunctionTool

CALL_ID = "\ue000"
"""Stands for a call's id, nine letters and digits, in the pieces of a shape."""

_NAMES = ("probe_first", "probe_other")
_ARGUMENTS = {"probe_key": "probe value", "probe_count": 1}
_WRITTEN = re.compile(r'\{"probe_key"(:\s*)"probe value"(,\s*)"probe_count":\s*1\}')
_IDS = re.compile(r"call\d{5}")


@dataclass(frozen=True, slots=True)
class CallShape:
    """The fixed texts of an assistant's turn."""

    lead: str
    """What begins every turn: nothing, or a thought that is left empty."""
    opening: str
    """From there to the first call's name."""
    middle: str
    """From a call's name to its arguments, a JSON object."""
    between: str | None
    """From a call's arguments to the next call's name; none where a turn has one call at most."""
    closing: str
    """After the last call's arguments, up to the token that ends the turn."""
    item_separator: str
    """Between two members of a JSON object."""
    key_separator: str

    @property
    def mark(self) -> str:
        """What no turn without calls holds."""
        return CALL_OPEN if self.opening.startswith(CALL_OPEN) else self.opening.strip()


def call_shape(form: ChatForm) -> CallShape | None:
    """The shape of a template's calls; none if it does not write their arguments as a JSON object after the name."""
    one, answer = _turn(form, _calls(1)), _turn(form, {"role": "assistant", "content": "probe answer"})
    if one is None or answer is None or (pieces := _pieces(one, 1)) is None:
        return None
    lead = _common(one, answer)
    (opening, middle, closing), written = pieces
    two = _turn(form, _calls(2))
    more = _pieces(two, 2) if two is not None else None
    between = None
    if more is not None:
        first, middle_1, between_2, middle_2, last = more[0]
        if (first, middle_1, middle_2, last) == (opening, middle, middle, closing):
            between = between_2
    return CallShape(
        lead=lead,
        opening=opening.removeprefix(lead),
        middle=middle,
        between=between,
        closing=closing,
        item_separator=written[1],
        key_separator=written[0],
    )


def _common(one: str, other: str) -> str:
    """What both begin with."""
    same = takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))
    return "".join(character for character, _ in same)


def _calls(count: int) -> ChatMessage:
    entries = [
        {"id": f"probe{i}", "type": "function", "function": {"name": name, "arguments": _ARGUMENTS}}
        for i, name in enumerate(_NAMES[:count])
    ]
    return {"role": "assistant", "content": "", "tool_calls": entries}


def _tools() -> list[FunctionTool]:
    properties: dict[str, Any] = {"probe_key": {"type": "string"}, "probe_count": {"type": "integer"}}
    return [
        {"type": "function", "function": {"name": name, "description": "Probes.", "parameters": {
            "type": "object", "properties": properties, "required": list(properties)}}}
        for name in _NAMES
    ]  # fmt: skip


def _turn(form: ChatForm, message: ChatMessage) -> str | None:
    """What the template adds to the prompt for a turn, without what ends it; none if that cannot be told apart."""
    try:
        messages, tools = form.prepare([{"role": "user", "content": "probe question"}, message], _tools())
        prompt = form.render(messages[:-1], tools, prompt=True)
        whole = form.render(messages, tools)
    except Exception:  # templates refuse with whatever exceptions they like
        return None
    if not whole.startswith(prompt):
        return None
    return form.without_end(whole[len(prompt) :])


def _pieces(text: str, count: int) -> tuple[Sequence[str], tuple[str, str]] | None:
    """The texts around the names and arguments of a turn's calls, and the separators within arguments."""
    text = _IDS.sub(CALL_ID, text)
    pieces: list[str] = []
    separators = ("", "")
    for name in _NAMES[:count]:
        before, found, rest = text.partition(name)
        written = _WRITTEN.search(rest)
        if not found or written is None:
            return None
        pieces += [before, rest[: written.start()]]
        separators = (written.group(1), written.group(2))
        text = rest[written.end() :]
    return [*pieces, text], separators
