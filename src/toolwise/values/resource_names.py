"""Names that are paths of collections: `projects/amber-falcon/locations/us-central1/instances/ledger-42`."""

from __future__ import annotations

import random
import re
from functools import lru_cache

from toolwise.values.makers import slug
from toolwise.values.pools import CLOUD_REGIONS, between, pick

_HOLE = "\0"
_LITERAL = re.compile(r"^[A-Za-z][\w.~-]*$")
_DESCRIBED = re.compile(r"(?<![\w/])/?((?:[a-z][\w-]*/[{*<\[][\w.* -]*[}>\]*]?/?)+(?:[a-z]\w*)?)(?![\w/])")
_WHOLE_NAMES = frozenset({"name", "parent", "resource"})


def resource_name(rng: random.Random, name: str, pattern: str | None, description: str) -> str | None:
    """A path-like name by its pattern, or by the form that the description gives; none if it has no such form."""
    template = _from_pattern(pattern) if pattern is not None else _from_description(name, description)
    if template is None:
        return None
    return "/".join(_segment(rng, template, i) for i in range(len(template)))


@lru_cache(maxsize=16384)
def _from_pattern(pattern: str) -> tuple[str, ...] | None:
    if "/" not in pattern:
        return None
    body = pattern.removeprefix("^").removesuffix("$")
    segments = tuple(_HOLE if s in {"[^\1]+", ".*", "[^\1]*", ".+"} else s for s in _split(body))
    if len(segments) < 2 or _HOLE not in segments:
        return None
    return segments if all(s == _HOLE or _LITERAL.match(s) for s in segments) else None


def _split(body: str) -> list[str]:
    r"""Segments of a pattern; the slash inside `[^/]` does not split."""
    return body.replace("\\/", "/").replace("[^/]", "[^\1]").split("/")


@lru_cache(maxsize=16384)
def _from_description(name: str, description: str) -> tuple[str, ...] | None:
    if name not in _WHOLE_NAMES or "/" not in description:
        return None
    match = _DESCRIBED.search(description)
    if match is None:
        return None
    segments = [s for s in match.group(1).strip("/").split("/") if s]
    template = tuple(_HOLE if s[0] in "{*<[" else s for s in segments)
    return template if len(template) > 1 and _HOLE in template else None


def _segment(rng: random.Random, template: tuple[str, ...], index: int) -> str:
    segment = template[index]
    if segment != _HOLE:
        return segment
    collection = template[index - 1] if index else ""
    if collection in {"locations", "regions"}:
        return pick(rng, CLOUD_REGIONS)
    if collection == "zones":
        return f"{pick(rng, CLOUD_REGIONS)}-{'abc'[int(rng.random() * 3)]}"
    if collection in {"organizations", "folders", "billingAccounts", "operations"}:
        return str(between(rng, 100_000, 9_999_999))
    return slug(rng)
