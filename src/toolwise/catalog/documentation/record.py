"""The five-field standard documentation of a toolset, and the file of them beside a catalog."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

import orjson
from pydantic import ValidationError

from toolwise.errors import CatalogError
from toolwise.types import Frozen, Json

DOCUMENTATION = "documentation.jsonl"
"""Beside a catalog's own files: one Documentation a line."""

_HEAD = re.compile(rb'\{"toolset":("(?:[^"\\]|\\.)*")')


class Author(StrEnum):
    """Who wrote a documentation."""

    EMBEDDED = "embedded"
    """Composed from what the catalog says; no model was asked."""
    TEACHER = "teacher"
    """A language model wrote the texts (and, of a toolset without tools, the tools)."""


class Documentation(Frozen):
    """ToolAlpaca's five fields (arXiv 2306.05301, section 3.1) and what is rendered from them."""

    toolset: str
    """The toolset's name in the catalog."""
    name: str
    """What people call it."""
    description: str
    introduction: str
    """Under 300 tokens."""
    functions: str
    """Name, description, inputs and output of every function."""
    specification: dict[str, Json]
    """A valid OpenAPI document whose operationIds are the tools' names."""
    plain: str
    """The specification in plain language, rendered."""
    author: Author
    tries: int = 0
    """Questions to the teacher that it took."""
    key: str = ""
    """The content key of what this was made from; another key means that it must be made anew."""


class DocumentationFile:
    """The documentation beside a catalog, read a line at a time."""

    def __init__(self, folder: Path) -> None:
        """Opens what is there; a catalog without the file simply has none. Raises CatalogError if it is damaged."""
        self._path = Path(folder) / DOCUMENTATION
        self._places: dict[str, tuple[int, int]] = {}
        if not self._path.is_file():
            return
        offset = 0
        with self._path.open("rb") as file:
            for line in file:
                match = _HEAD.match(line)
                if match is None:
                    raise CatalogError(f"{self._path}: damaged; write it again with: toolwise catalog document")
                self._places[orjson.loads(match[1])] = (offset, len(line))
                offset += len(line)

    def __len__(self) -> int:
        return len(self._places)

    def get(self, toolset: str) -> Documentation | None:
        """The toolset's documentation, if there is one. Raises CatalogError if it is damaged."""
        place = self._places.get(toolset)
        if place is None:
            return None
        with self._path.open("rb") as file:
            file.seek(place[0])
            line = file.read(place[1])
        try:
            return Documentation.model_validate(orjson.loads(line))
        except (orjson.JSONDecodeError, ValidationError) as error:
            raise CatalogError(f"{self._path}: damaged; write it again with: toolwise catalog document") from error

    def __iter__(self) -> Iterator[Documentation]:
        for name in self._places:
            found = self.get(name)
            if found is not None:
                yield found
