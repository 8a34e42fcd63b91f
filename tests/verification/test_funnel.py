from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from box_world import (
    CATALOG,
    BoxWorld,
    Script,
    ask,
    chain_task,
    give_up,
    make_task,
    negative_task,
    pack,
    pack_task,
    say,
)
from toolwise.ports import Policy, Step
from toolwise.search import BlueprintPolicy, ErrorRates, Mistake, SearchConfig, search
from toolwise.types import Message, Node, Outcome, RejectReason, Role, Task, ToolCall, Trajectory, Verdict
from toolwise.verification import STAGES, Verifier, dropped_by_stage, funnel_of, verify

RIGHT = ask("box.pack", label="blue", text="a map")


def attempt(task: Task, *steps: Step, policy: Policy | None = None) -> Trajectory:
    config = SearchConfig(strategy="dfsdt")
    return asyncio.run(search(task, policy or Script(*steps), BoxWorld(), CATALOG, config))


def check(task: Task, trajectory: Trajectory) -> Verdict:
    return asyncio.run(verify(task, trajectory, BoxWorld(), CATALOG))


def reason(task: Task, *steps: Step) -> RejectReason | None:
    return check(task, attempt(task, *steps)).reason


def test_the_blueprint_policy_passes_every_stage() -> None:
    for task in (pack_task(), chain_task(), *map(negative_task, (Outcome.ANSWER, Outcome.DECLINE, Outcome.ASK))):
        verdict = check(task, attempt(task, policy=BlueprintPolicy()))
        assert verdict.accepted
        assert verdict.key == task.key
        assert [c.name for c in verdict.checks] == list(STAGES[:-1])


def test_nothing_answered() -> None:
    assert reason(pack_task(), RIGHT, give_up(), give_up(), give_up()) is RejectReason.NO_ANSWER


def test_a_wrong_tool_or_value_is_another_state() -> None:
    assert reason(pack_task(), ask("box.pack", label="red", text="a map"), say("2")) is RejectReason.WRONG_STATE
    assert reason(pack_task(), RIGHT, RIGHT, say("2")) is RejectReason.WRONG_STATE


def test_calls_must_be_the_blueprints_where_the_state_says_nothing() -> None:
    task = make_task(pack("blue", "a map"), facts=("2",))
    assert reason(task, RIGHT, say("box 2")) is None
    assert reason(task, ask("box.look", id=1), say("2")) is RejectReason.WRONG_CALLS
    assert reason(task, RIGHT, ask("box.count"), say("2")) is None, "an extra look does no harm"
    assert reason(task, ask("box.look", id=9), RIGHT, say("2")) is None, "a failed call does no harm"
    assert reason(task, RIGHT, ask("box.toss", id=1), say("2")) is RejectReason.WRONG_CALLS


def test_a_right_call_that_fails_is_told_apart() -> None:
    from box_world import look

    task = make_task(look(7))
    assert reason(task, ask("box.look", id=7), say("?")) is RejectReason.CALL_FAILED


def test_facts_must_be_in_the_answer_and_in_an_observation() -> None:
    assert reason(pack_task(), RIGHT, say("I packed it")) is RejectReason.UNGROUNDED
    task = make_task(pack("blue", "a map"), facts=("17",))
    assert reason(task, RIGHT, say("It is 17")) is RejectReason.UNGROUNDED
    quoted = make_task(pack("blue", 'say "hi"\nnow'), facts=('say "hi" now',))
    assert reason(quoted, ask("box.pack", label="blue", text='say "hi"\nnow'), say('say "hi" now')) is None


def test_no_call_may_be_made_where_none_is_right() -> None:
    task = negative_task(Outcome.DECLINE)
    assert reason(task, say("no tool fits")) is None
    assert reason(task, ask("box.count"), say("no tool fits")) is RejectReason.WRONG_CALLS


def test_only_the_branch_that_answered_counts() -> None:
    task = pack_task()
    steps = (ask("box.pack", label="red", text="x"), give_up(), RIGHT, say("2"))
    assert reason(task, *steps) is None


Change = Callable[[list[Node]], list[Node]]


def _edit(at: int, **update: object) -> Change:
    def change(nodes: list[Node]) -> list[Node]:
        message = nodes[at].message.model_copy(update=update)
        nodes[at] = nodes[at].model_copy(update={"message": message})
        return nodes

    return change


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (_edit(0, content="something else"), RejectReason.MALFORMED),
        (_edit(1, tool_calls=()), RejectReason.MALFORMED),
        (_edit(2, tool_call_id="call_9"), RejectReason.MALFORMED),
        (_edit(2, role=Role.SYSTEM), RejectReason.MALFORMED),
        (_edit(3, content=" "), RejectReason.NO_ANSWER),
        (_edit(3, role=Role.USER), RejectReason.NO_ANSWER),
        (_edit(2, content='{"id":3}'), RejectReason.REPLAY_DIFFERS),
        (_edit(1, tool_calls=(ToolCall(id="call_1_0", name="no.tool"),)), RejectReason.UNKNOWN_TOOL),
        (
            _edit(1, tool_calls=(ToolCall(id="call_1_0", name="box.pack", arguments={"label": 1}),)),
            RejectReason.INVALID_ARGUMENTS,
        ),
    ],
)
def test_a_tampered_record_is_caught(change: Change, expected: RejectReason) -> None:
    task = pack_task()
    good = attempt(task, policy=BlueprintPolicy())
    bad = good.model_copy(update={"nodes": tuple(change(list(good.nodes)))})
    verdict = check(task, bad)
    assert verdict.reason is expected
    assert verdict.checks[-1].detail


def test_an_unanswered_call_is_malformed() -> None:
    task = pack_task()
    user = Node(parent=None, message=Message(role=Role.USER, content=task.instruction))
    two = (ToolCall(id="a", name="box.count"), ToolCall(id="b", name="box.count"))
    nodes = (
        user,
        Node(parent=0, message=Message(role=Role.ASSISTANT, tool_calls=two)),
        Node(parent=1, message=Message(role=Role.TOOL, content="{}", tool_call_id="a")),
        Node(parent=2, message=Message(role=Role.ASSISTANT, content="2")),
    )
    trajectory = Trajectory(task_key=task.key, strategy="react", nodes=nodes, ends={3: "answered"})
    assert check(task, trajectory).reason is RejectReason.MALFORMED


class Strict:
    async def judge(self, task: Task, trajectory: Trajectory) -> tuple[bool, str]:
        return False, "too terse"


def test_the_judge_has_the_last_word() -> None:
    task = pack_task()
    verifier = Verifier(BoxWorld(), CATALOG, Strict())
    verdict = asyncio.run(verifier.verify(task, attempt(task, policy=BlueprintPolicy())))
    assert verdict.reason is RejectReason.JUDGE
    assert verdict.checks[-1].detail == "too terse"


@settings(max_examples=40)
@given(
    rates=st.fixed_dictionaries({m.value: st.floats(0, 0.2) for m in Mistake}),
    seeds=st.lists(st.integers(0, 99), max_size=12),
    failed=st.dictionaries(st.sampled_from(["WorldError", "ModelError"]), st.integers(1, 3)),
    pending=st.integers(0, 3),
)
def test_the_funnel_adds_up_and_only_right_solutions_pass(
    rates: dict[str, float], seeds: list[int], failed: dict[str, int], pending: int
) -> None:
    tasks = [pack_task(), chain_task(), negative_task(Outcome.ASK)]
    verdicts = []
    for seed in seeds:
        task = tasks[seed % 3]
        trajectory = attempt(task, policy=BlueprintPolicy(ErrorRates(**rates), seed))
        verdicts.append(check(task, trajectory))
        if trajectory.answer == "That is done.":
            assert not verdicts[-1].accepted
    funnel = funnel_of(verdicts, failed, pending)
    assert funnel.entered == len(seeds) + sum(failed.values()) + pending
    assert funnel.rejected == sum(dropped_by_stage(verdicts).values()) == sum(not v.accepted for v in verdicts)
