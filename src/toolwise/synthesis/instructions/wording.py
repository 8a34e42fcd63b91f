"""Wording an executed blueprint naturally: what the model is told, and what its words must hold."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

import orjson

from toolwise.ports import ChatRequest, Sampling
from toolwise.synthesis.instructions.language import LANGUAGES, is_language
from toolwise.synthesis.instructions.mentions import mentions_tool
from toolwise.synthesis.wording.rules import states_all_values
from toolwise.text import first_sentence, identifier_words, phrase
from toolwise.types import Message, Role, Schema, Task, Tool

WORDING: Schema = {
    "title": "wording",
    "type": "object",
    "properties": {"instruction": {"type": "string"}},
    "required": ["instruction"],
}
SYSTEM = """You are given calls that were carried out, and write what a person would have asked for to get exactly \
them. Write one instruction in {language}, as people speak: natural, unhurried, in your own words.

- State every value under `arguments`, exactly as it is spelt there, so that it is clear what each one is for.
- Where a value comes from an earlier call (`from_results`), do not state it: say what it is and where it comes from.
- Ask for everything under `report`, using those words.
- Keep the order of the calls. Ask for nothing else.
- Never name a tool, and never speak of tools, functions, APIs, endpoints or parameters."""
_EMPTY_WORDS = frozenset("a an the of first".split())


class WordingFault(StrEnum):
    """Why a wording is dropped before anybody reads it."""

    EMPTY = "empty"
    """It says nothing."""
    TOO_LONG = "too_long"
    """More characters than the configuration allows."""
    NAMES_TOOL = "names_tool"
    """A tool's name stands in the text, in whatever spelling."""
    LANGUAGE = "language"
    """It is not in the wanted language."""
    MISSING_VALUE = "missing_value"
    """A value of the blueprint is not in the text."""
    FACT_NOT_ASKED = "fact_not_asked"
    """It does not ask for what the answer must report."""


def wording_request(task: Task, tools: Mapping[str, Tool], language: str, sampling: Sampling) -> ChatRequest:
    """The request to word a task's blueprint. Raises ValueError where the task has none."""
    if task.blueprint is None:
        raise ValueError(f"task {task.key} has no blueprint to word")
    calls = []
    for number, call in enumerate(task.blueprint.calls, start=1):
        tool = tools[call.tool]
        shown: dict[str, Any] = {
            "call": number,
            "does": first_sentence(tool.description, 300) or phrase(tool.name),
            "arguments": call.arguments,
        }
        if call.references:
            shown["from_results"] = {
                name: f"{_field(reference.path)} in the result of call {reference.call + 1}"
                for name, reference in call.references.items()
            }
        described = {name: _about(tool, name) for name in (*call.arguments, *call.references)}
        shown["parameters"] = {name: about for name, about in described.items() if about}
        calls.append(shown)
    document = orjson.dumps({"calls": calls, "report": list(task.checks.labels)}, option=orjson.OPT_NON_STR_KEYS)
    system = SYSTEM.replace("{language}", LANGUAGES[language])
    messages = (Message(role=Role.SYSTEM, content=system), Message(role=Role.USER, content=document.decode()))
    return ChatRequest(messages, sampling=sampling, answer_schema=WORDING)


def read_wording(content: str) -> str:
    """The instruction of a reply that fits WORDING; empty for any other."""
    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError:
        return ""
    said = document.get("instruction") if isinstance(document, dict) else None
    return said.strip() if isinstance(said, str) else ""


def wording_fault(text: str, task: Task, tools: Sequence[Tool], language: str, longest: int) -> WordingFault | None:
    """What is wrong with the words, as far as words alone can tell; `tools` are the candidates."""
    if not text:
        return WordingFault.EMPTY
    if len(text) > longest:
        return WordingFault.TOO_LONG
    if mentions_tool(text, tools):
        return WordingFault.NAMES_TOOL
    if not is_language(text, language):
        return WordingFault.LANGUAGE
    calls = task.blueprint.calls if task.blueprint else ()
    if not states_all_values(text, [call.arguments for call in calls]):
        return WordingFault.MISSING_VALUE
    said = set(identifier_words(text))
    asked = {word for label in task.checks.labels for word in label.split()} - _EMPTY_WORDS
    return WordingFault.FACT_NOT_ASKED if language == "en" and not asked <= said else None


def _field(path: Sequence[str | int]) -> str:
    """`name of the first item of buckets` for (buckets, 0, name)."""
    words: list[str] = []
    for part in reversed(path):
        words.append("the first item" if part == 0 else f"item {part + 1}" if isinstance(part, int) else phrase(part))
    return " of ".join(words)


def _about(tool: Tool, name: str) -> str:
    schema = tool.properties.get(name)
    text = str(schema.get("description") or "") if isinstance(schema, dict) else ""
    return re.sub(r"\s+", " ", first_sentence(text, 120))
