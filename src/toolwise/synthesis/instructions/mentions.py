"""Does a text give a tool's name away?"""

from __future__ import annotations

import re
from collections.abc import Sequence

from toolwise.synthesis.wording.rules import names_tool
from toolwise.text import identifier_words
from toolwise.types import Tool

_TOKEN = re.compile(r"[\w.\-/]*\w")
_SPOKEN_OF = r"(?:tools?|functions?|apis?|endpoints?|operations?|methods?)\b"


def mentions_tool(text: str, tools: Sequence[Tool]) -> bool:
    """A tool's id, name or function name as a token in any spelling (`listUsers`, `list-users`, `LIST_USERS`), or
    its words before "tool", "function", "API" and the like.

    Names of one plain word, and a name's words in ordinary prose ("list users"), are how people speak, and allowed.
    """
    if names_tool(text, tools):
        return True
    names = {words for tool in tools if len(words := identifier_words(tool.name)) > 1}
    tokens = (identifier_words(token) for token in _TOKEN.findall(text))
    if any(words in names for words in tokens if len(words) > 1):
        return True
    spoken = " ".join(identifier_words(text))
    return any(re.search(rf"\b{re.escape(' '.join(words))} {_SPOKEN_OF}", spoken) for words in sorted(names))
