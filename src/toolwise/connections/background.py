"""One event loop in a thread of its own, for connections that outlive the loops of those who use them."""

from __future__ import annotations

import asyncio
import atexit
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from functools import lru_cache
from typing import Any, TypeVar

ResultT = TypeVar("ResultT")
_LAST_SECONDS = 3.0


class BackgroundLoop:
    """Runs coroutines for any thread and for any other event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="toolwise-connections", daemon=True)
        self._thread.start()
        self._farewells: set[Future[Any]] = set()
        self._ending = False
        atexit.register(self._finish)

    def submit(self, work: Coroutine[Any, Any, ResultT]) -> Future[ResultT]:
        """Start the work; the future can be waited for from any thread."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def run(self, work: Coroutine[Any, Any, ResultT]) -> ResultT:
        """Await the work from another event loop; cancelling the caller cancels the work."""
        return await asyncio.wrap_future(self.submit(work))

    def run_blocking(self, work: Coroutine[Any, Any, ResultT]) -> ResultT:
        """Wait for the work in a thread that runs no event loop, or may block its own."""
        return self.submit(work).result()

    def say_farewell(self, work: Coroutine[Any, Any, None]) -> None:
        """Start work that nobody waits for, except, briefly, the end of the process."""
        if not self._loop.is_running():
            work.close()
            return
        future = self.submit(work)
        self._farewells.add(future)
        future.add_done_callback(self._farewells.discard)
        if self._ending:  # what is given up later than we are would not be waited for
            self._finish()

    def _finish(self) -> None:
        self._ending = True
        for future in tuple(self._farewells):
            try:
                future.result(timeout=_LAST_SECONDS)
            except Exception:  # noqa: S112 - the process ends: there is nobody left to tell
                continue


@lru_cache(maxsize=1)
def background() -> BackgroundLoop:
    """The process's one background loop, started when first asked for."""
    return BackgroundLoop()
