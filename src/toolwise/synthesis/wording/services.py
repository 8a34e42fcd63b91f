"""Mentioning a provider: `in Cloud Storage`."""

from __future__ import annotations

import re

from toolwise.synthesis.wording.phrases import Phrase
from toolwise.types import Toolset

_TAIL = re.compile(r"\s*(?:\b(?:API|APIs|Service|v\d\w*|REST|HTTP|\d+(?:\.\d+)*)|\([^)]*\))\s*$", re.I)


def service_name(toolset: Toolset, phrase: Phrase) -> str:
    """The toolset's title as a person says it; empty where it is long, missing, or in the request already."""
    title = toolset.title.strip()
    shorter = _TAIL.sub("", title)
    while shorter != title and shorter:
        title, shorter = shorter, _TAIL.sub("", shorter)
    title = title.strip(" -:,")
    if not 2 <= len(title) <= 40 or title.lower() in phrase.rest.lower():
        return ""
    return title
