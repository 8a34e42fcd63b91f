"""What a turn claims word for word: the values in it that nobody can know without having heard them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

import orjson

from toolwise.ports import Tools
from toolwise.text import normalise
from toolwise.types import Message, Role

_QUOTED = re.compile(r"\"([^\"\n]{2,80})\"|“([^”\n]{2,80})”|`([^`\n]{2,80})`")
_TOKEN = re.compile(r"[^\s\"“”`'()\[\]{}<>,;|*=]+(?:,\d{3})*")
_VALUE = re.compile(r"\d.*\d|\d.*[A-Za-z]|[A-Za-z].*\d|\w@\w|://|\w_\w")
_GROUPED = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_ENDS = ".:!?-$€£%#~/"
_STEPS = re.compile(r"\d+(?:st|nd|rd|th)", re.IGNORECASE)


def claims(text: str) -> Iterator[str]:
    """Quoted strings, numbers of two digits or more, addresses, and tokens that mix letters and digits."""
    for found in _QUOTED.findall(text):
        yield next(part for part in found if part)
    for token in _TOKEN.findall(_QUOTED.sub(" ", text)):
        bare = token.strip(_ENDS)
        if _VALUE.search(bare) and not _STEPS.fullmatch(bare):
            yield bare


def ungrounded(messages: Sequence[Message], tools: Tools, candidates: Sequence[str]) -> tuple[int, str] | None:
    """The first assistant turn (its index) that claims what was not heard before, and what that is.

    Heard is what the user said, what tools returned and what the candidates' documents say.
    """
    heard = ""
    documents: Mapping[str, str] = {}
    for index, message in enumerate(messages):
        if message.role in (Role.USER, Role.TOOL):
            heard += "\n" + _plain(message.content)
        elif message.role is Role.ASSISTANT and not message.tool_calls:
            for claim in claims(message.content):
                if _plain(claim) in heard:
                    continue
                documents = documents or {tool_id: _document(tools, tool_id) for tool_id in candidates}
                if not any(_plain(claim) in document for document in documents.values()):
                    return index, claim
    return None


def _plain(text: str) -> str:
    return _GROUPED.sub("", normalise(text))


def _document(tools: Tools, tool_id: str) -> str:
    try:
        tool = tools.tool(tool_id)
    except KeyError:
        return ""
    schemas = orjson.dumps([tool.parameters, dict(tool.definitions)], option=orjson.OPT_NON_STR_KEYS).decode()
    return _plain(f"{tool.id} {tool.description} {schemas}")
