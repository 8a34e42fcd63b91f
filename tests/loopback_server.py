"""A real HTTP server on loopback whose routes are functions; it records requests, and may misbehave on the wire."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Received:
    """One request as it came."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


Route = Callable[["Wire", Received], None]


@dataclass
class Wire:
    """What a route writes to."""

    handler: BaseHTTPRequestHandler

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        """A complete response; `content_type` is the header Content-Type."""
        self.head(status, **{"content_length": str(len(body)), **headers})
        self.raw(body)

    def head(self, status: int, **headers: str) -> None:
        self.handler.send_response_only(status)
        for name, value in headers.items():
            self.handler.send_header(name.replace("_", "-"), value)
        self.handler.end_headers()

    def raw(self, data: bytes) -> None:
        self.handler.wfile.write(data)
        self.handler.wfile.flush()

    def hang_up(self) -> None:
        self.handler.connection.shutdown(socket.SHUT_RDWR)


@dataclass
class Loopback:
    """A running server."""

    port: int
    received: list[Received] = field(default_factory=list)
    connections: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"


@contextlib.contextmanager
def serving(routes: dict[str, Route] | Route) -> Iterator[Loopback]:
    """Serve the routes, by path (or one for all paths); an unknown path is a 404."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 20

        def setup(self) -> None:
            state.connections += 1
            super().setup()

        def log_message(self, *_: Any) -> None:
            pass

        def _run(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            received = Received(self.command, self.path, dict(self.headers.items()), self.rfile.read(length))
            state.received.append(received)
            route = routes.get(self.path.partition("?")[0]) if isinstance(routes, dict) else routes
            self.close_connection = True
            with contextlib.suppress(OSError):
                if route is None:
                    Wire(self).answer(404, b'{"error": "no such path"}', content_type="application/json")
                else:
                    route(Wire(self), received)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = _run  # noqa: N815

    class Server(ThreadingHTTPServer):
        request_queue_size = 128

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.block_on_close = False
    state = Loopback(server.server_port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
