"""The verb `catalog group`: categories and collections for toolsets that have none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Mapping, Sequence
from pathlib import Path
from typing import Any

from toolwise.catalog import CatalogFile, open_catalog
from toolwise.catalog.grouping import (
    GroupConfig,
    Grouping,
    Profile,
    apply_grouping,
    group,
    lacks_category,
    profile,
)
from toolwise.catalog.grouping_teacher import group_with
from toolwise.catalog.rewriting import rewrite_catalog
from toolwise.config import parse_config
from toolwise.pipelines.catalog_teacher import ask_for_catalog
from toolwise.pipelines.teacher import Teacher
from toolwise.ports import ChatModel, Observer, Progress, silent
from toolwise.types import Json


def group_catalog(
    catalog: Path, out: Path, settings: Mapping[str, Any] | None = None, observer: Observer = silent
) -> Json:
    """Write the catalog with groups by clusters of words to `out`. Raises ConfigError, CatalogError."""
    config = parse_config(GroupConfig, settings or {}, "catalog group")
    opened = open_catalog(catalog)
    profiles = _profiles(opened, observer)
    return _write(opened, out, profiles, group(profiles, config), {})


def group_with_teacher(
    catalog: Path,
    out: Path,
    teacher: Teacher,
    settings: Mapping[str, Any] | None = None,
    observer: Observer = silent,
) -> Json:
    """As `group_catalog`, by a teacher. Raises ModelError and BudgetSpentError besides."""

    def work(model: ChatModel) -> Awaitable[Json]:
        return group_catalog_with(catalog, out, model, settings, observer)

    return ask_for_catalog(open_catalog(catalog).folder, teacher, work)


async def group_catalog_with(
    catalog: Path,
    out: Path,
    model: ChatModel,
    settings: Mapping[str, Any] | None = None,
    observer: Observer = silent,
) -> Json:
    """As `group_catalog`, by a chat model; clusters take its place where its answers cannot be used, counted why."""
    config = parse_config(GroupConfig, settings or {}, "catalog group")
    opened = open_catalog(catalog)
    profiles = _profiles(opened, observer)
    groupings, instead = await group_with(profiles, model, config)
    if instead:
        fallback = group(profiles, config)
        groupings |= {name: fallback[name] for name in instead if name in fallback}
    return _write(opened, out, profiles, groupings, dict(Counter(instead.values())))


def _profiles(catalog: CatalogFile, observer: Observer) -> list[Profile]:
    total = len(catalog.names())
    profiles: list[Profile] = []
    for toolset in catalog:
        observer(Progress("group", len(profiles), total, toolset.name))
        profiles.append(profile(toolset))
    observer(Progress("group", total, total))
    return profiles


def _write(
    catalog: CatalogFile,
    out: Path,
    profiles: Sequence[Profile],
    groupings: Mapping[str, Grouping],
    instead: Mapping[str, int],
) -> Json:
    rewrite_catalog(catalog, out, (apply_grouping(toolset, groupings) for toolset in catalog))
    categories = Counter(given.category for given in groupings.values() if given.category)
    collections = Counter(name for given in groupings.values() for name in given.collections)
    return {
        "out": str(out),
        "toolsets": len(profiles),
        "without_category": sum(lacks_category(one.category) for one in profiles),
        "without_collections": sum(not one.collections for one in profiles),
        "given_category": sum(categories.values()),
        "given_collections": sum(bool(given.collections) for given in groupings.values()),
        "categories": dict(sorted(categories.items())),
        "collections": dict(sorted(collections.items())),
        "clusters_instead_of_teacher": dict(sorted(instead.items())),
    }
