"""Hierarchical narrowing: the best categories, their best toolsets, and only then tools."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from toolwise.retrieval.ranking import Floats, PoolRetriever, relative

Ints = npt.NDArray[np.int64]
CATEGORIES, TOOLSETS = 5, 10
"""How many of each are kept for a search."""
_TOOLSET_SHARE = 0.2
"""How much its toolset's score counts beside a tool's own."""


class Groups:
    """Columns of scores that belong together, in any order."""

    def __init__(self, names: Sequence[str]) -> None:
        """`names` holds the group of each column."""
        numbers: dict[str, int] = {}
        self.of: Ints = np.array([numbers.setdefault(name, len(numbers)) for name in names], dtype=np.int64)
        """(columns,) each column's group."""
        self.names = tuple(numbers)
        self._order = np.argsort(self.of, kind="stable")
        self._starts = np.searchsorted(self.of[self._order], np.arange(len(numbers)))

    def best(self, scores: Floats) -> Floats:
        """(queries, groups) the best score of each group."""
        found: Floats = np.maximum.reduceat(scores[:, self._order], self._starts, axis=1)
        return found


class NarrowRetriever(PoolRetriever):
    """Another retriever's tools, those of its best categories' best toolsets alone (Du et al., 2024, "AnyTool",
    arXiv 2402.04253, with scores in place of agents).

    A toolset is as good as its best tool, a category as its best toolset. Among the tools that are left, the
    toolset's score counts a little too.
    """

    def __init__(
        self,
        inner: PoolRetriever,
        category_of: Mapping[str, str],
        categories: int = CATEGORIES,
        toolsets: int = TOOLSETS,
    ) -> None:
        """`category_of` maps toolsets to categories; toolsets without one form a category together."""
        super().__init__(inner.tools)
        self.name = inner.name
        self._inner = inner
        self._toolsets = Groups([tool.split(".", 1)[0] for tool in inner.tools])
        self._categories = Groups([category_of.get(name, "") for name in self._toolsets.names])
        self._kept = (categories, toolsets)

    def scores(self, queries: Sequence[str]) -> Floats:
        """Scores, queries by tools; tools of other toolsets have none."""
        own = relative(self._inner.scores(queries))
        toolsets = self._toolsets.best(own)
        categories = self._categories.best(toolsets)
        allowed = _best_few(categories, self._kept[0])[:, self._categories.of]
        kept = _best_few(np.where(allowed, toolsets, -1), self._kept[1]) & allowed
        own += _TOOLSET_SHARE * toolsets[:, self._toolsets.of] * (own > 0)
        own *= kept[:, self._toolsets.of]
        return own


def _best_few(scores: Floats, count: int) -> npt.NDArray[np.bool_]:
    """True for each row's `count` best; ties in index order."""
    chosen = np.zeros(scores.shape, dtype=bool)
    np.put_along_axis(chosen, np.argsort(-scores, axis=1, kind="stable")[:, :count], True, axis=1)
    return chosen
