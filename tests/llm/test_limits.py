"""Adaptive concurrency, token buckets, Retry-After, backoff: properties, in virtual time."""

from __future__ import annotations

import asyncio
import email.utils
import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolwise.llm.limits import AdaptiveConcurrency, Limiter, Pause, TokenBucket, backoff, retry_after
from virtual_time import run_virtually


@given(st.lists(st.booleans(), max_size=200), st.integers(1, 100))
def test_limit_stays_between_one_and_the_ceiling(answers: list[bool], ceiling: int) -> None:
    limit = AdaptiveConcurrency(ceiling)
    for answered in answers:
        if answered:
            limit.succeeded()
        else:
            limit.rate_limited(limit.cuts)
        assert 1 <= limit.limit <= ceiling


@given(st.integers(2, 64), st.integers(1, 64))
def test_a_burst_cuts_once(ceiling: int, burst: int) -> None:
    async def go() -> None:
        limit = AdaptiveConcurrency(ceiling, start=ceiling)
        epochs = [await limit.acquire() for _ in range(min(burst, ceiling))]
        cuts = [limit.rate_limited(epoch) for epoch in epochs]
        assert cuts == [True] + [False] * (len(epochs) - 1)
        assert limit.limit == max(1.0, ceiling / 2)
        assert limit.rate_limited(limit.cuts)  # one that was sent after the cut is another burst
        assert limit.limit == max(1.0, ceiling / 4)

    run_virtually(go())


@given(st.integers(4, 60))
def test_increase_is_additive_after_a_cut(limit_before: int) -> None:
    limit = AdaptiveConcurrency(1000, start=limit_before)
    limit.rate_limited(0)
    start = limit.limit
    for _ in range(int(start)):  # one round trip
        limit.succeeded()
    assert start + 0.6 < limit.limit <= start + 1.0


def test_slow_start_doubles_each_round_trip() -> None:
    limit = AdaptiveConcurrency(64, start=8)
    for _ in range(8):
        limit.succeeded()
    assert limit.limit == 16


@given(st.integers(1, 8), st.integers(1, 60), st.data())
def test_never_more_in_flight_than_the_limit_and_all_get_through(ceiling: int, count: int, data: st.DataObject) -> None:
    times = data.draw(st.lists(st.floats(0.001, 2), min_size=count, max_size=count))

    async def go() -> None:
        limit = AdaptiveConcurrency(ceiling)
        done: list[int] = []

        async def one(index: int) -> None:
            await limit.acquire()
            assert limit.in_flight <= ceiling
            await asyncio.sleep(times[index])
            limit.succeeded()
            limit.release()
            done.append(index)

        await asyncio.gather(*(one(i) for i in range(count)))
        assert sorted(done) == list(range(count))
        assert limit.in_flight == 0

    run_virtually(go())


def test_a_cancelled_waiter_loses_no_place() -> None:
    async def go() -> None:
        limit = AdaptiveConcurrency(1)
        await limit.acquire()
        waiting = [asyncio.ensure_future(limit.acquire()) for _ in range(3)]
        await asyncio.sleep(0)
        limit.release()  # the first waiter now holds the place, but has not run yet
        waiting[0].cancel()
        waiting[1].cancel()
        await asyncio.wait_for(waiting[2], 1)
        assert limit.in_flight == 1

    run_virtually(go())


@given(st.integers(1, 5000), st.lists(st.floats(0, 3), min_size=1, max_size=120))
def test_bucket_lets_no_more_than_its_rate_through_in_any_minute(per_minute: int, gaps: list[float]) -> None:
    bucket = TokenBucket(per_minute)
    now = 0.0
    sent: list[float] = []
    for gap in gaps:
        now += gap
        sent.append(now + bucket.take(now))
    assert sent == sorted(sent)  # first come, first served
    for start in sent:
        assert sum(start <= at < start + 60 - 1e-6 for at in sent) <= per_minute


@given(st.integers(60, 6000))
def test_bucket_reaches_its_rate(per_minute: int) -> None:
    bucket = TokenBucket(per_minute)
    last = 0.0
    for _ in range(per_minute):
        last = bucket.take(0.0)
    assert last <= 60.0


def test_bucket_gives_back_what_an_estimate_took_too_much() -> None:
    bucket = TokenBucket(600)
    bucket.take(0.0, 300)
    before = bucket.take(0.0, 1)
    bucket.correct(-250)
    assert bucket.take(0.0, 1) < before


def test_pause_holds_everyone_until_the_latest_end() -> None:
    async def go() -> float:
        pause = Pause()
        pause.extend(5)
        pause.extend(2)
        await pause.over()
        return asyncio.get_running_loop().time()

    assert run_virtually(go()) == pytest.approx(5)


def test_limiter_keeps_to_requests_a_minute() -> None:
    async def go() -> list[float]:
        limiter = Limiter(100, requests_per_minute=30)
        sent: list[float] = []

        async def one() -> None:
            await limiter.enter(10)
            sent.append(asyncio.get_running_loop().time())
            limiter.leave()

        await asyncio.gather(*(one() for _ in range(61)))
        return sent

    sent = run_virtually(go())
    assert len(sent) == 61
    assert sent[-1] == pytest.approx(120, abs=1)


def test_retry_after_in_seconds_and_as_a_date() -> None:
    assert retry_after("3") == 3
    assert retry_after("0.5") == 0.5
    assert retry_after(None) is None
    assert retry_after("soon") is None
    later = email.utils.formatdate(time.time() + 30, usegmt=True)
    assert 25 <= (retry_after(later) or 0) <= 30
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0


@given(st.text(max_size=40))
def test_retry_after_takes_any_text(text: str) -> None:
    found = retry_after(text)
    assert found is None or found >= 0


@given(st.integers(0, 30), st.integers(0, 10_000))
def test_backoff_is_bounded_and_never_nothing(attempt: int, seed: int) -> None:
    wait = backoff(attempt, random.Random(seed), asked=None, base=0.5, ceiling=30)
    assert min(30, 0.5 * 2**attempt) / 2 <= wait <= 30


@given(st.floats(0, 1000), st.integers(0, 1000))
def test_backoff_honours_what_is_asked(asked: float, seed: int) -> None:
    wait = backoff(0, random.Random(seed), asked=asked, base=0.5, ceiling=30)
    assert asked <= wait <= asked * 1.1 + 1e-9
