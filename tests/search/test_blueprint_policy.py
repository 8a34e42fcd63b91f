from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from box_world import (
    CATALOG,
    BoxWorld,
    chain_task,
    look,
    look_back,
    make_task,
    negative_task,
    pack,
    pack_task,
)
from toolwise.search import BlueprintPolicy, ErrorRates, Mistake, SearchConfig, search
from toolwise.types import Outcome, StopReason, Task, Trajectory


def solve(task: Task, seed: int = 0, rates: dict[str, float] | None = None, **config: object) -> Trajectory:
    policy = BlueprintPolicy(ErrorRates(**(rates or {})), seed)
    return asyncio.run(search(task, policy, BoxWorld(), CATALOG, SearchConfig.model_validate(config)))


def calls_of(trajectory: Trajectory) -> list[list[tuple[str, dict[str, object]]]]:
    return [
        [(call.name, call.arguments) for call in node.message.tool_calls]
        for node in trajectory.nodes
        if node.message.tool_calls
    ]


def test_resolves_references_from_what_came_back() -> None:
    trajectory = solve(chain_task())
    assert calls_of(trajectory) == [[("box.pack", {"label": "blue", "text": "a map"})], [("box.look", {"id": 2})]]
    assert trajectory.answer == "The answer is a map."
    assert trajectory.nodes[1].message.thought == "Next: Pack a new box."


def test_independent_calls_go_into_one_message_and_keep_their_order() -> None:
    task = make_task(pack("a", "x"), look_back(0), look(1), pack("b", "y"))
    assert [[name for name, _ in turn] for turn in calls_of(solve(task))] == [
        ["box.pack"],
        ["box.look", "box.look", "box.pack"],
    ]


@pytest.mark.parametrize("outcome", [Outcome.ANSWER, Outcome.DECLINE, Outcome.ASK])
def test_answers_at_once_where_no_call_is_right(outcome: Outcome) -> None:
    trajectory = solve(negative_task(outcome))
    assert trajectory.model_calls == 1
    assert trajectory.answer
    tempted = solve(negative_task(outcome), rates={"wrong_tool": 1.0})
    assert tempted.nodes[1].message.tool_calls


@pytest.mark.parametrize("recover", [0.0, 1.0])
@pytest.mark.parametrize("mistake", [Mistake.MISSING_ARGUMENT, Mistake.WRONG_TOOL])
def test_after_a_harmless_mistake_it_recovers_or_a_sibling_does(mistake: Mistake, recover: float) -> None:
    task = make_task(pack("blue", "a map"), facts=("2",), candidates=("box.pack", "box.look", "box.count"))
    trajectory = solve(task, rates={mistake.value: 1.0, "recover": recover}, width=3)
    assert trajectory.answer == "The answer is 2."
    gave_up = StopReason.GAVE_UP in trajectory.ends.values()
    assert gave_up == (recover == 0.0)
    first = trajectory.nodes[1].message.tool_calls[0]
    assert (first.name, first.arguments) != ("box.pack", {"label": "blue", "text": "a map"})


def test_gives_up_on_what_cannot_be_undone_and_succeeds_in_a_sibling() -> None:
    task = pack_task()
    for seed in range(5):
        trajectory = solve(task, seed, rates={"wrong_argument": 0.5, "recover": 1.0}, width=4)
        wrong = trajectory.nodes[1].message.tool_calls[0].arguments != {"label": "blue", "text": "a map"}
        assert (StopReason.GAVE_UP in trajectory.ends.values()) == wrong
        leaf = trajectory.answer_leaf
        assert leaf is not None
        calls = [call.arguments for message in trajectory.messages(leaf) for call in message.tool_calls]
        assert calls == [{"label": "blue", "text": "a map"}]


def test_an_early_answer_says_nothing_of_the_task() -> None:
    trajectory = solve(chain_task(), rates={"early_answer": 1.0})
    assert trajectory.model_calls == 1
    assert trajectory.answer == "That is done."


def test_an_early_give_up_is_followed_by_another_child() -> None:
    trajectory = solve(pack_task(), rates={"early_give_up": 1.0})
    assert trajectory.ends[1] is StopReason.GAVE_UP
    assert len(calls_of(trajectory)) >= 1


def test_a_task_of_calls_without_a_blueprint_is_a_policy_error() -> None:
    task = pack_task().model_copy(update={"blueprint": None})
    trajectory = solve(task, strategy="react")
    assert list(trajectory.ends.values()) == [StopReason.POLICY_ERROR]


def test_rates_must_fit_into_one() -> None:
    with pytest.raises(ValidationError, match=r"sum to 1\.2"):
        ErrorRates(wrong_tool=0.6, early_answer=0.6)


def test_the_drawn_mistakes_follow_the_rates() -> None:
    import random

    rates = ErrorRates(wrong_tool=0.2, early_give_up=0.1)
    rng = random.Random(1)
    drawn = [rates.draw(rng) for _ in range(5000)]
    assert set(drawn) == {None, Mistake.WRONG_TOOL, Mistake.EARLY_GIVE_UP}
    assert drawn.count(Mistake.WRONG_TOOL) / 5000 == pytest.approx(0.2, abs=0.03)
    assert drawn.count(Mistake.EARLY_GIVE_UP) / 5000 == pytest.approx(0.1, abs=0.03)


rate = st.floats(0, 0.2)


@settings(max_examples=60)
@given(
    rates=st.fixed_dictionaries({**{m.value: rate for m in Mistake}, "recover": st.floats(0, 1)}),
    seed=st.integers(0, 9),
    width=st.integers(1, 4),
    backtrack=st.integers(1, 3),
    task=st.sampled_from([pack_task(), chain_task(), make_task(look(1), look_back(0), pack("c", "d"))]),
)
def test_siblings_differ_and_runs_repeat(
    rates: dict[str, float], seed: int, task: Task, width: int, backtrack: int
) -> None:
    first = solve(task, seed, rates, width=width, backtrack=backtrack)
    assert first == solve(task, seed, rates, width=width, backtrack=backtrack)
    for index in range(len(first.nodes)):
        steps = [first.nodes[child].message for child in first.children(index)]
        acts = [([(c.name, c.arguments) for c in s.tool_calls], s.content) for s in steps if s.tool_calls]
        assert all(act not in acts[:i] for i, act in enumerate(acts))
