from __future__ import annotations

import pytest

from toolwise.retrieval import Document, tool_documents
from toolwise.types import RetrievalPair, Split, Tool, Toolset

NOUNS = ("invoice", "folder", "playlist", "ticket", "vehicle", "recipe", "meeting", "server", "coupon", "patient")
VERBS = {"create": "make", "delete": "remove", "list": "enumerate", "update": "modify"}


def shop(name: str, nouns: tuple[str, ...]) -> Toolset:
    """A toolset with four operations on each noun."""
    tools = tuple(
        Tool(
            id=f"{name}.{verb}{noun.capitalize()}",
            name=f"{verb}{noun.capitalize()}",
            description=f"{verb.capitalize()}s one {noun}.",
            parameters={
                "type": "object",
                "properties": {f"{noun}Id": {"type": "string", "description": f"Identifies the {noun}. Required."}},
                "required": [f"{noun}Id"],
            },
            returns={"$ref": "#/$defs/Record"},
        )
        for noun in nouns
        for verb in VERBS
    )
    return Toolset(
        name=name,
        title=f"{name.capitalize()} API",
        description="Keeps records. For everyone.",
        category="Business",
        definitions={"Record": {"type": "object", "properties": {"createdAt": {"type": "string"}}}},
        tools=tools,
    )


@pytest.fixture(scope="session")
def toolsets() -> list[Toolset]:
    return [shop("alpha", NOUNS[:4]), shop("beta", NOUNS[4:8]), shop("gamma", NOUNS[8:])]


@pytest.fixture(scope="session")
def documents(toolsets: list[Toolset]) -> list[Document]:
    return list(tool_documents(toolsets))


@pytest.fixture(scope="session")
def pairs() -> list[RetrievalPair]:
    """Requests that call every operation by a synonym; the toolset gamma is held out."""
    rows = []
    for name, nouns, split in (
        ("alpha", NOUNS[:4], Split.TRAIN),
        ("beta", NOUNS[4:8], Split.TRAIN),
        ("gamma", NOUNS[8:], Split.UNSEEN_TOOLSET),
    ):
        for noun in nouns:
            for verb, synonym in VERBS.items():
                tool = f"{name}.{verb}{noun.capitalize()}"
                for text in (
                    f"Please {synonym} a {noun}",
                    f"{synonym} the {noun} called x7",
                    f"I want to {synonym} {noun}s",
                ):
                    rows.append(RetrievalPair(key=f"{len(rows)}", split=split, query=text, relevant=(tool,)))
    return rows
