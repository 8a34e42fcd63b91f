"""Recent documents' vectors, from which the current model's own mistakes are taken as hard negatives."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence

import numpy as np

from toolwise.retrieval.batches import TrainingSet
from toolwise.retrieval.ranking import Floats

_SIZE = 4096


class VectorMemory:
    """The latest vectors of documents that batches held (cross-batch memory, Wang et al., 2020, arXiv 1912.06798).

    Mining over all documents would cost more than the training itself; these vectors are there for nothing, and while
    the learning rate is small they are nearly what the current model would give.
    """

    def __init__(self, dimensions: int, size: int = _SIZE) -> None:
        self._vectors: OrderedDict[int, Floats] = OrderedDict()
        self._dimensions = dimensions
        self._size = size

    def __len__(self) -> int:
        return len(self._vectors)

    def put(self, rows: Sequence[int], vectors: Floats) -> None:
        """Keep these documents' vectors; the oldest ones go."""
        for row, vector in zip(rows, vectors, strict=True):
            self._vectors.pop(row, None)
            self._vectors[row] = vector
        while len(self._vectors) > self._size:
            self._vectors.popitem(last=False)

    def hardest(self, data: TrainingSet, queries: Sequence[int], vectors: Floats) -> Mapping[int, int]:
        """Query -> the document that is nearest to it of those that are wrong for it; no entry where none is known."""
        if not self._vectors:
            return {}
        rows = np.fromiter(self._vectors, dtype=np.int64, count=len(self._vectors))
        scores = vectors @ np.stack(list(self._vectors.values())).T
        groups = data.groups[rows]
        found: dict[int, int] = {}
        for query, near in zip(queries, scores, strict=True):
            wrong = np.where(np.isin(groups, list(data.allowed[query])), -np.inf, near)
            if wrong.max() > 0:
                found[query] = int(rows[int(wrong.argmax())])
        return found
