from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolwise.training.llm.rewards import UNKNOWN, WEIGHTS, Evidence, Made, RewardPart, best_pairs, reward, reward_parts

arguments = st.dictionaries(
    st.sampled_from("abcd"), st.sampled_from([0, 1, True, "x", None, [1], {"n": 1}]), max_size=4
)
calls = st.builds(Made, st.sampled_from(["t.one", "t.two", "t.three"]), arguments)
wanted_calls = st.lists(calls, max_size=4)
evidence = st.builds(Evidence, st.booleans(), st.lists(calls, max_size=5), wanted_calls, st.booleans(), st.booleans())


def earned(made: list[Made], wanted: list[Made]) -> float:
    return reward(reward_parts(Evidence(True, made, wanted)))


@given(evidence)
def test_every_part_and_the_whole_are_within_0_and_1(seen: Evidence) -> None:
    parts = reward_parts(seen)
    assert set(parts) == set(RewardPart)
    assert all(0 <= value <= 1 for value in parts.values() if value is not None)
    assert 0 <= reward(parts) <= 1 + 1e-12
    assert sum(WEIGHTS.values()) == pytest.approx(1)


@given(wanted_calls, st.randoms())
def test_all_right_in_any_order_earns_everything(wanted: list[Made], random: Any) -> None:
    made = random.sample(wanted, len(wanted))
    parts = reward_parts(Evidence(True, made, wanted, state=True, solved=True))
    assert reward(parts) == pytest.approx(1)


@given(st.lists(calls, max_size=5), wanted_calls, arguments)
def test_a_call_of_a_tool_that_is_not_wanted_never_raises_any_part(
    made: list[Made], wanted: list[Made], given_: Any
) -> None:
    before = reward_parts(Evidence(True, made, wanted))
    after = reward_parts(Evidence(True, [*made, Made("t.other", given_)], wanted))
    assert all((after[part] or 0) <= (before[part] or 0) + 1e-12 for part in RewardPart)


@given(wanted_calls, calls)
def test_one_call_more_than_wanted_lowers_what_right_calls_earn(wanted: list[Made], extra: Made) -> None:
    assert earned([*wanted, extra], wanted) < earned(wanted, wanted)


@given(st.lists(calls, min_size=1, max_size=5), st.lists(calls, min_size=1, max_size=4), st.data())
@settings(max_examples=300)
def test_a_call_made_more_right_never_earns_less(made: list[Made], wanted: list[Made], data: Any) -> None:
    """Towards a wanted call of the same tool: a value put right, a missing argument given, a needless one left out."""
    index = data.draw(st.integers(0, len(made) - 1))
    target = data.draw(st.sampled_from(wanted))
    call = made[index]
    if call.tool != target.tool:
        better = Made(target.tool, call.arguments) if not any(one.tool == call.tool for one in wanted) else call
    else:
        name = data.draw(st.sampled_from("abcd"))
        changed = {key: value for key, value in call.arguments.items() if key != name}
        if name in target.arguments:
            changed[name] = target.arguments[name]
        others = [one for one in wanted if one is not target and one.tool == call.tool]
        better = Made(call.tool, changed) if not others else call  # what is better for one may be worse for another
    after = [*made[:index], better, *made[index + 1 :]]
    assert earned(after, wanted) >= earned(made, wanted) - 1e-12


@given(st.lists(calls, max_size=4), st.lists(calls, min_size=1, max_size=4), st.data())
def test_each_right_call_more_earns_more(made: list[Made], wanted: list[Made], data: Any) -> None:
    done = data.draw(st.integers(0, len(wanted) - 1))
    assert earned(wanted[: done + 1], wanted) > earned(wanted[:done], wanted)


@given(evidence)
def test_a_check_that_passes_never_lowers_the_reward(seen: Evidence) -> None:
    for name in ("readable", "state", "solved"):
        low, high = (
            Evidence(**{**{key: getattr(seen, key) for key in seen.__slots__}, name: value}) for value in (False, True)
        )
        assert reward(reward_parts(high)) > reward(reward_parts(low))


def test_names_and_values_are_told_apart() -> None:
    parts = reward_parts(Evidence(True, [Made("t.one", {"a": 1, "b": 2})], [Made("t.one", {"a": 1, "b": 3, "c": 4})]))
    assert (parts[RewardPart.TOOL], parts[RewardPart.NAMES], parts[RewardPart.VALUES]) == (
        1.0,
        pytest.approx(2 / 3),
        pytest.approx(1 / 3),
    )


def test_one_is_not_true_and_an_unknown_value_equals_nothing() -> None:
    for value in (True, UNKNOWN):
        parts = reward_parts(Evidence(True, [Made("t.one", {"a": 1})], [Made("t.one", {"a": value})]))
        assert (parts[RewardPart.NAMES], parts[RewardPart.VALUES]) == (1.0, 0.0)


def test_where_nobody_knows_the_calls_they_are_not_rewarded_and_where_none_is_right_none_may_be_made() -> None:
    unknown = reward_parts(Evidence(True, [Made("t.one")], None, state=True, solved=True))
    assert unknown[RewardPart.TOOL] is None
    assert reward(unknown) == pytest.approx(0.55)
    assert reward_parts(Evidence(True, [], []))[RewardPart.TOOL] == 1.0
    assert reward_parts(Evidence(True, [Made("t.one")], []))[RewardPart.TOOL] == 0.0


@given(st.integers(0, 4), st.integers(0, 4), st.integers(0, 2**32))
def test_pairs_are_the_best_of_all(rows: int, columns: int, seed: int) -> None:
    worth = np.random.default_rng(seed).integers(0, 4, size=(rows, columns)).astype(float)
    pairs = best_pairs(worth)
    assert len({row for row, _ in pairs}) == len({column for _, column in pairs}) == len(pairs) == min(rows, columns)
    tall = worth if rows <= columns else worth.T
    best = max(
        sum(tall[row, column] for row, column in enumerate(chosen))
        for chosen in permutations(range(tall.shape[1]), tall.shape[0])
    )
    assert sum(worth[row, column] for row, column in pairs) == best
