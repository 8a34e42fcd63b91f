from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from box_world import CATALOG, BoxWorld, Script, ask, chain_task, give_up, pack_task, say
from toolwise.errors import ModelError
from toolwise.ports import Policy, Step
from toolwise.search import SearchConfig, Strategy, search
from toolwise.types import Message, Role, StopReason, Task, Trajectory


def run(policy: Policy, task: Task | None = None, world: BoxWorld | None = None, **config: object) -> Trajectory:
    settings = SearchConfig.model_validate(config)
    return asyncio.run(search(task or pack_task(), policy, world or BoxWorld(), CATALOG, settings))


def assert_well_formed(trajectory: Trajectory) -> None:
    parents = {node.parent for node in trajectory.nodes}
    leaves = {index for index in range(len(trajectory.nodes)) if index not in parents}
    assert set(trajectory.ends) == leaves
    assert trajectory.nodes[0].parent is None
    assert all(node.parent is not None and node.parent < i for i, node in enumerate(trajectory.nodes) if i)
    assert trajectory.model_calls <= trajectory.budget
    assert sum(why is StopReason.ANSWERED for why in trajectory.ends.values()) <= 1
    for leaf in leaves:
        pending: list[str] = []
        for message in trajectory.messages(leaf):
            if message.role is Role.TOOL:
                assert message.tool_call_id == pending.pop(0)
            elif message.role is Role.ASSISTANT:
                assert not pending
                pending = [call.id for call in message.tool_calls]


def test_stops_at_the_first_answer() -> None:
    policy = Script(ask("box.pack", label="blue", text="a map"), say("It is box 2."), say("never"))
    trajectory = run(policy)
    assert trajectory.answer == "It is box 2."
    assert trajectory.model_calls == 2
    assert [node.message.role for node in trajectory.nodes] == [Role.USER, Role.ASSISTANT, Role.TOOL, Role.ASSISTANT]
    assert trajectory.nodes[1].message.tool_calls[0].id == trajectory.nodes[2].message.tool_call_id == "call_1_0"
    assert_well_formed(trajectory)


def test_calls_of_one_message_run_in_order_each_with_its_observation() -> None:
    two = Message(
        role=Role.ASSISTANT,
        tool_calls=tuple(ask("box.pack", label=f"l{i}", text="t").message.tool_calls[0] for i in range(2)),
    )
    trajectory = run(Script(Step(two), say("ok")))
    assert [node.message.tool_call_id for node in trajectory.nodes if node.message.role is Role.TOOL] == [
        "call_1_0",
        "call_1_1",
    ]
    assert '"id":2' in trajectory.nodes[2].message.content
    assert '"id":3' in trajectory.nodes[3].message.content
    assert trajectory.nodes[3].parent == 2


def test_a_failed_call_does_not_prune() -> None:
    trajectory = run(Script(ask("box.look", id=9), ask("box.look", id=1), say("a rusty key")), strategy="react")
    assert trajectory.answer == "a rusty key"
    assert trajectory.nodes[2].error is not None
    assert trajectory.nodes[2].message.content == '{"status":404,"error":"no box 9"}'


def test_a_give_up_on_the_roots_first_child_does_not_end_the_search() -> None:
    for backtrack in (1, 2, 5):
        trajectory = run(Script(give_up(), say("there")), backtrack=backtrack)
        assert trajectory.answer == "there"
        assert sorted(trajectory.ends.values()) == [StopReason.ANSWERED, StopReason.GAVE_UP]
        assert list(trajectory.children(0)) == [1, 2]


def test_backtrack_says_how_many_steps_are_taken_back() -> None:
    steps = [ask("box.count"), ask("box.count"), give_up(), say("done")]
    assert [run(Script(*steps), backtrack=levels).nodes[-1].parent for levels in (1, 2, 3, 4)] == [4, 2, 0, 0]


def test_siblings_are_shown_only_where_a_different_child_is_asked_for() -> None:
    policy = Script(ask("box.look", id=9), give_up(), ask("box.count"), say("one"))
    trajectory = run(policy, backtrack=2)
    shown = [turn.siblings for turn in policy.turns]
    assert [len(siblings) for siblings in shown] == [0, 0, 1, 0]
    assert [message.role for message in shown[2][0]] == [Role.ASSISTANT, Role.TOOL]
    assert shown[2][0][0].tool_calls[0].name == "box.look"
    assert trajectory.answer == "one"
    assert len(policy.turns[3].path) == 3, "a descendant's path holds nothing of the sibling"


def test_branches_start_from_their_parents_state() -> None:
    for can_fork in (True, False):
        policy = Script(
            ask("box.pack", label="a", text="t"),
            ask("box.pack", label="b", text="t"),
            give_up(),
            ask("box.count"),
            say("two"),
        )
        world = BoxWorld(can_fork=can_fork)
        trajectory = run(policy, world=world, backtrack=2)
        assert '{"count":2}' in [node.message.content for node in trajectory.nodes]
        assert len(world.opened) == (1 if can_fork else 2)


def test_step_limit_and_depth_count_steps() -> None:
    trajectory = run(Script(*[ask("box.count")] * 9), strategy="react", max_steps=3)
    assert trajectory.model_calls == 3
    assert list(trajectory.ends.values()) == [StopReason.STEP_LIMIT]
    assert len(trajectory.nodes) == 1 + 2 * 3


def test_budget_ends_the_open_branch() -> None:
    for strategy in Strategy:
        trajectory = run(Script(*[ask("box.count")] * 9), strategy=strategy, budget=4, attempts=9)
        assert trajectory.model_calls == 4
        assert list(trajectory.ends.values()) == [StopReason.BUDGET]


def test_react_n_starts_afresh_and_shows_no_siblings() -> None:
    policy = Script(ask("box.pack", label="a", text="t"), give_up(), ask("box.count"), say("one"))
    trajectory = run(policy, strategy="react@n")
    assert trajectory.answer == "one"
    assert '{"count":1}' in [node.message.content for node in trajectory.nodes]
    assert not any(turn.siblings for turn in policy.turns)
    assert run(Script(), strategy="react@n", attempts=3).model_calls == 3


def test_a_policys_failure_ends_its_branch_only() -> None:
    trajectory = run(Script(ModelError("endpoint is down"), say("up again")))
    assert trajectory.answer == "up again"
    assert trajectory.ends[1] is StopReason.POLICY_ERROR
    assert not trajectory.nodes[1].sampled
    assert "endpoint is down" in trajectory.nodes[1].message.thought


def test_an_empty_message_cannot_be_read() -> None:
    assert list(run(Script(say("  ")), strategy="react").ends.values()) == [StopReason.UNPARSABLE]


def test_seeds_differ_within_a_search_and_repeat_across_runs() -> None:
    first, second = Script(give_up(), ask("box.count")), Script(give_up(), ask("box.count"))
    run(first)
    run(second)
    seeds = [turn.seed for turn in first.turns]
    assert len(set(seeds)) == len(seeds)
    assert seeds == [turn.seed for turn in second.turns]


steps = st.sampled_from(
    [
        ask("box.count"),
        ask("box.look", id=7),
        ask("box.look", id=1),
        ask("box.pack", label="a", text="t"),
        ask("no.tool"),
        give_up(),
        give_up(),
        say(""),
    ]
)


@given(
    script=st.lists(steps, max_size=30),
    answer=st.booleans(),
    strategy=st.sampled_from(list(Strategy)),
    width=st.integers(1, 3),
    max_steps=st.integers(1, 4),
    budget=st.integers(1, 12),
    backtrack=st.integers(1, 4),
    can_fork=st.booleans(),
)
def test_any_search_is_a_well_formed_tree_within_budget(
    script: list[Step], answer: bool, can_fork: bool, **config: object
) -> None:
    policy = Script(*script, *([say("end")] if answer else []))
    trajectory = run(policy, chain_task(), BoxWorld(can_fork=can_fork), **config)
    assert_well_formed(trajectory)
    assert trajectory.model_calls == len(policy.turns)


@given(
    script=st.lists(steps, max_size=20),
    width=st.integers(1, 3),
    backtrack=st.integers(1, 3),
)
def test_forks_leak_nothing(script: list[Step], **config: object) -> None:
    """Every branch, replayed alone in a fresh world, sees what it saw in the search."""
    trajectory = run(Script(*script), max_steps=4, **config)
    for leaf in trajectory.ends:
        session = BoxWorld().open(pack_task())
        path = trajectory.path(leaf)
        calls = [call for node in path for call in node.message.tool_calls]
        seen = [node.message.content for node in path if node.message.role is Role.TOOL]
        assert [asyncio.run(session.call(call)).content for call in calls[: len(seen)]] == seen
