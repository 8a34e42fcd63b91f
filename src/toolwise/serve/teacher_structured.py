"""The embedded teacher's JSON documents: instructions for documented tools, and otherwise any valid value."""

from __future__ import annotations

import random
from typing import Any

import orjson

from toolwise.answers import scalar_text
from toolwise.errors import CatalogError
from toolwise.schemas import schema_type
from toolwise.serve.teacher_roles import documented_tools, role_of
from toolwise.text import first_sentence, identifier_words
from toolwise.types import Json, Message, Role, Schema, Tool
from toolwise.values import NoValueError, ValueGenerator

_INSTRUCTION_FIELDS = ("instruction", "query", "request")
_TOOL_FIELDS = ("tools", "relevant", "related_tools", "relevant_tools", "related_apis", "functions")
_DEFAULT_COUNT = 10
_OPENINGS = ("Please", "I need you to", "Could you", "For tomorrow's review,", "Our team wants you to")


def structured_answer(schema: Schema, messages: list[Any], key: str) -> Message:
    """A document that fits the schema, from the request alone; `key` seeds what is drawn.

    Where the schema asks for a list of instructions with the tools they need, and the prompt documents tools (as
    JSON objects with a name, a description and parameters), they are instructions for those tools.
    """
    rng = random.Random(key)
    values = ValueGenerator(key)
    role = role_of(schema)
    document = role(schema, messages, key) if role is not None else None
    if document is not None:
        return Message(role=Role.ASSISTANT, content=orjson.dumps(document).decode())
    tools = list(documented_tools(messages))
    document = _instructions(schema, tools, values, rng) if tools else None
    if document is None:
        try:
            document = values.value(schema, schema.get("$defs") or {}, "answer")
        except (NoValueError, CatalogError):
            document = {}
    return Message(role=Role.ASSISTANT, content=orjson.dumps(document).decode())


def _instructions(schema: Schema, tools: list[Tool], values: ValueGenerator, rng: random.Random) -> Json | None:
    """The document, where the schema has an array of objects with an instruction; none otherwise."""
    properties = schema.get("properties")
    for name, part in (properties or {}).items():
        item = part.get("items") if isinstance(part, dict) and schema_type(part) == "array" else None
        fields = item.get("properties") if isinstance(item, dict) else None
        if not isinstance(fields, dict):
            continue
        said = next((field for field in _INSTRUCTION_FIELDS if field in fields), None)
        if said is None:
            continue
        needed = next((field for field in _TOOL_FIELDS if field in fields), None)
        count = part.get("minItems") or part.get("maxItems") or _DEFAULT_COUNT
        written = []
        for _ in range(count):
            chosen = rng.sample(tools, rng.randint(1, min(3, len(tools))))
            entry: dict[str, Json] = {said: instruction_for(chosen, values, rng)}
            if needed is not None:
                entry[needed] = [tool.id for tool in chosen]
            written.append(entry)
        return {name: written}
    return None


def instruction_for(tools: list[Tool], values: ValueGenerator, rng: random.Random) -> str:
    """A plain request that needs these tools, with a value for every required parameter and no tool's name."""
    parts = []
    for tool in tools:
        wish = first_sentence(tool.description).rstrip(".") or " ".join(identifier_words(tool.name))
        try:
            arguments = values.arguments(tool, rng, tool.required)
        except (NoValueError, CatalogError):
            arguments = {}
        given = [f"{' '.join(identifier_words(name))} {_said(value)}" for name, value in arguments.items()]
        wish = wish[:1].lower() + wish[1:]
        parts.append(f"{wish} with {' and '.join(given)}" if given else wish)
    return f"{rng.choice(_OPENINGS)} {', then '.join(parts)}."


def _said(value: Json) -> str:
    return f'"{value}"' if isinstance(value, str) and " " in value else scalar_text(value)
