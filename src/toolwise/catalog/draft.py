"""What every importer builds: tools and definitions as the plain JSON that a saved catalog holds.

Plain dictionaries rather than models: a whole catalog is some 48,000 tools, and validating each twice would cost
more than reading it. `validity.check` compiles every schema, and reading a catalog validates every field.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import orjson

from toolwise.catalog.documents import DocumentError
from toolwise.catalog.left_out import LeftOut, LeftOutReason
from toolwise.text import identifier_words
from toolwise.types import ParameterLocation, ParameterStyle, Schema

MAX_SCHEMAS = 1_000_000
"""Schemas converted for one document; a document that expands to more is left out."""
MAX_NAME = 120
"""Characters of a tool's name."""

_REFERENCE = b'"$ref":"#/$defs/'
"""How JSON writes a reference's beginning; inside a text its quotes would be escaped. The names need no escapes."""
_ILLEGAL_IN_SLUG = re.compile(r"[^a-z0-9_-]+")
_RUN = re.compile(r"[_-]{2,}")
_ILLEGAL_IN_NAME = re.compile(r"[^A-Za-z0-9_.-]+")
_VERSION = re.compile(r"v?\d+(?:[._]?\d+)*(?:(?:alpha|beta|p|rc)\d*)*\Z|alpha\d*\Z|beta\d*\Z|preview\Z", re.IGNORECASE)


class Allowance:
    """Counts converted schemas, so that a small document cannot expand without bound."""

    def __init__(self) -> None:
        self._left = MAX_SCHEMAS

    def spend(self, count: int = 1) -> None:
        """Raises DocumentError when nothing is left."""
        self._left -= count
        if self._left < 0:
            raise DocumentError(LeftOutReason.TOO_LARGE, f"it expands to more than {MAX_SCHEMAS:,} schemas")


@dataclass
class Draft:
    """A toolset before it has a unique name, a category and collections."""

    slug: str
    """The name it wants."""
    source: str
    title: str = ""
    description: str = ""
    introduction: str = ""
    family: str = ""
    api: str = ""
    """Drafts with the same `api` are versions of one API and share the first one's category; defaults to `family`."""
    provider_category: str = ""
    """The provider's own category, where the document gives one."""
    collections: list[str] = field(default_factory=list)
    """The provider's collections; themes are added later."""
    hints: list[str] = field(default_factory=list)
    """More words that say what it is about (tags), for the category."""
    servers: list[str] = field(default_factory=list)
    auth: list[str] = field(default_factory=list)
    definitions: dict[str, Schema] = field(default_factory=dict)
    tools: list[dict[str, Any]] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    stub: bool = False
    """It is to be kept without tools, for someone to write its documentation."""
    merge_key: str = ""
    """Drafts with the same key, of whichever documents, are one toolset; empty for a toolset of its own."""
    original_names: dict[str, str] = field(default_factory=dict)
    """Tool name -> its name in the document: what tells whether two drafts to be merged mean the same tool."""

    def leave_out(self, where: str, reason: LeftOutReason, detail: str) -> None:
        self.left_out.append(LeftOut(source=self.source, where=where, reason=reason, detail=detail[:300]))


def _plain_letters(text: str) -> str:
    """Letters without their accents and in their plain form; what has none stays, and is illegal in a name.

    Only compatibility forms of Latin letters become Latin: a Cyrillic letter that looks like one does not.
    """
    if text.isascii():
        return text
    decomposed = unicodedata.normalize("NFKD", text[: 8 * MAX_NAME])
    return "".join(c for c in decomposed if unicodedata.category(c) not in ("Mn", "Cf"))


def slug(text: str, fallback: str = "toolset") -> str:
    """A toolset's name: lower case, digits, `_` and `-`."""
    text = _plain_letters(text).lower().replace("'", "")
    made = _RUN.sub("_", _ILLEGAL_IN_SLUG.sub("_", text)).strip("_-")[:60].rstrip("_-")
    return made or fallback


@lru_cache(maxsize=1 << 14)
def legal_name(text: str) -> str:
    """A tool's or a parameter's name in ASCII, with what is illegal made `_`; empty where nothing is left."""
    text = _plain_letters(text)
    made = _ILLEGAL_IN_NAME.sub("_", text)
    return made if made == text and len(made) <= MAX_NAME else made.strip("_")[:MAX_NAME].strip("_.-")


def without_version(text: str) -> str:
    """A title or name without its version words, for a family's name."""
    words = [word for word in re.split(r"[\s_\-/]+", text) if word and not _VERSION.match(word)]
    return " ".join(words)


def path_name(method: str, path: str) -> str:
    """A tool's name from its method and path: `GET /files/{file_id}/tags` -> `get_files_by_file_id_tags`."""
    parts = [_segment_name(segment) for segment in path.split("/")]
    return "_".join([method.lower(), *filter(None, parts)])[:MAX_NAME].rstrip("_")


@lru_cache(maxsize=1 << 14)
def _segment_name(segment: str) -> str:
    words = "_".join(identifier_words(segment))
    return f"by_{words}" if words and segment.startswith("{") else words


class Names:
    """Gives each thing a name of its own."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._numbers: dict[str, int] = {}

    def give(self, wanted: str, alternatives: Iterable[str] = ()) -> str:
        """The first of the wanted names that is free, else the last with a number."""
        last = wanted
        for last in (wanted, *alternatives):
            if last and last not in self._taken:
                self._taken.add(last)
                return last
        number = self._numbers.get(last, 2)  # not from 2 again: ten thousand tools of one name would take seconds
        while f"{last}_{number}" in self._taken:
            number += 1
        self._numbers[last] = number + 1
        self._taken.add(f"{last}_{number}")
        return f"{last}_{number}"


class Parameters:
    """The parameters of one tool, as one JSON Schema object, with where each goes in a request."""

    def __init__(self) -> None:
        self.properties: dict[str, Schema] = {}
        self.required: list[str] = []
        self.locations: dict[str, str] = {}
        self.wire_names: dict[str, str] = {}
        self.styles: dict[str, str] = {}
        self._names = Names()

    def add(
        self,
        wire: str,
        schema: Schema,
        location: ParameterLocation,
        required: bool,
        style: ParameterStyle | None = None,
    ) -> None:
        """Add a parameter; one whose name is taken is called `body_<name>` (or `query_…`, …)."""
        name = legal_name(wire) or "parameter"
        where: str = location.value
        if name in self.properties:
            name = self._names.give(name, [f"{'body' if location is ParameterLocation.WHOLE_BODY else where}_{name}"])
        else:
            self._names.give(name)
        self.properties[name] = schema
        self.locations[name] = where
        if name != wire and location is not ParameterLocation.WHOLE_BODY:
            self.wire_names[name] = wire
        if style is not None:
            self.styles[name] = style.value
        if required:
            self.required.append(name)

    def schema(self) -> Schema:
        made: Schema = {"type": "object", "properties": self.properties, "additionalProperties": False}
        if self.required:
            made["required"] = self.required
        return made

    def http_binding(self, method: str, path: str, media_type: str | None) -> dict[str, Any]:
        """The binding by which these parameters make an HTTP request."""
        made: dict[str, Any] = {"kind": "http", "method": method.upper(), "path": path, "locations": self.locations}
        if self.wire_names:
            made["wire_names"] = self.wire_names
        if self.styles:
            made["styles"] = self.styles
        if media_type:
            made["media_type"] = media_type
        return made


class Definitions:
    """The definitions that tools refer to, converted when first referred to."""

    def __init__(self, convert: Callable[[str], Schema]) -> None:
        self._convert = convert
        self._names: dict[str, str] = {}
        self._keys: dict[str, str] = {}
        self._taken = Names()
        self._waiting: list[str] = []

    def reference(self, key: str, readable: str) -> Schema:
        """A reference to the definition of `key`, which will be converted by `drain`."""
        name = self._names.get(key)
        if name is None:
            name = self._names[key] = self._taken.give(legal_name(readable) or "schema")
            self._keys[name] = key
            self._waiting.append(key)
        return {"$ref": f"#/$defs/{name}"}

    def key(self, reference: str) -> str:
        """The key of a reference that `reference` made."""
        return self._keys[reference.removeprefix("#/$defs/")]

    def drain(self) -> dict[str, Schema]:
        """All definitions that references, and their definitions' references, reached."""
        made: dict[str, Schema] = {}
        while self._waiting:
            key = self._waiting.pop()
            made[self._names[key]] = self._convert(key)
        return dict(sorted(made.items()))


def keep_reachable(draft: Draft) -> None:
    """Drop definitions that no tool reaches: tools were dropped, or branches merged."""
    schemas = ((tool["parameters"], tool.get("returns")) for tool in draft.tools)
    reached = reachable(schemas, draft.definitions)
    draft.definitions = {name: schema for name, schema in draft.definitions.items() if name in reached}


def reachable(values: Iterable[Any], definitions: dict[str, Schema]) -> set[str]:
    """The names that the values refer to, and that the definitions so named refer to, and so on."""
    reached: set[str] = set()
    found = set(referred(list(values)))
    while found:
        reached |= found
        found = set(referred([definitions.get(name) for name in found])) - reached
    return reached


def referred(value: Any) -> list[str]:
    """The definitions that a JSON value refers to. Searching its text is ten times quicker than walking it."""
    try:
        data = orjson.dumps(value)
    except TypeError:  # text or numbers that cannot be written, or nested beyond the writer's limit
        return list(_walked(value))
    return written_references(data)


def written_references(data: bytes) -> list[str]:
    """As `referred`, for what is JSON text already; each once. Splitting is three times quicker than a regex."""
    names = {rest[: rest.find(b'"')] for rest in data.split(_REFERENCE)[1:]}
    return sorted(name.decode() for name in names if b"\\" not in name)


def _walked(value: Any) -> Iterator[str]:
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            target = value.get("$ref")
            if isinstance(target, str):
                yield target.removeprefix("#/$defs/")
            waiting.extend(value.values())
        elif isinstance(value, list | tuple):
            waiting.extend(value)
