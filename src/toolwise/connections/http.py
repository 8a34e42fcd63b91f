"""A guarded, bounded HTTP client: every hop's address is checked, and no response outgrows its limits."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from toolwise.connections.decoding import ACCEPTED, BoundedBody, DecodingError, TooLargeError
from toolwise.connections.guard import AddressPolicy, RefusedAddressError, Target, UnresolvedHostError
from toolwise.errors import MissingExtraError, UserError
from toolwise.types import ToolErrorKind

if TYPE_CHECKING:
    import httpx

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_KEEPS_METHOD = frozenset({307, 308})
_CREDENTIALS = frozenset({"authorization", "cookie", "proxy-authorization"})
_OF_A_BODY = frozenset({"content-type", "content-length", "content-encoding", "transfer-encoding"})
_HOP_HEADERS = frozenset({"host", "content-length", "transfer-encoding", "connection", "accept-encoding"})
"""Headers that this client sets itself."""


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """What one request may cost."""

    connect_s: float = 5.0
    read_s: float = 15.0
    """Longest silence."""
    total_s: float = 30.0
    """From the first look-up of the host's name to the last byte, redirects included."""
    max_bytes: int = 10_000_000
    """Of the body, both as it comes and decompressed."""
    max_headers: int = 200
    max_redirects: int = 5


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes = b""
    secret_headers: Collection[str] = ()
    """Headers, beside Authorization and Cookie, that no other origin may see."""
    follow: bool = True
    """Follow redirects; else they are responses like others."""


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A complete response, decompressed."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case; values of a repeated header joined by `, `."""
    content: bytes
    url: str
    """Where it came from in the end."""

    @property
    def media_type(self) -> str:
        """The body's media type in lower case, without parameters; empty if not stated."""
        return self.headers.get("content-type", "").split(";", 1)[0].strip().lower()

    def text(self) -> str:
        """The body as text, by the stated charset, else UTF-8; what cannot be decoded becomes U+FFFD."""
        stated = self.headers.get("content-type", "").lower().partition("charset=")[2]
        charset = stated.split(";", 1)[0].strip("\"' ") or "utf-8"
        try:
            return self.content.decode(charset, errors="replace")
        except (LookupError, ValueError):
            return self.content.decode(errors="replace")


class HttpRequestError(UserError):
    """No complete, acceptable response."""

    def __init__(self, kind: ToolErrorKind, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        """REFUSED, TIMEOUT, CONNECTION or MALFORMED."""


class GuardedClient:
    """Sends requests to addresses that the policy accepts.

    Each request has a connection of its own, to the very address that was checked; no environment proxies, no
    cookies, no retries. Safe to share between threads and event loops.
    """

    def __init__(self, policy: AddressPolicy | None = None, limits: HttpLimits | None = None) -> None:
        """Raises MissingExtraError without httpx."""
        require_httpx("calling HTTP addresses")
        self._policy = policy or AddressPolicy()
        self._limits = limits or HttpLimits()

    async def send(self, request: HttpRequest) -> HttpResponse:
        """The response, after redirects. Raises HttpRequestError."""
        try:
            async with asyncio.timeout(self._limits.total_s):
                return await self._follow(request)
        except TimeoutError as error:
            raise HttpRequestError(
                ToolErrorKind.TIMEOUT, f"no complete answer within {self._limits.total_s:g} s"
            ) from error

    async def _follow(self, request: HttpRequest) -> HttpResponse:
        origin: tuple[str, str, int] | None = None
        for _ in range(self._limits.max_redirects + 1):
            targets = await self._checked(request.url)
            if origin is not None and targets[0].origin != origin:
                request = _for_other_origin(request)
            origin = targets[0].origin
            response = await self._reach(request, targets)
            location = response.headers.get("location")
            if response.status not in _REDIRECTS or not location or not request.follow:
                return response
            request = _redirected(request, response.status, location)
        raise HttpRequestError(ToolErrorKind.CONNECTION, f"more than {self._limits.max_redirects} redirects")

    async def _checked(self, url: str) -> list[Target]:
        try:
            return await self._policy.check(url)
        except RefusedAddressError as error:
            raise HttpRequestError(ToolErrorKind.REFUSED, str(error)) from error
        except UnresolvedHostError as error:
            raise HttpRequestError(ToolErrorKind.CONNECTION, str(error)) from error

    async def _reach(self, request: HttpRequest, targets: list[Target]) -> HttpResponse:
        """The response of the first address to which a connection can be made."""
        import httpx

        for target in targets[:-1]:
            try:
                return await self._exchange(request, target)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
        try:
            return await self._exchange(request, targets[-1])
        except httpx.TimeoutException as error:
            raise HttpRequestError(ToolErrorKind.TIMEOUT, "no answer in time") from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            raise HttpRequestError(ToolErrorKind.CONNECTION, _cause(error, targets[-1])) from error

    async def _exchange(self, request: HttpRequest, target: Target) -> HttpResponse:
        """One request on a connection of its own. Raises httpx's errors, HttpRequestError."""
        import httpx

        transport = httpx.AsyncHTTPTransport(verify=_tls(), trust_env=False)
        try:
            response = await transport.handle_async_request(_wire_request(request, target, self._limits))
            try:
                return await self._read(request, response)
            finally:
                await response.aclose()
        finally:
            await transport.aclose()

    async def _read(self, request: HttpRequest, response: httpx.Response) -> HttpResponse:
        if len(response.headers.raw) > self._limits.max_headers:
            raise HttpRequestError(ToolErrorKind.MALFORMED, f"more than {self._limits.max_headers} headers")
        headers = {name.lower(): value for name, value in response.headers.items()}
        content = b""
        if response.status_code not in _REDIRECTS or "location" not in headers or not request.follow:
            try:
                content = await self._body(request.method, response)
            except TooLargeError as error:
                raise HttpRequestError(
                    ToolErrorKind.MALFORMED, f"the response is larger than {self._limits.max_bytes:,} bytes"
                ) from error
            except DecodingError as error:
                raise HttpRequestError(ToolErrorKind.MALFORMED, f"the response cannot be decoded: {error}") from error
        return HttpResponse(response.status_code, headers, content, request.url)

    async def _body(self, method: str, response: httpx.Response) -> bytes:
        encoding = "" if method == "HEAD" else response.headers.get("content-encoding", "")
        body = BoundedBody(encoding, self._limits.max_bytes)
        stated = response.headers.get("content-length", "")
        if stated.isdecimal() and len(stated) < 20 and int(stated) > self._limits.max_bytes and method != "HEAD":
            raise TooLargeError
        async for piece in response.aiter_raw():
            body.add(piece)
        return body.finish()


def _wire_request(request: HttpRequest, target: Target, limits: HttpLimits) -> httpx.Request:
    """The request as it goes to the checked address: the name stays in Host and in TLS."""
    import httpx

    url = httpx.URL(request.url)
    headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP_HEADERS}
    headers |= {"Host": url.netloc.decode("ascii"), "Accept-Encoding": ACCEPTED, "Connection": "close"}
    headers.setdefault("User-Agent", "toolwise")
    timeout = {"connect": limits.connect_s, "read": limits.read_s, "write": limits.read_s, "pool": limits.connect_s}
    return httpx.Request(
        request.method,
        url.copy_with(host=target.address),
        headers=[(name.encode(), value.encode()) for name, value in headers.items()],
        content=request.content or None,
        extensions={"timeout": timeout, "sni_hostname": target.host},
    )


def _redirected(request: HttpRequest, status: int, location: str) -> HttpRequest:
    """The next request (RFC 9110, section 15.4); its address is checked like the first one's."""
    try:
        url = urljoin(request.url, location)
    except ValueError as error:
        raise HttpRequestError(ToolErrorKind.CONNECTION, "redirected to a malformed address") from error
    url = url.partition("#")[0]
    if status in _KEEPS_METHOD or request.method in {"GET", "HEAD"}:
        return HttpRequest(request.method, url, request.headers, request.content, request.secret_headers)
    headers = {name: value for name, value in request.headers.items() if name.lower() not in _OF_A_BODY}
    return HttpRequest("GET", url, headers, b"", request.secret_headers)


def _for_other_origin(request: HttpRequest) -> HttpRequest:
    """The request without credentials. Raises HttpRequestError if it carries a body, which was meant for another."""
    if request.content:
        raise HttpRequestError(ToolErrorKind.REFUSED, "redirected with its body to another origin; not followed")
    dropped = _CREDENTIALS | {name.lower() for name in request.secret_headers}
    headers = {name: value for name, value in request.headers.items() if name.lower() not in dropped}
    return HttpRequest(request.method, request.url, headers, b"", request.secret_headers)


def _cause(error: Exception, target: Target) -> str:
    where = f"{target.host}:{target.port}"
    told = " ".join(str(error).split())[:200]
    return f"{where}: {told}" if told else f"{where}: {type(error).__name__}"


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    """Certificates are verified against the name, not the address; building this takes tens of milliseconds."""
    import httpx

    _quiet()
    return httpx.create_ssl_context(trust_env=False)


def _quiet() -> None:
    """The transport logs whole requests, credentials too, at DEBUG: only where someone asks for exactly that."""
    for name in ("httpcore", "httpx"):
        logger = logging.getLogger(name)
        if logger.level == logging.NOTSET:
            logger.setLevel(logging.WARNING)


def require_httpx(feature: str) -> None:
    """Raises MissingExtraError unless the `[worlds]` extra is installed."""
    try:
        import httpx  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(feature, "worlds") from error


async def fetch_async(url: str, allow: Iterable[str] = (), limits: HttpLimits | None = None) -> HttpResponse:
    """A document from an address. Raises HttpRequestError, also for a status that is not 2xx."""
    client = GuardedClient(AddressPolicy(allow), limits)
    response = await client.send(HttpRequest("GET", url, {"Accept": "*/*"}))
    if not 200 <= response.status < 300:
        raise HttpRequestError(ToolErrorKind.CONNECTION, f"the address answers with status {response.status}")
    return response


def fetch(url: str, allow: Iterable[str] = (), limits: HttpLimits | None = None) -> HttpResponse:
    """As `fetch_async`, for code that is not asynchronous; also where an event loop is running already."""
    with ThreadPoolExecutor(1, thread_name_prefix="toolwise-fetch") as thread:
        return thread.submit(asyncio.run, fetch_async(url, allow, limits)).result()
