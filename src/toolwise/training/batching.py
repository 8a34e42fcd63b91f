"""From examples to padded batches: tokens, the weight of each as a target, and batches of like length."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from toolwise.models.chat import BREAK, Part, ordered_arguments, render
from toolwise.models.tokenizer import Special
from toolwise.types import ChatMessage, Json, SFTExample

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

Weights = dict[Part, float]
ANSWER_PARTS = (Part.NAME, Part.ANSWER)


@dataclass(frozen=True, slots=True)
class Encoded:
    """One rendered example."""

    ids: np.ndarray
    """[time] token ids."""
    weights: np.ndarray
    """[time] weight of each token as a target; zero for what is only read."""
    names: np.ndarray
    """[time] which call a token names (1, 2, …), 0 for all other tokens."""
    turns: np.ndarray
    """[time] which of the assistant's turns a token belongs to (1, 2, …), 0 for what others say."""
    probes: np.ndarray
    """[k, 3] position, kind (0 a tool's name, 1 a parameter's) and whether it is called or given."""
    lines: np.ndarray
    """[time] on which candidate's line a token stands (1, 2, …, with the line's break before it), 0 for none."""
    called: tuple[int, ...]
    """The lines of the tools that are called."""

    def __len__(self) -> int:
        return len(self.ids)


def in_schema_order(example: SFTExample) -> tuple[ChatMessage, ...]:
    """The example's messages with each call's arguments in the order in which the tool shows its parameters.

    The order says nothing, so there should be one: then the next argument is found by reading on.
    """
    schemas = {tool["function"]["name"]: tool["function"].get("parameters") or {} for tool in example.tools}
    messages: list[ChatMessage] = []
    for message in example.messages:
        calls = message.get("tool_calls")
        if calls:
            ordered = []
            for call in calls:
                function = call["function"]
                arguments = ordered_arguments(function["arguments"], schemas.get(function["name"], {}))
                ordered.append({**call, "function": {**function, "arguments": arguments}})
            messages.append({**message, "tool_calls": ordered})
        else:
            messages.append(message)
    return tuple(messages)


def _given(example: SFTExample) -> set[tuple[str, ...]]:
    """The tools that are called, and every way down to a parameter that is given."""
    found: set[tuple[str, ...]] = set()

    def walk(arguments: Json, path: tuple[str, ...]) -> None:
        found.add(path)
        if isinstance(arguments, dict):
            for name, value in arguments.items():
                walk(value, (*path, name))

    for message in example.messages:
        for call in message.get("tool_calls") or ():
            walk(call["function"]["arguments"], (call["function"]["name"],))
    return found


def encode(examples: Sequence[SFTExample], tokenizer: PreTrainedTokenizerFast, weights: Weights) -> list[Encoded]:
    """Render and tokenise. Segments meet at tokens of their own, so piece by piece equals all at once."""
    rendered = [render(in_schema_order(example), example.tools) for example in examples]
    texts = [segment.text for segments in rendered for segment in segments]
    if not texts:
        return []
    pieces = iter(tokenizer.backend_tokenizer.encode_batch(texts, add_special_tokens=False))
    encoded: list[Encoded] = []
    for example, segments in zip(examples, rendered, strict=True):
        given = _given(example)
        probes: list[tuple[int, int, int]] = []
        ids: list[int] = []
        weighted: list[float] = []
        names: list[int] = []
        turns: list[int] = []
        lines: list[int] = []
        line_of = {tool["function"]["name"]: index + 1 for index, tool in enumerate(example.tools)}
        calls = turn = line = 0
        for segment in segments:
            piece = next(pieces).ids
            calls += segment.part is Part.NAME
            turn += segment.text == Special.ASSISTANT
            line += segment.text in (Special.TOOLS, BREAK) and segment.part in (Part.MARK, Part.TOOLS)
            ids += piece
            if segment.names and (len(segment.names) == 1 or segment.names[:1] in given):
                probes.append((len(ids) - 1, int(len(segment.names) > 1), int(segment.names in given)))
            weighted += [weights.get(segment.part, 0.0)] * len(piece)
            names += [calls if segment.part is Part.NAME else 0] * len(piece)
            lines += [line if segment.part is Part.TOOLS else 0] * len(piece)
            turns += [turn if segment.part in ANSWER_PARTS else 0] * len(piece)
        encoded.append(
            Encoded(
                np.array(ids, dtype=np.int32),
                np.array(weighted, dtype=np.float32),
                np.array(names, dtype=np.int32),
                np.array(turns, dtype=np.int32),
                np.array(probes, dtype=np.int64).reshape(-1, 3),
                np.array(lines, dtype=np.int32),
                tuple(sorted(line_of[path[0]] for path in given if len(path) == 1 and path[0] in line_of)),
            )
        )
    return encoded


def count_tokens(examples: Sequence[SFTExample], tokenizer: PreTrainedTokenizerFast) -> list[int]:
    """Tokens of each example, as training counts them."""
    return [len(item) for item in encode(examples, tokenizer, {})]


@dataclass(frozen=True, slots=True)
class Batch:
    """Sequences of like length, padded on the right. The head runs on the target positions only."""

    ids: Tensor
    """[batch, time]"""
    targets: Tensor
    """[n] target tokens."""
    columns: Tensor
    """[n] where in its sequence each target is predicted: one before where it stands."""
    weights: Tensor
    """[n]"""
    rows: Tensor
    """[n] the sequence of each target."""
    names: Tensor
    """[n] which call of its sequence a target names, 0 if none."""
    turns: Tensor
    """[n] which of its sequence's assistant turns a target belongs to, 0 if none."""
    probes: Tensor
    """[k, 4] row, column, kind and label of each probed name."""
    tokens: int
    """Tokens that are not padding."""


def collate(items: Sequence[Encoded], pad: int) -> Batch:
    """Pad to the longest."""
    longest = max(len(item) for item in items)
    shape = (len(items), longest)
    ids = np.full(shape, pad, dtype=np.int64)
    weights = np.zeros(shape, dtype=np.float32)
    names = np.zeros(shape, dtype=np.int64)
    turns = np.zeros(shape, dtype=np.int64)
    for row, item in enumerate(items):
        ids[row, : len(item)] = item.ids
        weights[row, : len(item)] = item.weights
        names[row, : len(item)] = item.names
        turns[row, : len(item)] = item.turns
    probes = [np.column_stack([np.full(len(item.probes), row), item.probes]) for row, item in enumerate(items)]
    chosen = weights[:, 1:] > 0
    rows, columns = np.nonzero(chosen)
    return Batch(
        ids=torch.from_numpy(ids),
        targets=torch.from_numpy(ids[:, 1:][chosen]),
        columns=torch.from_numpy(columns),
        weights=torch.from_numpy(weights[:, 1:][chosen]),
        rows=torch.from_numpy(rows),
        names=torch.from_numpy(names[:, 1:][chosen]),
        turns=torch.from_numpy(turns[:, 1:][chosen]),
        probes=torch.from_numpy(np.concatenate(probes).astype(np.int64)),
        tokens=sum(len(item) for item in items),
    )


def batches(
    items: Sequence[Encoded], tokens: int, pad: int, rng: random.Random, *, alike: bool = True
) -> Iterator[Batch]:
    """Batches of at most `tokens` tokens with padding (or one sequence), in random order.

    Like lengths stand together, which saves padding; or, where `alike` is off, any.
    """
    order = sorted(range(len(items)), key=lambda index: len(items[index]))
    if not alike:
        rng.shuffle(order)
    groups: list[list[int]] = []
    longest = 0
    for index in order:
        longest = max(longest, len(items[index]))
        if groups and (len(groups[-1]) + 1) * longest <= tokens:
            groups[-1].append(index)
        else:
            groups.append([index])
            longest = len(items[index])
    rng.shuffle(groups)
    for group in groups:
        yield collate([items[index] for index in group], pad)
