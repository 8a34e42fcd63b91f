"""The compact model: a small causal transformer with short convolutions, as `transformers` loads it.

This file stands alone (it imports nothing of Toolwise), because a copy of it is saved beside the weights.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AutoConfig, AutoModelForCausalLM, GenerationMixin, PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutput

CONVOLUTION_SCALE = 0.2
"""Spread of the convolutions' first weights: not zero, so that each place knows its neighbours from the start."""
REPEATED = 3
"""Longest run of repeated tokens that is told apart."""
COPYABLE_SCALE = 10.0
"""Lets the few numbers that say which tokens are worth copying learn as fast as the rest."""
RUN = 4
"""Tokens of like context that the pointer counts."""
TINY = 1e-9
"""Keeps the logarithm of a probability finite."""
IGNORED = -100
"""Label of a position that is no target."""


class ToolwiseConfig(PretrainedConfig):  # type: ignore[no-untyped-call]
    """Sizes of a compact model."""

    model_type = "toolwise_compact"

    def __init__(
        self,
        vocab_size: int = 1024,
        hidden_size: int = 128,
        num_hidden_layers: int = 5,
        num_attention_heads: int = 4,
        intermediate_size: int = 512,
        **more: Any,
    ) -> None:
        """Also takes `conv_kernel` (6), `rope_theta` (10000.0), `max_position_embeddings` (4096)."""
        self.vocab_size = vocab_size
        self.hidden_size = hidden_size
        self.num_hidden_layers = num_hidden_layers
        self.num_attention_heads = num_attention_heads
        self.intermediate_size = intermediate_size
        self.conv_kernel: int = more.pop("conv_kernel", 6)
        self.segment_tokens: list[int] = list(more.pop("segment_tokens", ()))
        self.read_tokens: list[int] = list(more.pop("read_tokens", ()))
        self.user_token: int = more.pop("user_token", -1)
        self.tools_token: int = more.pop("tools_token", -1)
        self.line_token: int = more.pop("line_token", -1)
        self.slots: int = more.pop("slots", 16)
        self.rope_theta: float = more.pop("rope_theta", 10000.0)
        self.max_position_embeddings: int = more.pop("max_position_embeddings", 4096)
        more.setdefault("tie_word_embeddings", True)
        super().__init__(**more)


class _SquaredReLU(torch.autograd.Function):
    """max(x, 0)^2 with one saved tensor; the composed form spends several times as long on memory traffic."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        positive = functional.relu(x)
        ctx.save_for_backward(positive)
        return positive * positive

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (positive,) = ctx.saved_tensors
        result: Tensor = (gradient * positive).mul_(2)
        return result


@dataclass
class LayerCache:
    """What one layer remembers of the tokens it has read; one row of every tensor is one sequence."""

    keys: Tensor
    """[batch, heads, capacity, head size]"""
    values: Tensor
    attention_tail: Tensor
    """[batch, kernel - 1, hidden]: the last inputs of the convolution before attention."""
    mlp_tail: Tensor


@dataclass
class Cache:
    """Decoding state of a batch of sequences of different lengths; a row of every tensor is a sequence."""

    layers: list[LayerCache]
    lengths: Tensor
    """[batch] tokens read so far."""
    ids: Tensor
    """[batch, capacity] the tokens read."""
    pointer_keys: Tensor
    """[batch, capacity, hidden]"""
    pointer_tail: Tensor
    """[batch, kernel - 1, hidden]"""
    levels: Tensor
    """[batch, capacity] how well each token repeats the user."""

    def keep(self, rows: Tensor) -> Cache:
        """The state of some rows (indices), for when the others have ended."""
        layers = [
            LayerCache(c.keys[rows], c.values[rows], c.attention_tail[rows], c.mlp_tail[rows]) for c in self.layers
        ]
        kept = (self.lengths, self.ids, self.pointer_keys, self.pointer_tail, self.levels)
        return Cache(layers, *(tensor[rows] for tensor in kept))


@dataclass
class _Chunk:
    """New tokens of a batch with a cache: how many a row has, and where they go."""

    counts: Tensor
    positions: Tensor
    """[batch, new]: the position of each new token in its sequence."""
    used: int


class ShortConv(nn.Module):
    """h + depthwise causal convolution of h; starts near the identity."""

    def __init__(self, size: int, kernel: int) -> None:
        super().__init__()
        self.kernel = kernel
        self.weight = nn.Parameter(torch.zeros(size, 1, 1, kernel))

    def forward(self, h: Tensor, tail: Tensor | None = None) -> Tensor:
        """[batch, time, size] -> the same; `tail` is [batch, kernel - 1, size], zeros if none."""
        padded = functional.pad(h, (0, 0, self.kernel - 1, 0)) if tail is None else torch.cat([tail, h], dim=1)
        # As a channels-last image of height one: several times faster on CPU than conv1d.
        image = padded.permute(0, 2, 1).unsqueeze(2)
        return h + functional.conv2d(image, self.weight, groups=h.shape[-1]).squeeze(2).transpose(1, 2)

    def next_tail(self, h: Tensor, tail: Tensor, counts: Tensor) -> Tensor:
        """The last `kernel - 1` inputs after `counts` new ones in each row."""
        joined = torch.cat([tail, h], dim=1)
        index = counts[:, None] + torch.arange(self.kernel - 1, device=h.device)
        return joined.gather(1, index[..., None].expand(-1, -1, h.shape[-1]))


def _norm(x: Tensor) -> Tensor:
    # Layer norm rather than RMS norm: as good here, and PyTorch fuses it on CPU, forwards and backwards.
    return functional.layer_norm(x, (x.shape[-1],))


def _rotate(x: Tensor, rotary: Tensor) -> Tensor:
    pairs = torch.view_as_complex(x.view(*x.shape[:-1], -1, 2))
    return torch.view_as_real(pairs * rotary).flatten(-2)


class Attention(nn.Module):
    """Attention with rotary positions and normalised, rescaled queries and keys.

    It is causal, but for what is only read: a token of the request, the candidates or an observation sees all of its
    part (a prefix language model, part by part). In "use X for the Y" the value comes before its name.
    """

    def __init__(self, config: ToolwiseConfig) -> None:
        super().__init__()
        size = config.hidden_size
        self.heads = config.num_attention_heads
        self.query = nn.Linear(size, size, bias=False)
        self.key = nn.Linear(size, size, bias=False)
        self.value = nn.Linear(size, size, bias=False)
        self.out = nn.Linear(size, size, bias=False)
        self.sharpness = nn.Parameter(torch.full((self.heads, 1, 1), 1.5))

    def _split(self, x: Tensor) -> Tensor:
        return x.view(*x.shape[:-1], self.heads, -1).transpose(1, 2)

    def forward(
        self, h: Tensor, rotary: Tensor, cache: LayerCache | None, chunk: _Chunk | None, visible: Tensor
    ) -> Tensor:
        """`visible` is [batch, 1, new, used]: True (or 0 of 0 and minus infinity) where a token may look."""
        query = _rotate(_norm(self._split(self.query(h))), rotary) * self.sharpness
        key = _rotate(_norm(self._split(self.key(h))), rotary)
        value = self._split(self.value(h))
        if cache is None or chunk is None:
            mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=visible)
        else:
            index = chunk.positions[:, None, :, None].expand(-1, self.heads, -1, key.shape[-1])
            cache.keys.scatter_(2, index, key)
            cache.values.scatter_(2, index, value)
            mixed = functional.scaled_dot_product_attention(
                query, cache.keys[:, :, : chunk.used], cache.values[:, :, : chunk.used], attn_mask=visible
            )
        result: Tensor = self.out(mixed.transpose(1, 2).flatten(2))
        return result


class Block(nn.Module):
    """Attention and a squared-ReLU MLP, each behind a norm and a short convolution."""

    def __init__(self, config: ToolwiseConfig) -> None:
        super().__init__()
        self.attention_conv = ShortConv(config.hidden_size, config.conv_kernel)
        self.attention = Attention(config)
        self.mlp_conv = ShortConv(config.hidden_size, config.conv_kernel)
        self.up = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.down = nn.Linear(config.intermediate_size, config.hidden_size, bias=False)

    def forward(
        self, x: Tensor, rotary: Tensor, cache: LayerCache | None, chunk: _Chunk | None, visible: Tensor
    ) -> Tensor:
        h = _norm(x)
        mixed = self.attention_conv(h, cache.attention_tail if cache else None)
        if cache is not None and chunk is not None:
            cache.attention_tail = self.attention_conv.next_tail(h, cache.attention_tail, chunk.counts)
        x = x + self.attention(mixed, rotary, cache, chunk, visible)
        h = _norm(x)
        mixed = self.mlp_conv(h, cache.mlp_tail if cache else None)
        if cache is not None and chunk is not None:
            cache.mlp_tail = self.mlp_conv.next_tail(h, cache.mlp_tail, chunk.counts)
        raised = _SquaredReLU.apply(self.up(mixed))  # type: ignore[no-untyped-call]
        result: Tensor = x + self.down(raised)
        return result


@dataclass
class Located:
    """Where each token of [batch, time] stands in the chat form."""

    segment: Tensor
    """The last mark before it, as an index; 0 if none."""
    slot: Tensor
    """On which candidate's line (1, 2, …), 0 outside the candidates."""
    line_start: Tensor
    """Index of the first token of its line."""


class Places(nn.Module):
    """What can be known of a token without learning: whose part it is in, on which candidate's line, and how well
    it and its line repeat the user's words.

    Choosing a tool by its words is the slow part of learning from nothing (it needs several layers to agree);
    exact repetition is given here as an input, and the layers learn what to make of it. Importance of a token in
    the line's score is learnt, so that `the` soon counts for nothing.
    """

    def __init__(self, config: ToolwiseConfig) -> None:
        super().__init__()
        self.marks = config.segment_tokens
        self.tools_token, self.line_token, self.slots = config.tools_token, config.line_token, config.slots
        self.user = self.marks.index(config.user_token) + 1 if config.user_token in self.marks else -1
        self.read = [self.marks.index(token) + 1 for token in config.read_tokens]
        self.segment = nn.Embedding(len(self.marks) + 1, config.hidden_size)
        self.slot = nn.Embedding(self.slots + 1, config.hidden_size)
        self.repeated = nn.Embedding(REPEATED + 1, config.hidden_size)
        self.importance = nn.Embedding(config.vocab_size, 1)
        self.score = nn.Linear(2, config.hidden_size, bias=False)

    def locate(self, ids: Tensor) -> Located:
        segment = torch.zeros_like(ids)
        for index, mark in enumerate(self.marks):
            segment[ids == mark] = index + 1
        steps = torch.arange(ids.shape[1], device=ids.device).expand_as(ids)
        segment = segment.gather(1, torch.where(segment > 0, steps, 0).cummax(1).values)
        tools = self.marks.index(self.tools_token) + 1 if self.tools_token in self.marks else -1
        inside = segment == tools
        starts = (ids == self.tools_token) | (inside & (ids == self.line_token))
        slot = torch.where(inside, starts.long().cumsum(1).clamp(max=self.slots), 0)
        return Located(segment, slot, torch.where(starts, steps, 0).cummax(1).values)

    def visible(self, ids: Tensor, located: Located, positions: Tensor) -> Tensor:
        """[batch, 1, new, time]: True where the tokens at `positions` ([batch, new]) may look.

        At themselves and before; and, in a part that is only read, anywhere in it. Such a part must arrive whole.
        """
        steps = torch.arange(ids.shape[1], device=ids.device)
        marked = torch.zeros_like(ids, dtype=torch.bool)
        for mark in self.marks:
            marked |= ids == mark
        part = marked.long().cumsum(1)
        read = torch.zeros_like(marked)
        for kind in self.read:
            read |= located.segment == kind
        part = torch.where(read, part, -1 - steps)  # a part of one's own looks back only
        same = part.gather(1, positions)[..., None] == part[:, None]
        return ((steps <= positions[..., None]) | same).unsqueeze(1)

    def repetition(self, ids: Tensor, segment: Tensor, positions: Tensor | None = None) -> Tensor:
        """How many tokens up to and with each (at most REPEATED) stand together in the user's earlier words.

        [batch, time] -> [batch, time], or at some positions [batch, new] only.
        """
        steps = torch.arange(ids.shape[1], device=ids.device)
        positions = steps.expand_as(ids) if positions is None else positions
        same = (segment == self.user)[:, None] & (steps < positions[..., None])
        level = torch.zeros_like(positions)
        for back in range(REPEATED):
            earlier = functional.pad(ids, (back, 0), value=-1)[:, : ids.shape[1]]
            same = same & (earlier.gather(1, positions)[..., None] == earlier[:, None])
            level = level + same.any(-1)
        return torch.where(segment.gather(1, positions) == self.user, 0, level)

    def forward(self, ids: Tensor, located: Located, level: Tensor, positions: Tensor | None = None) -> Tensor:
        """[batch, time, hidden], or at some positions [batch, new] only."""
        weight = functional.softplus(self.importance(ids)).squeeze(-1) * (located.slot > 0)
        gained = weight * (level > 0)
        sums = torch.stack([gained, weight]).cumsum(-1)
        before = functional.pad(sums, (1, 0))[..., :-1].gather(-1, located.line_start.expand_as(sums))
        found, total = sums - before
        share, amount, segment, slot = found / (total + 1e-3), found / 8, located.segment, located.slot
        if positions is not None:
            share, amount, segment, slot, level = (
                known.gather(1, positions) for known in (share, amount, segment, slot, level)
            )
        scores = torch.stack([share, amount], dim=-1) * (slot > 0)[..., None]
        result: Tensor = self.segment(segment) + self.slot(slot) + self.repeated(level) + self.score(scores)
        return result


class Pointer(nn.Module):
    """Copying: attend to earlier places like this one, and predict the tokens that followed them.

    As a neural cache (Grave et al., 1612.04426) or a pointer-sentinel mixture (Merity et al., 1609.07843), with
    learnt queries and keys. It copies words that the model has never seen.
    """

    def __init__(self, config: ToolwiseConfig) -> None:
        super().__init__()
        size = config.hidden_size
        self.conv = ShortConv(size, config.conv_kernel)
        self.query = nn.Linear(size, size, bias=False)
        self.key = nn.Linear(size, size, bias=False)
        self.gate = nn.Linear(size, 1)
        self.copyable = nn.Embedding(config.vocab_size, 1)
        self.sharpness = nn.Parameter(torch.tensor(10.0))
        self.runs = nn.Parameter(torch.full((RUN,), 1.0))

    def keys(self, mixed: Tensor) -> Tensor:
        """What each place answers to: [batch, time, size] -> the same."""
        return _norm(self.key(mixed))

    def weights(self, queries: Tensor, keys: Tensor, ids: Tensor, places: Tensor) -> Tensor:
        """[batch, n, size], [batch, time, size], [batch, time], [batch, n] -> copy weights [batch, n, time].

        `keys` are what `self.keys` gave; `places` are the queries' positions. An earlier place gains for each token
        before it that is the same.
        """
        scores = (_norm(queries) * self.sharpness / queries.shape[-1]) @ keys.mT
        visible = torch.arange(ids.shape[1], device=ids.device) < places[..., None]
        same = visible
        for back in range(RUN):
            earlier = functional.pad(ids, (back, 0), value=-1)[:, : ids.shape[1]]
            same = same & (earlier.gather(1, places)[..., None] == earlier[:, None])
            scores = scores + same * self.runs[back]
        # A sequence's first token has nothing before it: no weight at all.
        return scores.masked_fill(~visible, -1e4).softmax(-1) * (places > 0)[..., None]

    def gates(self, hidden: Tensor, copied: Tensor, following: Tensor) -> Tensor:
        """How much to trust the copy, [batch, n], given where it points and what followed there.

        [batch, n, size], [batch, n, time], [batch, time]. The bracket after a copied name, say, is not to be copied.
        """
        liked = (copied @ (COPYABLE_SCALE * self.copyable(following))).squeeze(-1)
        return torch.sigmoid(self.gate(hidden).squeeze(-1) + liked) * (copied.sum(-1) > 0)


class ToolwiseForCausalLM(PreTrainedModel, GenerationMixin):  # type: ignore[no-untyped-call]
    """The compact model with its tied language-model head and its pointer."""

    config_class = ToolwiseConfig
    _tied_weights_keys = {"lm_head.weight": "embedding.weight"}  # noqa: RUF012 - the name and form that transformers reads

    def __init__(self, config: ToolwiseConfig) -> None:
        super().__init__(config)
        self.embedding = nn.Embedding(config.vocab_size, config.hidden_size)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.num_hidden_layers))
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.places = Places(config)
        self.pointer = Pointer(config)
        self.probe = nn.Linear(config.hidden_size, 2)
        self.post_init()  # type: ignore[no-untyped-call]

    def _init_weights(self, module: nn.Module) -> None:
        layers = self.config.num_hidden_layers
        if isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=0.02)
        elif isinstance(module, Attention):
            nn.init.constant_(module.sharpness, 1.5)
            with torch.no_grad():
                module.key.weight.copy_(module.query.weight)
        elif isinstance(module, ShortConv):
            nn.init.normal_(module.weight, std=CONVOLUTION_SCALE)
        elif isinstance(module, Pointer):
            nn.init.constant_(module.sharpness, 10.0)
            nn.init.constant_(module.runs, 1.0)
            nn.init.eye_(module.query.weight)
            nn.init.eye_(module.key.weight)
            nn.init.zeros_(module.copyable.weight)
            nn.init.zeros_(module.gate.weight)
            nn.init.zeros_(module.gate.bias)
        elif isinstance(module, Places):
            nn.init.normal_(module.segment.weight, std=0.5)
            nn.init.normal_(module.slot.weight, std=0.5)
            nn.init.normal_(module.repeated.weight, std=0.5)
            nn.init.zeros_(module.importance.weight)
            nn.init.normal_(module.score.weight, std=1.0)
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=1 / math.sqrt(module.in_features))
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        if isinstance(module, Block):
            for last in (module.attention.out, module.down):
                nn.init.normal_(last.weight, std=0.5 / math.sqrt(last.in_features * layers))

    def get_input_embeddings(self) -> nn.Module:
        embedding: nn.Module = self.embedding
        return embedding

    def set_input_embeddings(self, value: nn.Module) -> None:
        self.embedding = value  # type: ignore[assignment]

    def get_output_embeddings(self) -> nn.Module:
        head: nn.Module = self.lm_head
        return head

    def _rotary(self, positions: Tensor) -> Tensor:
        """Unit complex numbers [..., time, half head size] for positions [..., time]."""
        half = self.config.hidden_size // self.config.num_attention_heads // 2
        rates = self.config.rope_theta ** (-torch.arange(half, device=positions.device) / half)
        angles = positions[..., None].float() * rates
        return torch.polar(torch.ones_like(angles), angles)

    def hidden(self, input_ids: Tensor) -> Tensor:
        """[batch, time] -> [batch, time, hidden], normalised. Padding must be on the right."""
        rotary = self._rotary(torch.arange(input_ids.shape[1], device=input_ids.device))
        located = self.places.locate(input_ids)
        level = self.places.repetition(input_ids, located.segment)
        x = _norm(self.embedding(input_ids)) + self.places(input_ids, located, level)
        steps = torch.arange(input_ids.shape[1], device=input_ids.device).expand_as(input_ids)
        visible = self.places.visible(input_ids, located, steps)
        for block in self.blocks:
            x = block(x, rotary, None, None, visible)
        return _norm(x)

    def likelihoods(
        self, hidden: Tensor, ids: Tensor, rows: Tensor, columns: Tensor, *, judge: bool = False
    ) -> tuple[Tensor, Tensor]:
        """Log-likelihoods [n] of the tokens ids[rows, columns + 1]; with `judge` also which are the most likely ones.

        The head and the pointer run at these places only; `rows` must be sorted.
        """
        batch, time = hidden.shape[:2]
        counts = torch.bincount(rows, minlength=batch)
        slots = torch.arange(len(rows)) - (counts.cumsum(0) - counts)[rows]
        places = torch.zeros(batch, int(counts.max()), dtype=torch.long)
        places[rows, slots] = columns
        mixed = self.pointer.conv(hidden)
        index = places[..., None].expand(-1, -1, hidden.shape[-1])
        queries = self.pointer.query(mixed.gather(1, index))
        copied = self.pointer.weights(queries, self.pointer.keys(mixed), ids[:, :time], places)
        targets = ids[rows, columns + 1]
        wanted = torch.zeros(places.shape, dtype=torch.long)
        wanted[rows, slots] = targets
        hit = ids[:, None, 1 : time + 1] == wanted[..., None]
        copy_target = copied.masked_fill(~hit, 0.0).sum(-1)[rows, slots]
        chosen = hidden[rows, columns]
        gate = self.pointer.gates(hidden.gather(1, index), copied, ids[:, 1 : time + 1])[rows, slots]
        written = functional.log_softmax(self.lm_head(chosen), dim=-1)
        likelihood = (1 - gate) * written.gather(1, targets[:, None]).squeeze(1).exp() + gate * copy_target
        if not judge:
            return torch.log(likelihood + TINY), torch.empty(0, dtype=torch.bool)
        with torch.no_grad():
            following = ids[:, None, 1 : time + 1].expand(-1, places.shape[1], -1)[rows, slots]
            mixture = written.exp() * (1 - gate)[:, None]
            mixture.scatter_add_(1, following, copied[rows, slots] * gate[:, None])
            return torch.log(likelihood + TINY), mixture.argmax(-1) == targets

    def probed(self, hidden: Tensor, rows: Tensor, columns: Tensor, kinds: Tensor) -> Tensor:
        """Logits [n] that what is named at these places will be called (kind 0, tools) or given (1, parameters)."""
        logits: Tensor = self.probe(hidden[rows, columns]).gather(1, kinds[:, None]).squeeze(1)
        return logits

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
        **unused: Any,
    ) -> CausalLMOutput:
        """Log-probabilities [batch, time, vocabulary] as logits; with labels also the mean loss over targets not -100.

        Padding must be on the right (`attention_mask` is then not needed, as attention is causal).
        """
        hidden = self.hidden(input_ids)
        mixed = self.pointer.conv(hidden)
        time = input_ids.shape[1]
        steps = torch.arange(time, device=input_ids.device)
        places = steps.expand_as(input_ids)
        copied = self.pointer.weights(self.pointer.query(mixed), self.pointer.keys(mixed), input_ids, places)
        following = functional.pad(input_ids[:, 1:], (0, 1))
        logits = self._mixture(hidden, copied, following)
        loss = None
        if labels is not None:
            loss = functional.nll_loss(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten(), ignore_index=IGNORED)
        return CausalLMOutput(loss=loss, logits=logits)

    def _mixture(self, hidden: Tensor, copied: Tensor, following: Tensor) -> Tensor:
        """Log-probabilities from what the head writes and what the pointer copies.

        [batch, n, hidden], [batch, n, time], [batch, time] -> [batch, n, vocabulary]
        """
        gate = self.pointer.gates(hidden, copied, following)[..., None]
        written = self.lm_head(hidden).softmax(-1) * (1 - gate)
        index = following[:, None].expand(-1, hidden.shape[1], -1)
        return torch.log(written.scatter_add(2, index, copied * gate) + TINY)

    def prepare_inputs_for_generation(self, input_ids: Tensor, *unused: Any, **more: Any) -> dict[str, Any]:
        """`generate` works, without a cache; `Cache` and `extend` are the fast way."""
        return {"input_ids": input_ids}

    def new_cache(self, batch: int, capacity: int) -> Cache:
        """An empty state for `batch` sequences of at first `capacity` tokens; it grows."""
        c = self.config
        size = c.hidden_size // c.num_attention_heads

        def tail() -> Tensor:
            return torch.zeros(batch, c.conv_kernel - 1, c.hidden_size)

        def kept() -> Tensor:
            return torch.zeros(batch, c.num_attention_heads, capacity, size)

        layers = [LayerCache(kept(), kept(), tail(), tail()) for _ in range(c.num_hidden_layers)]
        none = torch.zeros(batch, dtype=torch.long)
        ids = torch.zeros(batch, capacity, dtype=torch.long)
        keys = torch.zeros(batch, capacity, c.hidden_size)
        return Cache(layers, none, ids, keys, tail(), ids.clone())

    def extend(self, cache: Cache, input_ids: Tensor, counts: Tensor) -> Tensor:
        """Read `counts[b]` new tokens of each row ([batch, new], padded on the right; each count at least 1).

        Returns the log-probabilities after each row's last new token, [batch, vocabulary]; the cache moves on.
        """
        batch, new = input_ids.shape
        positions = cache.lengths[:, None] + torch.arange(new)
        used = int(positions.max()) + 1
        _grow(cache, used)
        chunk = _Chunk(counts, positions, used)
        rotary = self._rotary(positions).unsqueeze(1)
        rows, last = torch.arange(batch), counts - 1
        cache.ids.scatter_(1, positions, input_ids)
        known = cache.ids[:, :used]
        located = self.places.locate(known)
        ends = (cache.lengths + counts)[:, None, None, None]
        visible = self.places.visible(known, located, positions) & (torch.arange(used) < ends)
        # As numbers once, rather than in each layer.
        visible = torch.zeros(visible.shape).masked_fill_(~visible, -math.inf)
        cache.levels.scatter_(1, positions, self.places.repetition(known, located.segment, positions))
        index = positions[..., None].expand(-1, -1, self.config.hidden_size)
        placed = self.places(known, located, cache.levels[:, :used], positions)
        x = _norm(self.embedding(input_ids)) + placed
        for block, layer in zip(self.blocks, cache.layers, strict=True):
            x = block(x, rotary, layer, chunk, visible)
        hidden = _norm(x)
        mixed = self.pointer.conv(hidden, cache.pointer_tail)
        cache.pointer_tail = self.pointer.conv.next_tail(hidden, cache.pointer_tail, counts)
        cache.pointer_keys.scatter_(1, index, self.pointer.keys(mixed))
        cache.lengths = cache.lengths + counts
        query = self.pointer.query(mixed[rows, last])[:, None]
        copied = self.pointer.weights(query, cache.pointer_keys[:, :used], known, (cache.lengths - 1)[:, None])
        following = functional.pad(known[:, 1:], (0, 1))
        return self._mixture(hidden[rows, last][:, None], copied, following)[:, 0]


def _grow(cache: Cache, used: int) -> None:
    extra = used - cache.ids.shape[1]
    if extra <= 0:
        return
    extra += 64
    cache.ids = functional.pad(cache.ids, (0, extra))
    cache.levels = functional.pad(cache.levels, (0, extra))
    cache.pointer_keys = functional.pad(cache.pointer_keys, (0, 0, 0, extra))
    for layer in cache.layers:
        layer.keys = functional.pad(layer.keys, (0, 0, 0, extra))
        layer.values = functional.pad(layer.values, (0, 0, 0, extra))


def count_parameters(model: nn.Module) -> int:
    """Trained numbers, tied ones once."""
    return sum(p.numel() for p in model.parameters())


AutoConfig.register(ToolwiseConfig.model_type, ToolwiseConfig)
AutoModelForCausalLM.register(ToolwiseConfig, ToolwiseForCausalLM)
_PUBLIC: Sequence[type] = (ToolwiseConfig, ToolwiseForCausalLM)
