from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from toolwise.evaluation.calls.tool_f1 import ToolCounts, count_tools
from toolwise.evaluation.statistics.pooled import f1

CALLS = st.lists(
    st.tuples(st.sampled_from("fgh"), st.dictionaries(st.sampled_from("abc"), st.integers(0, 2), max_size=3)),
    max_size=5,
)


def scores(counts: ToolCounts) -> tuple[float, float]:
    return (
        f1(counts.tools_correct, counts.tools_predicted, counts.tools_gold),
        f1(counts.parameters_correct, counts.parameters_predicted, counts.parameters_gold),
    )


@given(CALLS, CALLS)
def test_counts_are_within_their_bounds(gold: list, predicted: list) -> None:
    counts = count_tools(gold, predicted)
    assert 0 <= counts.tools_correct <= min(counts.tools_predicted, counts.tools_gold)
    assert 0 <= counts.parameters_correct <= min(counts.parameters_predicted, counts.parameters_gold)
    assert all(0 <= value <= 1 for value in scores(counts))


@given(CALLS, CALLS)
def test_a_wrong_extra_call_never_raises_a_score(gold: list, predicted: list) -> None:
    before = count_tools(gold, predicted)
    after = count_tools(gold, [*predicted, ("wrong", {"a": 1})])
    assert all(new <= old for new, old in zip(scores(after), scores(before), strict=True))
    assert not after.exact


@given(CALLS, st.randoms())
def test_order_does_not_matter_and_omissions_and_repeats_cost(gold: list, random: object) -> None:
    shuffled = list(gold)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert count_tools(gold, shuffled).exact
    if gold:
        assert not count_tools(gold, gold[1:]).exact
        assert not count_tools(gold, [*gold, gold[0]]).exact


def test_a_repeated_call_is_right_once_and_takes_the_better_match() -> None:
    counts = count_tools([("f", {"a": 1, "b": 2})], [("f", {"a": 9}), ("f", {"a": 1, "b": 2}), ("f", {"a": 1})])
    assert (counts.tools_correct, counts.tools_predicted) == (1, 3)
    assert (counts.parameters_correct, counts.parameters_predicted) == (2, 4)
