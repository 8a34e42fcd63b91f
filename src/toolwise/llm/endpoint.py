"""A model behind any OpenAI-compatible endpoint: limited, retried, repaired, metered."""

from __future__ import annotations

import asyncio
import os
import random
from dataclasses import replace
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from toolwise.config import Config
from toolwise.errors import ConfigError
from toolwise.llm.faults import RETRIED, EndpointError, EndpointFault, EndpointUnusableError, fault_of
from toolwise.llm.limits import Limiter, backoff, retry_after
from toolwise.llm.pricing import Counter, Meter, Price, Usage, estimated_tokens, price_of, usage_of
from toolwise.llm.repair import checked_document, shorter, with_more_room, with_repair, with_schema_in_words
from toolwise.llm.text_calls import read_text_calls, with_text_calls
from toolwise.llm.transport import HttpAnswer, Transport, new_transport
from toolwise.llm.wire import Read, read_reply, request_body
from toolwise.ports import ChatReply, ChatRequest

_OK = 200
_DOWN_AFTER = 3
"""So many calls in a row that failed in all their attempts mean that the endpoint is down."""
_FIRST_CONTACT = 3
"""Attempts to talk to an endpoint that has never answered."""
_NOBODY_THERE = (EndpointFault.UNREACHABLE, EndpointFault.MALFORMED)
_DOWN_AFTER_S = 15.0
"""An endpoint that lets nobody in for so long after its last answer is down; one that restarts is back by then."""
_MAX_ASKS = 8
"""Requests of one call in all: first, repaired, shortened and without what the endpoint does not take."""


class EndpointConfig(Config):
    """One endpoint. The key is in none of this: only the name of the environment variable that holds it."""

    base_url: str
    model: str
    key_env: str = "OPENAI_API_KEY"
    weight: float = Field(default=1.0, gt=0)
    """Among several endpoints: its share of the calls."""
    concurrency: int = Field(default=64, ge=1)
    """The most requests in flight; what the endpoint takes is found by trying."""
    requests_per_minute: float = Field(default=0.0, ge=0)
    """Zero for no cap."""
    tokens_per_minute: float = Field(default=0.0, ge=0)
    timeout_s: float = Field(default=120.0, gt=0)
    attempts: int = Field(default=8, ge=1)
    """Of one request, in the one layer of retries that there is."""
    backoff_s: float = Field(default=0.5, gt=0)
    backoff_ceiling_s: float = Field(default=30.0, gt=0)
    repairs: int = Field(default=2, ge=0)
    """Further turns asked for when an answer cannot be used."""
    prices: dict[str, Price] = Field(default_factory=dict)
    """Model name -> price; a model that is not here costs an unknown amount, not nothing."""
    text_calls: bool = False
    """Describe the tools in the prompt from the start, for models known to take none."""

    @field_validator("base_url")
    @classmethod
    def _absolute(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url!r} is no http(s) address; an endpoint looks like http://localhost:8000/v1")
        if parts.username or parts.password or parts.query:
            raise ValueError("an address must hold no credentials; put the key into an environment variable")
        return url.rstrip("/")

    @property
    def price(self) -> Price | None:
        return price_of(self.model, self.prices)


class EndpointModel:
    """A ChatModel. Use it within one event loop, and `close` it there."""

    def __init__(
        self, config: EndpointConfig, *, meter: Meter | None = None, transport: Transport | None = None
    ) -> None:
        """Raises MissingExtraError, and ConfigError where a public endpoint is to be asked without a key."""
        self.config = config
        self.name = config.model
        self._meter = meter or Counter()
        self._transport = transport or new_transport()
        self._url = f"{config.base_url}/chat/completions"
        self._key = os.environ.get(config.key_env, "").strip()
        self._headers = {"content-type": "application/json"}
        if self._key:
            if not self._key.isprintable() or not self._key.isascii():
                raise ConfigError(f"the key in {config.key_env} holds characters that no key has; set it again")
            self._headers["authorization"] = f"Bearer {self._key}"
        self.limiter = Limiter(
            config.concurrency,
            requests_per_minute=config.requests_per_minute,
            tokens_per_minute=config.tokens_per_minute,
        )
        self._price = config.price
        self._jitter = random.Random(config.base_url)
        self._text_calls = config.text_calls
        self._schema_in_words = False
        self._answered_at: float | None = None
        self._exhausted = 0
        self._unusable: EndpointUnusableError | None = None

    async def complete(self, request: ChatRequest) -> ChatReply:
        """Raises EndpointError where this call failed, EndpointUnusableError where every call would."""
        return (await self.ask(request))[0]

    async def ask(self, request: ChatRequest) -> tuple[ChatReply, Usage]:
        """As `complete`, with what the call used in all: attempts that were answered, repairs included."""
        used = Usage()
        current = request
        repairs = 0
        for _ in range(_MAX_ASKS):
            try:
                read, spent = await self._send(self._adapted(current))
            except EndpointError as fault:
                current = self._adjusted(fault, current)
                continue
            used += spent
            read = _whole(checked_document(read_text_calls(read), current))
            if not read.problem:
                return read.reply, used
            if repairs >= self.config.repairs:
                raise _unusable_answer(read, self.name)
            repairs += 1
            # A repair is of the request as it was asked, not of an earlier repair: prompts must not pile up.
            current = with_more_room(current) if read.cut_off else with_repair(request, read)
        raise EndpointError(
            EndpointFault.REFUSED, f"{self.name} took the request in none of its forms; see the notices"
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()

    def _adapted(self, request: ChatRequest) -> ChatRequest:
        """The request in the form that this endpoint takes."""
        if self._text_calls:
            request = with_text_calls(request)
        return with_schema_in_words(request) if self._schema_in_words else request

    def _adjusted(self, fault: EndpointError, request: ChatRequest) -> ChatRequest:
        """What to ask instead after a refusal that says what to change; raises the fault where nothing can be."""
        if fault.kind is EndpointFault.NO_TOOLS and request.tools and not self._text_calls:
            self._text_calls = True
            self._meter.notice(
                f"{self.name} takes no tools: they are described in the prompt, and calls read from text"
            )
            return request
        if fault.kind is EndpointFault.NO_SCHEMA and request.answer_schema and not self._schema_in_words:
            self._schema_in_words = True
            self._meter.notice(
                f"{self.name} takes no schema for answers: it is put into the prompt, and answers checked"
            )
            return request
        if fault.kind in (EndpointFault.NO_TOOLS, EndpointFault.NO_SCHEMA):
            adapted = self._text_calls if fault.kind is EndpointFault.NO_TOOLS else self._schema_in_words
            if adapted and (request.tools or request.answer_schema):
                return request  # another call has found out meanwhile
        if fault.kind is EndpointFault.CONTEXT_LENGTH and (less := shorter(request)) is not None:
            self._meter.notice(f"a request was too long for {self.name}: its longest observation was shortened")
            return less
        raise fault

    async def _send(self, request: ChatRequest) -> tuple[Read, Usage]:
        """One request, attempted until it is answered or cannot be."""
        body = request_body(request, self.config.model)
        tokens = estimated_tokens(len(body))
        most = usage_of(self._price, tokens, request.sampling.max_tokens)
        fault: EndpointError | None = None
        for attempt in range(self.config.attempts):
            if self._unusable is not None:
                raise self._unusable
            await self._meter.admit(most)
            used = Usage()
            try:
                read = await self._attempt(body, most.tokens)
                reply = read.reply
                used = usage_of(self._price, reply.prompt_tokens, reply.completion_tokens, read.cached_tokens)
            except EndpointError as failure:
                fault = failure
            except EndpointUnusableError as error:
                self._unusable = error
                raise
            else:
                self._answered_at, self._exhausted = asyncio.get_running_loop().time(), 0
                return read, used
            finally:
                self._meter.settle(most, used)
            if fault.kind not in RETRIED:
                raise fault
            if fault.kind in _NOBODY_THERE and self._is_gone(fault.kind, attempt):
                break
            await self._wait(fault, attempt)
        assert fault is not None  # noqa: S101 # there is at least one attempt
        raise self._given_up(fault)

    async def _attempt(self, body: bytes, tokens: int) -> Read:
        limiter = self.limiter
        epoch = await limiter.enter(tokens)
        used = 0
        try:
            answer = await self._transport.post(self._url, body, self._headers, self.config.timeout_s)
            if answer.status != _OK:
                raise self._fault(answer)
            read = read_reply(answer.body, self._url)
            used = read.reply.prompt_tokens + read.reply.completion_tokens
            limiter.concurrency.succeeded()
            return read
        except EndpointError as fault:
            if fault.kind is EndpointFault.RATE_LIMITED:
                limiter.concurrency.rate_limited(epoch)
            raise self._redacted(fault) from None
        finally:
            limiter.settle(tokens, used)
            limiter.leave()

    def _fault(self, answer: HttpAnswer) -> EndpointError | EndpointUnusableError:
        config = self.config
        fault = fault_of(
            answer.status,
            answer.body,
            where=self._url,
            model=config.model,
            key_name=config.key_env,
            retry_after=retry_after(answer.headers.get("retry-after")),
        )
        if isinstance(fault, EndpointUnusableError):
            return EndpointUnusableError(self._without_key(str(fault)))
        return fault

    async def _wait(self, fault: EndpointError, attempt: int) -> None:
        if attempt + 1 >= self.config.attempts:
            return
        config = self.config
        seconds = backoff(
            attempt, self._jitter, asked=fault.retry_after, base=config.backoff_s, ceiling=config.backoff_ceiling_s
        )
        if fault.kind is EndpointFault.RATE_LIMITED and fault.retry_after is not None:
            self.limiter.pause.extend(fault.retry_after)  # everyone waits, not only the one that was told
        await asyncio.sleep(seconds)

    def _is_gone(self, kind: EndpointFault, attempt: int) -> bool:
        """Is an endpoint that cannot be connected to, or talks of something else, more than busy or restarting?"""
        if self._answered_at is None:
            return attempt + 1 >= _FIRST_CONTACT
        if kind is EndpointFault.MALFORMED or asyncio.get_running_loop().time() - self._answered_at < _DOWN_AFTER_S:
            return False
        self._exhausted = _DOWN_AFTER
        return True

    def _given_up(self, fault: EndpointError) -> EndpointError | EndpointUnusableError:
        """After the last attempt: is it this call, or the endpoint?"""
        self._exhausted += 1
        if self._answered_at is not None and self._exhausted < _DOWN_AFTER:
            self._meter.notice(f"a call of {self.name} failed in all its attempts: {fault.kind.value}")
            return EndpointError(fault.kind, f"{fault} ({self.config.attempts} attempts)")
        remedy = _REMEDIES.get(fault.kind, "run again with --resume when it answers")
        self._unusable = EndpointUnusableError(f"{fault}, after several attempts; {remedy}")
        return self._unusable

    def _redacted(self, fault: EndpointError) -> EndpointError:
        return EndpointError(fault.kind, self._without_key(str(fault)), retry_after=fault.retry_after)

    def _without_key(self, text: str) -> str:
        return text.replace(self._key, "[key]") if self._key else text


_REMEDIES = {
    EndpointFault.UNREACHABLE: "is the server running, and is --base-url right? Run again with --resume when it is",
    EndpointFault.MALFORMED: "check --base-url, then run again with --resume",
    EndpointFault.RATE_LIMITED: "lower --concurrency or set --requests-per-minute, then run again with --resume",
}


def _whole(read: Read) -> Read:
    """An answer that was cut off cannot be used, even where what there is of it can be read."""
    return replace(read, problem="it was cut off") if read.cut_off and not read.problem else read


def _unusable_answer(read: Read, model: str) -> EndpointError:
    if read.cut_off:
        return EndpointError(EndpointFault.TRUNCATED, f"{model}'s answer was cut off; raise --max-tokens-per-call")
    return EndpointError(EndpointFault.UNPARSABLE, f"{model} wrote what cannot be used: {read.problem}")
