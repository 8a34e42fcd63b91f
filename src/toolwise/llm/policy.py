"""A compact model as a policy: it decides the next step of a search, many searches at a time."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Protocol

from toolwise.errors import CatalogError
from toolwise.llm.asked import Asked
from toolwise.llm.local import Request, Written, chat_message
from toolwise.llm.stated import Stated
from toolwise.models.chat import ParsedTurn, ordered_arguments
from toolwise.offers import Offer
from toolwise.ports import Sampling, Step, Turn
from toolwise.schemas import Validator
from toolwise.types import (
    ChatMessage,
    Json,
    Message,
    Role,
    StopReason,
    Tool,
    ToolCall,
    canonical_json,
    content_key,
    read_content,
)

_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Of a call whose failure may pass: to make it again is no repetition."""
_LAST_RESORT = 50.0
"""By how much a vain turn is doubted: anything else goes before, and where there is nothing else the branch ends."""
_YIELDS = 3
"""Rounds of the event loop to wait for more requests before a batch runs."""


class TurnWriter(Protocol):
    """What writes turns: a compact model, or any open one."""

    def write(self, requests: Sequence[Request]) -> list[Written]:
        """A turn for each request. Raises ModelError."""
        ...

    def turn_tokens(self, message: ChatMessage) -> tuple[int, ...]:
        """What tells one assistant's turn from another, for `Request.avoid`."""
        ...


@dataclass(frozen=True, slots=True)
class StepCost:
    """What deciding one step took."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    """Its share of the time of the batch that it was decided in."""


Meter = Callable[[Turn, StepCost], None]


@dataclass(slots=True)
class _Waiting:
    request: Request
    future: asyncio.Future[Written]


class LocalPolicy:
    """A Policy over a model in this process.

    Searches that run at the same time on one event loop are answered together in one batch. A new child of a node
    never repeats an earlier one. A call that was already made on the path would only bring the same answer again,
    unless its failure is of those that may pass; then an answer is premature. Where there is nothing else to do, either
    ends the branch.

    `meter` learns what each step took; for a step that was remembered, what it took when it was decided.
    """

    def __init__(
        self,
        model: TurnWriter,
        *,
        name: str = "local",
        max_tokens: int = 400,
        temperature: float = 0.0,
        meter: Meter | None = None,
    ) -> None:
        self.name = name
        self.model = model
        self.max_tokens = max_tokens
        self.temperature = temperature
        self.meter = meter
        self._waiting: list[_Waiting] = []
        self._runner: asyncio.Task[None] | None = None
        self._validators: dict[str, Validator | None] = {}
        self._steps: dict[str, Step] = {}
        self._costs: dict[str, StepCost] = {}

    async def act(self, turn: Turn) -> Step:
        """The same situation is answered once: at temperature 0 the answer could only be the same.

        So a search that begins as an earlier one did (DFSDT after ReAct, say) costs only what it does otherwise.
        """
        key = self._key(turn)
        if key not in self._steps:
            self._steps[key] = await self._decide(turn)
        if self.meter is not None:
            self.meter(turn, self._costs.get(key, StepCost()))
        return self._steps[key]

    def _key(self, turn: Turn) -> str:
        return situation(turn) if self.temperature == 0 else content_key(situation(turn), turn.seed)

    async def _decide(self, turn: Turn) -> Step:
        offer = Offer(turn.tools)
        tools = {tool.id: tool for tool in turn.tools}
        functions = offer.functions()
        schemas = {function["function"]["name"]: function["function"]["parameters"] for function in functions}
        messages = [_shown(message, offer, schemas) for message in turn.path]
        sampling = Sampling(self.temperature, self.max_tokens, turn.seed)
        avoid = {self.model.turn_tokens(_shown(sibling[0], offer, schemas)) for sibling in turn.siblings if sibling}
        stated, asked = Stated(turn.path, functions), Asked(turn.path)

        def doubt(written: ParsedTurn) -> float:
            calls = _message(written, turn, offer).tool_calls
            if not all(self._valid(tools[call.name], call) for call in calls):
                return math.inf
            last_resort = _LAST_RESORT if _vain(calls, turn.path) else 0.0
            return last_resort + (stated.doubt(calls) if calls else asked.doubt(written.content))

        written = await self._write(Request(messages, functions, sampling, frozenset(avoid), doubt))
        if self.meter is not None:
            self._costs[self._key(turn)] = StepCost(written.prompt_tokens, len(written.tokens), written.seconds)
        return self._step(written, turn, offer)

    async def _write(self, request: Request) -> Written:
        future: asyncio.Future[Written] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(request, future))
        if self._runner is None or self._runner.done():
            self._runner = asyncio.get_running_loop().create_task(self._run())
        return await future

    async def _run(self) -> None:
        """Answer what is waiting, until nothing is."""
        while self._waiting:
            before = -1
            while before != len(self._waiting):
                before = len(self._waiting)
                for _ in range(_YIELDS):
                    await asyncio.sleep(0)
            batch, self._waiting = self._waiting, []
            began = time.perf_counter()
            try:
                results = self.model.write([item.request for item in batch])
            except Exception as error:
                for item in batch:
                    if not item.future.done():
                        item.future.set_exception(error)
                continue
            seconds = (time.perf_counter() - began) / len(batch)
            for item, result in zip(batch, results, strict=True):
                if not item.future.done():
                    item.future.set_result(replace(result, seconds=seconds))

    def _step(self, written: Written, turn: Turn, offer: Offer) -> Step:
        if written.turn is None:
            exhausted = bool(turn.siblings)
            return Step(Message(role=Role.ASSISTANT), StopReason.GAVE_UP if exhausted else StopReason.UNPARSABLE)
        message = _message(written.turn, turn, offer)
        if _vain(message.tool_calls, turn.path):
            return Step(Message(role=Role.ASSISTANT), StopReason.GAVE_UP)
        return Step(message)

    def _valid(self, tool: Tool, call: ToolCall) -> bool:
        if tool.id not in self._validators:
            try:
                self._validators[tool.id] = Validator(tool.parameters, tool.definitions)
            except CatalogError:  # a schema that cannot be compiled refuses nothing
                self._validators[tool.id] = None
        validator = self._validators[tool.id]
        return validator is None or validator.is_valid(call.arguments)


def _message(written: ParsedTurn, turn: Turn, offer: Offer) -> Message:
    calls = tuple(
        ToolCall(id=f"call_{len(turn.path)}_{i}", name=offer.tool_id(call.name), arguments=call.arguments)
        for i, call in enumerate(written.calls)
    )
    return Message(role=Role.ASSISTANT, content=written.content, tool_calls=calls)


def situation(turn: Turn) -> str:
    """A key of all that the model reads and must avoid."""
    siblings = [[_parts(message) for message in sibling[:1]] for sibling in turn.siblings]
    return content_key([tool.id for tool in turn.tools], [_parts(message) for message in turn.path], siblings)


def _parts(message: Message) -> Json:
    return [message.role.value, message.content, [[call.name, call.arguments] for call in message.tool_calls]]


def _vain(calls: Sequence[ToolCall], path: Sequence[Message]) -> bool:
    """Does a turn repeat a call, which would bring the same answer again, or answer where a call is to be repeated?"""
    if calls:
        return any(_same(call, made) for call in calls for made in _answered(path))
    responses = takewhile(lambda message: message.role is Role.TOOL, reversed(path))
    return any(_may_pass(message.content) for message in responses)


def _answered(path: Sequence[Message]) -> list[ToolCall]:
    """The calls made so far, but for those whose failure may pass."""
    passing = {message.tool_call_id for message in path if message.role is Role.TOOL and _may_pass(message.content)}
    return [call for message in path for call in message.tool_calls if call.id not in passing]


def _may_pass(content: str) -> bool:
    succeeded, body = read_content(content)
    return not succeeded and body["status"] in _PASSING


def _same(one: ToolCall, other: ToolCall) -> bool:
    return one.name == other.name and canonical_json(one.arguments) == canonical_json(other.arguments)


def _shown(message: Message, offer: Offer, schemas: Mapping[str, dict[str, object]]) -> ChatMessage:
    """A message as the model reads it: function names, arguments in the order shown, no thoughts."""
    calls = tuple(
        call.model_copy(
            update={
                "name": offer.name(call.name),
                "arguments": ordered_arguments(call.arguments, schemas.get(offer.name(call.name), {})),
            }
        )
        for call in message.tool_calls
    )
    return chat_message(message.model_copy(update={"tool_calls": calls}))
