"""What a retriever reads of a tool: its documentation as fields, rendered one way and versioned."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from toolwise.schemas import resolve
from toolwise.text import first_sentence, phrase
from toolwise.types import Schema, Tool, Toolset

RENDERING = "1"
"""Raised whenever documents read differently: encoders and indexes of another rendering are refused."""

MAX_PARAMETERS = 24
"""A tool with more parameters shows its required ones and then the first others."""
MAX_RETURNS = 16
"""Names of so many fields of the response are shown."""
_DESCRIPTION = 400
_SHORT = 80


class Field(StrEnum):
    """A part of a document; retrievers weigh parts differently."""

    CATEGORY = "category"
    """The toolset's category and collections."""
    TOOLSET = "toolset"
    """The toolset's name, title and first sentence."""
    NAME = "name"
    """The tool's name as words."""
    DESCRIPTION = "description"
    """What the tool does."""
    PARAMETERS = "parameters"
    """The parameters' names as words."""
    PARAMETER_DESCRIPTIONS = "parameter_descriptions"
    """The first sentence of each parameter's description."""
    RETURNS = "returns"
    """The names of the response's fields as words."""


FIELDS = tuple(Field)


@dataclass(frozen=True, slots=True)
class Document:
    """One tool as a retriever reads it."""

    tool: str
    """The tool's id."""
    fields: tuple[str, ...]
    """One text for each of `FIELDS`, in that order; empty where the tool says nothing."""

    @property
    def text(self) -> str:
        """The fields as lines, empty ones left out."""
        lines = zip(FIELDS, self.fields, strict=True)
        return "\n".join(f"{field.value.replace('_', ' ')}: {text}" for field, text in lines if text)

    @property
    def toolset(self) -> str:
        return self.tool.split(".", 1)[0]


def _object_properties(schema: Schema, tool: Tool) -> dict[str, Any]:
    """The properties of an object, or of a list's items."""
    resolved = resolve(schema, tool.definitions)
    items = resolved.get("items")
    if isinstance(items, dict):
        resolved = resolve(items, tool.definitions)
    properties = resolved.get("properties")
    return properties if isinstance(properties, dict) else {}


def _parameters(tool: Tool) -> tuple[list[str], list[str]]:
    properties, required = tool.properties, set(tool.required)
    names = sorted(properties, key=lambda name: name not in required)[:MAX_PARAMETERS]
    descriptions = []
    for name in names:
        schema = properties[name]
        if isinstance(schema, dict):
            text = str(resolve(schema, tool.definitions).get("description") or "")
            descriptions.append(first_sentence(text, _SHORT))
    return [phrase(name) for name in names], [text for text in descriptions if text]


def tool_document(toolset: Toolset, tool: Tool) -> Document:
    """A tool's document."""
    names, descriptions = _parameters(tool)
    returns = _object_properties(tool.returns, tool) if tool.returns else {}
    title = toolset.title if toolset.title.casefold() != toolset.name.casefold() else ""
    about = ". ".join(part for part in (phrase(toolset.name), title, first_sentence(toolset.description)) if part)
    return Document(
        tool=tool.id,
        fields=(
            ", ".join(dict.fromkeys(part for part in (toolset.category, *toolset.collections) if part)),
            about,
            phrase(tool.name),
            " ".join(tool.description[: 2 * _DESCRIPTION].split())[:_DESCRIPTION],
            ", ".join(names),
            "; ".join(descriptions),
            ", ".join(phrase(name) for name in list(returns)[:MAX_RETURNS]),
        ),
    )


def render_document(toolset: Toolset, tool: Tool) -> str:
    """A tool's document as text, one line a field, in the rendering named by `RENDERING`."""
    return tool_document(toolset, tool).text


def equivalent_tools(toolsets: Iterable[Toolset]) -> dict[str, str]:
    """Tool id -> the id of the first tool of its family that reads the same but for the toolset's name.

    Versions of one API repeat most tools word for word. No request can tell them apart unless it names the version,
    so scores are best given both ways: strictly, and with such tools taken as one.
    """
    first: dict[tuple[str, ...], str] = {}
    return {
        tool.id: first.setdefault((toolset.family or toolset.name, *tool_document(toolset, tool).fields[2:]), tool.id)
        for toolset in toolsets
        for tool in toolset.tools
    }


def tool_documents(toolsets: Iterable[Toolset]) -> Iterator[Document]:
    """The documents of all tools, in catalog order."""
    for toolset in toolsets:
        for tool in toolset.tools:
            yield tool_document(toolset, tool)
