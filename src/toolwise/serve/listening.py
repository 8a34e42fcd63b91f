"""Listening on a port: loopback unless asked otherwise, one line when it cannot be had, a clean end on a signal."""

from __future__ import annotations

import ipaddress
import signal
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from toolwise.errors import ConfigError

if TYPE_CHECKING:
    from starlette.types import ASGIApp

DEFAULT_HOST = "127.0.0.1"
_GRACE_S = 2
_BACKLOG = 256
_MAX_PORT = 65535


def is_loopback(host: str) -> bool:
    """Is the host this machine alone?"""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises ConfigError if it cannot be had."""
    if not 0 <= port <= _MAX_PORT:
        raise ConfigError(f"--port {port} is not a port; choose one from 1 to {_MAX_PORT}, or 0 for any free one")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((host.strip("[]"), port))
        made.listen(_BACKLOG)
    except OSError as error:
        made.close()
        raise ConfigError(
            f"cannot listen on {host}:{port}: {error.strerror}; choose another --port or --host"
        ) from error
    return made


def address_of(listening: socket.socket, host: str) -> str:
    """The base address of a server on that socket."""
    port = listening.getsockname()[1]
    return f"http://[{host.strip('[]')}]:{port}" if ":" in host else f"http://{host}:{port}"


async def serve_app(app: ASGIApp, listening: socket.socket, ready: Callable[[], None]) -> None:
    """Serve until SIGINT or SIGTERM; open connections get two seconds to end. `ready` is called once it answers."""
    import uvicorn

    class Announced(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if not self.should_exit:
                ready()

    config = uvicorn.Config(
        app, log_level="warning", access_log=False, timeout_graceful_shutdown=_GRACE_S, server_header=False
    )
    await Announced(config).serve(sockets=[listening])


def end_cleanly_on_signals() -> None:
    """Leave SIGINT and SIGTERM to uvicorn, which raises them once more at its end, for handlers that were there before:
    with these, that is the end."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _ignore)


def _ignore(number: int, frame: object) -> None:
    """Do nothing."""
