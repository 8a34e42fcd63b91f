"""The HTTP client under MCP's streamable HTTP: no redirects off the origin, no compressed and no endless answers."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx2

from toolwise.connections.guard import AddressPolicy


class _Bounded(httpx2.AsyncByteStream):
    """A response's body that ends with an error once it is too long."""

    def __init__(self, inner: httpx2.AsyncByteStream, limit: int) -> None:
        self._inner = inner
        self._limit = limit

    async def __aiter__(self) -> AsyncIterator[bytes]:
        seen = 0
        async for chunk in self._inner:
            seen += len(chunk)
            if seen > self._limit:
                raise httpx2.ReadError(f"the answer is longer than {self._limit >> 10:,} KiB")
            yield chunk

    async def aclose(self) -> None:
        await self._inner.aclose()


class _BoundedTransport(httpx2.AsyncBaseTransport):
    def __init__(self, inner: httpx2.AsyncBaseTransport, limit: int, policy: AddressPolicy) -> None:
        self._inner = inner
        self._limit = limit
        self._policy = policy

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        await self._policy.check(str(request.url))
        response = await self._inner.handle_async_request(request)
        coding = response.headers.get("content-encoding", "identity").strip().lower()
        if coding not in ("", "identity"):
            await response.aclose()  # we asked for none; what unpacks without bound is never unpacked
            raise httpx2.ReadError(f"the answer is compressed ({coding[:20]}), which was not asked for")
        if "text/event-stream" not in response.headers.get("content-type", ""):
            assert isinstance(response.stream, httpx2.AsyncByteStream)  # noqa: S101 - an async transport gives no other
            response.stream = _Bounded(response.stream, self._limit)
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()


def bounded_http_client(
    headers: dict[str, str], policy: AddressPolicy, start_seconds: float, read_seconds: float, message_bytes: int
) -> httpx2.AsyncClient:
    """A client for one server; every request's address is checked.

    The events of a stream are bounded one by one by the SDK, which cuts streams into them.
    """
    return httpx2.AsyncClient(
        headers={**headers, "Accept-Encoding": "identity"},
        timeout=httpx2.Timeout(start_seconds, read=max(read_seconds, start_seconds)),
        transport=_BoundedTransport(httpx2.AsyncHTTPTransport(trust_env=False), message_bytes, policy),
        trust_env=False,
    )
