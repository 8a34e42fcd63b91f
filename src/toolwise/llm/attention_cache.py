"""What a stock model remembers of what it has read: of a batch being written, and of sequences that others begin like.

Sequences of a batch differ in length and read different numbers of tokens at a time. Each new piece is padded on the
left; the places of the padding stay in the batch, masked, and positions count real tokens only.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers.cache_utils import Cache, DynamicCache, DynamicLayer

_SPARE = 64
"""Places by which a batch's memory grows."""

State = list[tuple[Tensor, Tensor]]
"""Of each layer the keys and values, [heads, tokens, size]."""


class _Buffer:
    """A tensor [rows, heads, places, size] in memory larger than needed: most tokens are added without a copy."""

    def __init__(self) -> None:
        self._held = torch.empty(0)
        self._used = 0

    def begin(self, pieces: Sequence[Tensor | None], counts: Sequence[int]) -> None:
        """Begin each row with the first `counts[row]` tokens of a piece [heads, tokens, size], padded on the left."""
        self._used = max(counts)
        like = next(piece for piece in pieces if piece is not None)
        self._held = like.new_zeros(len(counts), like.shape[0], self._used + _SPARE, like.shape[2])
        for row, (piece, count) in enumerate(zip(pieces, counts, strict=True)):
            if piece is not None:
                self._held[row, :, self._used - count : self._used] = piece[:, :count]

    def add(self, new: Tensor) -> Tensor:
        """Add new tokens; all of them."""
        end = self._used + new.shape[2]
        if not self._used or end > self._held.shape[2]:
            larger = new.new_zeros(new.shape[0], new.shape[1], end + _SPARE, new.shape[3])
            if self._used:
                larger[:, :, : self._used] = self._held[:, :, : self._used]
            self._held = larger
        self._held[:, :, self._used : end] = new
        self._used = end
        return self.all()

    def all(self) -> Tensor:
        return self._held[:, :, : self._used]

    def select(self, rows: Tensor) -> None:
        self._held = self._held[rows]


class _GrowingLayer(DynamicLayer):  # type: ignore[no-untyped-call]
    """A layer's keys and values."""

    def __init__(self, known: Sequence[tuple[Tensor, Tensor] | None] = (), counts: Sequence[int] = ()) -> None:
        """With what each row begins with: the first `counts[row]` tokens of its keys and values."""
        super().__init__()  # type: ignore[no-untyped-call]
        self.buffers = (_Buffer(), _Buffer())
        if any(counts):
            for kind, buffer in enumerate(self.buffers):
                buffer.begin([pair[kind] if pair else None for pair in known], counts)
            self._show()
            held = self.buffers[0].all()
            self.dtype, self.device, self.is_initialized = held.dtype, held.device, True

    def _show(self) -> None:
        self.keys, self.values = self.buffers[0].all(), self.buffers[1].all()

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        self.keys, self.values = self.buffers[0].add(key_states), self.buffers[1].add(value_states)
        return self.keys, self.values

    def batch_select_indices(self, indices: Tensor) -> None:
        for buffer in self.buffers:
            buffer.select(indices)
        self._show()


@dataclass(eq=False, slots=True)
class _Kept:
    tokens: np.ndarray
    state: State
    bytes: int


@dataclass
class KeptSequences:
    """Sequences that were read, for those that begin alike; the least recently used go first.

    In a search, a sibling's prompt is the first child's, and a step's prompt begins with the step before it.
    """

    most_bytes: int
    _kept: list[_Kept] = field(default_factory=list)
    """The most recently used last."""
    asked: int = 0
    """Tokens looked up."""
    found: int = 0
    """And those of them that need not be read again."""

    def find(self, tokens: Sequence[int]) -> tuple[int, State]:
        """How many first tokens are known, always leaving one to read, and the state that begins with them."""
        wanted = np.asarray(tokens, dtype=np.int64)
        best, most = None, 0
        for kept in self._kept:
            if (common := _common(kept.tokens, wanted)) > most:
                best, most = kept, common
        self.asked += len(wanted)
        if best is None:
            return 0, []
        self._kept.remove(best)
        self._kept.append(best)
        count = min(most, len(wanted) - 1)
        self.found += count
        return count, best.state

    def keep(self, tokens: Sequence[int], state: State) -> None:
        """Remember a sequence, in place of those that it begins with."""
        new = np.asarray(tokens, dtype=np.int64)
        size = sum(tensor.nbytes for pair in state for tensor in pair)
        if size > self.most_bytes:
            return
        self._kept = [kept for kept in self._kept if _common(kept.tokens, new) < len(kept.tokens)]
        self._kept.append(_Kept(new, state, size))
        total = sum(kept.bytes for kept in self._kept)
        while total > self.most_bytes:
            total -= self._kept.pop(0).bytes


def _common(one: np.ndarray, other: np.ndarray) -> int:
    """How many first tokens two sequences share."""
    length = min(len(one), len(other))
    if not length or one[0] != other[0]:
        return 0
    differ = one[:length] != other[:length]
    return int(differ.argmax()) if differ.any() else length


class Reading:
    """A batch of sequences as far as a model has read them."""

    def __init__(self, model: Any, begun: Sequence[tuple[int, State]], *, ragged: bool) -> None:
        """`begun` has for each row how many tokens of a known state it begins with.

        Without `ragged` the model's own kind of cache is used; then no row may begin with anything, and but for the
        first time, all must read one token at a time.
        """
        self._model = model
        base = model.get_base_model() if hasattr(model, "get_base_model") else model  # beneath an adapter
        takes = inspect.signature(base.forward).parameters
        self._last_only = {"logits_to_keep": 1} if "logits_to_keep" in takes else {}
        counts = [count for count, _ in begun]
        self.lengths = list(counts)
        """Tokens that each row has read."""
        used = max(counts)
        self._mask = torch.zeros(len(begun), used, dtype=torch.long)
        for row, count in enumerate(counts):
            self._mask[row, used - count :] = 1
        if not ragged:
            self._cache: Cache = DynamicCache(config=model.config)
        elif used:
            depth = max(len(state) for _, state in begun)
            layers = [
                _GrowingLayer([state[layer] if state else None for _, state in begun], counts) for layer in range(depth)
            ]
            self._cache = Cache(layers=list(layers))
        else:
            self._cache = Cache(layer_class_to_replicate=_GrowingLayer)

    def read(self, pieces: Sequence[Sequence[int]]) -> Tensor:
        """Read a piece of each row, which may be empty for some; logits [rows, vocabulary] after each row's last token.

        Those of a row with an empty piece mean nothing.
        """
        width = max(map(len, pieces))
        ids = np.zeros((len(pieces), width), dtype=np.int64)
        new = np.zeros_like(ids)
        positions = np.zeros_like(ids)
        for row, piece in enumerate(pieces):
            if piece:
                ids[row, width - len(piece) :] = piece
                new[row, width - len(piece) :] = 1
                positions[row, width - len(piece) :] = np.arange(len(piece)) + self.lengths[row]
                self.lengths[row] += len(piece)
        self._mask = torch.cat([self._mask, torch.from_numpy(new)], dim=1)
        device = self._model.device
        out = self._model(
            input_ids=torch.from_numpy(ids).to(device),
            attention_mask=self._mask.to(device),
            position_ids=torch.from_numpy(positions).to(device),
            past_key_values=self._cache,
            use_cache=True,
            **self._last_only,
        )
        logits: Tensor = out.logits[:, -1]
        return logits

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these rows alone; only where pieces may be ragged."""
        index = torch.tensor(rows)
        for layer in self._layers():
            layer.batch_select_indices(index.to(self._model.device))
        self._mask = self._mask[index]
        self.lengths = [self.lengths[row] for row in rows]

    def state(self, row: int) -> State:
        """What a row has read, without its padding."""
        places = self._mask[row].nonzero().squeeze(1).to(self._model.device)
        read = ([buffer.all()[row][:, places] for buffer in layer.buffers] for layer in self._layers())
        return [(keys, values) for keys, values in read]

    def _layers(self) -> list[_GrowingLayer]:
        return [layer for layer in self._cache.layers if isinstance(layer, _GrowingLayer)]
