import asyncio
import random
import re
from collections import deque
from typing import Any

import pytest

from toolwise.types import Task, ToolCall, WorldSpec
from toolwise.worlds.planning import (
    DOMAINS,
    Instance,
    InstanceError,
    PddlError,
    PlanningWorld,
    check_plan,
    open_variant,
    parse_problem,
    solve,
)

SMALL = {"blocksworld": (3, 4), "logistics": (1, 2), "spellwrite": (1, 2)}
LARGE = {"blocksworld": 7, "logistics": 4, "spellwrite": 4}

BLOCKS_PROBLEM = """
(define (problem sussman) (:domain blocks) ; the anomaly
  (:objects a b c - block)
  (:init (on c a) (ontable a) (on-table b) (clear c) (clear b) (handempty))
  (:goal (and (on a b) (on b c))))
"""
LOGISTICS_PROBLEM = """
(define (problem two-cities) (:domain logistics)
  (:objects pack truck1 truck2 plane home port1 port2 shop north south)
  (:init (obj pack) (truck truck1) (truck truck2) (airplane plane) (location home) (location shop) (city north)
         (city south) (location port1) (location port2) (airport port1) (airport port2) (in-city home north)
         (in-city port1 north) (in-city port2 south) (in-city shop south)
         (at pack home) (at truck1 port1) (at truck2 port2) (at plane port2))
  (:goal (at pack shop)))
"""


def start_of(instance: Instance) -> tuple[Any, Any]:
    layout = DOMAINS[instance.domain].layout(instance.start)
    return layout, layout.load(instance.start)


def steps_of(operators: Any) -> list[tuple[str, tuple[str, ...]]]:
    return [(o.tool, o.arguments) for o in operators]


def shortest(layout: Any, start: Any, goal: Any) -> int | None:
    seen, queue = {start}, deque([(start, 0)])
    while queue:
        state, depth = queue.popleft()
        if layout.satisfied(state, goal):
            return depth
        for operator in layout.runnable(state):
            following = layout.successor(state, operator)
            if following not in seen:
                seen.add(following)
                queue.append((following, depth + 1))
    return None


@pytest.mark.parametrize("name", DOMAINS)
def test_plans_are_as_short_as_a_blind_search_finds(name: str) -> None:
    for size in SMALL[name]:
        for seed in range(8):
            instance = DOMAINS[name].generate(size, random.Random(f"{name}{size}{seed}"))
            layout, start = start_of(instance)
            plan = solve(layout, start, instance.goal)
            assert check_plan(instance, steps_of(plan.operators)) == ""
            assert len(plan.operators) == shortest(layout, start, instance.goal)


@pytest.mark.parametrize("name", DOMAINS)
def test_estimates_never_exceed_the_true_distance_anywhere_on_the_way(name: str) -> None:
    for seed in range(6):
        instance = DOMAINS[name].generate(SMALL[name][1], random.Random(f"way{seed}"))
        layout, state = start_of(instance)
        rng = random.Random(seed)
        for _ in range(6):
            distance = shortest(layout, state, instance.goal)
            assert distance is not None
            assert layout.estimate(state, instance.goal) <= distance
            state = layout.successor(state, rng.choice(layout.runnable(state)))


@pytest.mark.parametrize("name", DOMAINS)
def test_larger_instances_have_valid_plans(name: str) -> None:
    for seed in range(5):
        instance = DOMAINS[name].generate(LARGE[name], random.Random(f"large{seed}"))
        layout, start = start_of(instance)
        assert check_plan(instance, steps_of(solve(layout, start, instance.goal).operators)) == ""


@pytest.mark.parametrize("name", DOMAINS)
def test_the_world_and_the_validator_agree_on_what_every_call_does(name: str) -> None:
    instance = DOMAINS[name].generate(SMALL[name][1] + 1, random.Random("agree"))
    layout, state = start_of(instance)
    rng = random.Random(1)
    for _ in range(25):
        here = Instance(name, layout.dump(state), ())
        for operator in layout.operators:
            valid = check_plan(here, [(operator.tool, operator.arguments)]) == ""
            assert valid is (layout.violated(state, operator) == ())
        state = layout.successor(state, rng.choice(layout.runnable(state)))


@pytest.mark.parametrize("name", DOMAINS)
def test_states_survive_being_written_and_every_source_is_a_predecessor(name: str) -> None:
    domain = DOMAINS[name]
    instance = domain.generate(SMALL[name][1], random.Random("round trip"))
    layout, state = start_of(instance)
    rng = random.Random(2)
    for _ in range(30):
        data = layout.dump(state)
        assert layout.load(data) == state
        assert domain.read(domain.write(data), data) == data
        operator = rng.choice(layout.runnable(state))
        following = layout.successor(state, operator)
        before = layout.predecessors(following, operator)
        assert state in before
        assert all(layout.successor(each, operator) == following for each in before)
        assert all(layout.load(layout.dump(each)) == each for each in before)
        state = following


def test_a_plan_that_breaks_a_rule_or_misses_the_goal_is_invalid() -> None:
    instance = parse_problem(BLOCKS_PROBLEM)
    assert "something lies on" in check_plan(instance, [("pick_up", ("a",))])
    assert "does not hold" in check_plan(instance, [("unstack", ("c", "a"))])


def test_imported_problems_are_solved_optimally() -> None:
    for text, length in ((BLOCKS_PROBLEM, 6), (LOGISTICS_PROBLEM, 11)):
        instance = parse_problem(text)
        layout, start = start_of(instance)
        plan = solve(layout, start, instance.goal)
        assert check_plan(instance, steps_of(plan.operators)) == ""
        assert len(plan.operators) == length == shortest(layout, start, instance.goal)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "give the problem file"),
        ("(define (domain blocks))", "give the problem file"),
        (BLOCKS_PROBLEM + ")", "too many"),
        (BLOCKS_PROBLEM[:-3], "missing at the end"),
        ("(" * 50, "deeper"),
        (BLOCKS_PROBLEM.replace("(on c a)", "(on c)"), "takes 2"),
        (BLOCKS_PROBLEM.replace("(on c a)", "(above c a)"), "no predicate above"),
        (BLOCKS_PROBLEM.replace("(on c a)", "(on c d)"), "no object"),
        (BLOCKS_PROBLEM.replace("(clear c)", ""), "exactly if nothing is on c"),
        (BLOCKS_PROBLEM.replace("(on c a)", ""), "c is nowhere"),
        (BLOCKS_PROBLEM.replace("(:goal", "(:aim"), "no :goal"),
        (BLOCKS_PROBLEM.replace("(clear c)", "(not (clear c))"), "negative"),
        (BLOCKS_PROBLEM.replace("(clear c)", "(= (total-cost) 0)"), "numbers are not supported"),
        (LOGISTICS_PROBLEM.replace("(at pack home)", ""), "pack is nowhere"),
        (LOGISTICS_PROBLEM.replace("(at pack home)", "(at pack home) (at pack shop)"), "two places"),
    ],
)
def test_malformed_problems_are_one_clear_line(text: str, part: str) -> None:
    with pytest.raises(PddlError) as caught:
        parse_problem(text)
    assert part in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        BLOCKS_PROBLEM.replace("(on b c)", "(on b a)"),
        BLOCKS_PROBLEM.replace("(on b c)", "(on c b)"),
        LOGISTICS_PROBLEM.replace("(truck truck2) ", "").replace("(at truck2 port2)", "").replace(" truck2", ""),
    ],
)
def test_unsolvable_problems_are_recognised(text: str) -> None:
    instance = parse_problem(text)
    layout, start = start_of(instance)
    with pytest.raises(InstanceError, match="cannot be solved"):
        solve(layout, start, instance.goal)


def test_an_unsolvable_goal_without_a_visible_reason_is_found_by_exhausting_the_states() -> None:
    data = {"cursor": 0, "last": None, "tape": "__", "tray": "", "words": ["ab"]}
    layout = DOMAINS["spellwrite"].layout(data)
    state = layout.load(data)
    assert shortest(layout, state, (("tape", "zz"),)) is None
    with pytest.raises(InstanceError, match="no word has"):
        solve(layout, state, (("tape", "zz"),))


@pytest.mark.parametrize("name", ["blocksworld", "blocksworld_7"])
def test_a_session_runs_calls_and_goes_back_for_free(name: str) -> None:
    world = PlanningWorld(name)
    shown = world.variant.shown
    pick = world.variant.canonical[shown["pick_up"]]
    session = world.open(
        Task(
            instruction="",
            candidates=(),
            relevant=(),
            world=WorldSpec(name=name, start={"on": {"a": "table", "b": "a"}, "holding": None}),
        )
    )
    before, start = session.state(), session.snapshot()
    refused = asyncio.run(session.call(ToolCall(name=shown["pick_up"], arguments={pick[1][0]: "a"})))
    assert refused.body["error"]["violated"] == ["nothing may lie on a", "a must lie on the table"][:1]
    assert session.state() == before
    unstack = world.variant.canonical[shown["unstack"]][1]
    arguments = dict(zip(unstack, ("b", "a"), strict=True))
    assert asyncio.run(session.call(ToolCall(name=shown["unstack"], arguments=arguments))).ok
    assert session.state() == {"on": {"a": "table"}, "holding": "b"}
    session.restore(start)
    assert session.state() == before
    for broken in ({}, {**arguments, "more": 1}, dict.fromkeys(unstack, 3), {unstack[0]: "b", unstack[1]: ["x"]}):
        answer = asyncio.run(session.call(ToolCall(name=shown["unstack"], arguments=broken)))
        assert answer.status == 400


def test_renamed_tools_share_no_name_with_the_plain_ones() -> None:
    plain, renamed = open_variant("logistics"), open_variant("logistics_3")
    words = {t.name for t in plain.toolset.tools} | {p for t in plain.toolset.tools for p in t.properties}
    for tool in renamed.toolset.tools:
        assert not words & {tool.name, *tool.properties}
        assert all(f"`{name}`" in tool.description for name in tool.properties)
    assert open_variant("logistics_4").toolset != renamed.toolset


@pytest.mark.parametrize("name", ["blocksworld_5", "logistics_5", "spellwrite_5", "logistics"])
def test_brief_tools_name_every_parameter_and_differ_from_each_other(name: str) -> None:
    variant = open_variant(name)
    tools = variant.brief_tools()
    assert [tool.id for tool in tools] == [tool.id for tool in variant.toolset.tools]
    assert len({tool.description for tool in tools}) == len(tools)
    for tool, whole in zip(tools, variant.toolset.tools, strict=True):
        assert set(tool.properties) <= set(re.findall("[a-z_]+", tool.description))
        assert len(tool.description) <= len(whole.description)


def test_renamed_words_are_the_same_ones_for_other_tools() -> None:
    names = [tool.name for i in range(1, 60) for tool in open_variant(f"blocksworld_{i}").toolset.tools]
    assert all(len(name) == 2 for name in names)
    assert len(set(names)) > 50
    unseen = {tool.name for tool in open_variant("blocksworld_1001").toolset.tools}
    assert unseen <= set(names)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("blocksworld", {"on": {"a": "b", "b": "a"}, "holding": None}),
        ("blocksworld", {"on": {"a": "b"}, "holding": "b"}),
        ("blocksworld", {}),
        ("logistics", {"cities": {}}),
        ("spellwrite", {"words": ["ab"], "tape": "_", "cursor": 2, "tray": "", "last": None}),
        ("spellwrite", {"words": ["ab"], "tape": "_", "cursor": 0, "tray": "", "last": "write a"}),
        ("spellwrite", {"words": [], "tape": "_"}),
    ],
)
def test_malformed_states_are_refused(name: str, data: dict[str, Any]) -> None:
    with pytest.raises(InstanceError):
        DOMAINS[name].layout(data).load(data)
