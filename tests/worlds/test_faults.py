import asyncio
from collections import Counter
from itertools import permutations

import orjson
import pytest
from example_toolsets import catalog, task
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from toolwise.types import FaultKind, Observation, ToolCall, ToolErrorKind, read_content
from toolwise.worlds import FaultConfig, FaultyWorld, SimulatedWorld

NEVER_MADE = {
    FaultKind.UNAUTHORIZED: (401, ToolErrorKind.UNAUTHORIZED),
    FaultKind.FORBIDDEN: (403, ToolErrorKind.UNAUTHORIZED),
    FaultKind.NOT_FOUND: (404, ToolErrorKind.NOT_FOUND),
    FaultKind.REQUEST_TIMEOUT: (408, ToolErrorKind.TIMEOUT),
    FaultKind.RATE_LIMITED: (429, ToolErrorKind.RATE_LIMITED),
}
CREATE = ToolCall(name="library.createShelf", arguments={"title": "Maps", "floor": 3})


def world(rates: dict[FaultKind, float] | None = None, **more: float | int) -> FaultyWorld:
    return FaultyWorld(SimulatedWorld(catalog()), FaultConfig(rates=rates or {}, **more))


def always(fault: FaultKind, seed: int = 0) -> FaultyWorld:
    return world({fault: 1.0}, seed=seed)


def one(faulty: FaultyWorld, call: ToolCall = CREATE) -> tuple[Observation, bool]:
    """What comes back, and whether the world was changed."""
    session = faulty.open(task())
    return asyncio.run(session.call(call)), bool(session.state())


@pytest.mark.parametrize("fault", FaultKind)
def test_every_fault_is_a_typed_error_with_its_label(fault: FaultKind) -> None:
    seen, _ = one(always(fault))
    assert seen.fault is fault
    assert seen.error is not None
    assert not seen.ok
    assert orjson.loads(seen.content) is not None  # the tool message is JSON whatever arrived


@pytest.mark.parametrize(("fault", "expected"), NEVER_MADE.items())
def test_a_refused_call_is_not_made(fault: FaultKind, expected: tuple[int, ToolErrorKind]) -> None:
    seen, changed = one(always(fault))
    assert (seen.status, seen.error) == expected
    assert not changed
    assert read_content(seen.content)[0] is False


def test_server_errors_vary_and_are_not_made() -> None:
    seen = [one(always(FaultKind.SERVER_ERROR, seed)) for seed in range(30)]
    assert {observation.status for observation, _ in seen} == {500, 502, 503}
    assert not any(changed for _, changed in seen)


def test_rate_limits_say_when_to_try_again() -> None:
    seen, _ = one(always(FaultKind.RATE_LIMITED))
    assert 1 <= seen.body["error"]["retry_after"] <= 30


@pytest.mark.parametrize("fault", [FaultKind.TIMEOUT, FaultKind.DROPPED_CONNECTION])
def test_an_answer_that_never_came_leaves_open_whether_the_call_was_made(fault: FaultKind) -> None:
    made = Counter(one(always(fault, seed))[1] for seed in range(40))
    assert made[True] >= 8
    assert made[False] >= 8


@pytest.mark.parametrize(
    "fault",
    [FaultKind.TRUNCATED_JSON, FaultKind.HTML, FaultKind.EMPTY_BODY, FaultKind.RENAMED_FIELDS, FaultKind.WRONG_TYPES],
)
def test_a_damaged_answer_is_malformed_and_the_call_was_made(fault: FaultKind) -> None:
    seen, changed = one(always(fault))
    assert changed
    assert seen.error is ToolErrorKind.MALFORMED


def test_each_damage_is_what_it_says() -> None:
    plain, _ = one(world())
    truncated, _ = one(always(FaultKind.TRUNCATED_JSON))
    assert orjson.dumps(plain.body).decode().startswith(truncated.body)
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(truncated.body)
    assert "<html" in one(always(FaultKind.HTML))[0].body
    assert one(always(FaultKind.EMPTY_BODY))[0].body is None
    renamed, _ = one(always(FaultKind.RENAMED_FIELDS))
    assert set(renamed.body) != set(plain.body)
    assert sorted(map(str, renamed.body.values())) == sorted(map(str, plain.body.values()))
    retyped, _ = one(always(FaultKind.WRONG_TYPES))
    assert sum(type(retyped.body[name]) is not type(plain.body[name]) for name in plain.body) == 1


def test_injected_text_stands_in_the_body_as_the_model_would_get_it() -> None:
    plain, _ = one(world())
    seen, changed = one(always(FaultKind.PROMPT_INJECTION))
    assert changed
    assert orjson.loads(seen.content) == seen.body
    assert len(seen.content) > len(plain.content) + 30


def test_what_fails_by_itself_is_passed_on_without_a_label() -> None:
    missing = ToolCall(name="library.createShelf", arguments={})
    seen, _ = one(always(FaultKind.HTML), missing)
    assert seen.error is ToolErrorKind.INVALID_ARGUMENTS
    assert seen.fault is None


def test_faults_do_not_depend_on_the_order_or_concurrency_of_calls() -> None:
    calls = [ToolCall(name="library.searchBooks", arguments={"q": word}) for word in ("sea", "sky", "ice", "fog")]
    faulty = world(rate=0.7, seed=5)

    async def run(order: tuple[int, ...], together: bool) -> dict[int, FaultKind | None]:
        session = faulty.open(task())
        if together:
            seen = await asyncio.gather(*(session.call(calls[at]) for at in order))
        else:
            seen = [await session.call(calls[at]) for at in order]
        return {at: observation.fault for at, observation in zip(order, seen, strict=True)}

    results = [asyncio.run(run(order, together)) for order in permutations(range(4)) for together in (False, True)]
    assert all(result == results[0] for result in results)
    assert any(results[0].values())


def test_a_retry_is_drawn_anew_and_a_restored_branch_meets_the_same_faults() -> None:
    session = world(rate=0.5, seed=1).open(task())
    call = ToolCall(name="library.searchBooks", arguments={"q": "sea"})

    async def many(times: int) -> list[Observation]:
        return [await session.call(call) for _ in range(times)]

    asyncio.run(many(3))
    token = session.snapshot()
    first = asyncio.run(many(20))
    session.restore(token)
    assert asyncio.run(many(20)) == first
    faults = [seen.fault for seen in first]
    assert None in faults
    assert any(faults)


@given(st.integers(0, 10_000))
def test_rates_are_kept(seed: int) -> None:
    config = FaultConfig(rates={FaultKind.TIMEOUT: 0.3}, rate=0.14, seed=seed)
    faulty = FaultyWorld(SimulatedWorld(catalog()), config)
    session = faulty.open(task())

    async def run() -> Counter[FaultKind | None]:
        calls = (ToolCall(name="library.searchBooks", arguments={"q": f"w{n}"}) for n in range(300))
        return Counter([(await session.call(call)).fault for call in calls])

    counts = asyncio.run(run())
    assert 50 <= counts[FaultKind.TIMEOUT] <= 150
    assert 110 <= counts[None] <= 230


def test_rates_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValidationError, match="more than 1"):
        FaultConfig(rates={FaultKind.TIMEOUT: 0.9}, rate=0.2)
    with pytest.raises(ValidationError):
        FaultConfig(rates={"lightning": 0.1})
