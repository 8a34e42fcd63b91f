"""Which tokens of a rendered conversation are targets: the assistant's turns and nothing else, for any tokenizer.

A turn's prompt is what the template writes before it at inference, the rest of the rendered turn is the target. Where
a template rewrites earlier turns (Qwen3 drops their thoughts), every turn becomes a sequence of its own, so training
never shows what inference would not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from toolwise.errors import DataError
from toolwise.models.chat_forms import ChatForm
from toolwise.types import ChatMessage, FunctionTool

IGNORED = -100
"""The label of a token that is no target."""
Span = tuple[int, int]


class SpanError(DataError):
    """The assistant's turns cannot be found in what the chat template writes."""


class SpanSource(StrEnum):
    """How the targets of a conversation were found."""

    MARKERS = "markers"
    """By the template's `{% generation %}` marks, checked against the prompts where those are prefixes."""
    PREFIXES = "prefixes"
    """By what rendering one more message adds."""
    TURNS = "turns"
    """As `prefixes` (or `markers`), one sequence a turn, because the template rewrites earlier turns."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """One sequence as text, with the spans of its targets in order."""

    text: str
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One sequence as tokens."""

    ids: np.ndarray
    """[length] int32"""
    labels: np.ndarray
    """[length] int32; IGNORED where a token is no target."""

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def targets(self) -> int:
        """Tokens that bear loss; the first of a sequence is never predicted."""
        return int((self.labels[1:] != IGNORED).sum())


@dataclass(frozen=True, slots=True)
class _Turn:
    prompt: str
    whole: str
    """The conversation up to the turn's end."""
    spans: tuple[Span, ...]
    wanted: bool


def render_targets(
    form: ChatForm, messages: Sequence[ChatMessage], tools: Sequence[FunctionTool], wanted: Set[int] | None = None
) -> tuple[list[Rendered], SpanSource]:
    """Sequences of a prepared conversation; `wanted` are the indices of the assistant messages to learn (all if none).

    Raises SpanError if a turn cannot be found, and what the template raises.
    """
    indices = [index for index, message in enumerate(messages) if message["role"] == "assistant"]
    turns = []
    for index in indices:
        prompt = form.render(messages[:index], tools, prompt=True) if index else ""
        if form.marked:
            whole, marks = form.render_marked(messages[: index + 1], tools)
        else:
            whole, marks = form.render(messages[: index + 1], tools), []
        if not whole.startswith(prompt):
            if form.marked:
                return [_by_marks_alone(form, messages, tools, wanted)], SpanSource.MARKERS
            raise SpanError(
                "the chat template writes a turn's prompt differently once the turn is there, so what the assistant "
                "writes cannot be told apart; mark it with {% generation %} in the template, or use --chat-template"
            )
        spans = _spans(form, whole, len(prompt), marks)
        turns.append(_Turn(prompt, whole, spans, wanted is None or index in wanted))
    if not any(turn.wanted for turn in turns):
        raise SpanError("the conversation has no assistant turn to learn from")
    found = SpanSource.MARKERS if form.marked else SpanSource.PREFIXES
    last = turns[-1].whole
    if all(last.startswith(turn.whole) for turn in turns):
        spans = tuple(span for turn in turns if turn.wanted for span in turn.spans)
        return [Rendered(last[: spans[-1][1]], spans)], found
    return [Rendered(turn.whole[: turn.spans[-1][1]], turn.spans) for turn in turns if turn.wanted], SpanSource.TURNS


def _spans(form: ChatForm, whole: str, start: int, marks: Sequence[Span]) -> tuple[Span, ...]:
    """The last turn's targets: what follows its prompt up to the token that ends it, or what is marked of that."""
    end = form.end_of_turn(whole)
    if end is None or end <= start:
        raise SpanError(
            "the chat template ends an assistant's turn with no special token, so a model could not learn to stop; "
            "take another model, or use --chat-template"
        )
    if not marks:
        if form.marked:
            raise SpanError("the chat template's {% generation %} marks leave out an assistant's turn")
        return ((start, end),)
    own = [(max(low, start), min(high, end)) for low, high in marks if high > start]
    if not own or own[-1][0] >= own[-1][1]:
        raise SpanError("the chat template's {% generation %} marks leave out an assistant's turn")
    own[-1] = (own[-1][0], end)  # the token that ends the turn belongs to it, marked or not
    return tuple(span for span in own if span[0] < span[1])


def _by_marks_alone(
    form: ChatForm, messages: Sequence[ChatMessage], tools: Sequence[FunctionTool], wanted: Set[int] | None
) -> Rendered:
    text, marks = form.render_marked(messages, tools)
    indices = [index for index, message in enumerate(messages) if message["role"] == "assistant"]
    if len(marks) != len(indices):
        raise SpanError("the chat template's {% generation %} marks are not one for each assistant turn")
    spans = []
    for index, (start, end) in zip(indices, marks, strict=True):
        after = text[end:]
        ending = next((special for special in form.specials if after.startswith(special)), "")
        if not ending and not any(text[start:end].rstrip().endswith(special) for special in form.specials):
            raise SpanError("the chat template ends an assistant's turn with no special token; use --chat-template")
        if wanted is None or index in wanted:
            spans.append((start, end + len(ending)))
    return Rendered(text[: spans[-1][1]], tuple(spans))


class TargetEncoder:
    """Conversations to rows of tokens."""

    def __init__(self, form: ChatForm) -> None:
        self.form = form
        self.sources: dict[str, int] = {}
        """How the targets were found -> conversations."""

    def encode(
        self, messages: Sequence[Mapping[str, Any]], tools: Sequence[FunctionTool], wanted: Set[int] | None = None
    ) -> list[Row]:
        """`wanted` as for `render_targets`, of the given messages. Raises SpanError, or what the template raises."""
        prepared, offered = self.form.prepare(messages, tools)
        if wanted is not None:
            wanted = _same_turns(messages, prepared, wanted)
        rendered, source = render_targets(self.form, prepared, offered, wanted)
        self.sources[source.value] = self.sources.get(source.value, 0) + 1
        return [self._row(one) for one in rendered]

    def _row(self, rendered: Rendered) -> Row:
        """Tokens of the whole text where every cut falls between two of them, else tokens piece by piece.

        A prompt's tokens are then those of inference in either case.
        """
        cuts = [place for span in rendered.spans for place in span]
        pieces = [rendered.text[low:high] for low, high in zip([0, *cuts], [*cuts, len(rendered.text)], strict=True)]
        parts = [self.tokens(piece) for piece in pieces]
        joined = [token for part in parts for token in part]
        places = np.cumsum([len(part) for part in parts]).tolist()
        whole = self.tokens(rendered.text)
        if whole != joined:
            upto = [self.tokens(rendered.text[:cut]) for cut in cuts]
            if all(whole[: len(part)] == part for part in upto):  # a token that only a text's start has
                joined, places = whole, [len(part) for part in upto]
        ids = np.array(joined, dtype=np.int32)
        labels = np.full(len(ids), IGNORED, dtype=np.int32)
        for start, end in zip(places[0 : len(cuts) : 2], places[1 : len(cuts) : 2], strict=True):
            labels[start:end] = ids[start:end]
        return Row(ids, labels)

    def tokens(self, text: str) -> list[int]:
        """The text's tokens and no others."""
        return list(self.form.tokenizer(text, add_special_tokens=False)["input_ids"]) if text else []


def _same_turns(messages: Sequence[Mapping[str, Any]], prepared: Sequence[ChatMessage], wanted: Set[int]) -> set[int]:
    """Indices of the same assistant turns after preparation, which may merge the other messages."""
    before = [index for index, message in enumerate(messages) if message["role"] == "assistant"]
    after = [index for index, message in enumerate(prepared) if message["role"] == "assistant"]
    return {new for old, new in zip(before, after, strict=True) if old in wanted}
