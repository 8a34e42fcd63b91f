"""Model calls that happen once: answered from the journal, or asked and recorded."""

from __future__ import annotations

import asyncio
from typing import Protocol

from toolwise.llm.prefixes import PrefixMeter
from toolwise.llm.pricing import Usage
from toolwise.llm.wire import reply_from, reply_json, request_key
from toolwise.ports import ChatReply, ChatRequest
from toolwise.store.journal import EffectKind, Journal
from toolwise.types import Json


class CountingModel(Protocol):
    """A ChatModel that says what each call used; an endpoint or several are one."""

    name: str

    async def ask(self, request: ChatRequest) -> tuple[ChatReply, Usage]:
        """Raises ModelError."""
        ...


class EffectLog(Protocol):
    """Where effects are looked up and recorded: a run's Journal, or what stands for it on another machine."""

    def get(self, key: str) -> tuple[Json] | None: ...

    def record(self, kind: EffectKind, key: str, value: Json) -> None: ...

    async def flush(self) -> None:
        """Once this returns, a kill of this process loses nothing that was recorded."""
        ...


class JournalledModel:
    """A ChatModel whose answers are recorded under what was asked: model, messages, tools and sampling settings,
    the sample's number (the seed) among them.

    The same question asked twice at once is asked once. A call that fails is not recorded.
    """

    def __init__(self, model: CountingModel, journal: EffectLog) -> None:
        self.name = model.name
        self.prefixes = PrefixMeter()
        self.asked = 0
        self.performed = 0
        """Of those asked, how many went to the model; the others were in the journal or in flight already."""
        self._model = model
        self._journal = journal
        self._flying: dict[str, asyncio.Future[ChatReply]] = {}

    async def complete(self, request: ChatRequest) -> ChatReply:
        """Raises what the model raises."""
        key = request_key(request, self.name)
        self.asked += 1
        while (flying := self._flying.get(key)) is not None:
            await asyncio.wait([flying])  # shares the outcome, but not the fate of whoever asked first
            if not flying.cancelled():
                return flying.result()
        flying = self._flying[key] = asyncio.get_running_loop().create_future()
        try:
            reply = await self._answer(key, request)
            flying.set_result(reply)
        except Exception as error:
            flying.set_exception(error)
            flying.exception()  # it is raised here, and need not be by others
            raise
        finally:
            flying.cancel()  # only where it was cancelled: then the next one asks
            del self._flying[key]
        return reply

    async def _answer(self, key: str, request: ChatRequest) -> ChatReply:
        if (recorded := self._journal.get(key)) is not None:
            return reply_from(recorded[0])
        self.performed += 1
        reply, used = await self._model.ask(request)
        self.prefixes.see(request, reply.prompt_tokens)
        self._journal.record(EffectKind.MODEL, key, {**reply_json(reply), "usage": usage_json(used)})
        return reply


def usage_json(used: Usage) -> list[Json]:
    """Usage as the journal keeps it."""
    return [used.calls, used.prompt_tokens, used.completion_tokens, used.cached_tokens, used.cost]


def usage_from(value: Json) -> Usage:
    """The inverse of `usage_json`."""
    calls, prompt, completion, cached, cost = value
    return Usage(calls, prompt, completion, cached, cost)


def spent(journal: Journal) -> Usage:
    """What the calls used whose replies are recorded."""
    total = Usage()
    for value in journal.values(EffectKind.MODEL):
        total += usage_from(value["usage"])
    return total
