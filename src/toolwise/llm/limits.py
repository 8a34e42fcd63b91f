"""How fast an endpoint is asked: adaptive concurrency, requests and tokens a minute, pauses, backoff.

Time is the event loop's, so a loop with virtual time tests all of it without waiting.
"""

from __future__ import annotations

import asyncio
import email.utils
import random
import time
from collections import deque

MINUTE = 60.0


class AdaptiveConcurrency:
    """Additive increase, multiplicative decrease, as in TCP (Chiu and Jain, 1989).

    It starts at the ceiling, which is what the user says that the endpoint takes, unless told otherwise. Until the
    first 429 every success adds one (a slow start: the limit doubles each round trip); after it every round trip adds
    one. All 429s to requests sent before a cut belong to the burst that caused it: they cut once.
    """

    def __init__(self, ceiling: int, *, start: int | None = None, cut: float = 0.5) -> None:
        self.ceiling = max(1, ceiling)
        self.limit = float(min(start or self.ceiling, self.ceiling))
        self.in_flight = 0
        self.cuts = 0
        self._cut = cut
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def acquire(self) -> int:
        """Wait for a place; returns the epoch to hand back with `rate_limited`. First come, first served."""
        if self.in_flight >= int(self.limit) or self._waiting:
            place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(place)
            try:
                await place
            except asyncio.CancelledError:
                if place.done() and not place.cancelled():  # the place was ours already: pass it on
                    self.in_flight -= 1
                    self._admit()
                raise
        else:
            self.in_flight += 1
        return self.cuts

    def release(self) -> None:
        """Give the place back."""
        self.in_flight -= 1
        self._admit()

    def succeeded(self) -> None:
        """A request was answered."""
        step = 1.0 if self.cuts == 0 else 1.0 / self.limit
        self.limit = min(float(self.ceiling), self.limit + step)
        self._admit()

    def rate_limited(self, epoch: int) -> bool:
        """A request of this epoch met a 429; true where that cut the limit."""
        if epoch != self.cuts:
            return False
        self.cuts += 1
        self.limit = max(1.0, self.limit * self._cut)
        return True

    def _admit(self) -> None:
        while self._waiting and self.in_flight < int(self.limit):
            place = self._waiting.popleft()
            if not place.done():
                self.in_flight += 1
                place.set_result(None)


class TokenBucket:
    """At most `per_minute` units in any minute, whole or not; short bursts of about a second's worth.

    Units are taken at once and paid for by waiting, so that callers are served in the order in which they ask.
    """

    def __init__(self, per_minute: float) -> None:
        self.per_minute = per_minute
        self.burst = max(1.0, per_minute / MINUTE)
        # In a half-open minute at most burst + rate * 60 units less than one go through.
        self.rate = max(per_minute + 1.0 - self.burst, 1e-9) / MINUTE if per_minute >= 1 else per_minute / MINUTE
        self._level = self.burst
        self._at: float | None = None

    def take(self, now: float, amount: float = 1.0) -> float:
        """Take `amount` units; returns the seconds to wait before acting on them."""
        if self._at is not None:
            self._level = min(self.burst, self._level + (now - self._at) * self.rate)
        self._at = now
        self._level -= amount
        return max(0.0, -self._level / self.rate)

    def correct(self, amount: float) -> None:
        """Charge (or, if negative, give back) what an earlier estimate got wrong."""
        self._level = min(self.burst, self._level - amount)


class Pause:
    """A time before which nothing is sent: what a Retry-After asks for."""

    def __init__(self) -> None:
        self._until = 0.0

    def extend(self, seconds: float) -> None:
        """Pause for so many seconds from now, or longer if that was asked already."""
        self._until = max(self._until, asyncio.get_running_loop().time() + seconds)

    async def over(self) -> None:
        """Wait for the end of the pause."""
        loop = asyncio.get_running_loop()
        while (left := self._until - loop.time()) > 0:
            await asyncio.sleep(left)


class Limiter:
    """All the limits of one endpoint."""

    def __init__(self, concurrency: int, *, requests_per_minute: float = 0, tokens_per_minute: float = 0) -> None:
        """Zero requests or tokens a minute means no cap."""
        self.concurrency = AdaptiveConcurrency(concurrency)
        self.pause = Pause()
        self._requests = TokenBucket(requests_per_minute) if requests_per_minute else None
        self._tokens = TokenBucket(tokens_per_minute) if tokens_per_minute else None

    def resize(self, concurrency: int, requests_per_minute: float, tokens_per_minute: float) -> None:
        """Other limits from now on, as for a new limiter; what is in flight stays."""
        at_once = AdaptiveConcurrency(concurrency)
        self.concurrency.ceiling, self.concurrency.limit = at_once.ceiling, at_once.limit
        self._requests = TokenBucket(requests_per_minute) if requests_per_minute else None
        self._tokens = TokenBucket(tokens_per_minute) if tokens_per_minute else None

    async def enter(self, tokens: int) -> int:
        """Wait until a request of about `tokens` tokens may be sent; returns the epoch. Pair with `leave`."""
        epoch = await self.concurrency.acquire()
        try:
            now = asyncio.get_running_loop().time()
            wait = self._requests.take(now) if self._requests else 0.0
            if self._tokens:
                wait = max(wait, self._tokens.take(now, tokens))
            if wait > 0:
                await asyncio.sleep(wait)
            await self.pause.over()
        except BaseException:
            self.concurrency.release()
            raise
        return epoch

    def leave(self) -> None:
        """The request has ended, well or not."""
        self.concurrency.release()

    def settle(self, estimated: int, used: int) -> None:
        """The request used so many tokens instead of the estimate."""
        if self._tokens:
            self._tokens.correct(used - estimated)


def retry_after(value: str | None) -> float | None:
    """Seconds that a Retry-After header asks for, from seconds or an HTTP date; none where it says nothing."""
    if not value:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (TypeError, ValueError, OverflowError):
        return None


def backoff(attempt: int, jitter: random.Random, *, asked: float | None, base: float, ceiling: float) -> float:
    """Seconds before the attempt after number `attempt` (from 0).

    Exponential with jitter over the upper half; a Retry-After is honoured, with up to a tenth more so that
    those who wait do not all come back at once.
    """
    if asked is not None:
        return asked * (1.0 + 0.1 * jitter.random())
    most = min(ceiling, base * 2.0**attempt)
    return most * (0.5 + 0.5 * jitter.random())
