"""Writing turns with a stock model: batched, each row under its own limits, nothing read twice that need not be."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import psutil
import torch
from torch import Tensor

from toolwise.llm.attention_cache import KeptSequences, Reading
from toolwise.llm.stock_grammar import TurnLimits
from toolwise.llm.turns import START, Road
from toolwise.ports import Sampling

ROADS = 2
"""Roads not taken that are remembered of each decision."""
SPARSE = 0.75
"""A batch is made smaller when at most this share of its rows still goes on."""
MOST_PAIRS = 24_000_000
"""New tokens times all tokens that are read together: attention's masks take so many bytes, several times."""
_PROBE = 12
_NEAR = 1e-3


@dataclass(slots=True)
class Row:
    """One turn being written."""

    index: int
    """Its request."""
    prompt: Sequence[int]
    limits: TurnLimits | None
    sampling: Sampling
    road: Road = START
    """Tokens to take before anything is decided, and their log-probability."""
    tokens: list[int] = field(default_factory=list)
    pending: list[int] = field(default_factory=list)
    """Tokens taken but not yet read by the model."""
    score: float = 0.0
    roads: list[Road] = field(default_factory=list)
    """The best roads not taken at each decision."""
    ended: bool = False
    too_long: bool = False
    generator: np.random.Generator | None = None
    keep: bool = True
    """Whether others are likely to begin as this one does."""

    def begin(self, stop_ids: Sequence[int]) -> None:
        self.score = self.road.score
        if self.sampling.temperature > 0:
            self.generator = np.random.default_rng(self.sampling.seed)
        self._take_all(self.road.tokens, stop_ids)
        self.run_on(stop_ids)

    def take(self, token: int, stop_ids: Sequence[int]) -> None:
        self.tokens.append(token)
        self.pending.append(token)
        if token in stop_ids:
            self.ended = True
        elif len(self.tokens) >= self.sampling.max_tokens:
            self.ended = self.too_long = True
        elif self.limits is not None:
            self.limits.take(token)

    def run_on(self, stop_ids: Sequence[int]) -> None:
        """Take every token that needs no decision."""
        while not self.ended and self.limits is not None and (forced := self.limits.forced()):
            self._take_all(forced, stop_ids)

    def _take_all(self, tokens: Sequence[int], stop_ids: Sequence[int]) -> None:
        for token in tokens:
            if not self.ended:
                self.take(token, stop_ids)


class Decoder:
    """Writes rows to their ends with one model, and keeps what it read for rows that begin alike."""

    def __init__(self, model: Any, stop_ids: Sequence[int], *, batch: int = 16, most_bytes: int | None = None) -> None:
        """`most_bytes` are for what is kept between rows; by default a part of the memory that is free."""
        self.model = model
        self.batch = batch
        self._stop_ids = frozenset(stop_ids)
        self.kept = KeptSequences(_room(model) if most_bytes is None else most_bytes)
        self.ragged = reads_in_pieces(model)
        """Whether the model can go on from what was kept, and read several tokens of a row at once."""

    @torch.inference_mode()
    def run(self, rows: Sequence[Row]) -> None:
        """Write the rows to their ends."""
        stop = tuple(self._stop_ids)
        for row in rows:
            row.begin(stop)
        for group in self._groups([row for row in rows if not row.ended]):
            self._write(group)

    def _groups(self, rows: Sequence[Row]) -> Iterator[list[Row]]:
        """Rows to write together: of like length, and no more than memory holds."""
        group: list[Row] = []
        for row in sorted(rows, key=lambda row: (len(row.prompt) + len(row.tokens), row.index)):
            longest = len(row.prompt) + len(row.tokens)
            if group and (len(group) == self.batch or (len(group) + 1) * longest**2 > MOST_PAIRS):
                yield group
                group = []
            group.append(row)
        if group:
            yield group

    def _write(self, rows: list[Row]) -> None:
        begun = [self.kept.find([*row.prompt, *row.tokens]) if self.ragged else (0, []) for row in rows]
        reading = Reading(self.model, begun, ragged=self.ragged)
        for row, (known, _) in zip(rows, begun, strict=True):
            row.pending = [*row.prompt, *row.tokens][known:]
        first = True
        while going := [place for place, row in enumerate(rows) if not row.ended]:
            if self.ragged and len(going) <= SPARSE * len(rows):
                reading.keep(going)
                rows = [rows[place] for place in going]
            scores = self._read(reading, rows, whole=self.ragged or first)
            first = False
            ready = [place for place, row in enumerate(rows) if not row.ended and not row.pending]
            self._decide([rows[place] for place in ready], scores[ready])
            for place in ready:
                if rows[place].ended and self.ragged and rows[place].keep:
                    self._keep(reading, place, rows[place])

    def _read(self, reading: Reading, rows: Sequence[Row], *, whole: bool) -> Tensor:
        """Read what is pending, or one token of it in each row."""
        pieces = []
        for row in rows:
            # A row that has ended, but is still held, reads nothing; or, where pieces are not ragged, without meaning.
            piece = row.pending if whole else row.pending[:1]
            pieces.append(([] if self.ragged else [row.tokens[-1]]) if row.ended else piece)
            row.pending = [] if row.ended else row.pending[len(piece) :]
        return reading.read(pieces)

    def _keep(self, reading: Reading, place: int, row: Row) -> None:
        tokens = [*row.prompt, *row.tokens][: reading.lengths[place]]
        self.kept.keep(tokens, reading.state(place))

    def _decide(self, rows: Sequence[Row], logits: Tensor) -> None:
        """Choose each row's next token among those that may come, and take what must follow it."""
        if not rows:
            return
        scores = self._limited(rows, logits.float()).log_softmax(-1)
        best = scores.argmax(-1).tolist()
        likeliest, places = scores.topk(min(ROADS + 1, scores.shape[-1]))
        others, ids = likeliest.tolist(), places.tolist()
        for number, row in enumerate(rows):
            token = best[number]
            if row.generator is not None:
                token = _sampled(scores[number], row.sampling.temperature, row.generator)
            alternatives = [
                (score, other)
                for score, other in zip(others[number], ids[number], strict=True)
                if other != token and score > -math.inf
            ]
            row.roads += [Road(row.score + score, (*row.tokens, other)) for score, other in alternatives[:ROADS]]
            row.score += float(scores[number, token])
            row.take(token, tuple(self._stop_ids))
            row.run_on(tuple(self._stop_ids))

    def _limited(self, rows: Sequence[Row], scores: Tensor) -> Tensor:
        if all(row.limits is None for row in rows):
            return scores
        width = scores.shape[-1]
        bits = np.full((len(rows), (width + 31) // 32), -1, dtype=np.int32)
        for number, row in enumerate(rows):
            if row.limits is not None:
                row.limits.fill(bits[number : number + 1])
        allowed = np.unpackbits(bits.view(np.uint8), axis=1, bitorder="little")[:, :width].astype(bool)
        return scores.masked_fill(~torch.from_numpy(allowed).to(scores.device), -math.inf)


def _sampled(scores: Tensor, temperature: float, generator: np.random.Generator) -> int:
    """A token by its probability at a temperature; the same seed gives the same one in any batch."""
    heated = (scores.double() / temperature).softmax(-1).cpu().numpy().cumsum()
    return int(min(np.searchsorted(heated, generator.random() * heated[-1], side="right"), len(heated) - 1))


def _room(model: Any) -> int:
    if model.device.type == "cuda":
        return int(torch.cuda.mem_get_info(model.device)[0] // 4)
    return int(psutil.virtual_memory().available // 8)


@torch.inference_mode()
def reads_in_pieces(model: Any) -> bool:
    """Whether a model reads a sequence in pieces, with padding between them, as it reads it whole.

    It is tried on a few tokens. Recurrent models, and those with windows of attention, do not, or not at every length.
    """
    kinds = getattr(model.config.get_text_config(decoder=True), "layer_types", None) or ()
    if any(kind != "full_attention" for kind in kinds) or getattr(model.config, "sliding_window", None):
        return False
    tokens = [token % model.config.vocab_size for token in range(7, 7 + 3 * _PROBE, 3)]
    try:
        whole = Reading(model, [(0, [])], ragged=True).read([tokens])[0]
        pieces = Reading(model, [(0, []), (0, [])], ragged=True)
        pieces.read([tokens[:5], tokens[:2]])
        pieces.read([tokens[5:6], tokens[2:6]])
        resumed = Reading(model, [(4, pieces.state(1)), (0, [])], ragged=True)
        found = resumed.read([tokens[4:], tokens[:3]])[0]
    except (AttributeError, IndexError, NotImplementedError, RuntimeError, TypeError, ValueError):
        return False
    near = _NEAR if whole.dtype == torch.float32 else 0.1
    return bool((whole - found).abs().max() <= near * max(1.0, float(whole.abs().max())))
