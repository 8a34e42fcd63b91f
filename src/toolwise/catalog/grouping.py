"""Categories and collections for toolsets that have none: clusters of their words, or a teacher's judgement."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import Stemmer
from pydantic import Field

from toolwise.catalog.categories import OTHER
from toolwise.catalog.clustering import clusters, names, vectorise
from toolwise.config import Config
from toolwise.text import identifier_words
from toolwise.types import Frozen, Toolset

_MAX_CATEGORIES = 49
"""ToolBench's number (arXiv 2307.16789, section 2.1)."""
_STOP = frozenset(
    """a about above after all allow allowed allows also an and any api apis are as at available based be been before
below between both but by call can container could data details different do does each enable enables end for from
get given has have how http https id if in include includes including information into is it its json line list may
more must name new no not object of on one only or other our out over parameter parameters please provide provided
provides rest return returned returns see service services set should some specific specified such than that the
their them then there these they this those through to type under up us use used user users using value values via
want was we when where whether which who will with within without you your create creates created delete deletes
update updates updated gets lists request requests response resource resources method methods reference manage
following client version""".split()
)
"""Words of any tool document; what is left says what a toolset is about."""
_VERBS = frozenset(
    """add apply attach batch cancel check clear complete configure count describe detach disable download enable
export fetch find generate import initiate insert invoke lookup modify move patch post publish put query read register
remove replace reset restore resume retrieve revoke run save scan search send set show start stop submit subscribe
switch sync tag test toggle trigger undelete untag upload validate verify view watch write""".split()
)
"""What tools do, rather than what they act on."""
_TITLE_WEIGHT, _ABOUT_WEIGHT = 4.0, 2.0
_FEWEST = 4
"""Families below which there is nothing to collect."""


class GroupConfig(Config):
    """How toolsets are grouped."""

    categories: int = Field(default=0, ge=0)
    """How many; zero for the square root of the number of toolsets, at most 49."""
    collections: int = Field(default=0, ge=0)
    """How many; zero for twice that root, at most 49."""
    everything: bool = False
    """Group all toolsets, also those that have a category or collections."""
    seed: int = 0


class Grouping(Frozen):
    """What a toolset gets; empty fields leave what it has."""

    category: str = ""
    collections: tuple[str, ...] = ()


@dataclass(frozen=True)
class Profile:
    """What grouping reads of a toolset; small, so that a whole catalog's fit in memory."""

    name: str
    title: str
    about: str
    category: str
    collections: tuple[str, ...]
    family: str
    tools: tuple[str, ...]
    """The tools' names."""


def profile(toolset: Toolset) -> Profile:
    """What grouping reads of the toolset."""
    return Profile(
        name=toolset.name,
        title=toolset.title,
        about=toolset.description,
        category=toolset.category,
        collections=toolset.collections,
        family=toolset.family or toolset.name,
        tools=tuple(tool.name for tool in toolset.tools),
    )


class _Words:
    """Words by their stems, remembering how each is written most often."""

    def __init__(self) -> None:
        self._stemmer = Stemmer.Stemmer("english")
        self._written: dict[str, Counter[str]] = defaultdict(Counter)

    def of(self, text: str) -> list[str]:
        """The stems of the words that say something."""
        words = [
            word
            for word in identifier_words(text)
            if len(word) > 2 and word not in _STOP and word.isalpha() and word.isascii()
        ]
        stems: list[str] = self._stemmer.stemWords(words)
        for stem, word in zip(stems, words, strict=True):
            self._written[stem][word] += 1
        return stems

    def spoken(self, stem: str) -> str:
        """The most common form of a stem."""
        return min(self._written[stem].items(), key=lambda item: (-item[1], item[0]))[0]

    def about(self, one: Profile) -> dict[str, float]:
        """What the toolset says of itself counts most: the title 4, the description 2, then each tool's words."""
        weights = self.acting(one)
        for text, weight in ((one.about, _ABOUT_WEIGHT), (f"{one.title} {one.name}", _TITLE_WEIGHT)):
            weights.update(dict.fromkeys(self.of(text), weight))
        return weights

    def acting(self, one: Profile) -> dict[str, float]:
        """What the tools act on: each word of their names by the root of the share of tools that name it."""
        counts: Counter[str] = Counter()
        for tool in one.tools:
            counts.update(set(self.of(tool)) - _verb_stems())
        return {stem: math.sqrt(count / len(one.tools)) for stem, count in counts.items()}


@lru_cache(maxsize=1)
def _verb_stems() -> frozenset[str]:
    return frozenset(Stemmer.Stemmer("english").stemWords(sorted(_VERBS)))


def lacks_category(category: str) -> bool:
    """Has this toolset no category, or only the one of what nothing fits?"""
    return not category or category == OTHER


def group(profiles: Sequence[Profile], config: GroupConfig | None = None) -> dict[str, Grouping]:
    """A category and collections for the toolsets that lack them, by name; deterministic.

    Versions of one API (a family) are grouped together. Categories are clusters of families by all their words;
    collections are clusters by what their tools act on, so that they cross categories, and a toolset is in each one
    whose centre it is as near to as half of that cluster's members.
    """
    config = config or GroupConfig()
    without = [p for p in profiles if config.everything or lacks_category(p.category)]
    loose = [p for p in profiles if config.everything or not p.collections]
    taken = {p.category for p in profiles if p not in without} if not config.everything else set()
    category_of = _categories(without, config, taken)
    collections_of = _collections(loose, config)
    return {
        p.name: Grouping(category=category_of.get(p.name, ""), collections=collections_of.get(p.name, ()))
        for p in profiles
        if p.name in category_of or p.name in collections_of
    }


def _families(profiles: Iterable[Profile]) -> dict[str, list[Profile]]:
    families: dict[str, list[Profile]] = defaultdict(list)
    for one in profiles:
        families[one.family].append(one)
    return families


def _categories(profiles: Sequence[Profile], config: GroupConfig, taken: set[str]) -> dict[str, str]:
    families = _families(profiles)
    if not families:
        return {}
    words = _Words()
    vocabulary = vectorise([words.about(members[0]) for members in families.values()])
    k = config.categories or min(_MAX_CATEGORIES, max(1, math.isqrt(len(families))))
    labels = clusters(vocabulary.vectors, k, config.seed).labels
    named = [name if name not in taken else f"{name} Group" for name in names(vocabulary, labels, words.spoken)]
    return {
        member.name: named[label]
        for label, members in zip(labels, families.values(), strict=True)
        for member in members
    }


def _collections(profiles: Sequence[Profile], config: GroupConfig) -> dict[str, tuple[str, ...]]:
    """Groups of families by what their tools act on, each with all families that are near it; of two or more."""
    families = _families(profiles)
    if len(families) < _FEWEST:
        return {}
    words = _Words()
    vocabulary = vectorise([words.acting(members[0]) for members in families.values()])
    k = config.collections or min(_MAX_CATEGORIES, max(2, math.isqrt(len(families)) * 2))
    found = clusters(vocabulary.vectors, k, config.seed)
    named = names(vocabulary, found.labels, words.spoken)
    inside = [found.near(row) for row in range(len(families))]
    shared = {label for label, n in Counter(label for near in inside for label in near).items() if n > 1}
    return {
        member.name: tuple(named[label] for label in near if label in shared)
        for near, members in zip(inside, families.values(), strict=True)
        for member in members
    }


def apply_grouping(toolset: Toolset, groupings: Mapping[str, Grouping]) -> Toolset:
    """The toolset with the category and the collections that it was given."""
    given = groupings.get(toolset.name)
    if given is None:
        return toolset
    update: dict[str, object] = {}
    if given.category:
        update["category"] = given.category
    if given.collections:
        update["collections"] = given.collections
    return toolset.model_copy(update=update) if update else toolset
