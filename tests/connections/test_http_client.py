"""The guarded client against a real server that does its worst."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import itertools
import time
import tracemalloc
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopback_server import Loopback, Received, Route, Wire, serving
from toolwise.connections.decoding import BoundedBody, DecodingError, TooLargeError
from toolwise.connections.guard import AddressPolicy
from toolwise.connections.http import GuardedClient, HttpLimits, HttpRequest, HttpRequestError, HttpResponse, fetch
from toolwise.types import ToolErrorKind

LIMITS = HttpLimits(connect_s=2, read_s=0.5, total_s=1.5, max_bytes=200_000)


def redirect(location: str, status: int = 302) -> Route:
    return lambda wire, _: wire.answer(status, location=location)


def endless(wire: Wire, _: Received) -> None:
    wire.head(200, content_length=str(1 << 30))
    for _piece in range(1 << 14):
        wire.raw(b"x" * 65_536)


def endless_chunks(wire: Wire, _: Received) -> None:
    wire.head(200, transfer_encoding="chunked")
    for _piece in range(1 << 14):
        wire.raw(b"10000\r\n" + b"x" * 65_536 + b"\r\n")


def drip(wire: Wire, _: Received) -> None:
    wire.head(200, content_length="100000")
    for _piece in range(100):
        wire.raw(b"x")
        time.sleep(0.1)


def half(wire: Wire, _: Received) -> None:
    wire.head(200, content_length="1000")
    wire.raw(b'{"a": ')
    wire.hang_up()


def silence(wire: Wire, _: Received) -> None:
    time.sleep(1)
    wire.answer(200)


def bomb(data: bytes, encoding: str) -> Route:
    return lambda wire, _: wire.answer(200, data, content_encoding=encoding)


def headers(count: int, size: int) -> Route:
    return lambda wire, _: wire.answer(200, **{f"X_{i}": "v" * size for i in range(count)})


PAYLOAD = b"\0" * 50_000_000
ROUTES: dict[str, Route] = {
    "/ok": lambda wire, _: wire.answer(200, b'{"a": 1}', content_type="application/json"),
    "/metadata": redirect("http://169.254.169.254/latest/meta-data/"),
    "/loopback": redirect("http://127.0.0.2:1/"),
    "/mapped": redirect("http://[::ffff:127.0.0.1]/"),
    "/file": redirect("file:///etc/passwd"),
    "/gopher": redirect("gopher://127.0.0.1/"),
    "/protocol-relative": redirect("//169.254.169.254/x"),
    "/login": redirect("http://user:pw@127.0.0.1/"),
    "/broken": redirect("http://[::1"),
    "/self": redirect("/self"),
    "/relative": redirect("ok", 301),
    "/see-other": redirect("/ok", 303),
    "/keep": redirect("/ok", 307),
    "/endless": endless,
    "/endless-chunks": endless_chunks,
    "/drip": drip,
    "/half": half,
    "/silence": silence,
    "/hang-up": lambda wire, _: wire.hang_up(),
    "/garbage": lambda wire, _: wire.raw(b"\x00\x01 this is not HTTP\r\n\r\n"),
    "/gzip": bomb(gzip.compress(b"fine"), "gzip"),
    "/gzip-bomb": bomb(gzip.compress(PAYLOAD), "gzip"),
    "/deflate-bomb": bomb(zlib.compress(PAYLOAD), "deflate"),
    "/double-bomb": bomb(gzip.compress(gzip.compress(PAYLOAD)), "gzip, gzip"),
    "/triple": bomb(b"", "gzip, gzip, gzip"),
    "/brotli": bomb(b"\x8b\x00\x80", "br"),
    "/not-gzip": bomb(b"plain", "gzip"),
    "/cut-gzip": bomb(gzip.compress(b"x" * 1000)[:-4], "gzip"),
    "/many-headers": headers(500, 10),
    "/long-headers": headers(30, 60_000),
}


@pytest.fixture(scope="module")
def server() -> Iterator[Loopback]:
    with serving(ROUTES) as running:
        yield running


def client(server: Loopback, *more: str) -> GuardedClient:
    return GuardedClient(AddressPolicy([server.host, *more]), LIMITS)


def get(server: Loopback, path: str, **more: Any) -> HttpResponse:
    return asyncio.run(client(server).send(HttpRequest("GET", server.url + path, **more)))


def failure(server: Loopback, path: str) -> HttpRequestError:
    with pytest.raises(HttpRequestError) as caught:
        get(server, path)
    assert "\n" not in str(caught.value)
    return caught.value


def test_a_refused_host_is_never_connected_to(server: Loopback) -> None:
    before = server.connections
    for allow in ([], ["localhost"], ["127.0.0.1:1"]):
        with pytest.raises(HttpRequestError) as caught:
            asyncio.run(GuardedClient(AddressPolicy(allow), LIMITS).send(HttpRequest("GET", f"{server.url}/ok")))
        assert caught.value.kind is ToolErrorKind.REFUSED
    assert server.connections == before


@pytest.mark.parametrize(
    "path", ["/metadata", "/loopback", "/mapped", "/file", "/gopher", "/protocol-relative", "/login"]
)
def test_redirects_to_refused_places_are_refused(server: Loopback, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    connect = asyncio.BaseEventLoop.create_connection

    async def watched(loop: Any, factory: Any, host: Any = None, port: Any = None, **more: Any) -> Any:
        opened.append(f"{host}:{port}")
        return await connect(loop, factory, host, port, **more)

    monkeypatch.setattr(asyncio.BaseEventLoop, "create_connection", watched)
    assert failure(server, path).kind is ToolErrorKind.REFUSED
    assert opened == [server.host]


def test_the_address_that_was_checked_is_the_one_that_is_called(server: Loopback) -> None:
    """A name that means another address the second time (DNS rebinding) gains nothing."""
    asked = itertools.count()

    async def resolve(host: str, port: int) -> list[str]:
        del host, port
        return ["127.0.0.1"] if next(asked) == 0 else ["169.254.169.254"]

    policy = AddressPolicy(["moving.test"], resolve)
    seen = asyncio.run(GuardedClient(policy, LIMITS).send(HttpRequest("GET", f"http://moving.test:{server.port}/ok")))
    assert seen.status == 200
    assert next(asked) == 1
    assert server.received[-1].headers["Host"] == f"moving.test:{server.port}"


def test_environment_proxies_are_not_used(server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert get(server, "/ok").status == 200


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/endless", ToolErrorKind.MALFORMED),
        ("/endless-chunks", ToolErrorKind.MALFORMED),
        ("/gzip-bomb", ToolErrorKind.MALFORMED),
        ("/deflate-bomb", ToolErrorKind.MALFORMED),
        ("/double-bomb", ToolErrorKind.MALFORMED),
        ("/triple", ToolErrorKind.MALFORMED),
        ("/brotli", ToolErrorKind.MALFORMED),
        ("/not-gzip", ToolErrorKind.MALFORMED),
        ("/cut-gzip", ToolErrorKind.MALFORMED),
        ("/many-headers", ToolErrorKind.MALFORMED),
        ("/long-headers", ToolErrorKind.CONNECTION),
        ("/drip", ToolErrorKind.TIMEOUT),
        ("/silence", ToolErrorKind.TIMEOUT),
        ("/half", ToolErrorKind.CONNECTION),
        ("/hang-up", ToolErrorKind.CONNECTION),
        ("/garbage", ToolErrorKind.CONNECTION),
        ("/self", ToolErrorKind.CONNECTION),
        ("/broken", ToolErrorKind.CONNECTION),
    ],
)
def test_hostile_responses_are_typed_errors(server: Loopback, path: str, kind: ToolErrorKind) -> None:
    assert failure(server, path).kind is kind


def test_a_closed_port_is_a_connection_error() -> None:
    with pytest.raises(HttpRequestError) as caught:
        fetch("http://127.0.0.1:1/", ["127.0.0.1"], LIMITS)
    assert caught.value.kind is ToolErrorKind.CONNECTION


def test_good_responses_arrive(server: Loopback) -> None:
    assert get(server, "/gzip").content == b"fine"
    seen = get(server, "/relative")
    assert (seen.status, seen.media_type, seen.url) == (200, "application/json", f"{server.url}/ok")
    assert fetch(f"{server.url}/ok", [server.host], LIMITS).content == b'{"a": 1}'

    async def inside() -> HttpResponse:
        return fetch(f"{server.url}/ok", [server.host], LIMITS)

    assert asyncio.run(inside()).status == 200
    with pytest.raises(HttpRequestError, match="404"):
        fetch(f"{server.url}/none", [server.host], LIMITS)


def test_redirects_change_the_method_as_http_says(server: Loopback) -> None:
    for path, method, body in (("/see-other", "GET", b""), ("/keep", "POST", b"x=1")):
        request = HttpRequest("POST", server.url + path, {"Content-Type": "text/plain"}, b"x=1")
        asyncio.run(client(server).send(request))
        last = server.received[-1]
        assert (last.method, last.body, "Content-Type" in last.headers) == (method, body, bool(body))


def test_credentials_and_bodies_stay_with_their_origin(server: Loopback) -> None:
    secrets = {"Authorization": "Bearer abc", "Cookie": "a=b", "X-Key": "k", "X-Plain": "p"}
    away = {
        "/away": lambda wire, _: wire.answer(302, location=f"{server.url}/ok"),
        "/post": lambda wire, _: wire.answer(307, location=f"{server.url}/ok"),
        "/home": lambda wire, _: wire.answer(302, location="/end"),
        "/end": lambda wire, _: wire.answer(200),
    }
    with serving(away) as other:
        sender = client(server, other.host)
        asyncio.run(sender.send(HttpRequest("GET", f"{other.url}/away", secrets, secret_headers=("x-key",))))
        arrived = server.received[-1].headers
        assert arrived["X-Plain"] == "p"
        assert not {"Authorization", "Cookie", "X-Key"} & set(arrived)
        asyncio.run(sender.send(HttpRequest("GET", f"{other.url}/home", secrets, secret_headers=("x-key",))))
        assert {"Authorization", "Cookie", "X-Key"} <= set(other.received[-1].headers)
        before = len(server.received)
        with pytest.raises(HttpRequestError) as caught:
            asyncio.run(sender.send(HttpRequest("POST", f"{other.url}/post", {}, b"private")))
        assert caught.value.kind is ToolErrorKind.REFUSED
        assert len(server.received) == before


def test_many_requests_at_once(server: Loopback) -> None:
    async def all_of_them() -> list[HttpResponse]:
        sender = client(server)
        return await asyncio.gather(*(sender.send(HttpRequest("GET", f"{server.url}/ok")) for _ in range(30)))

    assert {seen.status for seen in asyncio.run(all_of_them())} == {200}


def decoded(pieces: list[bytes], encoding: str, limit: int) -> bytes:
    body = BoundedBody(encoding, limit)
    for piece in pieces:
        body.add(piece)
    return body.finish()


@given(st.binary(max_size=3000), st.integers(1, 700), st.sampled_from(["gzip", "deflate", "raw", "gzip, deflate"]))
def test_any_split_of_a_compressed_body_is_undone(data: bytes, size: int, how: str) -> None:
    made = {
        "gzip": lambda: gzip.compress(data[:100]) + gzip.compress(data[100:]),
        "deflate": lambda: zlib.compress(data),
        "raw": lambda: zlib.compress(data)[2:-4],
        "gzip, deflate": lambda: zlib.compress(gzip.compress(data)),
    }[how]()
    pieces = [made[i : i + size] for i in range(0, len(made), size)]
    encoding = "deflate" if how == "raw" else how
    if how == "raw" and size == 1:
        return  # one byte cannot tell raw deflate from zlib's header
    assert decoded(pieces, encoding, 10_000) == data
    if data:
        with pytest.raises(TooLargeError):
            decoded(pieces, encoding, len(data) - 1)


@pytest.mark.parametrize("layers", [1, 2])
def test_a_bomb_takes_no_more_memory_than_the_limit(layers: int) -> None:
    data = PAYLOAD
    for _ in range(layers):
        data = gzip.compress(data)
    tracemalloc.start()
    with pytest.raises(TooLargeError):
        decoded([data], ", ".join(["gzip"] * layers), 1_000_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000


@given(st.binary(max_size=300), st.sampled_from(["gzip", "deflate", "br", "gzip, gzip", "x" * 50, ",,"]))
def test_any_bytes_are_undone_or_refused(data: bytes, encoding: str) -> None:
    with contextlib.suppress(DecodingError, TooLargeError):
        decoded([data], encoding, 1000)
