"""Several messages of the user's: their form, what a turn may claim, and what becomes an example."""

from __future__ import annotations

import asyncio
import json

import pytest

from toolwise.corpus import preference_pairs, sft_example
from toolwise.corpus.branches import clean_trajectory
from toolwise.offers import Offer
from toolwise.types import (
    Blueprint,
    BlueprintCall,
    Catalog,
    Message,
    Node,
    RejectReason,
    Role,
    StopReason,
    Task,
    Tool,
    ToolCall,
    ToolErrorKind,
    Toolset,
    Trajectory,
    WorldSpec,
)
from toolwise.verification import verify
from toolwise.verification.claims import claims, ungrounded
from toolwise.worlds import SimulatedWorld

GET = Tool(
    id="shop.get_price",
    name="get_price",
    description="Gets a price, in cents.",
    parameters={"type": "object", "properties": {"item": {"type": "string"}}, "required": ["item"]},
    returns={"type": "object", "properties": {"cents": {"type": "integer", "minimum": 100, "maximum": 999}}},
)
CATALOG = Catalog(toolsets=(Toolset(name="shop", tools=(GET,)),))


def user(text: str) -> Node:
    return Node(parent=None, message=Message(role=Role.USER, content=text))


def says(text: str) -> Node:
    return Node(parent=None, message=Message(role=Role.ASSISTANT, content=text), sampled=True)


def calls(number: int, **arguments: str) -> Node:
    call = ToolCall(id=f"c{number}", name=GET.id, arguments=arguments)
    return Node(parent=None, message=Message(role=Role.ASSISTANT, tool_calls=(call,)), sampled=True)


def returned(number: int, content: str, error: ToolErrorKind | None = None) -> Node:
    return Node(parent=None, message=Message(role=Role.TOOL, content=content, tool_call_id=f"c{number}"), error=error)


def trajectory(task: Task, *nodes: Node) -> Trajectory:
    chained = tuple(node.model_copy(update={"parent": i - 1 if i else None}) for i, node in enumerate(nodes))
    ends = {len(nodes) - 1: StopReason.ANSWERED}
    return Trajectory(task_key=task.key, strategy="converse", nodes=chained, ends=ends)


def _started() -> WorldSpec:
    """A world in which the lamp has a price."""
    spec = WorldSpec(seed=1)
    session = SimulatedWorld(CATALOG).open(Task(instruction="", candidates=(GET.id,), relevant=(), world=spec))
    session.prepare(ToolCall(name=GET.id, arguments={"item": "lamp"}))
    return spec.model_copy(update={"start": session.state()})


TASK = Task(
    instruction="What does it cost?",
    candidates=(GET.id,),
    relevant=(GET.id,),
    world=_started(),
    blueprint=Blueprint(calls=(BlueprintCall(tool=GET.id, arguments={"item": "lamp"}),)),
).with_key()


async def _answer(item: str) -> str:
    observation = await SimulatedWorld(CATALOG).open(TASK).call(ToolCall(name=GET.id, arguments={"item": item}))
    return observation.content


@pytest.fixture
def price() -> str:
    return asyncio.run(_answer("lamp"))


def reason(attempt: Trajectory, task: Task = TASK) -> RejectReason | None:
    return asyncio.run(verify(task, attempt, SimulatedWorld(CATALOG), CATALOG)).reason


def test_the_user_may_speak_after_a_turn_without_calls_and_nowhere_else(price: str) -> None:
    cents = json.loads(price)["cents"]
    start = (user(TASK.instruction), says("Which item?"), user("The lamp."), calls(1, item="lamp"), returned(1, price))
    good = trajectory(TASK, *start, says(f"{cents} cents."))
    assert reason(good) is None
    twice = trajectory(TASK, user(TASK.instruction), user("The lamp."), *start[3:], says(f"{cents} cents."))
    assert reason(twice) is RejectReason.MALFORMED
    early = trajectory(TASK, *start[:4], user("And?"), start[4], says(f"{cents} cents."))
    assert reason(early) is RejectReason.MALFORMED
    alone = trajectory(TASK, *start, says("Wait."), says(f"{cents} cents."))
    assert reason(alone) is RejectReason.MALFORMED
    assert reason(trajectory(TASK, *start, says("Done."), user("Thanks."))) is RejectReason.NO_ANSWER


def test_a_turn_that_claims_what_nobody_said_is_ungrounded(price: str) -> None:
    asked = (user(TASK.instruction), says("Which item?"), user("The lamp."), calls(1, item="lamp"), returned(1, price))
    invented = trajectory(TASK, *asked, says("It costs 1234 cents."), user("Sure?"), says("Yes."))
    assert reason(invented) is RejectReason.UNGROUNDED


def test_without_a_blueprint_some_call_must_have_succeeded(price: str) -> None:
    task = TASK.model_copy(update={"blueprint": None}).with_key()
    assert reason(trajectory(task, user(task.instruction), says("It is free.")), task) is RejectReason.WRONG_CALLS
    made = (user(task.instruction), calls(1, item="lamp"), returned(1, price))
    assert reason(trajectory(task, *made, says("There you are.")), task) is None
    assert reason(trajectory(task, *made, says("Order AB-77 is on its way.")), task) is RejectReason.UNGROUNDED


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("It costs **1,250** euros for 2 people.", ["1,250"]),
        ('The "Blue Room" is free.', ["Blue Room"]),
        ("Order `A-17` goes to ana@example.org, the 3rd time.", ["A-17", "ana@example.org"]),
        ("All is well.", []),
    ],
)
def test_what_counts_as_a_claim(text: str, found: list[str]) -> None:
    assert sorted(claims(text)) == sorted(found)


def test_claims_are_heard_from_users_tools_and_documents_whatever_their_digits_look_like() -> None:
    heard = [
        Message(role=Role.USER, content="Is A-17 there?"),
        Message(role=Role.TOOL, content='{"price":1250,"room":"Blue Room"}'),
        Message(role=Role.ASSISTANT, content='A-17 is in the "blue room" for 1,250; see "get_price".'),
    ]
    assert ungrounded(heard, CATALOG, (GET.id,)) is None
    assert ungrounded(heard[1:], CATALOG, (GET.id,)) == (1, "A-17")


def test_an_example_holds_every_message_of_the_users_and_no_failed_call(price: str) -> None:
    attempt = trajectory(
        TASK,
        user(TASK.instruction),
        says("Which item?"),
        user("The lamp."),
        calls(1, item="lamb"),
        returned(1, '{"status":404,"error":"none"}', ToolErrorKind.NOT_FOUND),
        calls(2, item="lamp"),
        returned(2, price),
        says("There."),
        user("Thanks."),
        says("You are welcome."),
    )
    offer = Offer([GET])
    example = sft_example(TASK, attempt, offer)
    assert example is not None
    roles = [message["role"] for message in example.messages]
    assert roles == ["user", "assistant", "user", "assistant", "tool", "assistant", "user", "assistant"]
    pairs = preference_pairs(TASK, attempt, offer)
    assert [message["content"] for message in pairs[0].prompt] == [TASK.instruction, "Which item?", "The lamp."]
    clean = clean_trajectory(TASK, attempt)
    assert clean is not None
    assert [node.message.role.value for node in clean.nodes] == roles
    assert [node.parent for node in clean.nodes] == [None, *range(len(roles) - 1)]
