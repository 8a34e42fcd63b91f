import asyncio

from toolwise.ports import Step, Turn
from toolwise.search.again import RedrawingPolicy
from toolwise.types import Message, Role, Task


class Says:
    def __init__(self, name: str) -> None:
        self.name = name

    async def act(self, turn: Turn) -> Step:
        return Step(Message(role=Role.ASSISTANT, content=self.name))


def turn(instruction: str, *said: str, siblings: tuple[tuple[Message, ...], ...] = ()) -> Turn:
    task = Task(instruction=instruction, candidates=(), relevant=()).with_key()
    path = (Message(role=Role.USER, content=instruction), *(Message(role=Role.ASSISTANT, content=s) for s in said))
    return Turn(task, (), path, siblings)


def test_only_a_situation_that_was_decided_before_is_drawn() -> None:
    policy = RedrawingPolicy(Says("first"), Says("again"))
    sibling = ((Message(role=Role.ASSISTANT, content="x"),),)
    asked = [turn("a"), turn("a"), turn("b"), turn("a", "x"), turn("a", siblings=sibling), turn("a"), turn("a", "x")]
    said = [asyncio.run(policy.act(one)).message.content for one in asked]
    assert said == ["first", "again", "first", "first", "first", "again", "again"]
    assert policy.name == "first"
