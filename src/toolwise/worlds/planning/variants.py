"""An exact world's tools as an ordinary toolset, plain or renamed so that names and orders give nothing away."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from toolwise.errors import ConfigError
from toolwise.types import Hints, Schema, Tool, Toolset
from toolwise.worlds.planning.blocksworld import BlocksWorld
from toolwise.worlds.planning.layout import Domain, ToolText
from toolwise.worlds.planning.logistics import Logistics
from toolwise.worlds.planning.spellwrite import SpellWrite

DOMAINS: Mapping[str, Domain] = {d.name: d for d in (BlocksWorld(), Logistics(), SpellWrite())}
"""Name -> exact world."""
_ONSETS = "b d f g k l m n p r s t v z".split()
_VOWELS = "a e i o u".split()
_ENGLISH = {"be", "do", "go", "me", "no", "so", "to", "ma", "pa", "la", "re", "ti"}


@dataclass(frozen=True)
class Variant:
    """A domain under some names. Variant 0 is plain; any other number renames and shuffles by that seed."""

    domain: Domain
    toolset: Toolset
    canonical: Mapping[str, tuple[str, tuple[str, ...]]]
    """Tool id -> canonical tool, and this variant's parameter names in canonical order."""
    shown: Mapping[str, str]
    """Canonical tool -> tool id."""

    @property
    def name(self) -> str:
        return self.toolset.name

    def brief_tools(self) -> tuple[Tool, ...]:
        """The tools with the shortest documentation that tells them and their parameters apart."""
        texts = {text.name: text for text in self.domain.tools}
        brief = []
        for tool in self.toolset.tools:
            name, given = self.canonical[tool.id]
            written = texts[name].brief.format(**dict(zip(texts[name].parameters, given, strict=True)))
            brief.append(tool.model_copy(update={"description": written}))
        return tuple(brief)


def is_exact_world(name: str) -> bool:
    """Is it the name of an exact world, plain (`blocksworld`) or renamed (`blocksworld_7`)?"""
    domain, _, number = name.partition("_")
    return domain in DOMAINS and (name == domain or number.isdigit())


@lru_cache(maxsize=1024)
def open_variant(name: str) -> Variant:
    """The variant of that name. Raises ConfigError."""
    if not is_exact_world(name):
        raise ConfigError(f"no exact world is named {name!r}; there are {', '.join(DOMAINS)}, and renamed ones: NAME_7")
    domain, _, number = name.partition("_")
    return _variant(DOMAINS[domain], name, int(number or 0))


def _variant(domain: Domain, name: str, seed: int) -> Variant:
    rng = random.Random(f"variant:{domain.name}:{seed}")
    names = _made_up(rng) if seed else None
    tools: list[Tool] = []
    canonical: dict[str, tuple[str, tuple[str, ...]]] = {}
    shown: dict[str, str] = {}
    for text in domain.tools:
        renamed = next(names) if names else text.name
        parameters = {p: next(names) if names else p for p in text.parameters}
        order = list(text.parameters)
        if seed:
            rng.shuffle(order)
        tool = _tool(f"{name}.{renamed}", renamed, text, parameters, order)
        tools.append(tool)
        canonical[tool.id] = (text.name, tuple(parameters.values()))
        shown[text.name] = tool.id
    if seed:
        rng.shuffle(tools)
    title = "Renamed tools" if seed else domain.name
    toolset = Toolset(name=name, title=title, description=domain.description, tools=tuple(tools), source="exact world")
    return Variant(domain, toolset, canonical, shown)


def _tool(tool_id: str, name: str, text: ToolText, parameters: Mapping[str, str], order: list[str]) -> Tool:
    properties: dict[str, Schema] = {
        parameters[p]: {"type": "string", "description": text.parameters[p]} for p in order
    }
    schema: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    if properties:
        schema["required"] = list(properties)
    description = text.description.format(**{p: f"`{given}`" for p, given in parameters.items()})
    return Tool(id=tool_id, name=name, description=description, parameters=schema, hints=Hints(read_only=False))


def _made_up(rng: random.Random) -> Iterator[str]:
    """Syllables in a random order, then pairs of them; none twice.

    They are few, so every variant gives the same words to other tools: a model that has read some variants knows the
    words of all, and what they stand for in none that it has not read.
    """
    syllables = [onset + vowel for onset in _ONSETS for vowel in _VOWELS if onset + vowel not in _ENGLISH]
    yield from rng.sample(syllables, len(syllables))
    yield from (first + second for first in syllables for second in syllables)
