"""Endless streams of batches that can be taken up again where they were left."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from toolwise.training.batching import Batch, Encoded, batches

if TYPE_CHECKING:
    from collections.abc import Iterator


class Stream:
    """Batches, epoch after epoch; an epoch's examples and their order follow from the seed and its number."""

    def __init__(
        self,
        name: str,
        examples: Callable[[int], Sequence[Encoded]],
        *,
        batch_tokens: int,
        pad: int,
        seed: int,
        alike: bool = True,
    ) -> None:
        """`examples(epoch)` gives an epoch's examples (the same ones each time, or fresh made-up ones).

        `alike`: are the sequences of a batch of like length?
        """
        self.name = name
        self._examples = examples
        self._batch_tokens = batch_tokens
        self._pad = pad
        self._seed = seed
        self._alike = alike
        self._epoch = 0
        self._taken = 0
        self._batches: Iterator[Batch] | None = None

    @property
    def place(self) -> tuple[int, int]:
        """(epoch, batches taken from it)."""
        return self._epoch, self._taken

    def seek(self, place: tuple[int, int]) -> None:
        """Go on as if `place` had just been reached."""
        self._epoch, taken = place
        self._batches = self._start()
        for _ in range(taken):
            next(self._batches, None)
        self._taken = taken

    def __next__(self) -> Batch:
        if self._batches is None:
            self._batches = self._start()
        for _ in range(2):
            batch = next(self._batches, None)
            if batch is not None:
                self._taken += 1
                return batch
            self._epoch, self._taken = self._epoch + 1, 0
            self._batches = self._start()
        raise StopIteration

    def _start(self) -> Iterator[Batch]:
        rng = random.Random(f"{self._seed}|{self.name}|{self._epoch}")
        return batches(self._examples(self._epoch), self._batch_tokens, self._pad, rng, alike=self._alike)
