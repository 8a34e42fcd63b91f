"""Documentation written by a teacher: texts for tools that there are, and whole toolsets from a name and a sentence.

The order is ToolAlpaca's (arXiv 2306.05301, section 3.1): introduction, functions, OpenAPI document; an answer that
cannot be used goes back with what is wrong with it, up to five times.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from toolwise.catalog import validity
from toolwise.catalog.documentation import prompts
from toolwise.catalog.documentation.composing import MAX_INTRODUCTION, documented, introduction, source_key, tokens
from toolwise.catalog.documentation.conversation import Conversation, json_object
from toolwise.catalog.documentation.record import Author, Documentation
from toolwise.catalog.documentation.rendering import operations, render_functions
from toolwise.catalog.documentation.specification import openapi_document
from toolwise.catalog.documentation.validation import openapi_problems
from toolwise.catalog.documents import DocumentError
from toolwise.catalog.openapi import import_openapi
from toolwise.catalog.prose import FIELD_LIMIT, TOOL_LIMIT, plain
from toolwise.ports import ChatModel
from toolwise.types import Tool, Toolset

BATCH = 8
"""Functions whose texts are asked for at a time."""
LEAST_FUNCTIONS, MOST_FUNCTIONS = 4, 8
"""Functions of a toolset that is written from nothing; ToolAlpaca's had 4.85 on average."""

_LISTED_NAME = re.compile(r"^[\s\d.#*-]*(?:Name|Function)\s*[:：]?\s*[`*\"]*([A-Za-z][A-Za-z0-9_]*)", re.MULTILINE)


def teacher_key(toolset: Toolset, seed: int, model: str = "") -> str:
    """The key of what the teacher writes of a toolset: another prompt, seed or toolset is another documentation."""
    return source_key(toolset, Author.TEACHER, f"{prompts.VERSION}:{seed}:{model}")


def _read_introduction(text: str) -> str | list[str]:
    said = plain(text, 4000)
    if not said:
        return ["it is empty"]
    if (length := tokens(said)) >= MAX_INTRODUCTION:
        return [f"it is too long: about {length} tokens, and {MAX_INTRODUCTION} are the limit"]
    return said


def _read_functions(text: str) -> tuple[str, tuple[str, ...]] | list[str]:
    names = tuple(dict.fromkeys(_LISTED_NAME.findall(text)))
    if not names:
        return ['no function is named; begin each with a line "Name: <name>"']
    if len(names) > 2 * MOST_FUNCTIONS:
        return [f"it names {len(names)} functions; at most {MOST_FUNCTIONS} are wanted"]
    return text.strip(), names


def _read_specification(text: str, names: Sequence[str]) -> dict[str, Any] | list[str]:
    document = json_object(text)
    if isinstance(document, list):
        return document
    if problems := openapi_problems(document):
        return problems
    found = [name for name, *_ in operations(document)]
    missing, extra = sorted(set(names) - set(found)), sorted(set(found) - set(names))
    problems = [f"the function {name} has no operation" for name in missing]
    problems += [f"the operation {name} is none of the functions" for name in extra]
    problems += [f"the operation {name} has no response schema" for name in found if not _answers(document, name)]
    return problems[:5] or document


def _answers(document: dict[str, Any], name: str) -> bool:
    return any(
        isinstance(response, dict) and (response.get("content") or "$ref" in response)
        for found, _, _, operation in operations(document)
        if found == name
        for response in (operation.get("responses") or {}).values()
    )


async def write_toolset(toolset: Toolset, model: ChatModel, seed: int = 0) -> tuple[Toolset, Documentation]:
    """A toolset that is only a name, a description and a category, with tools and documentation of the teacher's.

    Raises ModelError: the model failed, or none of five answers could be used.
    """
    talk = Conversation(model, seed)
    about = {
        "name": toolset.title or toolset.name,
        "category": toolset.category or "unknown",
        "description": toolset.description or "(none)",
    }
    text = await talk.ask(prompts.INTRODUCTION.format(**about, functions=""), _read_introduction)
    limits = {"least": LEAST_FUNCTIONS, "most": MOST_FUNCTIONS}
    functions, names = await talk.ask(prompts.FUNCTIONS.format(**about, **limits, introduction=text), _read_functions)
    question = prompts.SPECIFICATION.format(name=about["name"], introduction=text, functions=functions)
    made = await talk.ask(question, lambda answer: _read_toolset(answer, names, toolset))
    whole = made.model_copy(update={"introduction": text})
    return whole, documented(whole, text, Author.TEACHER, teacher_key(toolset, seed), talk.asked)


def _read_toolset(text: str, names: Sequence[str], toolset: Toolset) -> Toolset | list[str]:
    """The specification as tools, by the importer of OpenAPI documents."""
    document = _read_specification(text, names)
    if isinstance(document, list):
        return document
    try:
        draft = import_openapi(document, toolset.source)
        validity.check(draft, thorough=True)
    except (DocumentError, KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        return [f"it cannot be read as tools: {error}"]
    kept = {tool["name"] for tool in draft.tools}
    if lost := [name for name in names if name not in kept]:
        return [f"the schemas of {name} are not valid" for name in lost]
    tools = tuple(Tool(id=f"{toolset.name}.{tool['name']}", **tool) for tool in draft.tools)
    return Toolset(**{**dict(toolset), "definitions": draft.definitions, "tools": tools, "servers": ()})


async def improve_toolset(toolset: Toolset, model: ChatModel, seed: int = 0) -> tuple[Toolset, Documentation]:
    """Introduction, descriptions and parameters' texts by the teacher; what is called and how stays as it is.

    Raises ModelError.
    """
    talk = Conversation(model, seed)
    title = toolset.title or toolset.name
    listed = "Functions: " + introduction(toolset)
    question = prompts.INTRODUCTION.format(
        name=title,
        category=toolset.category or "unknown",
        description=toolset.description or "(none)",
        functions=listed,
    )
    text = await talk.ask(question, _read_introduction)
    shown = render_functions(openapi_document(toolset))
    tools: list[Tool] = []
    for start in range(0, len(toolset.tools), BATCH):
        batch = toolset.tools[start : start + BATCH]
        functions = "\n\n".join(f"{tool.name}: {shown.get(tool.name, tool.description)}" for tool in batch)
        asked = prompts.TEXTS.format(name=title, introduction=text, functions=functions)
        texts = await talk.ask(asked, lambda answer, batch=batch: _read_texts(answer, batch))  # type: ignore[misc]
        tools.extend(_with_texts(tool, texts[tool.name]) for tool in batch)
    whole = toolset.model_copy(update={"introduction": text, "tools": tuple(tools)})
    whole = Toolset(**dict(whole))  # attaches the definitions to the new tools
    return whole, documented(whole, text, Author.TEACHER, teacher_key(toolset, seed), talk.asked)


def _read_texts(text: str, batch: Sequence[Tool]) -> dict[str, dict[str, Any]] | list[str]:
    said = json_object(text)
    if isinstance(said, list):
        return said
    problems: list[str] = []
    for tool in batch:
        own = said.get(tool.name)
        if not isinstance(own, dict) or not isinstance(own.get("description"), str) or not own["description"].strip():
            problems.append(f"the function {tool.name} has no description")
        elif not isinstance(own.get("parameters", {}), dict):
            problems.append(f"the parameters of {tool.name} are not an object")
        elif unknown := sorted(set(own.get("parameters", {})) - set(tool.properties)):
            problems.append(f"the function {tool.name} has no parameter {unknown[0]!r}")
    return problems[:5] or {tool.name: said[tool.name] for tool in batch}


def _with_texts(tool: Tool, said: dict[str, Any]) -> Tool:
    properties = {
        name: {**schema, "description": text}
        if (text := plain(said.get("parameters", {}).get(name), FIELD_LIMIT))
        else schema
        for name, schema in tool.properties.items()
    }
    parameters = {**tool.parameters, "properties": properties}
    return tool.model_copy(update={"description": plain(said["description"], TOOL_LIMIT), "parameters": parameters})
