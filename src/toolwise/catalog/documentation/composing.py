"""Documentation composed from what the catalog says: no model, no network."""

from __future__ import annotations

import re

from toolwise.catalog.documentation.record import Author, Documentation
from toolwise.catalog.documentation.rendering import function_documentation, render_plain
from toolwise.catalog.documentation.specification import openapi_document
from toolwise.text import first_sentence, phrase
from toolwise.types import Toolset, content_key

MAX_INTRODUCTION = 300
"""Tokens of an introduction, estimated by `tokens`."""
_A_FEW_SENTENCES = 60
"""Tokens of an introduction from which on it says more than a description's first sentence."""

_PIECES = re.compile(r"[A-Za-z]{1,6}|\d{1,3}|[^\sA-Za-z\d]")


def tokens(text: str) -> int:
    """An estimate of a text's tokens that errs to the high side: six letters, three digits, or one mark each."""
    return sum(1 for _ in _PIECES.finditer(text))


def introduction(toolset: Toolset, limit: int = MAX_INTRODUCTION) -> str:
    """What the toolset is and what its functions do, in under `limit` tokens; the last functions are only counted.

    A toolset that has an introduction of some sentences keeps it.
    """
    if _A_FEW_SENTENCES <= tokens(toolset.introduction) < limit:
        return toolset.introduction
    title = toolset.title or toolset.name
    about = first_sentence(toolset.introduction or toolset.description, 240)
    text = f"{title}: {about}." if about else f"{title}."
    if toolset.category:
        text += f" Category: {toolset.category}."
    many = len(toolset.tools)
    text += f" It has {many} function{'' if many == 1 else 's'}:"
    room = limit - tokens(text) - tokens(f" and {many} more.")
    listed: list[str] = []
    for number, tool in enumerate(toolset.tools, 1):
        line = f" ({number}) {first_sentence(tool.description, 100) or phrase(tool.name)};"
        room -= tokens(line)
        if room <= 0:
            break
        listed.append(line)
    text += "".join(listed).rstrip(";")
    return text + (f"; and {many - len(listed)} more." if len(listed) < many else ".")


def documented(toolset: Toolset, text: str, author: Author, key: str, tries: int = 0) -> Documentation:
    """The five fields and what is rendered from them; `text` is the introduction."""
    document = openapi_document(toolset)
    return Documentation(
        toolset=toolset.name,
        name=toolset.title or toolset.name,
        description=toolset.description,
        introduction=text,
        functions=function_documentation(document),
        specification=document,
        plain=render_plain(document),
        author=author,
        tries=tries,
        key=key,
    )


def source_key(toolset: Toolset, author: Author, how: str = "") -> str:
    """What a documentation depends on: the toolset's content, who writes, and how."""
    return content_key("documentation", author.value, how, toolset.model_dump(mode="json", exclude={"source"}))


def compose(toolset: Toolset) -> Documentation:
    """The standard documentation of a toolset from its own texts and schemas; its specification is valid."""
    return documented(toolset, introduction(toolset), Author.EMBEDDED, source_key(toolset, Author.EMBEDDED))
