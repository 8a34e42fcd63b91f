"""What all nouns share: they are frozen, closed, and identified by their content."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict

Json = Any
"""A JSON value: null, bool, number, string, list or object with string keys."""
Schema = dict[str, Any]
"""A JSON Schema (2020-12). References are local and of one form: `#/$defs/<name>`."""

IDENTITY_SCHEME = "1"
"""Raised whenever the way content keys are computed changes, so that old keys never match new ones."""


class Frozen(BaseModel):
    """A value that travels on disk: immutable, with no unknown fields and no behaviour that does I/O."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def canonical_json(value: Json) -> bytes:
    """The one byte form of a JSON value: sorted keys, no spaces, UTF-8."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)


def content_key(*parts: Json) -> str:
    """A key of 20 hexadecimal digits (80 bits) that depends on the parts' content alone."""
    digest = hashlib.blake2b(digest_size=10)
    digest.update(IDENTITY_SCHEME.encode())
    for part in parts:
        digest.update(b"\x1e")
        digest.update(canonical_json(part))
    return digest.hexdigest()
