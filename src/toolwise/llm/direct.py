"""A Transport straight on asyncio's connections, for endpoints that are reached without a proxy.

A call costs 0.07 ms of CPU here, 0.19 with aiohttp over the same server and requests (`benchmarks/annotate.py`); a run
makes millions from one process, which must keep up with hundreds of requests in flight.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast
from urllib.parse import quote, urlsplit

from toolwise.llm.faults import EndpointError, EndpointFault
from toolwise.llm.http_responses import ResponseReader
from toolwise.llm.transport import HttpAnswer

_PRINTABLE = "/%:@!$&'()*+,;=~-._"


@dataclass(frozen=True, slots=True)
class _Place:
    """Where requests to a URL go."""

    host: str
    port: int
    secure: bool
    start: bytes
    """The request line and the Host header."""


class DirectTransport:
    """A Transport with kept-alive connections. Redirects are not followed, as they would carry the key elsewhere."""

    def __init__(self) -> None:
        self._places: dict[str, _Place] = {}
        self._heads: dict[tuple[tuple[str, str], ...], bytes] = {}
        self._idle: defaultdict[tuple[str, int, bool], deque[_Connection]] = defaultdict(deque)
        self._open: set[_Connection] = set()
        self._tls: ssl.SSLContext | None = None

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], timeout_s: float) -> HttpAnswer:
        place = self._places.get(url)
        if place is None:
            place = self._places[url] = _place(url)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        request = b"%b%bcontent-length: %d\r\n\r\n%b" % (place.start, self._head(headers), len(body), body)
        connection = self._kept(place)
        if connection is not None:
            try:
                return await self._exchange(connection, place, request, (url, deadline, timeout_s))
            except EndpointError as error:
                if error.kind is not EndpointFault.CONNECTION or connection.heard:
                    raise  # otherwise the other side had closed it meanwhile, as servers do with idle ones
        connection = await self._connected(place, url, timeout_s)
        return await self._exchange(connection, place, request, (url, deadline, timeout_s))

    async def _exchange(
        self, connection: _Connection, place: _Place, request: bytes, limits: tuple[str, float, float]
    ) -> HttpAnswer:
        url, deadline, timeout_s = limits
        try:
            return await connection.exchange(request, deadline)
        except TimeoutError:
            raise EndpointError(EndpointFault.TIMEOUT, f"{url} did not answer within {timeout_s:g} s") from None
        except ValueError as error:
            raise EndpointError(EndpointFault.CONNECTION, f"{url} does not speak HTTP/1.1: {error}") from error
        except OSError as error:
            raise EndpointError(EndpointFault.CONNECTION, f"{url}: {_words(error)}") from error
        finally:
            if connection.usable:
                self._idle[place.host, place.port, place.secure].append(connection)
            else:
                connection.close()
                self._open.discard(connection)

    async def close(self) -> None:
        for connection in self._open:
            connection.close()
        self._open.clear()
        self._idle.clear()
        await asyncio.sleep(0)  # let them go

    def _kept(self, place: _Place) -> _Connection | None:
        """The connection used last of those that are still open."""
        idle = self._idle[place.host, place.port, place.secure]
        while idle:
            connection = idle.pop()
            if connection.usable:
                return connection
            self._open.discard(connection)
        return None

    async def _connected(self, place: _Place, url: str, timeout_s: float) -> _Connection:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout_s):
                _, connection = await loop.create_connection(
                    _Connection,
                    place.host,
                    place.port,
                    ssl=self._context() if place.secure else None,
                )
        except TimeoutError:
            raise EndpointError(EndpointFault.TIMEOUT, f"{url} did not answer within {timeout_s:g} s") from None
        except (OSError, UnicodeError) as error:
            raise EndpointError(EndpointFault.UNREACHABLE, f"no connection to {url}: {_words(error)}") from error
        self._open.add(connection)
        return connection

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
            self._tls.set_alpn_protocols(["http/1.1"])
        return self._tls

    def _head(self, headers: Mapping[str, str]) -> bytes:
        key = tuple(headers.items())
        head = self._heads.get(key)
        if head is None:
            lines = [f"{name}: {value}\r\n" for name, value in {**headers, "accept": "application/json"}.items()]
            if any("\r" in line[:-2] or "\n" in line[:-2] for line in lines):
                raise EndpointError(EndpointFault.REFUSED, "a header must not hold a line break")
            head = self._heads[key] = "".join(lines).encode("latin-1")
        return head


class _Connection(asyncio.Protocol):
    """One connection, one exchange at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._reader: ResponseReader | None = None
        self._waiting: asyncio.Future[HttpAnswer] | None = None
        self._ended = False

    @property
    def usable(self) -> bool:
        """Open, and between two exchanges?"""
        return not self._ended and self._waiting is None and not self._closing

    @property
    def heard(self) -> bool:
        """Has anything of the latest answer come?"""
        return self._reader is not None and self._reader.begun

    @property
    def _closing(self) -> bool:
        return self._transport is None or self._transport.is_closing()

    async def exchange(self, request: bytes, deadline: float) -> HttpAnswer:
        """Raises TimeoutError, OSError where the other side hangs up, ValueError where it does not speak HTTP."""
        loop = asyncio.get_running_loop()
        assert self._transport is not None  # noqa: S101 # connected
        self._reader = ResponseReader()
        waiting = self._waiting = loop.create_future()
        timer = loop.call_at(deadline, self._too_late)
        self._transport.write(request)
        try:
            answer: HttpAnswer = await waiting
        except BaseException:
            self._ended = True  # what may still come would be taken for the next answer
            raise
        finally:
            timer.cancel()
            self._waiting = None
        self._ended = self._ended or not self._reader.keeps_open
        return answer

    def close(self) -> None:
        self._ended = True
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        waiting = self._waiting
        if waiting is None or waiting.done() or self._reader is None:
            self._ended = True  # it speaks without being asked
            return
        try:
            answer = self._reader.feed(data)
        except ValueError as error:
            waiting.set_exception(error)
            return
        if answer is not None:
            waiting.set_result(answer)

    def eof_received(self) -> bool:
        self._over(None)
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self._over(error)

    def _over(self, error: Exception | None) -> None:
        self._ended = True
        waiting = self._waiting
        if waiting is None or waiting.done():
            return
        answer = self._reader.end() if self._reader is not None and error is None else None
        if answer is not None:
            waiting.set_result(answer)
        else:
            waiting.set_exception(error if isinstance(error, OSError) else ConnectionResetError("it hung up"))

    def _too_late(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(TimeoutError())


def _place(url: str) -> _Place:
    """Raises EndpointError for an address that no request can go to."""
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    try:
        port = parts.port or (443 if secure else 80)
        host = (parts.hostname or "").encode("ascii" if ":" in (parts.hostname or "") else "idna").decode()
    except (ValueError, UnicodeError) as error:
        raise EndpointError(EndpointFault.REFUSED, f"{url} is no address: {error}") from error
    path = quote(parts.path or "/", safe=_PRINTABLE)
    shown = f"[{host}]" if ":" in host else host
    where = shown if port == (443 if secure else 80) else f"{shown}:{port}"
    return _Place(host, port, secure, f"POST {path} HTTP/1.1\r\nhost: {where}\r\n".encode())


def _words(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
