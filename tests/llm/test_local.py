import asyncio
import json
import math
from typing import Any

import pytest
from tests.models.tiny import model, tokenizer

from toolwise.errors import ModelError
from toolwise.llm.local import LocalModel, Request
from toolwise.llm.policy import LocalPolicy
from toolwise.llm.turns import START, Road
from toolwise.models.chat import ParsedCall, ParsedTurn
from toolwise.ports import ChatRequest, Sampling, Turn
from toolwise.schemas import Validator
from toolwise.types import Message, Role, StopReason, Task, Tool, ToolCall

TOOLS = tuple(
    Tool(
        id=f"box.{name}",
        name=name,
        description=f"{name} things",
        parameters={
            "type": "object",
            "properties": {"order": {"type": "string", "enum": ["up", "down"]}, "all": {"type": "boolean"}},
            "required": ["order"],
            "additionalProperties": False,
        },
    )
    for name in ("sort", "shuffle")
)


def turn(instruction: Any = "sort all things up", path: Any = (), siblings: Any = ()) -> Any:
    task = Task(instruction=instruction, candidates=tuple(t.id for t in TOOLS), relevant=(TOOLS[0].id,))
    return Turn(task, TOOLS, (Message(role=Role.USER, content=instruction), *path), siblings)


@pytest.fixture(scope="module")
def local() -> Any:
    return LocalModel((model(), tokenizer()), batch=3)


class CallsOnly(LocalModel):
    """An untrained model would rather babble than call: here it must call."""

    def _row(self, index: Any, request: Any, prompt: Any, road: Any = START) -> Any:
        return super()._row(index, request, prompt, Road(road.score, road.tokens or (self.vocabulary.open,)))


@pytest.fixture(scope="module")
def calling() -> Any:
    return CallsOnly((model(), tokenizer()), batch=3)


def functions() -> Any:
    from toolwise.offers import Offer

    return Offer(TOOLS).functions()


def test_every_call_of_an_untrained_model_is_valid(calling: Any) -> None:
    requests = [Request([{"role": "user", "content": f"do {i}"}], functions()) for i in range(7)]
    for result in calling.write(requests):
        assert result.turn is not None
        for call in result.turn.calls:
            tool = next(tool for tool in TOOLS if tool.name == call.name)
            assert Validator(tool.parameters, {}).is_valid(call.arguments)


def test_equal_prompts_are_read_once_and_drawn_apart() -> None:
    drawing = CallsOnly((model(), tokenizer()), batch=8)
    read: list[int] = []
    extend = drawing.model.extend
    drawing.model.extend = lambda cache, ids, counts: read.append(len(ids)) or extend(cache, ids, counts)  # type: ignore[assignment, func-returns-value]
    said = [[{"role": "user", "content": words}] for words in ("up it goes", "down it comes")]
    requests = [Request(said[at % 2], functions(), Sampling(1.0, 60, seed=at)) for at in range(6)]
    together = drawing.write(requests)
    assert read[0] == 2
    assert [one.tokens for one in together] == [drawing.write([request])[0].tokens for request in requests]


def test_a_batch_answers_as_single_requests_do(calling: Any) -> None:
    requests = [Request([{"role": "user", "content": "go " * i}], functions()) for i in (1, 9, 3, 20)]
    assert [r.tokens for r in calling.write(requests)] == [calling.write([r])[0].tokens for r in requests]


def test_a_request_without_a_final_mark_is_answered_as_one_with_it(calling: Any) -> None:
    def written(words: str) -> Any:
        return calling.write([Request([{"role": "user", "content": words}], functions())])[0]

    assert written("sort all things up") == written("sort all things up.")
    assert written("sort all things up") != written("sort all things up!")


def test_avoided_turns_do_not_come_again(calling: Any) -> None:
    avoid = frozenset()
    for _ in range(4):
        request = Request([{"role": "user", "content": "sort"}], functions(), avoid=avoid)
        result = calling.write([request])[0]
        assert result.tokens not in avoid
        avoid |= {result.tokens}


def test_a_doubted_turn_gives_way_to_the_likeliest_that_is_not(calling: Any) -> None:
    request = Request([{"role": "user", "content": "sort"}], functions())
    greedy = calling.write([request])[0]

    def doubt(turn: Any) -> Any:
        return math.inf if turn == greedy.turn else 0.0

    other = calling.write([Request(request.messages, request.tools, doubt=doubt)])[0]
    assert other.turn is not None
    assert other.turn != greedy.turn
    mild = calling.write([Request(request.messages, request.tools, doubt=lambda turn: 1e-9)])[0]
    assert mild.log_probability >= greedy.log_probability


def test_when_every_turn_is_doubted_without_end_there_is_none(calling: Any) -> None:
    request = Request([{"role": "user", "content": "sort"}], functions(), doubt=lambda turn: math.inf)
    assert calling.write([request])[0].turn is None


def test_sampling_follows_its_seed(calling: Any) -> None:
    def tokens(seed: Any) -> Any:
        hot = Sampling(temperature=3.0, seed=seed)
        return calling.write([Request([{"role": "user", "content": "sort"}], functions(), hot)])[0].tokens

    assert tokens(1) == tokens(1)
    assert len({tokens(seed) for seed in range(8)}) > 1


def test_copied_strings_come_from_the_conversation() -> None:
    copying = CallsOnly((model(), tokenizer()), copy_strings=True)
    tool = {
        "type": "function",
        "function": {
            "name": "say",
            "parameters": {"type": "object", "properties": {"what": {"type": "string"}}, "required": ["what"]},
        },
    }
    said = "alpha beta-7 gamma"
    result = copying.write([Request([{"role": "user", "content": said}], [tool])])[0]
    assert result.turn is not None
    for call in result.turn.calls:
        assert call.arguments["what"] in said


def test_a_turn_that_never_ends_is_no_turn(local: Any) -> None:
    request = ChatRequest((Message(role=Role.USER, content="hello"),), sampling=Sampling(max_tokens=1))
    with pytest.raises(ModelError, match="no readable turn"):
        asyncio.run(local.complete(request))


def test_searches_at_the_same_time_share_batches(calling: Any) -> None:
    sizes = []

    class Counting(CallsOnly):
        def write(self, requests: Any) -> Any:
            sizes.append(len(requests))
            return super().write(requests)

    policy = LocalPolicy(Counting((model(), tokenizer())))

    async def all_at_once() -> Any:
        return await asyncio.gather(*(policy.act(turn(f"sort {i}")) for i in range(5)))

    steps = asyncio.run(all_at_once())
    assert sizes == [5]
    assert all(call.name.startswith("box.") for step in steps for call in step.message.tool_calls)


class Says(LocalModel):
    """Writes one given turn."""

    def __init__(self, parsed: Any) -> None:
        super().__init__((model(), tokenizer()))
        self.parsed = parsed

    def write(self, requests: Any) -> Any:
        from toolwise.llm.local import Written

        doubted = [self.parsed and request.doubt(self.parsed) == math.inf for request in requests]
        return [Written((), "", None if impossible else self.parsed, 0.0, 0) for impossible in doubted]


def act(parsed: Any, **more: Any) -> Any:
    return asyncio.run(LocalPolicy(Says(parsed)).act(turn(**more)))


def test_a_call_that_breaks_the_full_schema_is_not_made() -> None:
    step = act(ParsedTurn("", (ParsedCall("sort", {"order": "sideways"}),)))
    assert step.stop is StopReason.UNPARSABLE
    assert not step.message.tool_calls


def test_repeating_a_call_of_the_path_gives_up() -> None:
    made = ToolCall(id="c", name="box.sort", arguments={"order": "up"})
    path = (
        Message(role=Role.ASSISTANT, tool_calls=(made,)),
        Message(role=Role.TOOL, content='{"error":"no"}', tool_call_id="c"),
    )
    assert act(ParsedTurn("", (ParsedCall("sort", {"order": "up"}),)), path=path).stop is StopReason.GAVE_UP
    assert act(ParsedTurn("", (ParsedCall("sort", {"order": "down"}),)), path=path).stop is None


def test_a_call_whose_failure_may_pass_is_made_again_before_anything_is_answered() -> None:
    made = ToolCall(id="c", name="box.sort", arguments={"order": "up"})

    def path(status: int) -> Any:
        failure = json.dumps({"status": status, "error": {"code": "c", "message": "m"}})
        called = Message(role=Role.ASSISTANT, tool_calls=(made,))
        return called, Message(role=Role.TOOL, content=failure, tool_call_id="c")

    again, done = ParsedTurn("", (ParsedCall("sort", {"order": "up"}),)), ParsedTurn("Done.")
    assert act(done, path=path(503)).stop is StopReason.GAVE_UP
    assert act(again, path=path(503)).stop is None
    assert act(done, path=path(404)).stop is None
    mended = (*path(503), *(Message(role=Role.ASSISTANT, tool_calls=(made,)), Message(role=Role.TOOL, content="{}")))
    assert act(done, path=mended).stop is None


def test_an_answer_is_an_answer() -> None:
    step = act(ParsedTurn("Done."))
    assert (step.stop, step.message.content) == (None, "Done.")


def test_unreadable_output_gives_up_beside_siblings_only() -> None:
    sibling = (Message(role=Role.ASSISTANT, content="no"),)
    assert act(None).stop is StopReason.UNPARSABLE
    assert act(None, siblings=(sibling,)).stop is StopReason.GAVE_UP
