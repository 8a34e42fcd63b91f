"""Our own HTTP/1.1: responses however their bytes are cut, and connections that misbehave."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopback_server import Received, Wire, serving
from toolwise.llm.direct import DirectTransport
from toolwise.llm.faults import EndpointError, EndpointFault
from toolwise.llm.http_responses import ResponseReader
from toolwise.llm.transport import HttpAnswer, HttpTransport, new_transport


def read(data: bytes, cuts: list[int]) -> tuple[HttpAnswer | None, ResponseReader]:
    reader = ResponseReader()
    places = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    answer = None
    for start, end in pairwise(places):
        answer = reader.feed(data[start:end])
        assert answer is None or end == len(data)
    return answer, reader


@given(
    st.integers(200, 599).filter(lambda status: status not in (204, 304)),
    st.lists(st.binary(min_size=1, max_size=40), max_size=5),
    st.sampled_from(["length", "chunked", "close"]),
    st.booleans(),
    st.lists(st.integers(0, 400), max_size=12),
)
def test_a_response_is_the_same_however_its_bytes_are_cut(
    status: int, parts: list[bytes], framing: str, interim: bool, cuts: list[int]
) -> None:
    body = b"".join(parts)
    head = b"HTTP/1.1 %d Whatever\r\nRetry-After:  7 \r\n" % status
    if framing == "length":
        data = head + b"Content-Length: %d\r\n\r\n" % len(body) + body
    elif framing == "chunked":
        chunks = b"".join(b"%x;a=b\r\n%b\r\n" % (len(part), part) for part in parts)
        data = head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\nTrailer: x\r\n\r\n"
    else:
        data = head + b"\r\n" + body
    if interim:
        data = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + data
    answer, reader = read(data, cuts)
    assert reader.keeps_open is (framing != "close")
    if framing == "close":
        assert answer is None
        answer = reader.end()
    assert answer is not None
    assert (answer.status, answer.body, answer.headers["retry-after"]) == (status, body, "7")


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=5))
def test_any_bytes_are_read_or_refused(data: bytes, cuts: list[int]) -> None:
    for prefix in (b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"):
        with suppress(ValueError, AssertionError):
            read(prefix + data, cuts)


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 2OO OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno header\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n Folded: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"a" * 70_000,
    ],
)
def test_what_is_no_response_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError):
        read(data, [])


def test_more_than_was_asked_for_ends_the_connection() -> None:
    answer, reader = read(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 200 OK\r\n\r\n", [])
    assert answer is not None
    assert answer.body == b"hi"
    assert not reader.keeps_open


async def asked(*posts: Coroutine[Any, Any, Any], transport: DirectTransport) -> list[Any]:
    try:
        return await asyncio.gather(*posts, return_exceptions=True)
    finally:
        await transport.close()


def test_a_connection_is_kept() -> None:
    async def go(url: str) -> None:
        transport = DirectTransport()
        for _ in range(3):
            assert (await transport.post(url, b"{}", {}, 5)).body == b"hi"
        await transport.close()

    with raw_server(OK, OK, OK) as (url, connections):
        asyncio.run(go(url))
        assert len(connections) == 1


def test_each_request_arrives_as_it_was_sent() -> None:
    def echo(wire: Wire, request: Received) -> None:
        assert request.headers["authorization"] == "Bearer k"
        wire.answer(200, request.body, content_type="application/json")

    async def go(url: str) -> list[bytes]:
        transport = DirectTransport()
        bodies = []
        for number in range(5):
            answer = await transport.post(f"{url}/v1/a b", b"x" * number, {"authorization": "Bearer k"}, 5)
            bodies.append(answer.body)
        await transport.close()
        return bodies

    with serving(echo) as server:
        assert asyncio.run(go(server.url)) == [b"x" * number for number in range(5)]
        assert {request.target for request in server.received} == {"/v1/a%20b"}


@contextmanager
def raw_server(*answers: bytes | None) -> Iterator[tuple[str, list[int]]]:
    """Answers each request on any connection with the next of these bytes, then hangs up where it is its last; None
    never answers. Beside the address: the number of connections."""
    listening = socket.create_server(("127.0.0.1", 0))
    connections: list[int] = []
    remaining = list(answers)

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listening.accept()
                connections.append(1)
                threading.Thread(target=talk, args=(connection,), daemon=True).start()

    def talk(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            while connection.recv(65536) and remaining:
                answer = remaining.pop(0)
                if answer is None:
                    time.sleep(3)
                    return
                connection.sendall(answer)
                if b"content-length" not in answer or b"hang-up" in answer:
                    return

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1", connections
    finally:
        listening.close()


OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\nx: hang-up\r\n\r\nhi", EndpointFault.CONNECTION),
        (b"", EndpointFault.CONNECTION),
        (b"what?\r\n\r\n", EndpointFault.CONNECTION),
        (None, EndpointFault.TIMEOUT),
    ],
)
def test_each_failure_is_named_and_the_next_call_gets_a_connection_of_its_own(
    answer: bytes | None, kind: EndpointFault
) -> None:
    async def go(url: str) -> tuple[EndpointFault, bytes]:
        transport = DirectTransport()
        with pytest.raises(EndpointError) as failed:
            await transport.post(url, b"{}", {}, 0.3)
        answer = await transport.post(url, b"{}", {}, 5)
        await transport.close()
        return failed.value.kind, answer.body

    with raw_server(answer, OK) as (url, connections):
        assert asyncio.run(go(url)) == (kind, b"hi")
        assert len(connections) == 2


def test_a_connection_that_the_server_closes_between_calls_is_not_used_again() -> None:
    async def go(url: str, pause: float) -> list[bytes]:
        transport = DirectTransport()
        first = await transport.post(url, b"{}", {}, 5)
        await asyncio.sleep(pause)
        second = await transport.post(url, b"{}", {}, 5)
        await transport.close()
        return [first.body, second.body]

    for pause in (0.0, 0.1):  # also when the end comes while the next request is on its way
        with raw_server(OK.replace(b"OK", b"hang-up"), OK) as (url, connections):
            assert asyncio.run(go(url, pause)) == [b"hi", b"hi"]
            assert len(connections) == 2


def test_nobody_listens() -> None:
    transport = DirectTransport()
    (error,) = asyncio.run(asked(transport.post("http://127.0.0.1:9/v1", b"", {}, 5), transport=transport))
    assert isinstance(error, EndpointError)
    assert error.kind is EndpointFault.UNREACHABLE


def test_a_call_that_is_given_up_leaves_no_answer_for_the_next() -> None:
    def slow_first(wire: Wire, request: Received) -> None:
        if request.body == b"first":
            time.sleep(0.3)
        wire.answer(200, request.body)

    async def go(url: str) -> bytes:
        transport = DirectTransport()
        first = asyncio.ensure_future(transport.post(url, b"first", {}, 5))
        await asyncio.sleep(0.1)
        first.cancel()
        with suppress(asyncio.CancelledError):
            await first
        answer = await transport.post(url, b"second", {}, 5)
        await transport.close()
        return answer.body

    with serving(slow_first) as server:
        assert asyncio.run(go(server.url)) == b"second"


def test_proxies_of_the_environment_are_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    assert isinstance(new_transport(), DirectTransport)
    pytest.importorskip("aiohttp")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:3128")
    assert isinstance(new_transport(), HttpTransport)
