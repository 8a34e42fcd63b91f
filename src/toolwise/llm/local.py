"""A compact model of ours, run in this process: batched, cached, and constrained to valid calls."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from toolwise.errors import ModelError
from toolwise.llm.grammar import Allowed, Copying, Steps, TurnGrammar, Vocabulary
from toolwise.llm.turns import START, Doubt, Road, TurnSearch
from toolwise.models.chat import ParsedTurn, Part, parse_turn, render
from toolwise.models.folder import load_model
from toolwise.ports import ChatReply, ChatRequest, Sampling
from toolwise.types import ChatMessage, FunctionTool, Message, Role, ToolCall

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from toolwise.models.modeling_toolwise import Cache, ToolwiseForCausalLM

ROADS = 2
"""Roads not taken that are remembered of each decision."""
SPARSE = 0.75
"""The state of a batch is made smaller when at most this share of its rows still goes on."""
MOST_PAIRS = 8_000_000
"""Requests read together, times the square of the longest: attention's masks take so many bytes, several times."""
_SENTENCE_ENDS = ".!?"
_COPIED = frozenset({Part.USER, Part.OBSERVATION})


@dataclass(frozen=True, slots=True)
class Request:
    """One turn to write."""

    messages: Sequence[ChatMessage]
    tools: Sequence[FunctionTool] = ()
    sampling: Sampling = field(default_factory=Sampling)
    avoid: frozenset[tuple[int, ...]] = frozenset()
    """Turns, as tokens, that must not come out again."""
    doubt: Doubt | None = None
    """Which readable turns to doubt, and by how much."""


@dataclass(frozen=True, slots=True)
class Written:
    """One turn that was written."""

    tokens: tuple[int, ...]
    text: str
    turn: ParsedTurn | None
    """None if it cannot be read (too long), or if every turn tried must not come out."""
    log_probability: float
    prompt_tokens: int
    seconds: float = 0.0
    """Its share of the time of the batch, where that was measured."""


NOTHING = Written((), "", None, 0.0, 0)


@dataclass(slots=True)
class _Row:
    """One sequence being written."""

    index: int
    """Its request, as a place in the group."""
    steps: Steps
    allowed: Allowed
    sampling: Sampling
    generator: np.random.Generator
    prefix: tuple[int, ...] = ()
    """Tokens to take before deciding anything."""
    tokens: list[int] = field(default_factory=list)
    pending: list[int] = field(default_factory=list)
    """Tokens taken but not yet read by the model."""
    score: float = 0.0
    roads: list[Road] = field(default_factory=list)
    """The best roads not taken at each decision."""
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
        highest = float(scores.max())
        scores = scores - (highest + math.log(float(np.exp(scores - highest).sum())))
        few = min(ROADS + 1, len(scores))
        top = np.argpartition(-scores, few - 1)[:few]
        order = top[np.lexsort((top, -scores[top]))]
        best = int(order[0])
        if self.sampling.temperature > 0:
            heated = np.exp(scores / self.sampling.temperature - (scores / self.sampling.temperature).max())
            best = int(self.generator.choice(len(allowed), p=heated / heated.sum()))
        for other in [int(index) for index in order[: ROADS + 1] if int(index) != best][:ROADS]:
            self.roads.append(Road(self.score + float(scores[other]), (*self.tokens, int(allowed[other]))))
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
        prompts = [self._prompt(request) for request in requests]
        written: list[Written] = [NOTHING] * len(requests)
        for group in self._groups(prompts):
            answers = self._answer([requests[index] for index in group], [prompts[index] for index in group])
            for index, answer in zip(group, answers, strict=True):
                written[index] = answer
        return written

    def _groups(self, prompts: Sequence[Sequence[int]]) -> Iterator[list[int]]:
        """Requests to answer together: of like length, and no more than memory holds."""
        group: list[int] = []
        for index in sorted(range(len(prompts)), key=lambda index: len(prompts[index])):
            longest = len(prompts[index])
            if group and (len(group) == self.batch or (len(group) + 1) * longest**2 > MOST_PAIRS):
                yield group
                group = []
            group.append(index)
        if group:
            yield group

    @torch.inference_mode()
    def _answer(self, requests: Sequence[Request], prompts: Sequence[Sequence[int]]) -> list[Written]:
        """Answer a group; its prompts are read once, however many turns are written for them."""
        searches = [TurnSearch(request.avoid, request.doubt) for request in requests]
        read = self._read_prompts(prompts)
        todo = [self._row(index, request, prompts[index]) for index, request in enumerate(requests)]
        while todo:
            for start in range(0, len(todo), self.batch):
                self._run(todo[start : start + self.batch], read)
            for row in todo:
                searches[row.index].add(tuple(row.tokens), self._read(row), row.score, row.roads)
            again = sorted({row.index for row in todo})
            roads = [(index, road) for index in again for road in searches[index].next_roads()]
            todo = [self._row(index, requests[index], prompts[index], road) for index, road in roads]
        return [self._written(search, len(prompt)) for search, prompt in zip(searches, prompts, strict=True)]

    def _prompt(self, request: Request) -> tuple[int, ...]:
        segments = render(list(map(_ended, request.messages)), request.tools, prompt=True)
        return self.encode("".join(segment.text for segment in segments))

    def _row(self, index: int, request: Request, prompt: Sequence[int], road: Road = START) -> _Row:
        copying = None
        if self.copy_strings:
            segments = render(request.messages, request.tools, prompt=True)
            said = "\n".join(segment.text for segment in segments if segment.part in _COPIED)
            copying = Copying(np.array(self.encode(said), dtype=np.int64))
        steps = TurnGrammar(self.vocabulary, request.tools, copying).turn()
        generator = np.random.default_rng(request.sampling.seed)
        row = _Row(index, steps, next(steps), request.sampling, generator, road.tokens, score=road.score)
        row.pending = [prompt[-1]]
        return row

    def _run(self, rows: list[_Row], read: Cache) -> None:
        """Write these rows to their ends, each from the state in which its prompt was read."""
        for row in rows:
            row.run_on()
        held = [row for row in rows if not row.ended]
        cache = read.keep(torch.tensor([row.index for row in held], dtype=torch.long))
        while going := [place for place, row in enumerate(held) if not row.ended]:
            if len(going) <= SPARSE * len(held):
                held, cache = [held[place] for place in going], cache.keep(torch.tensor(going))
            # A row that has ended, but is still held, reads on without meaning.
            pending = [row.pending if not row.ended else [0] for row in held]
            ids = np.zeros((len(held), max(map(len, pending))), dtype=np.int64)
            for place, tokens in enumerate(pending):
                ids[place, : len(tokens)] = tokens
            counts = torch.tensor([len(tokens) for tokens in pending])
            scores = self.model.extend(cache, torch.from_numpy(ids), counts).numpy()
            for place, row in enumerate(held):
                if not row.ended:
                    row.pending = []
                    row.decide(scores[place])
                    row.run_on()

    def _read_prompts(self, prompts: Sequence[Sequence[int]]) -> Cache:
        """The state in which each prompt, but for its last token, is read; equal ones (attempts on one task) once."""
        places = {prompt: place for place, prompt in enumerate(dict.fromkeys(map(tuple, prompts)))}
        longest = max(map(len, places)) - 1
        ids = np.zeros((len(places), longest), dtype=np.int64)
        for prompt, place in places.items():
            ids[place, : len(prompt) - 1] = prompt[:-1]
        cache = self.model.new_cache(len(places), longest + 64)
        self.model.extend(cache, torch.from_numpy(ids), torch.tensor([len(prompt) - 1 for prompt in places]))
        if len(places) == len(prompts):
            return cache
        return cache.keep(torch.tensor([places[tuple(prompt)] for prompt in prompts], dtype=torch.long))

    def _read(self, row: _Row) -> ParsedTurn | None:
        if row.too_long:
            return None
        try:
            return parse_turn(self._text(row.tokens))
        except ValueError:  # an escape or a byte sequence that the token grammar lets through
            return None

    def _text(self, tokens: Sequence[int]) -> str:
        return str(self.tokenizer.decode(list(tokens), skip_special_tokens=False))

    def _written(self, search: TurnSearch, prompt_tokens: int) -> Written:
        best = search.best()
        turn = best.turn if best.worth > -math.inf else None
        return Written(best.tokens, self._text(best.tokens), turn, best.score, prompt_tokens)

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


def _ended(message: ChatMessage) -> ChatMessage:
    """A user's message as one that ends like a sentence: every request that the model learned from does, and after
    one that does not it cannot end its own turn either."""
    said = message["content"].rstrip() if message["role"] == Role.USER else ""
    return {**message, "content": f"{said}."} if said and said[-1] not in _SENTENCE_ENDS else message


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
