"""The verb `catalog dedupe`: a catalog in which nothing stands twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import orjson

from toolwise.catalog import LeftOut, LeftOutReason, open_catalog
from toolwise.catalog.dedupe import DedupeConfig, Deduplicator, Duplicate, DuplicateKind, Versions, superseded
from toolwise.catalog.rewriting import rewrite_catalog
from toolwise.config import parse_config
from toolwise.files import write_lines
from toolwise.ports import Observer, Progress, silent
from toolwise.types import Json, Toolset

DUPLICATES = "duplicates.jsonl"
"""Beside the new catalog's own files: one line for everything dropped or reported."""
SHOWN = 20
"""Near-duplicates in the result itself; all of them are in the file."""

_REASONS = {
    DuplicateKind.TOOLSET: LeftOutReason.DUPLICATE_TOOLSET,
    DuplicateKind.TOOL: LeftOutReason.DUPLICATE_TOOL,
    DuplicateKind.VERSION: LeftOutReason.OLDER_VERSION,
}


def dedupe_catalog(
    catalog: Path, out: Path, settings: dict[str, Any] | None = None, observer: Observer = silent
) -> Json:
    """Write the catalog without its duplicates to `out`; counts, and where each dropped thing's original is.

    `settings` are those of DedupeConfig. Raises ConfigError, CatalogError.
    """
    config = parse_config(DedupeConfig, settings or {}, "catalog dedupe")
    opened = open_catalog(catalog)
    newest_only = config.versions is Versions.NEWEST
    older = superseded((s.name, s.family) for s in opened.summaries) if newest_only else {}
    known = Deduplicator(config, older)
    through = known.through(_watched(opened, len(opened.names()), observer))
    writer = rewrite_catalog(
        opened, out, through, lambda: (_left_out(item, opened.summary) for item in known.result.dropped)
    )
    found = [*known.result.dropped, *known.result.near]
    write_lines(out / DUPLICATES, (orjson.dumps(item.model_dump(mode="json")) for item in found))
    return {
        "out": str(out),
        "toolsets": {"in": len(opened.names()), "out": writer.toolsets},
        "tools": {"in": len(opened), "out": writer.tools},
        "dropped": dict(sorted(Counter(item.kind.value for item in known.result.dropped).items())),
        "dropped_tools": len(opened) - writer.tools,
        "near_duplicates": len(known.result.near),
        "near": [item.model_dump(mode="json") for item in known.result.near[:SHOWN]],
    }


def _watched(toolsets: Iterable[Toolset], total: int, observer: Observer) -> Iterator[Toolset]:
    for done, toolset in enumerate(toolsets):
        observer(Progress("dedupe", done, total, toolset.name))
        yield toolset
    observer(Progress("dedupe", total, total))


def _left_out(item: Duplicate, summary: Any) -> LeftOut:
    toolset, _, _ = item.what.partition(".")
    source = summary(toolset).source or toolset
    said = "there is the newer" if item.kind is DuplicateKind.VERSION else "the same as"
    return LeftOut(source=source, where=item.what, reason=_REASONS[item.kind], detail=f"{said} {item.same_as}")
