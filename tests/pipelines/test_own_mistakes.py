"""Pairs from a model's own mistakes, on made-up attempts; and development tasks that share nothing with training."""

from typing import Any

import pytest

pytest.importorskip("torch")

from toolwise.pipelines.dev_attempts import parted, toolsets
from toolwise.pipelines.evaluate import Attempt
from toolwise.pipelines.own_mistakes import own_mistake
from toolwise.types import (
    Message,
    Node,
    Provenance,
    Role,
    SFTExample,
    Split,
    Task,
    Tool,
    ToolCall,
    Trajectory,
)

TOOLS = {f"box.{name}": Tool(id=f"box.{name}", name=name) for name in ("open", "close", "list")}


class Shelf:
    def tool(self, tool_id: str) -> Tool:
        return TOOLS[tool_id]


def says(text: str) -> Message:
    return Message(role=Role.ASSISTANT, content=text)


def calls(*names: str, **arguments: Any) -> Message:
    made = tuple(ToolCall(id=f"c{name}", name=f"box.{name}", arguments=arguments) for name in names)
    return Message(role=Role.ASSISTANT, tool_calls=made)


def told(name: str, text: str = "{}") -> Message:
    return Message(role=Role.TOOL, content=text, tool_call_id=f"c{name}")


def conversation(*messages: Message) -> SFTExample:
    from toolwise.corpus.examples import ChatWriter, ExampleConfig
    from toolwise.offers import Offer

    written = ChatWriter(Offer(list(TOOLS.values())), ExampleConfig()).write([ASKED, *messages])
    return SFTExample(key="e", task_key="t", split=Split.TRAIN, messages=written, tools=())


ASKED = Message(role=Role.USER, content="do")


def pair(example: SFTExample, *attempt: Message) -> Any:
    messages = [ASKED, *attempt]
    nodes = tuple(Node(message=one, parent=index - 1 if index else None) for index, one in enumerate(messages))
    task = Task(key="t", instruction="do", candidates=tuple(TOOLS), relevant=("box.open",))
    return own_mistake(Attempt(task, Trajectory(task_key="t", strategy="react", nodes=nodes), None), example, Shelf())


def names(message: Any) -> Any:
    return [call["function"]["name"] for call in message.get("tool_calls") or ()] or message["content"]


def test_the_first_wrong_turn_is_rejected_for_the_right_one_there() -> None:
    example = conversation(calls("open"), told("open"), calls("close"), told("close"), says("Done."))
    found = pair(example, calls("open"), told("open"), calls("list"), told("list"), says("Done."))
    assert [names(message) for message in found.prompt] == ["do", ["open"], "{}"]
    assert (names(found.chosen[0]), names(found.rejected[0])) == (["close"], ["list"])
    early = pair(example, calls("open"), told("open"), says("Done."))
    assert (names(early.chosen[0]), early.rejected[0]["content"]) == (["close"], "Done.")


def test_another_order_is_no_mistake_but_what_follows_may_be() -> None:
    example = conversation(calls("open"), told("open"), calls("close"), told("close"), says("Done."))
    found = pair(example, calls("close"), told("close"), says("Done."))
    assert [names(message) for message in found.prompt] == ["do", ["close"], "{}"]
    assert names(found.chosen[0]) == ["open"]


def test_wrong_words_after_right_calls_are_rejected_where_the_tools_said_the_same() -> None:
    example = conversation(calls("open"), told("open", '{"a": 1}'), says("The a is 1."))
    found = pair(example, calls("open"), told("open", '{"a": 1}'), says("Done."))
    assert (names(found.chosen[0]), names(found.rejected[0])) == ("The a is 1.", "Done.")
    assert pair(example, calls("open"), told("open", '{"a": 2}'), says("Done.")) is None
    assert pair(example, calls("open"), told("open", '{"a": 1}'), says("The a is 1.")) is None
    assert pair(example, calls("open"), told("open", '{"a": 1}'), says("")) is None


def test_a_turn_that_lacks_calls_is_rejected_for_the_whole_one() -> None:
    example = conversation(calls("open", "close"), told("open"), told("close"), says("Done."))
    found = pair(example, calls("open"), told("open"), says("Done."))
    assert [names(message) for message in found.prompt] == ["do"]
    assert (names(found.chosen[0]), names(found.rejected[0])) == (["open", "close"], ["open"])
    assert pair(example, calls("open"), told("open"), calls("close"), told("close"), says("Done.")) is None


def test_wrong_values_are_mistakes() -> None:
    found = pair(conversation(calls("open", id=1)), calls("open", id=2))
    assert found.chosen[0]["tool_calls"][0]["function"]["arguments"] == {"id": 1}
    assert found.rejected[0]["tool_calls"][0]["function"]["arguments"] == {"id": 2}


class Stock:
    """Tools of any name; those whose toolset begins with `old` work as those of the same name elsewhere."""

    def tool(self, tool_id: str) -> Tool:
        toolset, name = tool_id.split(".")
        return Tool(id=tool_id, name=name, description="" if toolset.startswith("old") else toolset)


def task(key: str, tool: str, split: Split, instruction: str = "") -> Task:
    return Task(
        key=key, instruction=instruction or key, candidates=(tool, "other.one"), relevant=(tool,),
        provenance=Provenance(split=split),
    )  # fmt: skip


def test_development_tasks_share_no_toolset_and_no_tool_with_training() -> None:
    others = [task(f"o{at}", f"o{at}.x", Split.TRAIN) for at in range(20)]
    tasks = [
        task("d1", "a.x", Split.DEV), task("d2", "old1.y", Split.DEV), task("d3", "c.z", Split.DEV, "said before"),
        task("t1", "a.w", Split.TRAIN), task("t2", "old2.y", Split.TRAIN),
        task("t3", "b.x", Split.TRAIN, "said before"), task("t4", "c.z", Split.TRAIN),
        task("h", "h.h", Split.UNSEEN_TOOLSET), *others,
    ]  # fmt: skip
    found = parted(tasks, Stock(), 10)
    assert {one.key for one in found.dev} == {"d1", "d2"}
    assert found.leaking == 1
    assert {one.key for one in found.train} == {"t3", "t4"} | {one.key for one in others}
    assert {one.key for one in found.held} == {"t1", "t2"}
    assert toolsets(found.train).isdisjoint(toolsets(found.dev))
    assert parted(tasks, Stock(), 0).held == ()
    (only,) = parted(tasks, Stock(), 1).dev
    assert only in found.dev


def test_toolsets_that_most_tasks_need_are_not_left_out() -> None:
    others = [task(f"o{at}", f"o.x{at}", Split.TRAIN) for at in range(9)]
    common, rare = task("d1", "o.y", Split.DEV), task("d2", "p.y", Split.DEV)
    found = parted([common, rare, task("t", "p.z", Split.TRAIN), *others], Stock(), 10)
    assert (found.dev, len(found.held)) == ((rare,), 1)
    alone = parted([common, *others], Stock(), 10)
    assert (alone.dev, alone.held, alone.summary()["toolsets_shared"]) == ((common,), (), 1)
