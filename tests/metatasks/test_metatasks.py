import asyncio
import json
import random
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from toolwise.cli.app import app
from toolwise.errors import ConfigError
from toolwise.metatasks import (
    SIX,
    CatalogSubject,
    MetaTaskConfig,
    Tally,
    check_example,
    generate,
    score_answer,
)
from toolwise.ports import Session
from toolwise.types import (
    Catalog,
    MetaTaskExample,
    MetaTaskKind,
    Observation,
    Split,
    Task,
    Tool,
    ToolCall,
    Toolset,
    canonical_json,
)
from toolwise.worlds import SimulatedWorld
from toolwise.worlds.planning import DOMAINS, PlanningSubject, PlanningWorld

WORLDS = [*DOMAINS, "spellwrite_5"]


def made(subject: Any, count: int, **settings: Any) -> tuple[list[MetaTaskExample], Tally]:
    tally = Tally()

    async def collect() -> list[MetaTaskExample]:
        return [example async for example in generate(subject, count, MetaTaskConfig(**settings), tally)]

    return asyncio.run(collect()), tally


def problem(subject: Any, example: MetaTaskExample) -> str:
    return asyncio.run(check_example(subject, example))


def scores(subject: Any, example: MetaTaskExample, answer: str) -> bool:
    return asyncio.run(score_answer(subject, example, answer))


def notes() -> Catalog:
    def tool(name: str, required: tuple[str, ...], *optional: str, **returns: Any) -> Tool:
        properties = {p: {"type": "string"} for p in (*required, *optional)}
        schema = {"type": "object", "properties": properties, "required": list(required)}
        return Tool(id=f"notes.{name}", name=name, parameters=schema, returns=returns or None)

    note = {"type": "object", "properties": {"note_id": {"type": "string"}, "title": {"type": "string"}}}
    tools = (
        tool("create_note", ("note_id", "title"), **note),
        tool("get_note", ("note_id",), **note),
        tool("update_note", ("note_id",), "title", **note),
        tool("delete_note", ("note_id",)),
        tool("search_weather", ("city",), type="object", properties={"sky": {"type": "string"}}),
    )
    return Catalog(toolsets=(Toolset(name="notes", tools=tools),))


@pytest.mark.parametrize("name", WORLDS)
def test_examples_are_even_balanced_distinct_and_right_when_executed_afresh(name: str) -> None:
    examples, tally = made(PlanningSubject(name), 600, seed=3)
    counts = Counter(example.kind for example in examples)
    assert counts == dict.fromkeys(SIX, 100) == tally.counts
    assert all(0.48 <= share <= 0.52 for share in tally.balance().values())
    assert len({example.question for example in examples}) == len({example.key for example in examples}) == 600
    assert {example.exploration for example in examples} == {"random", "coverage", "solution"}
    fresh = PlanningSubject(name)
    assert all(problem(fresh, example) == "" for example in examples)
    for example in examples:
        if example.positive is False:
            assert example.reason


@pytest.mark.parametrize("name", DOMAINS)
def test_no_state_is_in_two_splits(name: str) -> None:
    examples, _ = made(PlanningSubject(name), 1500, seed=5, per_instance=15)
    split_of: dict[bytes, Split] = {}
    for example in examples:
        for state in (example.world.start, example.after, example.otherwise):
            if state:
                assert split_of.setdefault(canonical_json(state), example.split) is example.split
    assert len({example.split for example in examples}) == 3


def test_the_same_seed_gives_the_same_examples_and_another_seed_others() -> None:
    first, again, other = (made(PlanningSubject("logistics"), 60, seed=seed)[0] for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_every_corrupted_example_is_rejected() -> None:
    subject = PlanningSubject("blocksworld")
    examples, _ = made(subject, 240, seed=4)
    other: Mapping[str, Any] = {"holding": None, "on": {"a": "table", "b": "a"}}
    for example in examples:
        if example.positive is not None:
            flipped = {"positive": not example.positive, "answer": "no" if example.positive else "yes"}
            assert problem(subject, example.model_copy(update=flipped))
        elif example.kind is MetaTaskKind.COUNTERFACT:
            assert problem(subject, example.model_copy(update={"otherwise": example.after}))
            assert problem(subject, example.model_copy(update={"otherwise": other}))
            assert problem(subject, example.model_copy(update={"instead": example.calls[example.changed or 0]}))
        else:
            assert problem(subject, example.model_copy(update={"after": other}))
        assert problem(subject, example.model_copy(update={"answer": "perhaps"}))


def test_any_state_from_which_the_call_leads_there_is_a_right_reversion() -> None:
    subject = PlanningSubject("spellwrite")
    examples, _ = made(subject, 600, seed=1)
    several = 0
    for example in (e for e in examples if e.kind is MetaTaskKind.REVERSION):
        before = subject.predecessors(example.calls[0], example.after)
        assert before is not None
        answers = {subject.write(state) for state in before}
        assert example.answer in answers
        assert all(scores(subject, example, answer) for answer in answers)
        assert not scores(subject, example, subject.write(example.after))
        several += len(answers) > 1
    assert several > 10


def test_any_call_that_leads_there_is_a_right_decision() -> None:
    subject = PlanningSubject("spellwrite")
    examples, _ = made(subject, 900, seed=2)
    for example in (e for e in examples if e.kind is MetaTaskKind.DECISION):
        task = Task(instruction="", candidates=example.tools, relevant=(), world=example.world)
        right = 0
        for call in subject.runnable(task, subject.world.open(task)):
            session = subject.world.open(task)
            asyncio.run(session.call(call))
            text = json.dumps({"name": call.name.partition(".")[2], "arguments": call.arguments})
            assert scores(subject, example, text) is (session.state() == example.after)
            right += session.state() == example.after
        assert right
        assert not scores(subject, example, '{"name": "fly"}')


def test_a_counterfact_withholds_every_state_before_the_outcome() -> None:
    subject = PlanningSubject("blocksworld")
    examples, _ = made(subject, 300, seed=6)
    counterfacts = [example for example in examples if example.kind is MetaTaskKind.COUNTERFACT]
    assert {example.reason for example in counterfacts} == {"action", "argument"}
    assert {len(example.calls) for example in counterfacts} == {1, 2, 3}
    for example in counterfacts:
        assert example.otherwise != example.after
        for style in range(40):  # none of the wordings of the hidden state stands in the question
            assert subject.describe(example.world.start, random.Random(style)) not in example.question


@pytest.mark.parametrize("steps", [1, 3])
def test_the_output_boundary_counts_up_to_k_calls(steps: int) -> None:
    subject = PlanningSubject("blocksworld", (3, 4))
    examples, _ = made(subject, 240, seed=7, steps=steps)
    ways = [e.calls for e in examples if e.kind is MetaTaskKind.OUTPUT_BOUNDARY and e.positive]
    assert {len(way) for way in ways} == set(range(1, steps + 1))


def test_extensions_are_off_by_default_and_checked_too() -> None:
    subject = PlanningSubject("logistics")
    examples, _ = made(subject, 240, seed=8, extensions=True)
    extra = [e for e in examples if e.kind in (MetaTaskKind.ERROR_KIND, MetaTaskKind.VIOLATED_PRECONDITION)]
    assert len(extra) == 60
    assert all(problem(subject, example.model_copy(update={"answer": "x"})) for example in extra)


class _Rigid(PlanningWorld):
    can_fork = False


class _Fickle(PlanningWorld):
    """`discard` answers differently every time."""

    count = 0

    def open(self, task: Task) -> Any:
        world, session = self, super().open(task)

        class Session(type(session)):  # type: ignore[misc]
            async def call(self, call: ToolCall) -> Observation:
                observation = await super().call(call)
                world.count += 1
                if call.name.endswith("discard"):
                    return observation.model_copy(update={"body": {"done": world.count}})
                return observation

        session.__class__ = Session
        return session


def test_a_world_that_cannot_snapshot_is_refused_in_one_line() -> None:
    subject = PlanningSubject("blocksworld")
    subject.world = _Rigid("blocksworld")
    with pytest.raises(ConfigError, match="cannot snapshot"):
        made(subject, 5)


def test_a_tool_that_is_not_deterministic_is_excluded_with_the_reason() -> None:
    subject = PlanningSubject("spellwrite")
    subject.world = _Fickle("spellwrite")
    examples, tally = made(subject, 300, seed=1)
    assert tally.excluded == {"spellwrite.discard": "not deterministic"}
    late = examples[150:]
    assert late
    assert not any(call.name.endswith("discard") for example in late for call in example.calls)


def test_catalog_toolsets_are_asked_about_too() -> None:
    catalog = notes()

    def subject() -> CatalogSubject:
        return CatalogSubject(catalog, {"notes": Split.TRAIN}, SimulatedWorld(catalog))

    examples, tally = made(subject(), 300, seed=1, per_instance=20)
    assert set(tally.counts) == set(SIX)
    assert all(0.48 <= share <= 0.52 for share in tally.balance().values())
    again = subject()
    assert all(problem(again, example) == "" for example in examples)
    lookups = [e for e in examples if e.kind is MetaTaskKind.EFFECT and "status" in e.answer]
    assert lookups
    boundaries = [e for e in examples if e.positive is False and e.kind is MetaTaskKind.INPUT_BOUNDARY]
    assert {example.reason.partition(":")[0] for example in boundaries} >= {"not_found", "invalid_arguments"}


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, list(arguments))


def test_the_commands_write_and_verify(tmp_path: Path) -> None:
    out = tmp_path / "examples"
    written = json.loads(
        run("metatasks", "blocksworld", "--n", "120", "--seed", "1", "--out", str(out), "--json").stdout
    )
    assert written["examples"] == 120 == sum(written["counts"].values())
    verified = json.loads(run("verify", str(out), "--json").stdout)
    assert verified["funnel"]["accepted"] == 120
    assert verified["counts"] == written["counts"]
    lines = (out / "examples.jsonl").read_bytes().splitlines()
    first = json.loads(lines[0])
    lines[0] = json.dumps({**first, "answer": "hand empty", "after": {"holding": None, "on": {}}}).encode()
    (out / "examples.jsonl").write_bytes(b"\n".join([*lines, lines[1], b"{}", b"no json"]))
    funnel = json.loads(run("verify", str(out), "--json").stdout)["funnel"]
    assert funnel["in"] == 123
    assert funnel["accepted"] == 119
    assert funnel["reasons"]["duplicate"] == 1
    assert funnel["reasons"]["malformed"] >= 2


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["chess"], "neither an exact world"),
        (["blocksworld", "--size", "six"], "--size six"),
        (["blocksworld", "--size", "6..3"], "smaller one first"),
        (["blocksworld", "--steps", "0"], "steps"),
        (["logistics", "--pddl", "none.pddl"], "cannot read none.pddl"),
    ],
)
def test_a_users_mistake_is_one_line(arguments: list[str], part: str, tmp_path: Path) -> None:
    result = run("metatasks", *arguments, "--out", str(tmp_path / "out"), "--n", "5")
    assert result.exit_code != 0
    assert part in str(result.exception)
    assert "\n" not in str(result.exception)


def test_a_session_of_a_world_has_the_methods_of_the_port() -> None:
    subject = PlanningSubject("logistics")
    session: Session = subject.world.open(subject.start("0"))
    assert session.state() == dict(subject.start("0").world.start)
