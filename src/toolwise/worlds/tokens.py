"""How many tokens a text is, about, without a tokenizer."""

from __future__ import annotations

import re
from collections.abc import Callable

TokenCounter = Callable[[str], int]

_PIECE = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|[0-9]+|\s+|[^A-Za-z0-9\s]")


def approximate_tokens(text: str) -> int:
    """A cautious estimate for the large byte-pair vocabularies (some 100,000 entries) of today's models.

    Lower-case words four letters a token, capitals two, digits and punctuation one each, other scripts a byte less
    than their UTF-8 form; a single space belongs to the word after it. Mostly more than the truth, for models that
    join digits or punctuation; for a vocabulary of a few thousand it is less: pass that tokenizer's own count.
    """
    return sum(_cost(piece) for piece in _PIECE.findall(text))


def _cost(piece: str) -> int:
    first = piece[0]
    if not first.isascii():
        return max(1, len(piece.encode("utf-8", "surrogatepass")) - 1)
    if first.isspace():
        return 0 if piece == " " else 1
    if first.isdigit():
        return len(piece)
    if piece.isupper():
        return -(-len(piece) // 2)
    return -(-len(piece) // 4)
