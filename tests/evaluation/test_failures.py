"""Why attempts fail: one kind for each way to fail, none for a pass, and the same kind every time."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolwise.errors import DataError
from toolwise.evaluation import passed
from toolwise.evaluation.failures import REPEATS, FailureKind, diagnose, differing
from toolwise.types import (
    Blueprint,
    BlueprintCall,
    Check,
    Checks,
    Json,
    Message,
    Node,
    Outcome,
    Reference,
    RejectReason,
    Role,
    StopReason,
    Task,
    ToolCall,
    ToolErrorKind,
    Trajectory,
    Verdict,
)

FIND = BlueprintCall(tool="shop.find", arguments={"name": "lamp"})
BUY = BlueprintCall(tool="shop.buy", arguments={"count": 2}, references={"id": Reference(call=0, path=("id",))})
OFFER = ("shop.find", "shop.buy", "shop.drop", "shop.list")
Step = tuple[str, dict[str, Json], str | ToolErrorKind]
"""A tool, its arguments, and the answer or the error."""


def task(
    calls: tuple[BlueprintCall, ...] = (FIND, BUY), outcome: Outcome = Outcome.CALL, facts: tuple[str, ...] = ()
) -> Task:
    relevant = tuple(dict.fromkeys(call.tool for call in calls))
    checks = Checks(outcome=outcome, facts=facts)
    blueprint = Blueprint(calls=calls) if calls else None
    return Task(key="k", instruction="i", candidates=OFFER, relevant=relevant, blueprint=blueprint, checks=checks)


def attempt(steps: Sequence[Step], answer: str = "Done.", end: StopReason = StopReason.ANSWERED) -> Trajectory:
    nodes = [Node(parent=None, message=Message(role=Role.USER, content="i"))]

    def add(message: Message, error: ToolErrorKind | None = None) -> None:
        nodes.append(Node(parent=len(nodes) - 1, message=message, error=error))

    for number, (tool, arguments, answered) in enumerate(steps):
        call = ToolCall(id=f"c{number}", name=tool, arguments=arguments)
        add(Message(role=Role.ASSISTANT, tool_calls=(call,)))
        error = answered if isinstance(answered, ToolErrorKind) else None
        add(Message(role=Role.TOOL, content="{}" if error else str(answered), tool_call_id=call.id), error)
    add(Message(role=Role.ASSISTANT, content=answer))
    return Trajectory(task_key="k", strategy="react", nodes=tuple(nodes), ends={len(nodes) - 1: end})


def no(reason: RejectReason = RejectReason.WRONG_STATE) -> Verdict:
    return Verdict(key="k", checks=(Check(name="state", passed=False, reason=reason),))


YES = Verdict(key="k", checks=(Check(name="state", passed=True),))
FOUND: Step = ("shop.find", {"name": "lamp"}, '{"id": 7}')
BOUGHT: Step = ("shop.buy", {"count": 2, "id": 7}, "{}")


@pytest.mark.parametrize(
    ("steps", "end", "kind", "said"),
    [
        ([FOUND, ("shop.buy", {"count": 3, "id": 7}, "{}")], "answered", "wrong_argument", "count is 3, right is 2"),
        ([FOUND, ("shop.buy", {"count": 2, "id": 8}, "{}")], "answered", "wrong_argument", "id is 8, right is 7"),
        ([FOUND, ("shop.drop", {}, "{}")], "answered", "wrong_tool", "shop.drop was called, shop.buy is right"),
        ([FOUND, ("shop.pay", {}, ToolErrorKind.UNKNOWN_TOOL)], "answered", "hallucinated_tool", "shop.pay"),
        ([FOUND], "answered", "missing_call", "shop.buy was not called"),
        ([FOUND], "gave_up", "premature_end", "gave up"),
        ([FOUND], "budget", "out_of_budget", "budget"),
        ([FOUND], "step_limit", "out_of_budget", "step limit"),
        ([FOUND], "unparsable", "unreadable", "unparsable"),
        ([FOUND], "policy_error", "unreadable", "policy error"),
        ([FOUND] * REPEATS, "step_limit", "loop", f"{REPEATS} times"),
        (
            [FOUND, ("shop.buy", {"count": 2, "id": 7}, ToolErrorKind.SERVER)],
            "answered",
            "error_not_recovered",
            "server; shop.buy was called as it should be",
        ),
        ([FOUND, BOUGHT, BOUGHT], "answered", "unneeded_call", "beside the right calls"),
        ([FOUND, BOUGHT], "gave_up", "premature_end", "every right call was made"),
        ([FOUND, BOUGHT], "answered", "other", ""),
    ],
)
def test_each_way_to_fail_has_its_kind(steps: list[Step], end: str, kind: str, said: str) -> None:
    trajectory = attempt(steps, end=StopReason(end))
    found = diagnose(task(), (FIND, BUY), trajectory, no())
    assert found is not None
    assert found.kind == kind
    assert said in found.detail
    assert found.node is not None
    assert found.node < len(trajectory.nodes)


def test_an_error_that_was_set_right_is_not_the_cause() -> None:
    failed: Step = ("shop.buy", {"count": 2, "id": 7}, ToolErrorKind.SERVER)
    found = diagnose(task(facts=("42",)), (FIND, BUY), attempt([FOUND, failed, BOUGHT]), no(RejectReason.UNGROUNDED))
    assert found is not None
    assert found.kind is FailureKind.WRONG_ANSWER
    assert found.detail == "the answer does not state '42'"


def test_no_attempt_and_an_empty_answer() -> None:
    for trajectory, verdict in ((None, None), (None, YES), (attempt([FOUND]), None)):
        found = diagnose(task(), (FIND, BUY), trajectory, verdict)
        assert found is not None
        assert found.kind is FailureKind.NO_ATTEMPT
    empty = diagnose(task(), (FIND, BUY), attempt([FOUND, BOUGHT], answer=" "), YES)
    assert empty is not None
    assert empty.kind is FailureKind.PREMATURE_END


def test_a_call_where_none_is_right() -> None:
    found = diagnose(task((), Outcome.ASK), (), attempt([FOUND]), no())
    assert found is not None
    assert found.kind is FailureKind.UNNEEDED_CALL
    assert "ask was right" in found.detail


def test_relevant_tools_stand_in_for_a_reference() -> None:
    wanted = task()
    bare = wanted.model_copy(update={"blueprint": None})
    found = diagnose(bare, (), attempt([FOUND]), no())
    assert found is not None
    assert found.kind is FailureKind.MISSING_CALL
    assert "shop.buy" in found.detail


def test_the_branch_that_answered_is_judged() -> None:
    abandoned = [("shop.drop", {}, "{}")]
    first = attempt(abandoned, end=StopReason.GAVE_UP)
    second = attempt([FOUND])
    shift = len(first.nodes)
    nodes = first.nodes + tuple(
        node.model_copy(update={"parent": None if node.parent is None else node.parent + shift})
        for node in second.nodes
    )
    both = Trajectory(
        task_key="k",
        strategy="dfsdt",
        nodes=nodes,
        ends={shift - 1: StopReason.GAVE_UP, len(nodes) - 1: StopReason.ANSWERED},
    )
    found = diagnose(task(), (FIND, BUY), both, no())
    assert found is not None
    assert found.kind is FailureKind.MISSING_CALL


def test_pairs_that_do_not_belong_together_are_refused() -> None:
    stray = attempt([FOUND]).model_copy(update={"task_key": "other"})
    with pytest.raises(DataError, match="pair them by task key"):
        diagnose(task(), (FIND, BUY), stray, no())


def test_differences_are_named() -> None:
    said = differing(BUY, ToolCall(name="shop.buy", arguments={"note": "x"}))
    assert said == 'count is left out, right is 2; note is "x", and should not be given; id is left out'
    assert not differing(BUY, ToolCall(name="shop.buy", arguments={"count": 2.0, "id": 1}))


# Any trajectory at all ------------------------------------------------------------------------------------------------

values = st.one_of(st.none(), st.booleans(), st.integers(0, 3), st.sampled_from(["lamp", "7"]))
calls = st.builds(
    ToolCall,
    id=st.sampled_from(["", "a", "b"]),
    name=st.sampled_from([*OFFER, "shop.pay", ""]),
    arguments=st.dictionaries(st.sampled_from(["name", "count", "id"]), values, max_size=3),
)
messages = st.builds(
    Message,
    role=st.sampled_from(Role),
    content=st.sampled_from(["", "Done.", '{"id": 7}', '{"status": 500, "error": "server"}', "<b>"]),
    tool_calls=st.lists(calls, max_size=2).map(tuple),
    tool_call_id=st.sampled_from(["", "a", "b"]),
)
nodes = st.builds(
    Node,
    parent=st.none() | st.integers(-2, 9),
    message=messages,
    error=st.none() | st.sampled_from(ToolErrorKind),
)
trajectories = st.builds(
    Trajectory,
    task_key=st.just("k"),
    strategy=st.just("dfsdt"),
    nodes=st.lists(nodes, min_size=1, max_size=9).map(tuple),
    ends=st.dictionaries(st.integers(0, 8), st.sampled_from(StopReason), max_size=3),
).filter(lambda t: t.answer_leaf is None or t.answer_leaf < len(t.nodes))
checks = st.builds(
    Check,
    name=st.sampled_from(["format", "schema", "state", "calls", "grounding"]),
    passed=st.booleans(),
    reason=st.sampled_from(RejectReason),
)
verdicts = st.builds(Verdict, key=st.just("k"), checks=st.lists(checks, max_size=4).map(tuple))
tasks = st.builds(
    task,
    st.sampled_from([(), (FIND,), (FIND, BUY), (FIND, FIND)]),
    st.sampled_from(Outcome),
    st.sampled_from([(), ("7",)]),
)


@given(tasks, trajectories, verdicts)
def test_a_pass_has_no_kind_and_a_failure_always_one(wanted: Task, trajectory: Trajectory, verdict: Verdict) -> None:
    reference = wanted.blueprint.calls if wanted.blueprint else ()
    found = diagnose(wanted, reference, trajectory, verdict)
    assert (found is None) == passed(wanted, trajectory, verdict)
    assert found == diagnose(wanted, reference, trajectory.model_copy(deep=True), verdict)
    if found is not None:
        assert found.kind in FailureKind
        assert "\n" not in found.detail
        assert len(found.detail) <= 240
        assert found.node is None or 0 <= found.node < len(trajectory.nodes)
        if found.kind is FailureKind.HALLUCINATED_TOOL:
            assert any(c.name not in OFFER for node in trajectory.nodes for c in node.message.tool_calls)
        if found.kind in (FailureKind.LOOP, FailureKind.UNNEEDED_CALL, FailureKind.WRONG_TOOL):
            assert any(node.message.tool_calls for node in trajectory.nodes)


@given(tasks, trajectories, verdicts)
def test_the_names_of_calls_ids_do_not_matter(wanted: Task, trajectory: Trajectory, verdict: Verdict) -> None:
    def renamed(node: Node) -> Node:
        message = node.message
        new = tuple(c.model_copy(update={"id": c.id and f"x{c.id}"}) for c in message.tool_calls)
        told = message.tool_call_id and f"x{message.tool_call_id}"
        return node.model_copy(update={"message": message.model_copy(update={"tool_calls": new, "tool_call_id": told})})

    reference = wanted.blueprint.calls if wanted.blueprint else ()
    other = trajectory.model_copy(update={"nodes": tuple(map(renamed, trajectory.nodes))})
    assert diagnose(wanted, reference, trajectory, verdict) == diagnose(wanted, reference, other, verdict)
