"""Scripts, and conversations played by scripted roles in the simulated world."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from small_documents import write_documents
from toolwise.catalog import open_catalog
from toolwise.llm.scripted import ScriptedModel, ScriptedPolicy
from toolwise.pipelines.catalog import import_documents
from toolwise.ports import ChatRequest, Step, Turn, silent
from toolwise.synthesis.conversations import (
    Act,
    Conversation,
    ConversationConfig,
    ConversationFault,
    Script,
    ScriptWriter,
    converse,
)
from toolwise.synthesis.pool import Pool
from toolwise.synthesis.wording.rules import states_value
from toolwise.types import Catalog, Message, Role, Split, StopReason, ToolCall
from toolwise.verification import Verifier
from toolwise.worlds import SimulatedWorld

ALL = ConversationConfig(withhold=1, change=1, add=1, multi_call=0)
PLAIN = ConversationConfig(withhold=0, change=0, add=0, multi_call=0)


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    folder = tmp_path_factory.mktemp("talk")
    import_documents([str(write_documents(folder / "documents"))], folder / "C", "auto", silent)
    opened = open_catalog(folder / "C")
    return opened.subset(set(opened.names()))


def scripts(catalog: Catalog, config: ConversationConfig, count: int = 30) -> list[Script]:
    writer = ScriptWriter(Pool(catalog), SimulatedWorld(catalog), config, executes=True)

    async def write() -> list[Any]:
        return [await writer.write(catalog.toolsets[i % 12], i, Split.TRAIN) for i in range(count)]

    return [made for made in asyncio.run(write()) if isinstance(made, Script)]


def brief(request: ChatRequest) -> dict[str, Any]:
    return dict(json.loads(request.messages[-1].content.split("What to say now:\n")[1].splitlines()[0]))


def faithful(request: ChatRequest) -> str:
    """A user role that says everything it is to say."""
    asked = brief(request)
    stated = asked.get("now") or asked.get("not_said_yet") or {}
    wants = [want["values"] for want in asked.get("wants", ())] if not stated else [stated]
    said = [f"the {label} is {_said(value)}" for values in wants for label, value in values.items()]
    return json.dumps({"message": f"As to this: {'; '.join(said)}."})


def _said(value: Any) -> str:
    return (
        ", ".join(map(_said, value))
        if isinstance(value, list)
        else value
        if isinstance(value, str)
        else json.dumps(value)
    )


def right(script: Script, *, asks: bool = True) -> ScriptedPolicy:
    """An assistant that knows the script: asks for what is withheld, makes the calls, reports."""

    def act(turn: Turn) -> Step | str:
        users = [m for m in turn.path if m.role is Role.USER]
        answers = 0
        for number, request in enumerate(script.requests):
            questions = 1 if asks and request.withheld is not None else 0
            if number + 1 + answers + questions >= len(users):
                if questions and number + 1 + answers == len(users):
                    return f"Which {request.withheld.label if request.withheld else ''} do you mean?"
                made = sum(len(m.tool_calls) for m in turn.path)
                open_calls = [index for index in request.calls if index >= made]
                assert script.task.blueprint is not None
                if not open_calls:
                    return "It is done."
                call = script.task.blueprint.calls[open_calls[0]]
                return Step(
                    Message(role=Role.ASSISTANT, tool_calls=(ToolCall(name=call.tool, arguments=call.arguments),))
                )
            answers += questions
        return "It is done."

    return ScriptedPolicy(act)


def play(
    script: Script, user: Any, assistant: ScriptedPolicy, catalog: Catalog, config: ConversationConfig = ALL
) -> Conversation:
    return asyncio.run(converse(script, ScriptedModel(user), assistant, (SimulatedWorld(catalog), catalog), config))


def test_scripts_hold_what_they_are_told_to(catalog: Catalog) -> None:
    made = scripts(catalog, ALL)
    assert len(made) > 20
    assert all(script.requests[0].act is Act.OPEN for script in made)
    acts = [request.act for script in made for request in script.requests]
    assert acts.count(Act.CHANGE) > 3
    assert acts.count(Act.ADD) > 10
    assert sum(request.withheld is not None for script in made for request in script.requests) > 10
    assert all(len(script.requests) == 1 and not script.requests[0].withheld for script in scripts(catalog, PLAIN))
    for script in made:
        assert script.task.blueprint is not None
        calls = script.task.blueprint.calls
        assert sorted(i for request in script.requests for i in request.calls) == list(range(len(calls)))
        assert set(script.task.relevant) == {call.tool for call in calls} <= set(script.task.candidates)
        for request in script.requests:
            if request.changed is not None:  # the same call with one other value
                before, after = calls[request.calls[0] - 1], calls[request.calls[0]]
                assert before.tool == after.tool
                assert before.arguments != after.arguments


def test_equal_seeds_give_equal_scripts(catalog: Catalog) -> None:
    assert scripts(catalog, ALL, 10) == scripts(catalog, ALL, 10)


def test_a_conversation_that_keeps_to_its_script_passes_every_check(catalog: Catalog) -> None:
    verifier = Verifier(SimulatedWorld(catalog), catalog)
    turns = set()
    for script in scripts(catalog, ALL):
        held = play(script, faithful, right(script), catalog)
        assert held.fault is None, held
        assert held.task.instruction == held.trajectory.nodes[0].message.content
        verdict = asyncio.run(verifier.verify(held.task, held.trajectory))
        assert verdict.accepted, verdict
        messages = held.trajectory.messages(len(held.trajectory.nodes) - 1)
        users = [m for m in messages if m.role is Role.USER]
        turns.add(len(users))
        first = script.requests[0].withheld
        if first is not None:
            assert not states_value(users[0].content, first.path, first.value)
            assert states_value(users[1].content, first.path, first.value)
    assert len(turns) > 2


def test_what_the_paper_drops_is_dropped(catalog: Catalog) -> None:
    script = scripts(catalog, PLAIN)[0]
    loop = Step(Message(role=Role.ASSISTANT, tool_calls=(ToolCall(name=script.task.candidates[0]),)))
    cases = {
        ConversationFault.ONLY_QUESTIONS: ScriptedPolicy(lambda _: "Which one do you mean?"),
        ConversationFault.EMPTY: ScriptedPolicy(lambda _: " "),
        ConversationFault.TOO_MANY_STEPS: ScriptedPolicy(lambda _: loop),
        ConversationFault.GAVE_UP: ScriptedPolicy([]),
    }
    for fault, assistant in cases.items():
        held = play(script, faithful, assistant, catalog, PLAIN)
        assert held.fault is fault
        assert StopReason.ANSWERED not in held.trajectory.ends.values()
    silent_answer = play(script, faithful, ScriptedPolicy(lambda _: "There you are."), catalog, PLAIN)
    assert silent_answer.fault is ConversationFault.ONLY_QUESTIONS


def test_a_user_role_off_script_is_asked_again_and_then_dropped(catalog: Catalog) -> None:
    script = next(script for script in scripts(catalog, PLAIN) if script.requests[0].values)
    rambling = ScriptedModel(lambda _: '{"message": "Please do that thing for me."}')
    world = (SimulatedWorld(catalog), catalog)
    held = asyncio.run(converse(script, rambling, right(script), world, PLAIN))
    assert held.fault is ConversationFault.OFF_SCRIPT
    assert len(rambling.requests) == PLAIN.user_tries
    assert "does not state the" in rambling.requests[-1].messages[-1].content
    tool = script.task.candidates[0].partition(".")[2]
    naming = json.loads(faithful(rambling.requests[0]))["message"] + f" Use {tool}."
    assert play(script, lambda _: json.dumps({"message": naming}), right(script), catalog).fault is held.fault
