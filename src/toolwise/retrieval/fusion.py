"""Fusion of lexical and dense search."""

from __future__ import annotations

from collections.abc import Sequence

from toolwise.retrieval.bm25 import Bm25Retriever
from toolwise.retrieval.dense import DenseRetriever
from toolwise.retrieval.ranking import Floats, PoolRetriever, relative

_STRANGE, _AT_HOME = 0.93, 0.98
"""Shares of a pool's words that an encoder from scratch knows: other domains have up to the first, its own at least
the second (docs/retrieval.md)."""


def cautious_share(lexical: Bm25Retriever, dense: DenseRetriever) -> float:
    """The dense share of an encoder from scratch over any pool: half of the one chosen at home where it is a stranger.

    It has learned its words from the training documents alone. How many of a pool's words it knows tells how far away
    from them it is.
    """
    known = 1 - min(1.0, dense.unknown_mentions / max(1, lexical.mentions))
    home = min(1.0, max(0.0, (known - _STRANGE) / (_AT_HOME - _STRANGE)))
    return dense.encoder.fusion_weight * (0.5 + 0.5 * home)


class FusionRetriever(PoolRetriever):
    """A convex combination of both scores, each relative to its query's best.

    Bruch et al. (2023, "An Analysis of Fusion Functions for Hybrid Retrieval", arXiv 2210.11934) find that a tuned
    convex combination beats reciprocal-rank fusion, in and out of domain; so it does here (docs/retrieval.md).
    """

    name = "fusion"

    def __init__(self, lexical: PoolRetriever, dense: PoolRetriever, weight: float) -> None:
        """`weight` in [0, 1] is the dense share. Raises ValueError if the two pools differ."""
        if list(lexical.tools) != list(dense.tools):
            raise ValueError("fusion needs two retrievers over the same tools in the same order")
        super().__init__(lexical.tools)
        self._lexical = lexical
        self._dense = dense
        self._weight = weight

    def scores(self, queries: Sequence[str]) -> Floats:
        """Fused scores in [0, 1], queries by tools."""
        return self._combined(relative(self._dense.scores(queries)), relative(self._lexical.scores(queries)))

    def _combined(self, dense: Floats, lexical: Floats) -> Floats:
        """The weighted sum, in place."""
        dense *= self._weight
        lexical *= 1 - self._weight
        dense += lexical
        return dense


class StandardFusionRetriever(FusionRetriever):
    """The same with standard scores, for pretrained encoders: the share then matters less (docs/retrieval.md)."""

    name = "hybrid"

    def scores(self, queries: Sequence[str]) -> Floats:
        """Fused standard scores, queries by tools."""
        return self._combined(self._dense.standard(queries), self._lexical.standard(queries))
