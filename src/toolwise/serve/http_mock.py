"""The HTTP mock: requests become tool calls in a session of the world, observations become responses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import orjson
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from toolwise.serve.http_arguments import (
    JSON_TYPE,
    MULTIPART_TYPE,
    RequestError,
    Sent,
    arguments_of,
    is_form,
    is_json,
    read_json,
)
from toolwise.serve.http_document import openapi_document
from toolwise.serve.http_routes import DOCUMENT, RESET, STATE, Routes, ToolRoute
from toolwise.serve.listening import is_loopback
from toolwise.serve.served import ServedCatalog
from toolwise.serve.sessions import MAX_SEED, ServedSession, Sessions
from toolwise.types import Json, Observation

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

SESSION_HEADER = "x-session"
"""Requests with the same value share a session; those without one share another."""
MAX_BODY = 4 << 20
MAX_DOCUMENTED = 10_000
"""More tools than these are documented toolset by toolset: one document would take a minute and a gigabyte."""
_MAX_KEY = 128
_MAX_FIELDS = 10_000
_DUMP = orjson.OPT_NON_STR_KEYS


class HttpMock:
    """The ASGI application."""

    def __init__(
        self, served: ServedCatalog, sessions: Sessions, *, address: str, host: str, simulated: bool = True
    ) -> None:
        self._served = served
        self._sessions = sessions
        self._address = address
        self._host_checked = is_loopback(host)
        self._simulated = simulated
        self._routes = Routes(served)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        try:
            response = await self._respond(request)
        except RequestError as error:
            response = _failure(error)
        except ClientDisconnect:
            return
        if request.method == "HEAD":
            response.body = b""
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        self._check_host(request)
        path = _segments(request)
        match path:
            case [name] if name == DOCUMENT:
                return self._document(request, None)
            case [toolset, name] if name == DOCUMENT and self._served.several and toolset in self._served.toolsets:
                return self._document(request, toolset)
            case [name] if name == RESET:
                return await self._reset(request)
            case [name] if name == STATE:
                _only(request, "GET")
                return _response(200, dict(self._session(request).state()))
        route, inner, allowed = self._routes.find(path, request.method)
        if route is None:
            if allowed:
                raise _NotAllowedError(allowed)
            raise RequestError(404, "unknown_path", f"Nothing is served at {request.url.path[:200]}; see /{DOCUMENT}.")
        arguments = await self._arguments(request, route, inner)
        seen = await self._session(request).call(route.tool.id, arguments)
        return _observed(route.promise.kept(seen))

    def _check_host(self, request: Request) -> None:
        """A page in the user's browser must not reach a mock on loopback through a name of its own."""
        host = request.headers.get("host", "")
        if self._host_checked and host and not is_loopback(urlsplit(f"//{host}").hostname or ""):
            raise RequestError(403, "forbidden_host", "This server answers requests to this machine alone.")

    def _session(self, request: Request) -> ServedSession:
        return self._sessions.get(_session_key(request))

    def _document(self, request: Request, toolset: str | None) -> Response:
        _only(request, "GET")
        if toolset is None and len(self._served.ids) > MAX_DOCUMENTED:
            first = f"/{self._served.toolsets[0]}/{DOCUMENT}"
            raise RequestError(
                404, "too_many_tools", f"{len(self._served.ids):,} tools are no one document; see {first} and the like."
            )
        routes = self._routes.all() if toolset is None else iter([self._routes.of(toolset)])
        names = dict(zip(self._served.ids, self._served.names, strict=True))
        return _response(200, openapi_document(routes, names, self._address, self._simulated))

    async def _reset(self, request: Request) -> Response:
        """A fresh session, with a seed of the caller's if the body gives one."""
        _only(request, "POST")
        body = await _body(request)
        given = read_json(body) if body.strip() else {}
        seed = given.get("seed") if isinstance(given, dict) else given
        if not isinstance(given, dict) or isinstance(seed, bool) or not isinstance(seed, int | None):
            raise RequestError(400, "invalid_arguments", 'Send nothing, or {"seed": <a whole number>}.', "seed")
        if seed is not None and not 0 <= seed <= MAX_SEED:
            raise RequestError(400, "invalid_arguments", f"Field 'seed' must be 0 to {MAX_SEED}.", "seed")
        key = _session_key(request)
        return _response(200, {"session": key, "seed": self._sessions.reset(key, seed).seed})

    async def _arguments(self, request: Request, route: ToolRoute, path: Sequence[str]) -> dict[str, Json]:
        sent = await _sent(request)
        if route.binding is not None:
            return arguments_of(route.tool, route.binding, route.template.values(path), sent)
        if sent.content_type and not is_json(sent.content_type):
            raise RequestError(415, "unsupported_media_type", f"Send the arguments as {JSON_TYPE}.")
        arguments = read_json(sent.body) if sent.body.strip() else {}
        if not isinstance(arguments, dict):
            raise RequestError(400, "invalid_arguments", "The body must be a JSON object of the tool's arguments.")
        return arguments


class _NotAllowedError(RequestError):
    def __init__(self, allowed: Sequence[str]) -> None:
        self.allow = ", ".join(allowed)
        super().__init__(405, "method_not_allowed", f"This path allows {self.allow}.")


def _only(request: Request, method: str) -> None:
    if request.method not in (method, "HEAD" if method == "GET" else method):
        raise _NotAllowedError([method])


def _session_key(request: Request) -> str:
    key = request.headers.get(SESSION_HEADER, "")
    if len(key) > _MAX_KEY:
        raise RequestError(400, "invalid_arguments", f"X-Session has more than {_MAX_KEY} characters.", "X-Session")
    return key


def _segments(request: Request) -> list[str]:
    """The path's segments, split before they are decoded: an encoded slash belongs to its segment."""
    raw = request.scope.get("raw_path") or request.scope["path"].encode()
    return [unquote(part) for part in raw.decode("latin-1").partition("?")[0].removeprefix("/").split("/")]


async def _body(request: Request) -> bytes:
    """The request's body. Raises RequestError (413)."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared[:20]) > MAX_BODY:
        raise _too_large()
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_BODY:
            raise _too_large()
        chunks.append(chunk)
    return b"".join(chunks)


def _too_large() -> RequestError:
    return RequestError(413, "too_large", f"The body has more than {MAX_BODY:,} bytes.")


async def _sent(request: Request) -> Sent:
    body = await _body(request)
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return Sent(
        query=request.query_params.multi_items(),
        headers=request.headers,
        cookies=request.cookies,
        content_type=content_type,
        body=body,
        form=await _form(request, body, content_type) if body and is_form(content_type) else (),
    )


async def _form(request: Request, body: bytes, content_type: str) -> list[tuple[str, str]]:
    """The fields of a form; a file is its text."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    again = Request(request.scope, receive)
    found: list[tuple[str, str]] = []
    try:
        async with again.form(max_files=_MAX_FIELDS, max_fields=_MAX_FIELDS, max_part_size=MAX_BODY) as form:
            for name, value in form.multi_items():
                found.append((name, value if isinstance(value, str) else (await value.read()).decode(errors="replace")))
    except (MultiPartException, ValueError, KeyError) as error:
        kind = "multipart" if content_type == MULTIPART_TYPE else "form"
        raise RequestError(400, "malformed_form", f"The body is no {kind} body: {error}"[:200]) from error
    return found


def _response(status: int, body: Json, headers: Mapping[str, str] | None = None) -> Response:
    return Response(orjson.dumps(body, option=_DUMP), status, headers, media_type=JSON_TYPE)


def _failure(error: RequestError) -> Response:
    cause = {"code": error.code, "message": error.message, **({"field": error.field} if error.field else {})}
    headers = {"allow": error.allow} if isinstance(error, _NotAllowedError) else None
    return _response(error.status, {"error": cause}, headers)


def _observed(seen: Observation) -> Response:
    """An observation as a response; a failure always has a body of the one form."""
    if seen.ok:
        return Response(status_code=204) if seen.body is None else _response(seen.status, seen.body)
    body = seen.body
    if not (isinstance(body, dict) and isinstance(body.get("error"), dict)):
        kind = seen.error.value if seen.error is not None else "failed"
        detail = body if isinstance(body, str) else f"The tool failed with status {seen.status}."
        body = {"error": {"code": kind, "message": detail}}
    return _response(seen.status, body)


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
