"""Categories and collections: the provider's own category, else a documented keyword mapping.

The mapping is `categories.json` beside this module. A category's strong keywords count 6 in a title or name and 2
in a description or tag, its weak ones 3 and 1; the highest sum wins, and of equals the one that comes first in the
file. Nothing found is `Other`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib import resources
from typing import Any

import orjson

from toolwise.catalog.draft import Draft
from toolwise.text import identifier_words

OTHER = "Other"
"""The category of what no keyword fits."""

_TITLE, _TEXT = 3, 1
_STRONG, _WEAK = 2, 1
_MAX_TEXT_WORDS = 80
_SEPARATORS = re.compile(r"[\s_\-/&]+")
_LONGEST = 3


@lru_cache(maxsize=1)
def _mapping() -> tuple[dict[str, list[tuple[str, int]]], dict[str, list[str]]]:
    """Keyword (words joined by a space) -> categories with weights, and category -> collections."""
    loaded: Any = orjson.loads(resources.files("toolwise.catalog").joinpath("categories.json").read_bytes())
    keywords: dict[str, list[tuple[str, int]]] = {}
    for category, lists in loaded["categories"].items():
        for kind, weight in (("strong", _STRONG), ("weak", _WEAK)):
            for keyword in lists[kind]:
                keywords.setdefault(keyword, []).append((category, weight))
    themes: dict[str, list[str]] = {}
    for collection, categories in loaded["collections"].items():
        for category in categories:
            themes.setdefault(category, []).append(collection)
    return keywords, themes


def known_categories() -> tuple[str, ...]:
    """The mapping's categories, in its order, and `Other`."""
    keywords, _ = _mapping()
    return (*dict.fromkeys(c for found in keywords.values() for c, _ in found), OTHER)


def _score(words: list[str], weight: int, scores: dict[str, int]) -> None:
    """Count each keyword once; the longest match at a place wins over its parts."""
    keywords, _ = _mapping()
    seen: set[str] = set()
    position = 0
    while position < len(words):
        step = 1
        for length in range(_LONGEST, 0, -1):
            found = " ".join(words[position : position + length])
            if found in keywords and position + length <= len(words):
                if found not in seen:
                    seen.add(found)
                    for category, strength in keywords[found]:
                        scores[category] = scores.get(category, 0) + strength * weight
                step = length
                break
        position += step


def categorise(name: str, title: str, description: str, more: Iterable[str] = ()) -> str:
    """The category of what has this name, title and description."""
    scores: dict[str, int] = {}
    title_words = list(dict.fromkeys([*identifier_words(title), *identifier_words(name)]))
    _score(list(identifier_words(title)), _TITLE, scores)
    _score([word for word in identifier_words(name) if word not in identifier_words(title)], _TITLE, scores)
    for text in more:
        _score([word for word in identifier_words(text) if word not in title_words], _TEXT, scores)
    _score(list(identifier_words(description))[:_MAX_TEXT_WORDS], _TEXT, scores)
    best = max(scores.values(), default=0)
    order = known_categories()
    return next((category for category in order if best and scores.get(category) == best), OTHER)


def provider_category(document: Mapping[str, Any]) -> str:
    """The category that an OpenAPI document's own metadata states, or nothing."""
    info = document.get("info")
    info = info if isinstance(info, dict) else {}
    for holder in (info, document):
        for key in ("x-apisguru-categories", "x-category", "x-categories"):
            value = holder.get(key)
            first = value[0] if isinstance(value, list) and value else value
            if isinstance(first, str) and first.strip():
                words = [word for word in _SEPARATORS.split(first.strip()) if word]
                return " ".join(word if word.isupper() else word.capitalize() for word in words)[:60]
    return ""


def collections(draft: Draft, category: str) -> list[str]:
    """The provider's groups, then the themes of the category."""
    _, themes = _mapping()
    return list(dict.fromkeys([*draft.collections, *themes.get(category, ())]))


def category_of(draft: Draft) -> str:
    """The draft's category."""
    if draft.provider_category:
        return draft.provider_category
    return categorise(draft.slug, draft.title, draft.description, draft.hints)
