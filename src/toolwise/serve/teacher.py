"""A rehearsal teacher: an OpenAI-compatible server over the embedded teacher, as slow and faulty as one likes.

aiohttp rather than starlette on uvicorn: its parser is compiled, which a server that must not be what a client's
measurement is bound by needs, and a handler can reset a connection.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from pydantic import Field

from toolwise.config import Config
from toolwise.errors import MissingExtraError
from toolwise.llm.limits import TokenBucket
from toolwise.llm.wire import message_json
from toolwise.pipelines.asking import rare_collections
from toolwise.serve.listening import address_of, listen
from toolwise.serve.teacher_answers import EmbeddedTeacher, read_conversation
from toolwise.serve.teacher_faults import FaultPlan, TeacherFault
from toolwise.serve.teacher_structured import structured_answer
from toolwise.types import Json, Message, Role, ToolCall

if TYPE_CHECKING:
    from aiohttp import web

_CHARACTERS_A_TOKEN = 4
_MAX_BODY = 64 * 1024 * 1024
_UNANSWERED = frozenset({TeacherFault.RATE_LIMIT, TeacherFault.SERVER_ERROR, TeacherFault.RESET})
_CREATED = 0
"""Answers bear no time, so that equal requests get equal bytes."""


class TeacherConfig(Config):
    """How the server behaves."""

    model: str = "embedded"
    tasks: Path | None = None
    """A folder that `toolwise tasks` wrote: its instructions are solved from their blueprints."""
    latency_s: float = Field(default=0.0, ge=0)
    concurrency: int = Field(default=0, ge=0)
    """Requests at a time, beyond which 429 is answered; 0 for no limit."""
    rate_limit: float = Field(default=0.0, ge=0)
    """Requests a minute; 0 for no limit."""
    fault_rate: float = Field(default=0.0, ge=0, le=1)
    retry_after_s: float = Field(default=1.0, ge=0)
    slow_s: float = Field(default=2.0, ge=0)
    """How long a slow body takes."""
    key: str = ""
    """The key to ask for; empty to take any."""
    context: int = Field(default=0, ge=0)
    """Prompt tokens beyond which a request is refused; 0 for no limit."""
    takes_tools: bool = True
    """Refuse requests with tools, as some servers do."""
    takes_schemas: bool = True
    seed: int = 0


class TeacherServer:
    """Answers `/v1/chat/completions`, `/v1/models`, `/health` and `/stats`."""

    def __init__(self, config: TeacherConfig) -> None:
        """Raises DataError where the tasks cannot be read."""
        self._config = config
        self._teacher = EmbeddedTeacher(config.tasks, seed=config.seed)
        self._faults = FaultPlan(config.fault_rate, config.seed)
        self._requests = TokenBucket(config.rate_limit) if config.rate_limit else None
        self._in_flight = 0
        self.stats: dict[str, Any] = {"calls": 0, "answered": 0, "refused": 0, "in_flight_max": 0, "faults": {}}

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer any request."""
        path = request.path.rstrip("/")
        if path.endswith("/chat/completions") and request.method == "POST":
            return await self._chat(request)
        if path.endswith("/models"):
            model = {"id": self._config.model, "object": "model", "created": _CREATED, "owned_by": "toolwise"}
            return _json({"object": "list", "data": [model]})
        if path == "/health":
            return _json({"status": "ok"})
        if path == "/stats":
            return _json({**self.stats, "in_flight": self._in_flight})
        return _error(404, f"no such path: {request.method} {request.path}; ask /v1/chat/completions", "not_found")

    async def _chat(self, request: web.BaseRequest) -> web.StreamResponse:
        due = asyncio.get_running_loop().time() + self._config.latency_s
        body = await request.read()
        self.stats["calls"] += 1
        self._in_flight += 1
        self.stats["in_flight_max"] = max(self.stats["in_flight_max"], self._in_flight)
        try:
            if (refusal := self._too_much()) is not None:
                return refusal
            return await self._considered(request, body, due)
        finally:
            self._in_flight -= 1

    def _too_much(self) -> web.Response | None:
        config = self._config
        if config.concurrency and self._in_flight > config.concurrency:
            return self._refuse(429, f"more than {config.concurrency} requests at a time", "rate_limit_exceeded")
        if self._requests is not None:
            now = asyncio.get_running_loop().time()
            wait = self._requests.take(now)
            if wait > 0:
                self._requests.correct(-1.0)
                return self._refuse(
                    429, f"more than {config.rate_limit:g} requests a minute", "rate_limit_exceeded", wait
                )
        return None

    async def _considered(self, request: web.BaseRequest, body: bytes, due: float) -> web.StreamResponse:
        """The answer, at the time when it is due: thinking it out is part of the latency."""
        config = self._config
        try:
            document = orjson.loads(body)
            conversation = read_conversation(document)
        except ValueError as error:
            return self._refuse(400, str(error), "invalid_request_error")
        if (refusal := self._refusal(request, document, len(body))) is not None:
            return refusal
        digest = hashlib.blake2b(body, digest_size=10).hexdigest()
        fault = self._drawn(digest)
        if fault in _UNANSWERED:
            await _until(due)
            return self._failure(fault, request)
        schema = _schema(document)
        if schema is not None:
            message = structured_answer(schema, document["messages"], f"{config.seed}{digest}")
        else:
            message = await self._teacher.answer(conversation, digest)
        answer = orjson.dumps(_completion(config.model, message, len(body), fault, digest))
        await _until(due)
        self.stats["answered"] += 1
        if fault is TeacherFault.SLOW_BODY:
            return await _slowly(request, answer, config.slow_s)
        return _raw(answer[: len(answer) // 2] if fault is TeacherFault.INVALID_JSON else answer)

    def _drawn(self, digest: str) -> TeacherFault | None:
        fault = self._faults.draw(digest)
        if fault is not None:
            faults = self.stats["faults"]
            faults[fault.value] = faults.get(fault.value, 0) + 1
        return fault

    def _failure(self, fault: TeacherFault | None, request: web.BaseRequest) -> web.Response:
        if fault is TeacherFault.RATE_LIMIT:
            return _error(429, "slow down", "rate_limit_exceeded", self._config.retry_after_s)
        if fault is TeacherFault.SERVER_ERROR:
            return _error(500, "the model broke", "server_error")
        return _reset(request)

    def _refusal(self, request: web.BaseRequest, document: Json, size: int) -> web.Response | None:
        """What a real endpoint would refuse, and when."""
        config = self._config
        if config.key and request.headers.get("authorization") != f"Bearer {config.key}":
            return self._refuse(401, "incorrect API key provided", "invalid_api_key")
        model = document.get("model")
        if model != config.model:
            return self._refuse(
                404, f"the model {model!r} does not exist; there is {config.model!r}", "model_not_found"
            )
        if config.context and size // _CHARACTERS_A_TOKEN > config.context:
            words = f"this model's maximum context length is {config.context} tokens"
            return self._refuse(400, words, "context_length_exceeded")
        if document.get("tools") and not config.takes_tools:
            return self._refuse(400, f"{config.model} does not support tools", "invalid_request_error")
        if document.get("response_format") and not config.takes_schemas:
            return self._refuse(400, "response_format is not supported", "invalid_request_error")
        return None

    def _refuse(self, status: int, message: str, code: str, retry_after: float | None = None) -> web.Response:
        self.stats["refused"] += 1
        wait = (retry_after or self._config.retry_after_s) if status == 429 else None
        return _error(status, message, code, wait)


async def _until(due: float) -> None:
    left = due - asyncio.get_running_loop().time()
    if left > 0:
        await asyncio.sleep(left)


def _completion(model: str, message: Message, asked: int, fault: TeacherFault | None, digest: str) -> Json:
    """The answer in OpenAI's shape, spoilt where the model itself is to err."""
    finish = "tool_calls" if message.tool_calls else "stop"
    if fault is TeacherFault.UNKNOWN_TOOL:
        call = ToolCall(id="call_unknown", name=f"search_the_web_{digest[:4]}", arguments={"query": "it"})
        message, finish = Message(role=Role.ASSISTANT, tool_calls=(call,)), "tool_calls"
    written = message_json(message)
    if fault in (TeacherFault.BAD_ARGUMENTS, TeacherFault.TRUNCATION):
        for call_ in written.get("tool_calls") or ():
            arguments = call_["function"]["arguments"]
            call_["function"]["arguments"] = arguments[:-1] if len(arguments) > 2 else "{"
        if fault is TeacherFault.TRUNCATION:
            finish = "length"
            written["content"] = written["content"] and written["content"][: len(written["content"]) // 2]
    size = len(orjson.dumps(written))
    prompt, completion = asked // _CHARACTERS_A_TOKEN, size // _CHARACTERS_A_TOKEN
    return {
        "id": f"chatcmpl-{digest}",
        "object": "chat.completion",
        "created": _CREATED,
        "model": model,
        "choices": [{"index": 0, "message": written, "finish_reason": finish}],
        "usage": {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion},
    }


def _schema(document: Json) -> Json | None:
    wanted = document.get("response_format")
    if not isinstance(wanted, dict) or wanted.get("type") not in ("json_schema", "json_object"):
        return None
    inner = wanted.get("json_schema")
    schema = inner.get("schema") if isinstance(inner, dict) else None
    return schema if isinstance(schema, dict) else {"type": "object"}


def _raw(body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    from aiohttp import web

    return web.Response(body=body, status=status, headers={"content-type": "application/json", **(headers or {})})


def _json(document: Json) -> web.Response:
    return _raw(orjson.dumps(document))


def _error(status: int, message: str, code: str, retry_after: float | None = None) -> web.Response:
    headers = {} if retry_after is None else {"retry-after": f"{retry_after:g}"}
    return _raw(orjson.dumps({"error": {"message": message, "type": code, "code": code}}), status, headers)


def _reset(request: web.BaseRequest) -> web.Response:
    """Hang up without an answer."""
    if request.transport is not None:
        connection = request.transport.get_extra_info("socket")
        with suppress(OSError, AttributeError):  # so that the peer sees a reset, not an orderly end
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        request.transport.abort()
    return _raw(b"", 500)


async def _slowly(request: web.BaseRequest, body: bytes, seconds: float) -> web.StreamResponse:
    from aiohttp import web

    response = web.StreamResponse(headers={"content-type": "application/json"})
    response.content_length = len(body)
    await response.prepare(request)
    half = math.ceil(len(body) / 2)
    await response.write(body[:half])
    await asyncio.sleep(seconds)
    await response.write(body[half:])
    await response.write_eof()
    return response


def serve_teacher(config: TeacherConfig, host: str, port: int, ready: Callable[[Json], None]) -> None:
    """Serve until SIGINT or SIGTERM; `ready` is told the address once the server answers.

    Raises ConfigError where the port cannot be had, DataError, MissingExtraError.
    """
    try:
        import aiohttp  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("the rehearsal teacher", "serve") from error
    server = TeacherServer(config)
    listening = listen(host, port)
    about = {"address": f"{address_of(listening, host)}/v1", "model": config.model}
    asyncio.run(_serve(server, listening, lambda: ready(about)))


async def _serve(server: TeacherServer, listening: socket.socket, ready: Callable[[], None]) -> None:
    from aiohttp import web

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    runner = web.ServerRunner(web.Server(server.handle, access_log=None))
    await runner.setup()
    try:
        await web.SockSite(runner, listening, backlog=1024).start()
        with rare_collections():
            ready()
            await stop.wait()
    finally:
        await runner.cleanup()
