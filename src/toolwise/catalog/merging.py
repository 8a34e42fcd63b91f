"""Merging the branches of `allOf` into one schema, so that a reader sees one object with all its properties."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from toolwise.types import Schema

_FIRST_WINS = frozenset(
    {"description", "default", "example", "readOnly", "writeOnly", "format", "additionalProperties"}
)
"""Keywords of which the outermost one counts."""
_UNITED = frozenset({"properties", "required", "allOf"})
"""Keywords that add up. All others must agree."""


def _merge_properties(into: dict[str, Any], more: dict[str, Any]) -> None:
    for name, schema in more.items():
        known = into.get(name)
        if known is None or known == schema:
            into[name] = schema
            continue
        merged = dict(known)
        into[name] = merged if _merge(merged, schema) else {"allOf": [known, schema]}


def _merge(into: Schema, part: Schema) -> bool:
    """Add `part`'s keywords to `into`; false, with `into` untouched, if they contradict."""
    for key, value in part.items():
        if key in into and into[key] != value and key not in _FIRST_WINS and key not in _UNITED:
            return False
    for key, value in part.items():
        if key == "properties":
            merged = dict(into.get("properties", {}))
            _merge_properties(merged, value)
            into["properties"] = merged
        elif key in ("required", "allOf"):
            known = into.get(key, [])
            into[key] = [*known, *(item for item in value if item not in known)]
        else:
            into.setdefault(key, value)
    return True


def merge_all(parts: Sequence[Schema], expand: Callable[[Schema], Schema | None]) -> Schema:
    """One schema that accepts what all parts accept, or more.

    `expand` replaces a part's own reference by its target, or gives none if that would never end; such a part, and
    one that contradicts the others, stays in an `allOf`. A closed part (`additionalProperties: false`) would refuse
    the others' properties, which no author means, so merging opens it.
    """
    merged: Schema = {}
    apart: list[Schema] = []
    for part in parts:
        expanded = expand(part)
        if expanded is None:
            apart.append(part)
            continue
        opened = {k: v for k, v in expanded.items() if not (k == "additionalProperties" and v is False)}
        if not _merge(merged, opened):
            apart.append(part)
    if apart:
        merged["allOf"] = [*merged.get("allOf", []), *apart]
    return merged
