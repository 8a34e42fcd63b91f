"""A compact model of ours, run in this process: batched, cached, and constrained to valid calls."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from toolwise.errors import ModelError
from toolwise.llm.grammar import Allowed, Copying, Steps, TurnGrammar, Vocabulary
from toolwise.models.chat import ParsedTurn, Part, parse_turn, render
from toolwise.models.folder import load_model
from toolwise.ports import ChatReply, ChatRequest, Sampling
from toolwise.types import ChatMessage, FunctionTool, Message, Role, ToolCall

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from toolwise.models.modeling_toolwise import ToolwiseForCausalLM

_COPIED = frozenset({Part.USER, Part.OBSERVATION})


@dataclass(frozen=True, slots=True)
class Request:
    """One turn to write."""

    messages: Sequence[ChatMessage]
    tools: Sequence[FunctionTool] = ()
    sampling: Sampling = field(default_factory=Sampling)
    avoid: frozenset[tuple[int, ...]] = frozenset()
    """Turns, as tokens, that must not come out again."""


@dataclass(frozen=True, slots=True)
class Written:
    """One turn that was written."""

    tokens: tuple[int, ...]
    text: str
    turn: ParsedTurn | None
    """None if it cannot be read: too long, or every way to differ from earlier turns was exhausted."""
    log_probability: float
    prompt_tokens: int


@dataclass(slots=True)
class _Row:
    """One sequence being written."""

    index: int
    prompt: list[int]
    steps: Steps
    allowed: Allowed
    sampling: Sampling
    generator: np.random.Generator
    prefix: tuple[int, ...] = ()
    """Tokens to take before deciding anything (the way to a branch)."""
    tokens: list[int] = field(default_factory=list)
    pending: list[int] = field(default_factory=list)
    """Tokens taken but not yet read by the model."""
    score: float = 0.0
    branches: list[tuple[float, tuple[int, ...]]] = field(default_factory=list)
    """For each decision its best road not taken: the score so far with it, and the tokens."""
    ended: bool = False
    too_long: bool = False

    def take(self, token: int) -> None:
        self.tokens.append(token)
        self.pending.append(token)
        if len(self.tokens) > self.sampling.max_tokens:
            self.ended = self.too_long = True
            return
        try:
            self.allowed = self.steps.send(token)
        except StopIteration:
            self.ended = True

    def run_on(self) -> None:
        """Take every token that needs no decision."""
        while not self.ended:
            if len(self.tokens) < len(self.prefix):
                self.take(self.prefix[len(self.tokens)])
            elif len(self.allowed) == 1:
                self.take(self.allowed[0])
            else:
                return

    def decide(self, log_probabilities: np.ndarray) -> None:
        """Choose among the allowed tokens."""
        allowed = np.asarray(self.allowed)
        scores = log_probabilities[allowed]
        scores = scores - np.logaddexp.reduce(scores)
        order = np.argsort(-scores, kind="stable")
        best = int(order[0])
        if self.sampling.temperature > 0:
            heated = np.exp(scores / self.sampling.temperature - (scores / self.sampling.temperature).max())
            best = int(self.generator.choice(len(allowed), p=heated / heated.sum()))
        other = int(order[1] if int(order[0]) == best else order[0])
        self.branches.append((self.score + float(scores[other]), (*self.tokens, int(allowed[other]))))
        self.score += float(scores[best])
        self.take(int(allowed[best]))


class LocalModel:
    """A compact model from a folder; also a ChatModel.

    Every call that comes out parses, names a candidate, and fits the schema shown (types, enumerations, required
    parameters). With `copy_strings`, free strings can only be what the user or a tool said, token for token.
    """

    def __init__(
        self,
        source: Path | tuple[ToolwiseForCausalLM, PreTrainedTokenizerFast],
        *,
        batch: int = 48,
        copy_strings: bool = False,
    ) -> None:
        """From a folder, or from a model and its tokenizer. Raises DataError if the folder holds no compact model."""
        self.model, self.tokenizer = load_model(source) if isinstance(source, Path) else source
        self.vocabulary = Vocabulary(self.tokenizer)
        self.batch = batch
        self.copy_strings = copy_strings

    def encode(self, text: str) -> tuple[int, ...]:
        return tuple(self.tokenizer.backend_tokenizer.encode(text, add_special_tokens=False).ids)

    def turn_tokens(self, message: ChatMessage) -> tuple[int, ...]:
        """An assistant's turn as the tokens that it would be written with."""
        return self.encode("".join(segment.text for segment in render([message])[1:]))

    def write(self, requests: Sequence[Request]) -> list[Written]:
        """Write a turn for each request, in batches of like length."""
        rows = [self._row(index, request) for index, request in enumerate(requests)]
        written: list[Written | None] = [None] * len(requests)
        todo = sorted(rows, key=lambda row: len(row.prompt))
        tries = [0] * len(requests)
        while todo:
            for start in range(0, len(todo), self.batch):
                self._run(todo[start : start + self.batch])
            again: list[_Row] = []
            for row in todo:
                request = requests[row.index]
                branch = self._branch(row, request) if tuple(row.tokens) in request.avoid else None
                if branch is not None and tries[row.index] < 2 * len(request.avoid) + 2:
                    tries[row.index] += 1
                    again.append(self._row(row.index, request, branch))
                else:
                    written[row.index] = self._finish(row, request)
            todo = again
        return [result for result in written if result is not None]

    def _branch(self, row: _Row, request: Request) -> tuple[int, ...] | None:
        """The likeliest road not taken that does not lead to a turn to avoid for certain."""
        open_ = [
            (score, tokens)
            for score, tokens in row.branches
            if not any(avoided[: len(tokens)] == tokens for avoided in request.avoid)
        ]
        return max(open_)[1] if open_ else None

    def _row(self, index: int, request: Request, prefix: tuple[int, ...] = ()) -> _Row:
        segments = render(request.messages, request.tools, prompt=True)
        prompt = list(self.encode("".join(segment.text for segment in segments)))
        copying = None
        if self.copy_strings:
            said = "\n".join(segment.text for segment in segments if segment.part in _COPIED)
            copying = Copying(np.array(self.encode(said), dtype=np.int64))
        steps = TurnGrammar(self.vocabulary, request.tools, copying).turn()
        generator = np.random.default_rng(request.sampling.seed)
        row = _Row(index, prompt, steps, next(steps), request.sampling, generator, prefix)
        row.pending = list(prompt)
        return row

    @torch.inference_mode()
    def _run(self, rows: list[_Row]) -> None:
        """Write these rows to their ends."""
        for row in rows:
            row.run_on()
        active = [row for row in rows if not row.ended]
        if not active:
            return
        cache = self.model.new_cache(len(active), max(len(row.pending) for row in active) + 64)
        while active:
            longest = max(len(row.pending) for row in active)
            ids = np.zeros((len(active), longest), dtype=np.int64)
            counts = np.array([len(row.pending) for row in active])
            for place, row in enumerate(active):
                ids[place, : len(row.pending)] = row.pending
                row.pending = []
            scores = self.model.extend(cache, torch.from_numpy(ids), torch.from_numpy(counts)).numpy()
            for place, row in enumerate(active):
                row.decide(scores[place])
                row.run_on()
            kept = [place for place, row in enumerate(active) if not row.ended]
            if len(kept) < len(active):
                active = [active[place] for place in kept]
                if active:
                    cache = cache.keep(torch.tensor(kept))

    def _finish(self, row: _Row, request: Request) -> Written:
        tokens = tuple(row.tokens)
        text = str(self.tokenizer.decode(list(tokens), skip_special_tokens=False))
        turn: ParsedTurn | None = None
        if not row.too_long and tokens not in request.avoid:
            try:
                turn = parse_turn(text)
            except ValueError:  # an escape or a byte sequence that the token grammar lets through
                turn = None
        return Written(tokens, text, turn, row.score, len(row.prompt))

    async def complete(self, request: ChatRequest) -> ChatReply:
        """Raises ModelError if no readable turn came out."""
        messages = [chat_message(message) for message in request.messages]
        result = self.write([Request(messages, request.tools, request.sampling)])[0]
        await asyncio.sleep(0)
        if result.turn is None:
            raise ModelError("the local model wrote no readable turn within its limit of tokens")
        calls = tuple(
            ToolCall(id=f"call_{i}", name=call.name, arguments=call.arguments)
            for i, call in enumerate(result.turn.calls)
        )
        message = Message(role=Role.ASSISTANT, content=result.turn.content, tool_calls=calls)
        reason = "tool_calls" if calls else "stop"
        return ChatReply(message, reason, result.prompt_tokens, len(result.tokens))


def chat_message(message: Message) -> ChatMessage:
    """A message in OpenAI's shape, with the names that it has."""
    chat: dict[str, Any] = {"role": message.role.value, "content": message.content}
    if message.tool_calls:
        chat["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.tool_calls
        ]
    if message.tool_call_id:
        chat["tool_call_id"] = message.tool_call_id
    return chat
