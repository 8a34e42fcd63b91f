"""Toolsets that show what exporting, documenting, grouping and deduplicating must cope with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
from catalog_samples import AWS_SERVICE, DISCOVERY, OPENAPI, SWAGGER, save

from toolwise.catalog import import_sources, write_catalog
from toolwise.types import Hints, HttpBinding, ParameterLocation, ParameterStyle, PythonBinding, Tool, Toolset

LOAN: dict[str, Any] = {
    "type": "object",
    "properties": {
        "book": {"$ref": "#/$defs/Book"},
        "until": {"type": "string", "format": "date", "description": "The last day."},
    },
    "required": ["book"],
}
BOOK: dict[str, Any] = {
    "type": "object",
    "properties": {
        "isbn": {"type": "string", "pattern": "^[0-9]{9}[0-9X]$"},
        "shelf": {"type": ["string", "null"], "enum": ["attic", "hall", None]},
        "sequels": {"type": "array", "items": {"$ref": "#/$defs/Book"}},
    },
    "required": ["isbn"],
}


def closed(required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    """An object's schema that takes these properties alone."""
    made: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**made, "required": list(required)} if required else made


def tool(name: str, description: str, parameters: dict[str, Any], toolset: str = "library", **more: Any) -> Tool:
    return Tool(id=f"{toolset}.{name}", name=name, description=description, parameters=parameters, **more)


def library() -> Toolset:
    """Tools without a real address: what a Python module or a list of functions gives."""
    lend = tool(
        "lend_book",
        "Lends a book to a reader & notes the day.",
        closed(
            ("reader", "loan"),
            reader={"type": "string", "description": "Who borrows it.", "minLength": 2},
            loan={"$ref": "#/$defs/Loan", "description": "What is lent."},
            copies={"type": "integer", "minimum": 1, "maximum": 5, "default": 1},
        ),
        returns={"$ref": "#/$defs/Loan"},
        examples=({"reader": "Ada", "loan": {"book": {"isbn": "123456789X"}}},),
        hints=Hints(read_only=False, idempotent=True, destructive=False),
        binding=PythonBinding(module="library", function="lend"),
    )
    find = tool(
        "books.find",
        "Finds books whose title is a < b.",
        closed(
            (),
            title={"type": "string"},
            place={"type": "string", "enum": ["attic", "hall"], "description": "Where it stands."},
            tags={"type": "array", "items": {"type": "string"}},
            weight={"type": "number", "exclusiveMinimum": 0},
        ),
        returns={"type": "array", "items": {"$ref": "#/$defs/Book"}},
        hints=Hints(read_only=True),
    )
    ping = tool("ping", "Says whether the library is open.", closed())
    return Toolset(
        name="library",
        title="Town Library",
        description="Lends and finds books.",
        introduction="A library of the town.",
        category="Books & Reading",
        collections=("Town", "Free Time"),
        family="library",
        auth=("http basic", "oauth2"),
        source="library.py",
        definitions={"Book": BOOK, "Loan": LOAN},
        tools=(lend, find, ping),
    )


def ferry() -> Toolset:
    """HTTP tools whose requests need every part of a binding."""
    where = ParameterLocation
    sail = Tool(
        id="ferry.sail",
        name="sail",
        description="Sends a ferry.",
        parameters=closed(
            ("port", "load"),
            port={"type": "string"},
            when={"type": "array", "items": {"type": "string"}, "description": "Days."},
            note={"type": "string"},
            session={"type": "string"},
            filter={"type": "object", "properties": {"deck": {"type": "integer"}}},
            load={"type": "integer", "default": 3},
            body_port={"type": "string"},
        ),
        binding=HttpBinding(
            method="POST",
            path="/ports/{port}/ferries",
            locations={
                "port": where.PATH,
                "when": where.QUERY,
                "note": where.HEADER,
                "session": where.COOKIE,
                "filter": where.QUERY,
                "load": where.BODY,
                "body_port": where.BODY,
            },
            wire_names={"note": "note[]", "body_port": "port"},
            styles={
                "when": ParameterStyle.PIPE_DELIMITED,
                "filter": ParameterStyle.JSON,
                "port": ParameterStyle.RESERVED,
            },
            media_type="application/json",
        ),
        hints=Hints(read_only=False, destructive=True),
    )
    unload = Tool(
        id="ferry.unload",
        name="unload",
        parameters=closed(("dock",), dock={"type": "string"}),
        binding=HttpBinding(method="POST", path="/ports/{dock}/ferries", locations={"dock": where.PATH}),
    )
    upload = Tool(
        id="ferry.timetable",
        name="timetable",
        parameters=closed(("body",), body={"type": "array", "items": {"type": "string"}}),
        binding=HttpBinding(
            method="PUT", path="/timetable", locations={"body": where.WHOLE_BODY}, media_type="application/json"
        ),
        hints=Hints(read_only=False, idempotent=True, destructive=False),
    )
    return Toolset(
        name="ferry",
        title="Ferry Line",
        description="Ferries.",
        category="Transport",
        family="ferry",
        servers=("https://ferry.test/v2",),
        auth=("apiKey in header X-Key",),
        tools=(sail, unload, upload),
    )


def imported(folder: Path) -> list[Toolset]:
    """One toolset of each kind of document."""
    for name, document in (("a", OPENAPI), ("b", DISCOVERY), ("c", AWS_SERVICE), ("d", SWAGGER)):
        save(folder / "documents", f"{name}.json", document)
    return read_back(folder / "documents")


def read_back(path: Path) -> list[Toolset]:
    """The toolsets that an import finds."""
    return [item for item in import_sources([str(path)]) if isinstance(item, Toolset)]


def saved(folder: Path, *toolsets: Toolset) -> Path:
    write_catalog(toolsets, folder)
    return folder


def lines(path: Path) -> Iterator[Any]:
    return map(orjson.loads, path.read_bytes().splitlines())


def essence(one: Tool) -> dict[str, Any]:
    """What every round trip must keep."""
    return {
        "name": one.name,
        "description": one.description,
        "parameters": {name: schema.get("type") for name, schema in one.properties.items()},
        "required": sorted(one.required),
        "enums": {name: schema["enum"] for name, schema in one.properties.items() if "enum" in schema},
        "described": {name: schema.get("description", "") for name, schema in one.properties.items()},
        "hints": one.hints,
    }
