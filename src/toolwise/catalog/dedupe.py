"""Duplicates in a catalog: exact ones are dropped, near ones reported, versions of one API kept or reduced.

ToolBench kept duplicate documents, and each became a false negative of its retriever (arXiv 2307.16789); so what is
the same stands once, and everything dropped says what it repeats.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from pydantic import Field
from rensa import RMinHash, RMinHashLSH

from toolwise.config import Config
from toolwise.schemas import REFERENCE
from toolwise.text import normalise
from toolwise.types import Frozen, HttpBinding, Json, Schema, Tool, Toolset, content_key

_HASHES = 128
_VERSION = re.compile(r"(?:v?(\d+)((?:(?:alpha|beta|preview|rc|p)\d*)*)|((?:alpha|beta|preview|rc)\d*))\Z")
_GLUED = re.compile(r"(?<=[a-z])v(\d+)\Z")
_SEPARATORS = re.compile(r"[\s_\-/]+")
_ROUNDS = 4
"""Rounds of telling definitions apart by what their references' definitions refer to."""


class Versions(StrEnum):
    """What happens to versions of one API."""

    ALL = "all"
    """Every version stays: versions share a family, which a split never separates."""
    NEWEST = "newest"
    """Only the highest stable version stays; of unstable ones the highest, where there is no stable one."""


class DuplicateKind(StrEnum):
    """Why something was dropped, or reported."""

    TOOLSET = "duplicate_toolset"
    """Another toolset has the same title and the same tools."""
    TOOL = "duplicate_tool"
    """Another tool has the same name, description and parameters, and calls nothing else."""
    VERSION = "older_version"
    """A newer version of the same API is there."""
    NEAR = "near_duplicate"
    """Reported, not dropped: the texts of two tools are almost the same."""


class DedupeConfig(Config):
    """What counts as the same."""

    versions: Versions = Versions.ALL
    near: bool = True
    """Look for near-duplicates too."""
    threshold: float = Field(default=0.9, gt=0, le=1)
    """Jaccard similarity of two tools' sets of character n-grams from which on the pair is reported."""
    ngram: int = Field(default=5, ge=1)


class Duplicate(Frozen):
    """One thing, and what it repeats."""

    kind: DuplicateKind
    what: str
    """A toolset's name or a tool's id."""
    same_as: str
    similarity: float = 1.0


@dataclass
class DedupeResult:
    """What a run found, beside the toolsets that it let through."""

    dropped: list[Duplicate] = field(default_factory=list)
    near: list[Duplicate] = field(default_factory=list)


def _references(value: Json, found: set[str]) -> None:
    if isinstance(value, dict):
        target = value.get("$ref")
        if isinstance(target, str):
            found.add(target.removeprefix(REFERENCE))
        for part in value.values():
            _references(part, found)
    elif isinstance(value, list):
        for part in value:
            _references(part, found)


class _Shapes:
    """A key for each definition that depends on what it says and refers to, not on what it is called.

    Definitions may be circular, so keys are refined in rounds, as in colour refinement of graphs: each round hashes a
    definition with its references replaced by the keys of the round before.
    """

    def __init__(self, definitions: dict[str, Schema]) -> None:
        self._keys = dict.fromkeys(definitions, "")
        for _ in range(_ROUNDS if definitions else 0):
            self._keys = {name: content_key(self.named(schema)) for name, schema in definitions.items()}

    def named(self, value: Json) -> Json:
        """The value with each reference replaced by its definition's key."""
        if isinstance(value, dict):
            return {
                key: self._keys.get(part.removeprefix(REFERENCE), "")
                if key == "$ref" and isinstance(part, str)
                else self.named(part)
                for key, part in value.items()
            }
        return [self.named(part) for part in value] if isinstance(value, list) else value


def _target(tool: Tool, toolset: Toolset) -> Json:
    """What a call reaches: two tools that say the same but call different things are not duplicates."""
    binding = tool.binding
    if binding is None:
        return None
    if isinstance(binding, HttpBinding):
        return [list(toolset.servers[:1]), binding.method.upper(), binding.path]
    return binding.model_dump(mode="json")


def tool_keys(toolset: Toolset) -> list[tuple[str, str]]:
    """For each tool two keys: of its normalised name and description and its parameters; and of what it calls too."""
    shapes = _Shapes(toolset.definitions)
    keys: list[tuple[str, str]] = []
    for tool in toolset.tools:
        said = content_key(normalise(tool.name), normalise(tool.description), shapes.named(tool.parameters))
        keys.append((said, content_key(said, _target(tool, toolset))))
    return keys


Version = tuple[bool, tuple[int, ...], str]
"""Stable?, the numbers, and the word that says how unstable: the higher, the newer."""


def _version(name: str) -> tuple[str, Version]:
    """A toolset's name without its version words, and the version."""
    rest: list[str] = []
    numbers: list[int] = []
    unstable = ""
    inside = False
    for word in filter(None, _SEPARATORS.split(_GLUED.sub(r"_v\1", name.lower()))):
        match = None if word.isdigit() and not inside else _VERSION.match(word)
        inside = match is not None
        if match is None:
            rest.append(word)
            continue
        numbers += [int(number) for number in re.findall(r"\d+", match[1] or "")]
        unstable = match[2] or match[3] or unstable
    return " ".join(rest), (not unstable, tuple(numbers), unstable)


def superseded(toolsets: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Of (toolset's name, family) pairs: each older version -> the newest version of the same API.

    Versions are of one API if they share the family and the name without version words (`compute_v1`, `compute_beta`;
    `sesv2`). A bare number is no version: the second toolset of a name is called `<name>_2`.
    """
    groups: dict[tuple[str, str], list[tuple[Version, str]]] = {}
    for name, family in toolsets:
        base, version = _version(name)
        groups.setdefault((family, base), []).append((version, name))
    older: dict[str, str] = {}
    for group in groups.values():
        newest = max(group)[1]
        older.update({name: newest for _, name in group if name != newest})
    return older


@dataclass(frozen=True, slots=True)
class _Place:
    """Where something stands: what it is called, and of which version of which API it is."""

    name: str
    api: tuple[str, str]
    version: Version


def _earlier(known: dict[str, list[_Place]], key: str, place: _Place) -> str:
    """What was there before under the same key, or nothing; then remember the place.

    Versions of one API repeat each other by nature, and a version without what it shares with another is none.
    """
    places = known.setdefault(key, [])
    for other in places:
        if other.api != place.api or other.version == place.version:
            return other.name
    places.append(place)
    return ""


class Deduplicator:
    """Lets toolsets through in order, without what was there before. Deterministic: the first of equals stays."""

    def __init__(self, config: DedupeConfig | None = None, older: dict[str, str] | None = None) -> None:
        """`older`: toolsets to drop because of a newer version, as `superseded` gives them."""
        self._config = config or DedupeConfig()
        self._older = older or {}
        self._toolsets: dict[str, list[_Place]] = {}
        self._tools: dict[str, list[_Place]] = {}
        self._near = _NearTools(self._config)
        self.result = DedupeResult()

    def _drop(self, kind: DuplicateKind, what: str, same_as: str) -> None:
        self.result.dropped.append(Duplicate(kind=kind, what=what, same_as=same_as))

    def reduced(self, toolset: Toolset) -> Toolset | None:
        """The toolset without its duplicate tools; none where nothing of it is new."""
        if toolset.name in self._older:
            self._drop(DuplicateKind.VERSION, toolset.name, self._older[toolset.name])
            return None
        base, version = _version(toolset.name)
        api = (toolset.family, base)
        keys = tool_keys(toolset)
        about = sorted(said for said, _ in keys) or normalise(toolset.description)
        whole = content_key(normalise(toolset.title or toolset.name), about)
        if same := _earlier(self._toolsets, whole, _Place(toolset.name, api, version)):
            self._drop(DuplicateKind.TOOLSET, toolset.name, same)
            return None
        kept: list[Tool] = []
        for tool, (_, key) in zip(toolset.tools, keys, strict=True):
            if same := _earlier(self._tools, key, _Place(tool.id, api, version)):
                self._drop(DuplicateKind.TOOL, tool.id, same)
                continue
            kept.append(tool)
            if self._config.near:
                self.result.near.extend(self._near.add(tool, toolset.family))
        if toolset.tools and not kept:
            return None
        return toolset if len(kept) == len(toolset.tools) else _with_tools(toolset, kept)

    def through(self, toolsets: Iterable[Toolset]) -> Iterator[Toolset]:
        """What is left of each toolset."""
        for toolset in toolsets:
            reduced = self.reduced(toolset)
            if reduced is not None:
                yield reduced


def _with_tools(toolset: Toolset, tools: list[Tool]) -> Toolset:
    """The toolset with some of its tools, and the definitions that these reach."""
    waiting: set[str] = set()
    for tool in tools:
        _references([tool.parameters, tool.returns], waiting)
    reached: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in toolset.definitions and name not in reached:
            reached.add(name)
            more: set[str] = set()
            _references(toolset.definitions[name], more)
            waiting |= more
    definitions = {name: schema for name, schema in toolset.definitions.items() if name in reached}
    return toolset.model_copy(update={"tools": tuple(tools), "definitions": definitions})


class _NearTools:
    """Finds tools whose texts are almost those of an earlier tool of another family.

    MinHash finds candidates, the exact Jaccard similarity of the character n-grams decides. Within a family texts
    repeat by nature: versions of one API are alike.
    """

    def __init__(self, config: DedupeConfig) -> None:
        self._config = config
        rows = next(rows for rows in (8, 4, 2, 1) if config.threshold**rows >= 0.4 or rows == 1)
        self._index = RMinHashLSH(threshold=config.threshold, num_perm=_HASHES, num_bands=_HASHES // rows)
        self._known: list[tuple[str, str, str]] = []
        self._by_text: dict[str, int] = {}

    def _text(self, tool: Tool) -> str:
        return normalise(f"{tool.name} {tool.description} {' '.join(tool.properties)}")

    def _shingles(self, text: str) -> set[str]:
        size = self._config.ngram
        return {text[at : at + size] for at in range(max(1, len(text) - size + 1))}

    def add(self, tool: Tool, family: str) -> list[Duplicate]:
        """The most similar earlier tool of another family, if any is similar enough; then remember this one."""
        text = self._text(tool)
        same = self._by_text.setdefault(text, len(self._known))
        if same < len(self._known):  # equal texts need no sketch, and would fill one bucket of the index
            known_id, known_family, _ = self._known[same]
            return (
                [] if known_family == family else [Duplicate(kind=DuplicateKind.NEAR, what=tool.id, same_as=known_id)]
            )
        shingles = self._shingles(text)
        sketch = RMinHash(num_perm=_HASHES, seed=1)
        sketch.update(sorted(shingles))
        best = self._best(shingles, family, sorted(self._index.query(sketch)))
        self._index.insert(len(self._known), sketch)
        self._known.append((tool.id, family, text))
        if best is None:
            return []
        return [Duplicate(kind=DuplicateKind.NEAR, what=tool.id, same_as=best[1], similarity=round(best[0], 4))]

    def _best(self, shingles: set[str], family: str, candidates: list[int]) -> tuple[float, str] | None:
        best: tuple[float, str] | None = None
        for candidate in candidates:
            known_id, known_family, text = self._known[candidate]
            if known_family == family:
                continue
            others = self._shingles(text)
            common = len(shingles & others)
            similarity = common / (len(shingles) + len(others) - common)
            if similarity >= self._config.threshold and (best is None or similarity > best[0]):
                best = (similarity, known_id)
        return best
