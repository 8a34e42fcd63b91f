"""A rate limit for each host."""

from __future__ import annotations

import asyncio
import threading
import time


class Pace:
    """Spaces calls of one host evenly, whichever thread or event loop makes them."""

    def __init__(self, per_second: float) -> None:
        self._gap = 1.0 / per_second
        self._next: dict[str, float] = {}
        self._lock = threading.Lock()

    def reserve(self, host: str) -> float:
        """Take the next free moment; the seconds until then."""
        now = time.monotonic()
        with self._lock:
            at = max(now, self._next.get(host, now))
            self._next[host] = at + self._gap
        return at - now

    async def wait(self, host: str) -> None:
        """Return at the next free moment."""
        delay = self.reserve(host)
        if delay > 0:
            await asyncio.sleep(delay)
