"""The split of a catalog, decided before any task is made: train, unseen toolsets, unseen categories."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from pydantic import Field

from toolwise.config import Config
from toolwise.types import Split, content_key

_MOST = 0.25
"""No single category of more than this share of all toolsets is held out, however few categories there are."""


class SplitConfig(Config):
    """How much of a catalog is held out."""

    seed: int = 0
    unseen_category_share: float = Field(default=0.08, ge=0, le=0.5)
    """Of all toolsets: whole categories up to about this share are held out."""
    unseen_toolset_share: float = Field(default=0.12, ge=0, le=0.5)
    """Of the families in the remaining categories."""


class Splittable(Protocol):
    """What the split looks at: a Toolset, or its summary."""

    @property
    def name(self) -> str: ...
    @property
    def family(self) -> str: ...
    @property
    def category(self) -> str: ...


def split_catalog(toolsets: Iterable[Splittable], config: SplitConfig) -> dict[str, Split]:
    """Toolset name -> TRAIN, UNSEEN_TOOLSET or UNSEEN_CATEGORY, in the order given.

    The other two splits (DEV, SEEN_TOOLSET) are other tasks of TRAIN's toolsets. Toolsets of one family (versions
    of one API) are never separated. Families and categories are drawn by hashing their names with the seed, so
    the result depends neither on the order of the catalog nor, much, on what is added to it later.
    """
    listed = list(toolsets)
    families: dict[str, list[Splittable]] = {}
    for toolset in listed:
        families.setdefault(_family(toolset), []).append(toolset)
    held_categories = _unseen_categories(families, config)
    held_families = _unseen_families(families, held_categories, config)

    def place(toolset: Splittable) -> Split:
        if toolset.category in held_categories:
            return Split.UNSEEN_CATEGORY
        return Split.UNSEEN_TOOLSET if _family(toolset) in held_families else Split.TRAIN

    return {toolset.name: place(toolset) for toolset in listed}


def _family(toolset: Splittable) -> str:
    return toolset.family or toolset.name


def _drawn(names: Iterable[str], what: str, config: SplitConfig) -> list[str]:
    """The names in a random but lasting order."""
    return sorted(names, key=lambda name: (content_key("split", what, config.seed, name), name))


def _unseen_categories(families: dict[str, list[Splittable]], config: SplitConfig) -> set[str]:
    """Whole categories, mid-sized ones first: the largest would empty training, one of one toolset says little.

    A category is eligible only if none of its families reaches into another one.
    """
    sizes: dict[str, int] = {}
    mixed: set[str] = {""}
    for members in families.values():
        categories = {member.category for member in members}
        if len(categories) > 1:
            mixed |= categories
        for member in members:
            sizes[member.category] = sizes.get(member.category, 0) + 1
    total = sum(sizes.values())
    target = total * config.unseen_category_share
    eligible = [name for name in sizes if name not in mixed and sizes[name] <= _MOST * total]
    if target <= 0 or len(sizes) < 3 or not eligible:
        return set()
    middle = sorted(eligible, key=lambda name: (sizes[name], name))
    quarter = len(middle) // 4
    mid_sized = set(middle[quarter : len(middle) - quarter])
    order = _drawn(eligible, "category", config)
    chosen: set[str] = set()
    held = 0
    for name in sorted(order, key=lambda name: name not in mid_sized):  # stable: drawn order within each group
        if held + sizes[name] <= target:
            chosen.add(name)
            held += sizes[name]
    return chosen or {min(middle, key=lambda name: (sizes[name], order.index(name)))}


def _unseen_families(families: dict[str, list[Splittable]], held: set[str], config: SplitConfig) -> set[str]:
    """Whole families, as long as each of their categories keeps another family for training."""
    left: dict[str, int] = {}
    remaining: dict[str, set[str]] = {}
    for family, members in families.items():
        categories = {member.category for member in members}
        if categories & held:
            continue
        remaining[family] = categories
        for category in categories:
            left[category] = left.get(category, 0) + 1
    wanted = round(len(remaining) * config.unseen_toolset_share)
    if config.unseen_toolset_share > 0:
        wanted = max(wanted, 1)
    chosen: set[str] = set()
    for family in _drawn(remaining, "family", config):
        if len(chosen) >= wanted:
            break
        if all(left[category] > 1 for category in remaining[family]):
            chosen.add(family)
            for category in remaining[family]:
                left[category] -= 1
    return chosen
