from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
from collections import Counter
from functools import lru_cache
from pathlib import Path

import pytest
from stand_in import StandInSession, StandInWorld, small_catalog

from toolwise.answers import final_answer
from toolwise.blueprints import resolved_arguments
from toolwise.offers import Offer, compact_parameters
from toolwise.schemas import Validator
from toolwise.synthesis import (
    Pattern,
    Synthesis,
    SynthesisConfig,
    names_tool,
    states_all_values,
    synthesise,
    tool_queries,
)
from toolwise.synthesis.plans import Planner
from toolwise.synthesis.pool import Pool
from toolwise.text import contains_fact
from toolwise.types import (
    Catalog,
    Observation,
    Outcome,
    RejectReason,
    Split,
    Task,
    TaskKind,
    Tool,
    ToolCall,
    ToolErrorKind,
    Toolset,
    content_key,
)

CATALOG = small_catalog()


def _make(count: int = 150, seed: int = 5, config: SynthesisConfig | None = None) -> Synthesis:
    world = StandInWorld(CATALOG)
    return asyncio.run(synthesise(CATALOG, world, config or SynthesisConfig(), split=Split.DEV, count=count, seed=seed))


@lru_cache
def _made() -> Synthesis:
    return _make()


def _positive() -> list[Task]:
    return [task for task in _made().tasks if task.checks.outcome is Outcome.CALL]


async def _replay(task: Task) -> tuple[list[Observation], str]:
    session = StandInWorld(CATALOG).open(task)
    bodies = {}
    observations = []
    assert task.blueprint is not None
    for index, call in enumerate(task.blueprint.calls):
        arguments = resolved_arguments(call, bodies)
        assert arguments is not None
        observation = await session.call(ToolCall(name=call.tool, arguments=dict(arguments)))
        bodies[index] = observation.body
        observations.append(observation)
    return observations, content_key(session.state())


def test_the_funnel_adds_up_and_all_patterns_occur() -> None:
    made = _made()
    assert made.funnel.accepted == len(made.tasks) == 150
    assert made.funnel.entered == made.funnel.accepted + made.funnel.rejected
    assert {task.provenance.pattern for task in made.tasks} == {pattern.value for pattern in Pattern}
    assert {task.provenance.split for task in made.tasks} == {Split.DEV}
    assert TaskKind.CATEGORY in {task.kind for task in made.tasks}


def test_equal_arguments_give_equal_tasks() -> None:
    again = _make(40)
    assert again.tasks == _make(40).tasks
    assert again.tasks != _make(40, seed=6).tasks


def test_every_blueprint_replays_to_its_state_and_its_facts() -> None:
    for task in _positive():
        observations, state = asyncio.run(_replay(task))
        assert all(observation.ok for observation in observations)
        assert state == task.checks.final_state
        answer = final_answer(task, observations)
        assert all(contains_fact(answer, fact) for fact in task.checks.facts)
        assert task.checks.facts or state != content_key(task.world.start)


def test_an_answer_never_claims_what_no_observation_holds() -> None:
    task = next(task for task in _positive() if task.checks.facts)
    answer = final_answer(task, [])
    assert not any(contains_fact(answer, fact) for fact in task.checks.facts)


def test_every_instruction_states_its_values_and_names_no_tool() -> None:
    for task in _made().tasks:
        tools = [CATALOG.tool(tool_id) for tool_id in task.candidates]
        assert not names_tool(task.instruction, tools)
        if task.blueprint:
            assert states_all_values(task.instruction, [call.arguments for call in task.blueprint.calls])


def test_arguments_are_valid_and_visible_in_the_compact_view() -> None:
    for task in _positive():
        assert task.blueprint is not None
        for call in task.blueprint.calls:
            tool = CATALOG.tool(call.tool)
            assert set(call.arguments) <= set(compact_parameters(tool).get("properties", {}))
            if not call.references:
                assert Validator(tool.parameters, {}).is_valid(call.arguments)


def test_candidates_hold_the_relevant_tools_and_no_copies() -> None:
    for task in _made().tasks:
        assert set(task.relevant) <= set(task.candidates)
        assert len(set(task.candidates)) == len(task.candidates) >= 4
        Offer([CATALOG.tool(tool_id) for tool_id in task.candidates])


def test_references_point_backwards() -> None:
    chains = [task for task in _positive() if task.provenance.pattern == Pattern.CHAIN]
    assert chains
    for task in chains:
        assert task.blueprint is not None
        for index, call in enumerate(task.blueprint.calls[1:], start=1):
            assert call.references
            assert all(reference.call < index for reference in call.references.values())


def test_negatives_say_what_is_right_instead() -> None:
    tasks = {task.provenance.pattern: task for task in _made().tasks if not task.relevant}
    assert {task.checks.outcome for task in tasks.values()} == {Outcome.ANSWER, Outcome.DECLINE, Outcome.ASK}
    for task in tasks.values():
        assert task.blueprint is None
        assert task.checks.final_state == content_key({})
        assert all(contains_fact(final_answer(task, []), fact) for fact in task.checks.facts)


def test_a_missing_value_is_indeed_missing() -> None:
    config = SynthesisConfig(negatives=1, no_tool=0, no_fit=0)
    for task in _make(20, config=config).tasks:
        assert task.checks.outcome is Outcome.ASK
        assert len(task.checks.facts) == 1
        assert f"{task.checks.facts[0]} " not in task.instruction.lower().replace(" id of ", " ")


def test_a_failing_world_rejects_every_blueprint() -> None:
    class Broken(StandInWorld):
        def open(self, task: Task) -> StandInSession:
            return BrokenSession(self.catalog, {}, task.world.seed)

    class BrokenSession(StandInSession):
        async def call(self, call: ToolCall) -> Observation:
            return Observation(status=500, error=ToolErrorKind.SERVER)

    config = SynthesisConfig(negatives=0)
    made = asyncio.run(synthesise(CATALOG, Broken(CATALOG), config, split=Split.TRAIN, count=5, seed=1))
    assert made.tasks == ()
    assert made.funnel.reasons == {RejectReason.CALL_FAILED.value: made.funnel.entered}


def test_an_empty_pool_gives_nothing() -> None:
    empty = Catalog()
    made = asyncio.run(synthesise(empty, StandInWorld(empty), SynthesisConfig(), split=Split.TRAIN, count=5, seed=1))
    assert made.tasks == () and made.funnel.entered == 0


def test_a_tool_that_needs_what_cannot_be_stated_is_never_called() -> None:
    deep = {"type": "array", "items": {"type": "object", "properties": {"a": {"type": "string"}}}, "minItems": 1}
    extra = CATALOG.tool("library.create_book").model_copy(
        update={
            "id": "library.create_shelf",
            "name": "create_shelf",
            "parameters": {"type": "object", "properties": {"rows": deep}, "required": ["rows"]},
        }
    )
    library = CATALOG.toolset("library")
    pool = Catalog(
        toolsets=(Toolset(name="library", category="town", tools=(*library.tools, extra)), CATALOG.toolset("bakery"))
    )
    made = asyncio.run(synthesise(pool, StandInWorld(pool), SynthesisConfig(), split=Split.TRAIN, count=80, seed=1))
    used = Counter(tool for task in made.tasks for tool in task.relevant)
    assert used["library.create_shelf"] == 0 < used["library.create_book"]


@pytest.mark.parametrize("name", ["library.create_book", "bakery.list_ovens"])
def test_queries_differ_and_never_name_the_tool(name: str) -> None:
    tool = CATALOG.tool(name)
    queries = tool_queries(tool, CATALOG.toolset(tool.toolset), random.Random(1), 6)
    assert len(queries) == len(set(queries)) == 6
    assert not any(names_tool(query, [tool]) for query in queries)
    assert queries == tool_queries(tool, CATALOG.toolset(tool.toolset), random.Random(1), 6)


def test_shares_of_zero_leave_a_pattern_out() -> None:
    config = SynthesisConfig(single=1, parallel=0, chain=0, mixed=0, negatives=0, max_calls=1)
    assert {task.provenance.pattern for task in _make(20, config=config).tasks} == {"single"}


def test_the_hash_seed_does_not_matter() -> None:
    program = (
        "import asyncio; from stand_in import *; from toolwise.synthesis import *; from toolwise.types import Split;"
        "c = small_catalog();"
        "m = asyncio.run(synthesise(c, StandInWorld(c), SynthesisConfig(), split=Split.DEV, count=40, seed=5));"
        "print([t.key for t in m.tasks])"
    )
    here = str(Path(__file__).parent)
    runs = [
        subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": here},
        ).stdout
        for seed in ("1", "2")
    ]
    assert runs[0] == runs[1]
    assert runs[0].strip() == str([task.key for task in _make(40).tasks])


def test_what_must_stand_beside_a_value_is_stated_too() -> None:
    inner = {
        "type": "object",
        "required": ["street"],
        "properties": {"street": {"type": "string"}, "city": {"type": "string"}, "lamps": {"type": "integer"}},
    }
    parameters = {
        "type": "object",
        "required": ["place"],
        "properties": {"place": inner, "other": {**inner, "required": ["street", "city"]}},
    }
    tool = Tool(id="t.create_lane", name="create_lane", description="Creates a lane.", parameters=parameters)
    catalog = Catalog(toolsets=(Toolset(name="t", tools=(tool,)),))
    planner = Planner(Pool(catalog), SynthesisConfig())
    shapes = set()
    for seed in range(60):
        call = planner.call(catalog.toolsets[0], random.Random(seed))
        assert call is not None
        paths = {leaf.path for leaf in call.leaves}
        assert ("place", "street") in paths
        if any(path[0] == "other" for path in paths):
            assert {("other", "street"), ("other", "city")} <= paths
        shapes.add(frozenset(paths))
    assert len(shapes) > 3
