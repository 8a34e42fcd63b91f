"""HTTP to an endpoint: one POST at a time, every failure a typed fault.

Straight to the endpoint a call costs 0.07 ms of CPU (`toolwise.llm.direct`), over the same server and requests 0.2 with
aiohttp, which is used where there is a proxy, 1.0 with httpx2, 2.5 with the `openai` client (which rides on it); and a
run makes millions of calls from one process.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from toolwise.errors import MissingExtraError
from toolwise.llm.faults import EndpointError, EndpointFault

if TYPE_CHECKING:
    import aiohttp


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """A whole HTTP response; headers are looked up in lower case, whatever case they came in."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class Transport(Protocol):
    """Sends a request body to an endpoint."""

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], timeout_s: float) -> HttpAnswer:
        """Raises EndpointError (UNREACHABLE, CONNECTION, TIMEOUT)."""
        ...

    async def close(self) -> None: ...


def behind_proxy() -> bool:
    """Does the environment name a proxy for web addresses?"""
    return any(os.environ.get(name) for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"))


def new_transport() -> Transport:
    """What the environment asks for: a proxy, or connections straight to the endpoint. Raises MissingExtraError."""
    if behind_proxy():
        return HttpTransport()
    from toolwise.llm.direct import DirectTransport

    return DirectTransport()


class HttpTransport:
    """A Transport with kept-alive connections. Proxies of the environment are honoured; redirects are not followed,
    as they would carry the key elsewhere."""

    def __init__(self) -> None:
        """Raises MissingExtraError."""
        try:
            import aiohttp  # noqa: F401
        except ImportError as error:
            raise MissingExtraError("asking an endpoint", "llm") from error
        self._session: aiohttp.ClientSession | None = None

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], timeout_s: float) -> HttpAnswer:
        import aiohttp

        session = self._opened()
        try:
            async with asyncio.timeout(timeout_s):
                async with session.post(url, data=body, headers=headers, allow_redirects=False) as response:
                    answer = await response.read()
                    return HttpAnswer(response.status, answer, response.headers)
        except TimeoutError:
            raise EndpointError(EndpointFault.TIMEOUT, f"{url} did not answer within {timeout_s:g} s") from None
        except aiohttp.ClientConnectorError as error:
            cause = " ".join(str(error.os_error).split())
            raise EndpointError(EndpointFault.UNREACHABLE, f"no connection to {url}: {cause}") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            cause = " ".join(str(error).split()) or type(error).__name__
            raise EndpointError(EndpointFault.CONNECTION, f"{url}: {cause}") from error

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _opened(self) -> aiohttp.ClientSession:
        import aiohttp

        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),  # the limiter bounds what is in flight
                timeout=aiohttp.ClientTimeout(total=None),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=behind_proxy(),
            )
        return self._session
