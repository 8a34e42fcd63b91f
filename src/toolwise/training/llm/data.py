"""Conversations as sequences that fit: the too long are counted and dropped or windowed, short ones are packed."""

from __future__ import annotations

import bisect
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np

from toolwise.errors import DataError
from toolwise.models.chat import ordered_arguments
from toolwise.models.chat_forms import ChatForm
from toolwise.ports import Observer, Progress, silent
from toolwise.training.llm.masks import Row, TargetEncoder
from toolwise.types import ChatMessage, FunctionTool, Json, SFTExample

STAGE = "train"
_SHOW_EVERY = 200


class TooLong(StrEnum):
    """What happens to a conversation that is longer than the context."""

    DROP = "drop"
    """It is left out, and counted."""
    WINDOW = "window"
    """Its turns are learnt in windows: the request, then as many of the last messages as fit."""


@dataclass
class Prepared:
    """Sequences with targets, and what became of the conversations."""

    rows: list[Row] = field(default_factory=list)
    conversations: int = 0
    used: int = 0
    """Conversations of which at least one turn is learnt."""
    dropped: Counter[str] = field(default_factory=Counter)
    """Reason -> conversations left out."""
    windowed: int = 0
    lost_turns: int = 0
    """Assistant turns of windowed conversations that fit no window."""
    unreadable: int = 0
    """Conversations whose calls, as the template writes them, would not be read back."""
    sources: Mapping[str, int] = field(default_factory=dict)

    @property
    def tokens(self) -> int:
        return sum(len(row) for row in self.rows)

    @property
    def targets(self) -> int:
        return sum(row.targets for row in self.rows)

    def summary(self) -> Json:
        """Counts: conversations = used + dropped."""
        return {
            "conversations": self.conversations,
            "used": self.used,
            "dropped": dict(sorted(self.dropped.items())),
            "windowed": self.windowed,
            "lost_turns": self.lost_turns,
            "calls_not_read_back": self.unreadable,
            "targets_found_by": dict(sorted(self.sources.items())),
            "sequences": len(self.rows),
            "tokens": self.tokens,
            "target_tokens": self.targets,
        }


def prepare(
    examples: Sequence[SFTExample],
    form: ChatForm,
    max_length: int,
    too_long: TooLong = TooLong.DROP,
    observer: Observer = silent,
) -> Prepared:
    """Every row is at most `max_length` tokens and holds only whole targets. Nothing is cut off silently."""
    encoder = TargetEncoder(form)
    prepared = Prepared(conversations=len(examples))
    for number, example in enumerate(examples):
        if number % _SHOW_EVERY == 0:
            observer(Progress(STAGE, number, len(examples), "writing conversations as tokens"))
        messages = in_shown_order(example.messages, example.tools)
        try:
            rows = encoder.encode(messages, example.tools)
        except Exception as error:  # a template refuses one conversation (say, two calls in a turn) with any exception
            prepared.dropped[" ".join(str(error).split())[:200] or type(error).__name__] += 1
            continue
        prepared.unreadable += not _read_back(encoder, form, rows, messages)
        fitting = [row for row in rows if len(row) <= max_length]
        if len(fitting) < len(rows) and too_long is TooLong.WINDOW:
            fitting, lost = _windows(encoder, messages, example.tools, max_length)
            prepared.windowed += bool(fitting)
            prepared.lost_turns += lost if fitting else 0
        elif len(fitting) < len(rows):
            fitting = []
        if not fitting:
            prepared.dropped[f"longer than {max_length} tokens"] += 1
            continue
        prepared.used += 1
        prepared.rows += fitting
    prepared.sources = encoder.sources
    return prepared


def require_rows(prepared: Prepared, corpus: str) -> None:
    """Raises DataError, with the most frequent reason, if nothing is left to train on."""
    if prepared.rows:
        return
    if not prepared.dropped:
        raise DataError(f"{corpus} holds no conversations to train on; give a corpus made by `toolwise corpus`")
    reason, count = prepared.dropped.most_common(1)[0]
    hint = "; raise --max-length, or add --too-long window" if reason.startswith("longer than") else ""
    raise DataError(f"none of {prepared.conversations} conversations can be used: {reason} ({count} of them){hint}")


def in_shown_order(messages: Sequence[ChatMessage], tools: Sequence[FunctionTool]) -> list[ChatMessage]:
    """Arguments in the order in which the tools show their parameters, as they are shown at inference too."""
    schemas = {tool["function"]["name"]: tool["function"].get("parameters") or {} for tool in tools}
    written = []
    for message in messages:
        calls = []
        for call in message.get("tool_calls") or ():
            function = call["function"]
            ordered = ordered_arguments(function["arguments"], schemas.get(function["name"], {}))
            calls.append({**call, "function": {**function, "arguments": ordered}})
        written.append({**message, "tool_calls": calls} if calls else message)
    return written


def _read_back(encoder: TargetEncoder, form: ChatForm, rows: Sequence[Row], messages: Sequence[ChatMessage]) -> bool:
    """Whether the calls of the conversation come out of its targets as they went in."""
    written: list[tuple[str, Any]] = []
    for row in rows:
        for start, end in _stretches(row):
            text = form.tokenizer.decode(row.ids[start:end].tolist(), skip_special_tokens=False)
            try:
                written += [(call.name, call.arguments) for call in form.read(str(text)).calls]
            except ValueError:
                return False
    meant = [
        (call["function"]["name"], call["function"]["arguments"])
        for message in messages
        if message["role"] == "assistant"
        for call in message.get("tool_calls") or ()
    ]
    return written == meant


def _stretches(row: Row) -> Iterator[tuple[int, int]]:
    """The targets of a row, stretch by stretch."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], row.labels >= 0, [False]]).astype(np.int8)))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)


def _windows(
    encoder: TargetEncoder, messages: Sequence[ChatMessage], tools: Sequence[FunctionTool], limit: int
) -> tuple[list[Row], int]:
    """Rows that hold each turn once as a target, and how many turns fit in none.

    A window is what stands before the first answer, then a stretch of whole turns with what the tools returned.
    """
    turns = [index for index, message in enumerate(messages) if message["role"] == "assistant"]
    head = list(messages[: turns[0]])
    rows: list[Row] = []
    waiting, start, lost = list(turns), turns[0], 0
    while waiting:
        taken: list[Row] = []
        count = 0
        for turn in waiting:
            wanted = {len(head) + index - start for index in waiting[: count + 1]}
            made = encoder.encode([*head, *messages[start : turn + 1]], tools, wanted)
            if any(len(row) > limit for row in made):
                break
            taken, count = made, count + 1
        if count:
            rows += taken
            waiting = waiting[count:]
        elif start < waiting[0]:
            start = turns[turns.index(start) + 1]
        else:
            lost += 1
            waiting = waiting[1:]
            start = waiting[0] if waiting else start
    return rows, lost


def pack(rows: Sequence[Row], length: int) -> list[list[Row]]:
    """Rows into bins of at most `length` tokens, best fit decreasing; no row is ever cut.

    Each row goes into the fullest bin that still holds it (Ding et al., 2404.10830, section 3).
    """
    bins: list[list[Row]] = []
    rooms: list[tuple[int, int]] = []  # (tokens left, bin), sorted
    for index in sorted(range(len(rows)), key=lambda i: (-len(rows[i]), i)):
        row = rows[index]
        place = bisect.bisect_left(rooms, (len(row), -1))
        if place < len(rooms):
            room, chosen = rooms.pop(place)
        else:
            room, chosen = max(length, len(row)), len(bins)
            bins.append([])
        bins[chosen].append(row)
        bisect.insort(rooms, (room - len(row), chosen))
    return bins


def features(rows: Sequence[Row]) -> dict[str, Json]:
    """Rows one after another as one training item; positions begin anew with each, and no row predicts the next."""
    labels = []
    for row in rows:
        first = row.labels.copy()
        first[0] = -100  # the row before it must not learn to predict it
        labels.append(first)
    return {
        "input_ids": np.concatenate([row.ids for row in rows]),
        "labels": np.concatenate(labels),
        "position_ids": np.concatenate([np.arange(len(row), dtype=np.int32) for row in rows]),
    }
