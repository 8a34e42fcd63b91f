"""Fusion of lexical and dense search."""

from __future__ import annotations

from collections.abc import Sequence

from toolwise.retrieval.ranking import Floats, PoolRetriever, relative, standard_scores


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
        dense, lexical = self._dense.scores(queries), self._lexical.scores(queries)
        fused: Floats = self._weight * relative(dense) + (1 - self._weight) * relative(lexical)
        return fused


class StandardFusionRetriever(FusionRetriever):
    """The same with standard scores, for pretrained encoders: the share then matters less (docs/retrieval.md)."""

    name = "hybrid"

    def scores(self, queries: Sequence[str]) -> Floats:
        """Fused standard scores, queries by tools."""
        dense, lexical = self._dense.scores(queries), self._lexical.scores(queries)
        fused: Floats = self._weight * standard_scores(dense) + (1 - self._weight) * standard_scores(lexical)
        return fused
