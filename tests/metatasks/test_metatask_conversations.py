import asyncio
import json

import pytest

from toolwise.metatasks import (
    MetaTaskConfig,
    Solution,
    SolutionConfig,
    answer_of,
    generate,
    joined,
    metatask_conversation,
    one_conversation,
    score_answer,
    solutions,
    started,
)
from toolwise.models.chat import parse_turn, render
from toolwise.offers import Offer
from toolwise.types import MetaTaskExample, MetaTaskKind, Split, Tool, ToolCall, canonical_json
from toolwise.worlds.planning import DOMAINS, PlanningSubject, Wording

WORLDS = [*DOMAINS, "logistics_4"]


class Table:
    def __init__(self, subject: PlanningSubject) -> None:
        self._tools = {tool.id: tool for tool in subject.world.variant.toolset.tools}

    def tool(self, tool_id: str) -> Tool:
        return self._tools[tool_id]


def solved(
    name: str, count: int, *, calls: int = 3, closing: bool = True, splits: tuple[Split, ...] = tuple(Split)
) -> list[Solution]:
    subject = PlanningSubject(name, (2, 3) if "blocks" in name else (1, 2))

    async def collect() -> list[Solution]:
        made = SolutionConfig(seed=3, calls_per_turn=calls, closing=closing)
        return [s async for s in solutions(subject, subject.world.variant.toolset.tools, count, made, splits)]

    return asyncio.run(collect())


def asked(name: str, count: int) -> list[MetaTaskExample]:
    async def collect() -> list[MetaTaskExample]:
        return [e async for e in generate(PlanningSubject(name), count, MetaTaskConfig(seed=2))]

    return asyncio.run(collect())


@pytest.mark.parametrize("name", WORLDS)
def test_a_solution_reaches_its_goal_when_its_own_messages_are_executed(name: str) -> None:
    subject = PlanningSubject(name)
    for solution in solved(name, 12):
        offer = Offer(solution.tools)
        session = started(subject, solution.task.world, solution.task.candidates)
        assert not subject.reached(solution.task, session)
        made = [call for message in solution.example.messages for call in message.get("tool_calls") or ()]
        for call in made:
            function = call["function"]
            called = ToolCall(name=offer.tool_id(function["name"]), arguments=function["arguments"])
            assert asyncio.run(session.call(called)).ok
        assert subject.reached(solution.task, session)
        assert len(made) == len(solution.plan)
        roles = [message["role"] for message in solution.example.messages]
        assert roles[0] == "user"
        assert roles[-1] == "assistant"
        assert roles.count("tool") == len(made)


def test_turns_hold_at_most_so_many_calls_and_differ_in_how_many() -> None:
    sizes = {
        len(message["tool_calls"])
        for solution in solved("blocksworld", 30, calls=3)
        for message in solution.example.messages
        if message.get("tool_calls")
    }
    assert sizes == {1, 2, 3}


def test_no_start_with_its_goal_twice_and_none_of_another_split() -> None:
    found = solved("blocksworld", 60, splits=(Split.SEEN_TOOLSET,))
    assert {solution.split for solution in found} == {Split.SEEN_TOOLSET}
    keys = {canonical_json([s.task.world.start, s.task.provenance.pattern]) for s in found}
    assert len(keys) == len(found) == 60
    training = {canonical_json(s.task.world.start) for s in solved("blocksworld", 60, splits=(Split.TRAIN,))}
    assert not training & {canonical_json(s.task.world.start) for s in found}


def test_the_same_seed_gives_the_same_conversations() -> None:
    assert [s.example for s in solved("spellwrite", 8)] == [s.example for s in solved("spellwrite", 8)]


@pytest.mark.parametrize("name", WORLDS)
def test_a_question_is_a_conversation_whose_last_turn_scores(name: str) -> None:
    subject = PlanningSubject(name)
    table = Table(subject)
    for example in asked(name, 60):
        conversation = metatask_conversation(example, table)
        assert conversation.split is example.split
        assert {tool["function"]["name"] for tool in conversation.tools} == {t.name for t in table._tools.values()}
        text = "".join(segment.text for segment in render(conversation.messages[1:]))
        turn = parse_turn(text.removeprefix("<|assistant|>"))
        offer = Offer([table.tool(tool) for tool in example.tools])
        calls = [ToolCall(name=offer.tool_id(call.name), arguments=call.arguments) for call in turn.calls]
        assert bool(calls) == (example.kind is MetaTaskKind.DECISION)
        assert asyncio.run(score_answer(subject, example, answer_of(turn.content, calls)))


def test_two_calls_are_no_answer_to_which_call() -> None:
    example = next(e for e in asked("blocksworld", 60) if e.kind is MetaTaskKind.DECISION)
    call = ToolCall(name=example.calls[0].name, arguments=example.calls[0].arguments)
    assert json.loads(answer_of("", [call]))["arguments"] == call.arguments
    subject = PlanningSubject("blocksworld")
    assert not asyncio.run(score_answer(subject, example, answer_of("", [call, call])))


def test_a_whole_plan_can_be_one_turn() -> None:
    for solution in solved("spellwrite", 10, calls=0):
        turns = [message["tool_calls"] for message in solution.example.messages if message.get("tool_calls")]
        assert [len(turn) for turn in turns] == [len(solution.plan)]


def test_without_a_closing_a_solution_ends_with_its_last_call() -> None:
    for whole, open_end in zip(solved("blocksworld", 20), solved("blocksworld", 20, closing=False), strict=True):
        kept = open_end.example.messages
        assert kept == whole.example.messages[: len(kept)]
        assert kept[-1].get("tool_calls")
        assert not any(message.get("tool_calls") for message in whole.example.messages[len(kept) :])
        assert len(open_end.example.observed) == sum(message["role"] == "tool" for message in kept)
        assert open_end.plan == whole.plan


def test_conversations_are_joined_with_the_tools_read_once_and_ids_of_their_own() -> None:
    parts = [solution.example for solution in solved("blocksworld", 3)]
    whole = one_conversation(parts)
    assert [message["content"] for message in whole.messages] == [m["content"] for p in parts for m in p.messages]
    assert whole.tools == parts[0].tools
    assert len(whole.observed) == sum(len(part.observed) for part in parts)
    made = [call["id"] for message in whole.messages for call in message.get("tool_calls") or ()]
    answered = [message["tool_call_id"] for message in whole.messages if message["role"] == "tool"]
    assert made == answered
    assert len(set(made)) == len(made)
    assert one_conversation(parts[:1]) == parts[0]
    text = "".join(segment.text for segment in render(whole.messages, whole.tools))
    assert text.count("<|tools|>") == 1


@pytest.mark.parametrize("name", WORLDS)
def test_plain_questions_show_states_as_answers_write_them(name: str) -> None:
    subject = PlanningSubject(name, wording=Wording.PLAIN)

    async def collect() -> list[MetaTaskExample]:
        return [e async for e in generate(subject, 60, MetaTaskConfig(seed=2))]

    table = Table(subject)
    examples = asyncio.run(collect())
    assert {example.kind for example in examples} == {e.kind for e in asked(name, 60)}
    for example in examples:
        state = example.after if example.kind in (MetaTaskKind.REVERSION, MetaTaskKind.COUNTERFACT) else None
        assert subject.write(state or example.world.start) in example.question
        assert "Answer" not in example.question
        assert '"name"' not in example.question
        assert asyncio.run(score_answer(subject, example, example.answer))
    users = [m["content"] for m in joined(examples[:4], table).messages if m["role"] == "user"]
    assert users == [example.question for example in examples[:4]]
