"""What the teacher is asked, in words of this project's own."""

from __future__ import annotations

from collections.abc import Sequence

VERSION = "1"
"""Raised when a prompt changes, so that documentation written under another is not taken for the same."""

SYSTEM = """You document programming interfaces for people and programs that have never seen them. \
You are exact and plain, you invent nothing that contradicts what you are given, and you answer with exactly \
what is asked for, without remarks before or after it."""

INTRODUCTION = """Introduce this interface in one paragraph of at most 200 words: what it is, whom it serves, and \
the functions it offers, in general terms. Answer with the paragraph alone.

Name: {name}
Category: {category}
Description: {description}
{functions}"""

FUNCTIONS = """Design the functions of the interface below: between {least} and {most} of them, the ones that its \
users need most.

Rules:
- A function's name is one identifier in camelCase that begins with a verb.
- For each function give: its name; one sentence on what it does; one line for each input with its type, whether it \
is required and, where only a few values make sense, these values; and what it returns, field by field.
- If a function takes an identifier that no user can know, another function must list or search the things that have \
it and return that identifier.
- No function returns everything there is: one that lists takes a filter, a page or a limit.
- Two functions never do the same.

Name: {name}
Category: {category}
Description: {description}
Introduction: {introduction}"""

SPECIFICATION = """Write the OpenAPI 3.1.0 document of the interface below as one JSON object.

Rules:
- One operation for each function; its operationId is the function's name, letter by letter.
- info.title is {name!r}; info.description and every operation's description are given.
- Every parameter and every property has a type and a description; fixed sets of values are enums; what is required \
is marked so. An identifier in the path is a path parameter.
- Every operation has a response "200" with a JSON schema of its fields; one that lists returns the identifiers that \
other functions take.
- References are local (#/components/schemas/...).

Introduction: {introduction}

Functions:
{functions}"""

TEXTS = """Improve the texts of these functions of {name}. For each function write one or two sentences on what it \
does and when to use it, and for each of its parameters one sentence on what to give. Use only what the \
specification says or implies; keep facts, units, ranges and formats that it states.

Answer with one JSON object: {{"<function>": {{"description": "...", "parameters": {{"<parameter>": "..."}}}}}}, \
with exactly the functions and parameters below.

Introduction: {introduction}

{functions}"""

GROUPS = """Sort these interfaces. Give each one category, the field that it belongs to (such as Finance, Weather, \
Music), in one to three words, and any number of collections: themes that it shares with interfaces of other \
categories (such as Travel Planning). Prefer the categories and collections that exist.

Categories so far: {categories}
Collections so far: {collections}

Answer with one JSON object: {{"<interface>": {{"category": "...", "collections": ["..."]}}}}, with exactly these \
interfaces:
{interfaces}"""


def again(problems: Sequence[str]) -> str:
    """The next turn after an answer that cannot be used."""
    listed = "\n".join(f"- {problem}" for problem in problems)
    return f"That cannot be used:\n{listed}\nWrite the whole answer again with this mended."
