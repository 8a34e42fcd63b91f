"""Reading the one JSON object that a language model was asked for."""

from __future__ import annotations

import json
from typing import Any

from toolwise.types import Json

_DECODER = json.JSONDecoder()


def json_object(text: str) -> dict[str, Json] | None:
    """The first JSON object in a reply, whatever is written around it; none if there is no whole one."""
    start = text.find("{")
    while start >= 0:
        try:
            value: Any = _DECODER.raw_decode(text, start)[0]
        except (ValueError, RecursionError):
            start = text.find("{", start + 1)
            continue
        return value if isinstance(value, dict) else None
    return None
