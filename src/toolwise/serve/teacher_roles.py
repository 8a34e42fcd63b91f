"""What the embedded teacher answers where Toolwise itself asks for a document: as a writer, reader, user or executor.

A role is told by the title of the answer's schema; what it needs stands in the prompt as lines of JSON.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import orjson

from toolwise.schemas import schema_type
from toolwise.serve.teacher_executing import execute
from toolwise.serve.teacher_talking import answer_with, ask_for, change_of_mind
from toolwise.serve.teacher_writing import Clause, draw_instruction, read_instruction, say, tool_of, wish_of
from toolwise.synthesis.instructions.prompts import specific_of
from toolwise.types import Json, Schema, Tool
from toolwise.values import ValueGenerator

RoleAnswer = Callable[[Schema, list[Any], str], Json | None]
"""(schema, messages, key) -> the document; none where the prompt lacks what the role needs."""


def _writer(schema: Schema, messages: list[Any], key: str) -> Json | None:
    """Instructions for the documented tools, the first of them specific and the last ones scenarios."""
    tools = list(documented_tools(messages))
    listed = (schema.get("properties") or {}).get("instructions")
    if not tools or not isinstance(listed, dict) or schema_type(listed) != "array":
        return None
    rng, values = random.Random(key), ValueGenerator(key)
    wanted = int(listed.get("maxItems") or 10)
    specific = specific_of(wanted)
    drawn = [draw_instruction(tools, scenario=at >= specific, values=values, rng=rng) for at in range(wanted)]
    return {"instructions": drawn}


def _worder(schema: Schema, messages: list[Any], key: str) -> Json | None:
    """A blueprint in words, every value stated."""
    asked = last_document(messages, "calls")
    if asked is None:
        return None
    clauses = []
    for call in asked["calls"]:
        sources = {name: _step(text) for name, text in (call.get("from_results") or {}).items()}
        clauses.append(Clause(wish_of(tool_of(str(call.get("does")))), call.get("arguments") or {}, sources))
    return {"instruction": say(clauses, asked.get("report") or (), random.Random(key))}


def _step(text: str) -> int:
    """`id in the result of call 2` -> 2."""
    number = text.rpartition(" ")[2]
    return int(number) if number.isdecimal() else 1


def _reader(schema: Schema, messages: list[Any], key: str) -> Json | None:
    """The calls that an instruction asks for, by the nearest tool and copied values."""
    asked = last_document(messages, "read")
    return None if asked is None else {"calls": read_instruction(asked["read"], list(documented_tools(messages)))}


def _user(schema: Schema, messages: list[Any], key: str) -> Json | None:
    """What the user of a conversation says, every value stated that is not to be kept back."""
    asked = last_document(messages, "act")
    if asked is None:
        return None
    rng = random.Random(key)
    act = asked["act"]
    if act == "change":
        return {"message": change_of_mind(asked["wish"], asked["now"], rng)}
    wants = [
        Clause(want["wish"], want["values"], {name: _step(text) for name, text in want.get("from_results", {}).items()})
        for want in asked["wants"]
    ]
    if act == "answer":
        known = asked.get("not_said_yet") or {name: value for want in wants for name, value in want.arguments.items()}
        return {"message": answer_with(known, rng)}
    return {"message": ask_for(wants, str(asked.get("style")), rng)}


ROLES: Mapping[str, RoleAnswer] = {
    "instructions": _writer,
    "wording": _worder,
    "reading": _reader,
    "user_turn": _user,
}


def role_of(schema: Schema) -> RoleAnswer | None:
    """The role that an answer with this schema is asked of, if it is one of ours."""
    if set(schema.get("properties") or {}) == {"status", "body"}:
        return execute
    return ROLES.get(str(schema.get("title")))


def last_document(messages: list[Any], key: str) -> dict[str, Any] | None:
    """The last line of JSON in the prompt that is an object with this key."""
    for message in reversed(messages):
        content = message.get("content") if isinstance(message, dict) else None
        for line in reversed(content.splitlines() if isinstance(content, str) else []):
            for document in _documents(line.strip()):
                if isinstance(document, dict) and key in document:
                    return document
    return None


def documented_tools(messages: list[Any]) -> Iterator[Tool]:
    """The tools whose JSON documents stand in the prompt, each on a line of its own or in one array."""
    seen: set[str] = set()
    for message in messages:
        content = message.get("content") if isinstance(message, dict) else None
        for line in content.splitlines() if isinstance(content, str) else ():
            for document in _documents(line.strip()):
                tool = _tool(document)
                if tool is not None and tool.id not in seen:
                    seen.add(tool.id)
                    yield tool


def _documents(line: str) -> list[Any]:
    if line[:1] not in ("{", "["):
        return []
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError:
        return []
    return found if isinstance(found, list) else [found]


def _tool(document: Any) -> Tool | None:
    inner = document.get("function", document) if isinstance(document, dict) else None
    if not isinstance(inner, dict):
        return None
    name, parameters = inner.get("id") or inner.get("name"), inner.get("parameters")
    if not isinstance(name, str) or not isinstance(parameters, dict):
        return None
    return Tool(id=name, name=name, description=str(inner.get("description") or ""), parameters=parameters)
