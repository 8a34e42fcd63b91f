from __future__ import annotations

import asyncio
import json

from hypothesis import given, settings
from hypothesis import strategies as st

from box_world import (
    CATALOG,
    BoxWorld,
    Script,
    ask,
    chain_task,
    give_up,
    look,
    make_task,
    negative_task,
    pack_task,
    say,
)
from toolwise.corpus import ExampleConfig, clean_trajectory, preference_pairs, retrieval_pair, sft_example
from toolwise.offers import Offer
from toolwise.ports import Policy, Step
from toolwise.search import BlueprintPolicy, ErrorRates, Mistake, SearchConfig, search
from toolwise.types import Message, Outcome, Role, Split, Task, Trajectory
from toolwise.verification import verify

OFFER = Offer(tuple(CATALOG.tools()))
RIGHT = ask("box.pack", label="blue", text="a map")


def solve(task: Task, *steps: Step, policy: Policy | None = None, width: int = 3) -> Trajectory:
    return asyncio.run(search(task, policy or Script(*steps), BoxWorld(), CATALOG, SearchConfig(width=width)))


def test_sft_is_the_answering_branch_in_chat_form() -> None:
    task = chain_task()
    example = sft_example(task, solve(task, policy=BlueprintPolicy()), OFFER)
    assert example is not None
    assert [m["role"] for m in example.messages] == ["user", "assistant", "tool", "assistant", "tool", "assistant"]
    assert example.messages[1]["tool_calls"] == [
        {
            "id": "call_1",
            "type": "function",
            "function": {"name": "pack", "arguments": {"label": "blue", "text": "a map"}},
        }
    ]
    assert example.messages[2]["tool_call_id"] == "call_1"
    assert json.loads(example.messages[4]["content"])["text"] == "a map"
    assert [tool["function"]["name"] for tool in example.tools] == ["pack", "look", "toss", "count"]
    assert (example.task_key, example.split) == (task.key, Split.TRAIN)
    assert "reasoning_content" not in str(example.messages)


def test_thoughts_are_kept_apart_and_only_on_request() -> None:
    task = pack_task()
    example = sft_example(task, solve(task, policy=BlueprintPolicy()), OFFER, ExampleConfig(thoughts=True))
    assert example is not None
    assert example.messages[1]["reasoning_content"] == "Next: Pack a new box."
    assert example.messages[1]["content"] == ""
    assert "reasoning_content" not in example.messages[3]


def test_wrong_turns_are_no_targets() -> None:
    task = pack_task()
    two = Message(
        role=Role.ASSISTANT, tool_calls=(*ask("box.look", id=9).message.tool_calls, *RIGHT.message.tool_calls)
    )
    trajectory = solve(task, ask("box.pack", label="blue"), ask("box.count"), Step(two), say("2"))
    example = sft_example(task, trajectory, OFFER)
    assert example is not None
    clean = sft_example(task, solve(task, RIGHT, say("2")), OFFER)
    assert clean is not None
    assert example.messages == clean.messages


def test_no_answer_no_example() -> None:
    trajectory = solve(pack_task(), give_up(), give_up(), give_up())
    assert sft_example(pack_task(), trajectory, OFFER) is None
    assert preference_pairs(pack_task(), trajectory, OFFER) == []
    assert clean_trajectory(pack_task(), trajectory) is None


def test_a_failed_sibling_is_rejected_in_favour_of_the_right_step() -> None:
    task = pack_task()
    (pair,) = preference_pairs(task, solve(task, give_up(), RIGHT, say("2")), OFFER)
    assert pair.prompt == ({"role": "user", "content": task.instruction},)
    assert pair.chosen[0]["tool_calls"][0]["function"]["name"] == "pack"
    assert pair.rejected == ({"role": "assistant", "content": "no"},)


def test_a_wrong_step_of_the_branch_is_rejected_with_the_right_prompt() -> None:
    task = chain_task()
    trajectory = solve(task, RIGHT, ask("box.look", id=7), ask("box.look", id=2), say("a map"))
    (pair,) = preference_pairs(task, trajectory, OFFER)
    assert [m["role"] for m in pair.prompt] == ["user", "assistant", "tool"]
    assert pair.chosen[0]["tool_calls"][0]["function"]["arguments"] == {"id": 2}
    assert pair.rejected[0]["tool_calls"][0]["function"]["arguments"] == {"id": 7}
    assert pair.chosen[0]["tool_calls"][0]["id"] == pair.rejected[0]["tool_calls"][0]["id"]


def test_right_calls_are_never_rejected() -> None:
    task = make_task(look(1), pack_task().blueprint.calls[0])  # type: ignore[union-attr]
    both = Message(
        role=Role.ASSISTANT, tool_calls=(*ask("box.look", id=1).message.tool_calls, *RIGHT.message.tool_calls)
    )
    trajectory = solve(task, ask("box.look", id=1), give_up(), Step(both), say("ok"))
    assert trajectory.answer == "ok"
    assert preference_pairs(task, trajectory, OFFER) == []


def test_retrieval_pairs_need_a_relevant_tool() -> None:
    task = chain_task()
    pair = retrieval_pair(task)
    assert pair is not None
    assert (pair.query, pair.relevant) == (task.instruction, ("box.pack", "box.look"))
    assert retrieval_pair(negative_task(Outcome.ANSWER)) is None


@settings(max_examples=80)
@given(
    rates=st.fixed_dictionaries({**{m.value: st.floats(0, 0.2) for m in Mistake}, "recover": st.floats(0, 1)}),
    seed=st.integers(0, 10_000),
    backtrack=st.integers(1, 3),
    task=st.sampled_from([pack_task(), chain_task(), negative_task(Outcome.DECLINE)]),
)
def test_whatever_went_wrong_the_clean_branch_is_right(
    rates: dict[str, float], seed: int, backtrack: int, task: Task
) -> None:
    policy = BlueprintPolicy(ErrorRates(**rates), seed)
    config = SearchConfig(width=3, backtrack=backtrack)
    trajectory = asyncio.run(search(task, policy, BoxWorld(), CATALOG, config))
    verdict = asyncio.run(verify(task, trajectory, BoxWorld(), CATALOG))
    clean = clean_trajectory(task, trajectory)
    if not verdict.accepted:
        return
    assert clean is not None
    assert asyncio.run(verify(task, clean, BoxWorld(), CATALOG)).accepted
    best = sft_example(task, solve(task, policy=BlueprintPolicy()), OFFER)
    example = sft_example(task, trajectory, OFFER)
    assert example is not None
    assert best is not None
    assert example.messages == best.messages
    for pair in preference_pairs(task, trajectory, OFFER):
        assert pair.chosen != pair.rejected
        assert pair.prompt == example.messages[: len(pair.prompt)]
        assert pair.chosen[0] == example.messages[len(pair.prompt)]
