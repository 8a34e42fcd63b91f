"""Near-duplicates: MinHash finds candidates, the exact Jaccard similarity of their shingles decides."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from pydantic import Field
from rensa import RMinHash, RMinHashLSH

from toolwise.config import Config
from toolwise.text import normalise

ItemT = TypeVar("ItemT")
_HASHES = 128


def _bands(threshold: float) -> int:
    """As few bands as find a pair at the threshold with probability 0.9998 or more (1 - (1 - t^rows)^bands)."""
    rows = next(rows for rows in (8, 4, 2, 1) if threshold**rows >= 0.4 or rows == 1)
    return _HASHES // rows


class DeduplicationConfig(Config):
    """When two texts are the same."""

    threshold: float = Field(default=0.9, gt=0, le=1)
    """Jaccard similarity of the texts' sets of character n-grams, from which on the later one is dropped."""
    ngram: int = Field(default=5, ge=1)


class Deduplicator:
    """Remembers the texts that it has let through. Deterministic: the first of several near-duplicates stays.

    Values are not masked: the same request with other values is another lesson in copying. Only texts that
    agree almost to the letter are dropped; case, spacing and Unicode forms do not count.
    """

    def __init__(self, config: DeduplicationConfig | None = None) -> None:
        self._config = config or DeduplicationConfig()
        bands = _bands(self._config.threshold)
        self._index = RMinHashLSH(threshold=self._config.threshold, num_perm=_HASHES, num_bands=bands)
        self._texts: list[str] = []

    def is_new(self, text: str) -> bool:
        """Is there no near-duplicate yet? If so, remember the text."""
        text = normalise(text)
        shingles = self._shingles(text)
        sketch = RMinHash(num_perm=_HASHES, seed=1)
        sketch.update(sorted(shingles))
        for candidate in sorted(self._index.query(sketch)):
            if text == self._texts[candidate] or self._similar(shingles, self._texts[candidate]):
                return False
        self._index.insert(len(self._texts), sketch)
        self._texts.append(text)
        return True

    def _similar(self, shingles: set[str], other: str) -> bool:
        others = self._shingles(other)
        common = len(shingles & others)
        return common >= self._config.threshold * (len(shingles) + len(others) - common)

    def _shingles(self, text: str) -> set[str]:
        size = self._config.ngram
        return {text[at : at + size] for at in range(max(1, len(text) - size + 1))}


def deduplicate(
    items: Iterable[ItemT], text: Callable[[ItemT], str], config: DeduplicationConfig | None = None
) -> tuple[list[ItemT], list[ItemT]]:
    """(kept, dropped), both in the order given; count the dropped as DUPLICATE."""
    known = Deduplicator(config)
    kept: list[ItemT] = []
    dropped: list[ItemT] = []
    for item in items:
        (kept if known.is_new(text(item)) else dropped).append(item)
    return kept, dropped
