from __future__ import annotations

import json
from collections import Counter
from typing import Any

from toolwise.training.synthetic import SyntheticLevel, synthetic_example

SEVERAL = SyntheticLevel(tools=(3, 5), parameters=(0, 4), several=1.0)


def _turns(seed: str) -> tuple[str, list[list[dict[str, Any]]], list[str], str]:
    """The request, the calls of each turn, the observations and the answer."""
    messages = [dict(message) for message in synthetic_example(SEVERAL, seed).messages]
    calls = [[call["function"] for call in m["tool_calls"]] for m in messages if m.get("tool_calls")]
    return (
        messages[0]["content"],
        calls,
        [m["content"] for m in messages if m["role"] == "tool"],
        messages[-1]["content"],
    )


def _values(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [inner for part in value.values() for inner in _values(part)]
    return [inner for part in value for inner in _values(part)] if isinstance(value, list) else [value]


def test_several_requests_come_side_by_side_and_one_after_another() -> None:
    shapes = Counter(tuple(len(turn) for turn in _turns(str(seed))[1]) for seed in range(200))
    assert shapes[(1, 1)] > 40 and shapes[(2,)] > 40 and shapes[(3,)] > 10
    assert set(shapes) == {(1, 1), (2,), (3,)}


def test_every_value_was_said_by_the_user_or_an_earlier_response() -> None:
    for seed in range(200):
        request, calls, observations, _ = _turns(str(seed))
        for index, turn in enumerate(calls):
            heard = request + " ".join(observations[:index])
            for call in turn:
                for value in _values(call["arguments"]):
                    assert (str(value).lower() if isinstance(value, bool) else str(value)) in heard


def test_a_call_that_comes_after_another_takes_a_value_from_its_response() -> None:
    chains = [found for seed in range(100) if len((found := _turns(str(seed)))[1]) == 2]
    assert chains
    new = 0
    for request, calls, observations, _ in chains:
        heard = [str(value) for value in json.loads(observations[0]).values()]
        taken = [str(value) for value in _values(calls[1][0]["arguments"]) if str(value) in heard]
        assert taken
        new += any(value not in request for value in taken)
    assert new > 0.8 * len(chains)  # a short number may stand in the request by chance


def test_what_is_answered_stands_in_the_last_response() -> None:
    asked = 0
    for seed in range(100):
        _, _, observations, answer = _turns(str(seed))
        if answer != "Done.":
            asked += 1
            values = [part.split(" is ", 1)[1] for part in answer.removesuffix(".").split(". The ")]
            assert len(values) <= 2
            assert all(value in observations[-1] for value in values)
    assert asked > 40
