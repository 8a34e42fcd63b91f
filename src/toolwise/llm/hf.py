"""Any open model run in this process: batched, its turns limited to valid calls, with its own chat template.

What was read for one step is kept for the next ones and for siblings; see `stock_decoding` and `stock_grammar`.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolwise.errors import ModelError
from toolwise.llm.local import Request, Written, chat_message
from toolwise.llm.stock_decoding import Decoder, Row
from toolwise.llm.turns import START, Ending, Road, TurnSearch
from toolwise.models.chat import ParsedTurn
from toolwise.models.chat_forms import ChatForm
from toolwise.models.open_models import load_open_model
from toolwise.ports import ChatReply, ChatRequest
from toolwise.types import ChatMessage, Message, Role, ToolCall, canonical_json

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from toolwise.llm.stock_grammar import StockGrammar


class HfModel:
    """A model from a folder (whole, or an adapter beside its base); also a ChatModel.

    A turn is words, or calls of the candidates whose arguments fit the schemas shown. The likeliest turn is taken,
    token by token (or one sampled by the request's seed); where it must not come out again, or its calls break their
    full schemas, the likeliest roads not taken are written to their ends instead. A turn that does not end within its
    limit of tokens is not tried again: that would cost most and help least.
    """

    def __init__(
        self,
        source: Path | tuple[PreTrainedModel, PreTrainedTokenizerBase],
        *,
        batch: int = 16,
        constrained: bool = True,
        again: bool = True,
        most_bytes: int | None = None,
    ) -> None:
        """`again` lets a turn that will not do give way to others; `most_bytes` may be kept of what was read.

        Raises DataError if the folder holds no such model, or its tokenizer no chat template.
        """
        model, self.tokenizer = load_open_model(source) if isinstance(source, Path) else source
        self.model: Any = model
        self.form = ChatForm(self.tokenizer)
        self.decoder = Decoder(self.model, self.form.stop_ids, batch=batch, most_bytes=most_bytes)
        self._constrained = constrained
        self._again = again

    @cached_property
    def grammar(self) -> StockGrammar | None:
        """What limits the turns; none where the template's calls, or the tokenizer, allow no grammar."""
        from toolwise.llm.stock_grammar import StockGrammar

        try:
            return StockGrammar(self.form, int(self.model.config.get_text_config().vocab_size))
        except ValueError:
            return None

    def turn_tokens(self, message: ChatMessage) -> tuple[int, ...]:
        """What tells one assistant's turn from another, for `Request.avoid`."""
        calls = [(call["function"]["name"], call["function"]["arguments"]) for call in message.get("tool_calls") or ()]
        return _identity(message.get("content") or "", calls)

    def prompt_tokens(self, request: Request) -> list[int]:
        """The prompt as training wrote it. Raises ModelError if the template refuses the conversation."""
        try:
            messages, tools = self.form.prepare(request.messages, request.tools)
            text = self.form.render(messages, tools, prompt=True)
        except Exception as error:  # templates refuse with whatever exceptions they like
            raise ModelError(f"the chat template refuses this conversation: {' '.join(str(error).split())}") from error
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def write(self, requests: Sequence[Request]) -> list[Written]:
        """Write a turn for each request, in batches of like length. Raises ModelError."""
        prompts = [self.prompt_tokens(request) for request in requests]
        searches = [TurnSearch(doubt=partial(_doubt, request)) for request in requests]
        todo = [self._row(index, requests[index], prompts[index]) for index in range(len(requests))]
        while todo:
            self.decoder.run(todo)
            for row in todo:
                searches[row.index].add(tuple(row.tokens), self._read(row), row.score, row.roads)
            again = sorted({row.index for row in todo}) if self._again else []
            roads = [(index, road) for index in again for road in searches[index].next_roads()]
            todo = [self._row(index, requests[index], prompts[index], road) for index, road in roads]
            for row in todo:
                row.keep = False  # its prompt is kept already
        return [
            self._written(search, request, len(prompt))
            for search, request, prompt in zip(searches, requests, prompts, strict=True)
        ]

    def _row(self, index: int, request: Request, prompt: Sequence[int], road: Road = START) -> Row:
        limits = self.grammar.limits(request.tools) if self._constrained and self.grammar is not None else None
        return Row(index, prompt, limits, request.sampling, road)

    def _read(self, row: Row) -> ParsedTurn | None:
        """The turn; one that ended but cannot be read is a turn of words, of a kind of its own."""
        if row.too_long:
            return None
        text = self._text(row.tokens)
        try:
            return self.form.read(text)
        except ValueError:
            return _Unreadable(text)

    def _text(self, tokens: Sequence[int]) -> str:
        return str(self.tokenizer.decode(list(tokens), skip_special_tokens=False))

    def _written(self, search: TurnSearch, request: Request, prompt_tokens: int) -> Written:
        """The best turn; failing that, the likeliest that at least is new and can be read."""
        best = search.best()
        if best.worth == -math.inf:
            best = max((end for end in search.endings if _usable(end, request)), key=_score, default=search.endings[0])
        turn = best.turn if _usable(best, request) else None
        return Written(best.tokens, self._text(best.tokens), turn, best.score, prompt_tokens)

    async def complete(self, request: ChatRequest) -> ChatReply:
        """A turn whose calls cannot be read comes back as plain words. Raises ModelError."""
        messages = [chat_message(message) for message in request.messages]
        result = self.write([Request(messages, request.tools, request.sampling)])[0]
        await asyncio.sleep(0)
        turn = result.turn or ParsedTurn(result.text.strip())
        calls = tuple(
            ToolCall(id=f"call_{i}", name=call.name, arguments=call.arguments) for i, call in enumerate(turn.calls)
        )
        message = Message(role=Role.ASSISTANT, content=turn.content, tool_calls=calls)
        reason = "tool_calls" if calls else "stop" if result.turn else "length"
        return ChatReply(message, reason, result.prompt_tokens, len(result.tokens))


class _Unreadable(ParsedTurn):
    """A turn that ended but whose calls are malformed."""


def _doubt(request: Request, turn: ParsedTurn) -> float:
    """Without end for a turn that must not come out; any other is taken as the model means it."""
    barred = isinstance(turn, _Unreadable) or _identity_of(turn) in request.avoid
    return math.inf if barred or (request.doubt is not None and request.doubt(turn) == math.inf) else 0.0


def _usable(ending: Ending, request: Request) -> bool:
    turn = ending.turn
    return turn is not None and not isinstance(turn, _Unreadable) and _identity_of(turn) not in request.avoid


def _score(ending: Ending) -> float:
    return ending.score


def _identity_of(turn: ParsedTurn) -> tuple[int, ...]:
    return _identity(turn.content, [(call.name, call.arguments) for call in turn.calls])


def _identity(content: str, calls: Sequence[tuple[str, Any]]) -> tuple[int, ...]:
    return tuple(canonical_json([content.strip(), [[name, arguments] for name, arguments in calls]]))
