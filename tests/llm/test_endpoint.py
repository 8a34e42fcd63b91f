"""An endpoint's faults, retries, repairs, fallbacks and accounts, over a scripted transport in virtual time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolwise.config import parse_config
from toolwise.errors import ConfigError
from toolwise.llm.endpoint import EndpointConfig, EndpointModel
from toolwise.llm.faults import EndpointError, EndpointFault, EndpointUnusableError, fault_of
from toolwise.llm.pool import EndpointPool
from toolwise.llm.pricing import Counter, Price, price_of
from toolwise.llm.transport import HttpAnswer
from toolwise.llm.wire import asked, read_reply, reply_from, reply_json
from toolwise.ports import ChatReply, ChatRequest, Sampling
from toolwise.types import Message, Role, ToolCall
from virtual_time import run_virtually

Answer = HttpAnswer | EndpointError
KEY = "sk-very-secret-4242"
USER = Message(role=Role.USER, content="hello")
TOOLS = ({"type": "function", "function": {"name": "look_up", "description": "", "parameters": {"type": "object"}}},)


class ScriptedTransport:
    """Answers from a list or a function of the sent document; keeps what was sent, and when."""

    def __init__(self, script: Sequence[Answer] | Callable[[dict[str, Any]], Answer]) -> None:
        self._script = script
        self.sent: list[dict[str, Any]] = []
        self.times: list[float] = []
        self.headers: list[Mapping[str, str]] = []

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], timeout_s: float) -> HttpAnswer:
        document = orjson.loads(body)
        self.sent.append(document)
        self.headers.append(headers)
        self.times.append(asyncio.get_running_loop().time())
        answer = self._script(document) if callable(self._script) else self._script[len(self.sent) - 1]
        await asyncio.sleep(0.05)
        if isinstance(answer, EndpointError):
            raise answer
        return answer

    async def close(self) -> None:
        pass


def said(
    content: str = "hi", *, calls: Any = None, finish: str = "stop", usage: tuple[int, int] = (10, 5)
) -> HttpAnswer:
    message = {"role": "assistant", "content": content, "tool_calls": calls}
    counted = {"prompt_tokens": usage[0], "completion_tokens": usage[1]}
    choice = {"index": 0, "message": message, "finish_reason": finish}
    return HttpAnswer(200, orjson.dumps({"choices": [choice], "usage": counted}))


def called(arguments: str, name: str = "look_up", finish: str = "tool_calls") -> HttpAnswer:
    call = {"id": "c1", "type": "function", "function": {"name": name, "arguments": arguments}}
    return said("Let me see.", calls=[call], finish=finish)


def refused(status: int, message: str, code: str = "", **headers: str) -> HttpAnswer:
    body = orjson.dumps({"error": {"message": message, "code": code}})
    return HttpAnswer(status, body, {name.replace("_", "-"): value for name, value in headers.items()})


def model_over(transport: ScriptedTransport, meter: Counter | None = None, **settings: Any) -> EndpointModel:
    config = EndpointConfig(base_url="http://127.0.0.1:9/v1", model="m", **settings)
    return EndpointModel(config, meter=meter, transport=transport)


def ask(
    script: Sequence[Answer] | Callable[[dict[str, Any]], Answer], request: ChatRequest | None = None, **settings: Any
) -> tuple[ChatReply, ScriptedTransport, Counter]:
    transport, meter = ScriptedTransport(script), Counter()
    reply = run_virtually(model_over(transport, meter, **settings).complete(request or ChatRequest((USER,))))
    return reply, transport, meter


def test_an_answer_with_its_usage_and_price() -> None:
    price = {"m": Price(prompt=2.0, completion=10.0)}
    reply, transport, meter = ask([said("hi", usage=(1000, 100))], prices=price)
    assert reply.message.content == "hi"
    assert (meter.used.calls, meter.used.prompt_tokens, meter.used.completion_tokens) == (1, 1000, 100)
    assert meter.used.cost == pytest.approx(0.003)
    assert transport.sent[0]["model"] == "m"


def test_an_unknown_price_is_unknown_not_zero() -> None:
    _, _, meter = ask([said()])
    assert meter.used.cost is None


def test_words_beside_calls_are_a_thought() -> None:
    reply, _, _ = ask([called('{"q": 1}')], ChatRequest((USER,), TOOLS))
    assert reply.message.thought == "Let me see."
    assert reply.message.content == ""
    assert reply.message.tool_calls == (ToolCall(id="c1", name="look_up", arguments={"q": 1}),)


@pytest.mark.parametrize(
    "fault",
    [
        refused(500, "broke"),
        refused(503, "busy"),
        EndpointError(EndpointFault.CONNECTION, "reset"),
        EndpointError(EndpointFault.TIMEOUT, "late"),
        HttpAnswer(200, b'{"choices": [{"mess'),
        HttpAnswer(502, b"<html>Bad gateway</html>"),
    ],
)
def test_passing_faults_are_tried_again(fault: Answer) -> None:
    reply, transport, meter = ask([fault, fault, said("at last")])
    assert reply.message.content == "at last"
    assert len(transport.sent) == 3
    assert transport.times[2] - transport.times[1] > transport.times[1] - transport.times[0] > 0.25
    assert meter.used.calls == 1


def test_retry_after_is_honoured() -> None:
    _, transport, _ = ask([refused(429, "slow down", retry_after="7"), said()])
    assert 7 <= transport.times[1] - transport.times[0] <= 7.8


def test_a_429_cuts_the_concurrency_once_a_burst() -> None:
    answers = iter([refused(429, "slow down")] * 8)
    transport = ScriptedTransport(lambda _: next(answers, said()))

    async def go() -> EndpointModel:
        model = model_over(transport, concurrency=8)
        await asyncio.gather(*(model.complete(ChatRequest((USER,), sampling=Sampling(seed=i))) for i in range(8)))
        return model

    model = run_virtually(go())
    assert model.limiter.concurrency.cuts == 1
    assert len(transport.sent) == 16


@pytest.mark.parametrize(
    ("answer", "remedy"),
    [
        (refused(401, "bad key", "invalid_api_key"), "OPENAI_API_KEY"),
        (refused(404, "the model m does not exist", "model_not_found"), "--model"),
        (HttpAnswer(404, b"not found"), "/v1"),
        (refused(429, "You exceeded your current quota", "insufficient_quota"), "top up"),
        (HttpAnswer(302, b""), "--base-url"),
    ],
)
def test_what_no_call_can_survive_stops_at_once(answer: HttpAnswer, remedy: str) -> None:
    transport = ScriptedTransport(lambda _: answer)

    async def go() -> None:
        model = model_over(transport)
        for _ in range(2):
            with pytest.raises(EndpointUnusableError, match=remedy):
                await model.complete(ChatRequest((USER,)))

    run_virtually(go())
    assert len(transport.sent) == 1  # the second call did not even ask


@pytest.mark.parametrize("body", [b"<!doctype html><html><body>Sign in</body></html>", b'{"ok": true}', b"", b"[]"])
def test_what_is_no_endpoint_is_said_in_one_line(body: bytes) -> None:
    with pytest.raises(EndpointUnusableError, match="--base-url") as error:
        ask(lambda _: HttpAnswer(200, body))
    assert "\n" not in str(error.value)


def test_a_closed_port_is_said_soon() -> None:
    transport = ScriptedTransport(lambda _: EndpointError(EndpointFault.UNREACHABLE, "no connection"))
    with pytest.raises(EndpointUnusableError, match="is the server running"):
        run_virtually(model_over(transport).complete(ChatRequest((USER,))))
    assert len(transport.sent) == 3


def test_one_hopeless_call_does_not_stop_the_others() -> None:
    def answer(document: dict[str, Any]) -> Answer:
        return refused(500, "this one") if document["seed"] == 1 else said()

    async def go() -> None:
        model = model_over(ScriptedTransport(answer))
        await model.complete(ChatRequest((USER,)))
        with pytest.raises(EndpointError) as error:
            await model.complete(ChatRequest((USER,), sampling=Sampling(seed=1)))
        assert error.value.kind is EndpointFault.SERVER
        assert (await model.complete(ChatRequest((USER,)))).message.content == "hi"

    run_virtually(go())


def test_an_endpoint_that_goes_down_stops_the_run() -> None:
    up = [True]

    async def go() -> None:
        model = model_over(ScriptedTransport(lambda _: said() if up[0] else refused(500, "gone")))
        await model.complete(ChatRequest((USER,)))
        up[0] = False
        for _ in range(2):
            with pytest.raises(EndpointError):
                await model.complete(ChatRequest((USER,)))
        with pytest.raises(EndpointUnusableError, match="--resume"):
            await model.complete(ChatRequest((USER,)))

    run_virtually(go())


def test_unreadable_arguments_get_a_repair_turn() -> None:
    reply, transport, meter = ask([called('{"q": '), called('{"q": 2}')], ChatRequest((USER,), TOOLS))
    assert reply.message.tool_calls[0].arguments == {"q": 2}
    repair = transport.sent[1]["messages"]
    assert repair[0] == {"role": "user", "content": "hello"}
    assert "look_up" in repair[-1]["content"]
    assert meter.used.calls == 2


def test_a_cut_off_answer_gets_more_room_instead_of_a_repair() -> None:
    request = ChatRequest((USER,), TOOLS, Sampling(max_tokens=50))
    reply, transport, _ = ask([called('{"q": ', finish="length"), called('{"q": 2}')], request)
    assert reply.message.tool_calls[0].arguments == {"q": 2}
    assert transport.sent[1]["max_tokens"] == 100
    assert len(transport.sent[1]["messages"]) == 1


def test_never_readable_is_told_apart_from_always_cut_off() -> None:
    with pytest.raises(EndpointError) as error:
        ask(lambda _: called("{"), ChatRequest((USER,), TOOLS))
    assert error.value.kind is EndpointFault.UNPARSABLE
    with pytest.raises(EndpointError) as error:
        ask(lambda _: said("half a sen", finish="length"))
    assert error.value.kind is EndpointFault.TRUNCATED


SCHEMA = {"title": "pair", "type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}


def test_a_document_that_breaks_its_schema_is_asked_for_again() -> None:
    request = ChatRequest((USER,), answer_schema=SCHEMA)
    reply, transport, _ = ask([said('{"b": 1}'), said('Here: ```json\n{"a": 3}\n```')], request)
    assert orjson.loads(reply.message.content) == {"a": 3}
    assert transport.sent[0]["response_format"]["json_schema"]["schema"] == SCHEMA
    assert "a" in transport.sent[1]["messages"][-1]["content"]


def test_a_server_without_schemas_gets_the_schema_in_words() -> None:
    def answer(document: dict[str, Any]) -> Answer:
        if "response_format" in document:
            return refused(400, "response_format is not supported")
        assert "JSON Schema" in document["messages"][-1]["content"]
        return said('{"a": 1}')

    reply, _, meter = ask(answer, ChatRequest((USER,), answer_schema=SCHEMA))
    assert orjson.loads(reply.message.content) == {"a": 1}
    assert any("schema" in notice for notice in meter.notices)


def test_a_model_without_tools_calls_in_text() -> None:
    def answer(document: dict[str, Any]) -> Answer:
        if "tools" in document:
            return refused(400, "m does not support tools")
        assert "look_up" in document["messages"][0]["content"]
        return said('I look.\n<tool_call>{"name": "look_up", "arguments": {"q": 5}}</tool_call>')

    reply, transport, meter = ask(answer, ChatRequest((USER,), TOOLS))
    assert reply.message.tool_calls[0].name == "look_up"
    assert reply.message.tool_calls[0].arguments == {"q": 5}
    assert reply.message.thought == "I look."
    assert any("takes no tools" in notice for notice in meter.notices)
    assert len(transport.sent) == 2


def test_a_request_that_is_too_long_is_shortened_and_said_so() -> None:
    long = Message(role=Role.TOOL, content=orjson.dumps(["row"] * 2000).decode(), tool_call_id="c")
    call = Message(role=Role.ASSISTANT, tool_calls=(ToolCall(id="c", name="look_up"),))

    def answer(document: dict[str, Any]) -> Answer:
        if len(orjson.dumps(document)) > 8000:
            return refused(400, "maximum context length is 2000 tokens", "context_length_exceeded")
        orjson.loads(document["messages"][-1]["content"])  # still JSON
        return said("ok")

    reply, transport, meter = ask(answer, ChatRequest((USER, call, long), TOOLS))
    assert reply.message.content == "ok"
    assert any("too long" in notice for notice in meter.notices)
    assert transport.sent[-1]["messages"][0] == {"role": "user", "content": "hello"}


def test_a_request_that_cannot_be_shortened_fails_alone() -> None:
    with pytest.raises(EndpointError) as error:
        ask(lambda _: refused(400, "maximum context length is 10 tokens"))
    assert error.value.kind is EndpointFault.CONTEXT_LENGTH


def test_the_key_is_sent_and_appears_in_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    transport = ScriptedTransport(lambda _: refused(400, f"strange header Bearer {KEY}"))
    model = model_over(transport, key_env="MY_KEY")
    with pytest.raises(EndpointError) as error:
        run_virtually(model.complete(ChatRequest((USER,))))
    assert transport.headers[0]["authorization"] == f"Bearer {KEY}"
    assert KEY not in str(error.value)
    assert KEY not in model.config.model_dump_json()
    refusing = model_over(ScriptedTransport(lambda _: refused(401, f"bad key {KEY}")), key_env="MY_KEY")
    with pytest.raises(EndpointUnusableError) as stopped:
        run_virtually(refusing.complete(ChatRequest((USER,))))
    assert KEY not in str(stopped.value)


@pytest.mark.parametrize("url", ["localhost:8000/v1", "ftp://x/v1", "http://me:secret@x/v1", "http://x/v1?key=1", ""])
def test_an_address_that_cannot_be_one_is_refused(url: str) -> None:
    with pytest.raises(ConfigError):
        parse_config(EndpointConfig, {"base_url": url, "model": "m"}, "here")


def test_prices_of_dated_names() -> None:
    table = {"big": Price(prompt=5, completion=5), "big-mini": Price(prompt=1, completion=1)}
    assert price_of("big-mini-2026-01-01", table) == table["big-mini"]
    assert price_of("big-2026", table) == table["big"]
    assert price_of("bigger", table) is None


def test_cached_tokens_cost_less() -> None:
    assert Price(prompt=10, completion=0, cached_prompt=1).of(1_000_000, 0, 400_000) == pytest.approx(6.4)


def test_a_pool_shares_by_weight_and_survives_a_dead_member() -> None:
    async def go() -> None:
        meter = Counter()
        heavy, light = ScriptedTransport(lambda _: said("heavy")), ScriptedTransport(lambda _: said("light"))
        configs = [
            EndpointConfig(base_url="http://127.0.0.1:1/v1", model="m", weight=3),
            EndpointConfig(base_url="http://127.0.0.1:2/v1", model="m", weight=1),
        ]
        models = [EndpointModel(c, meter=meter, transport=t) for c, t in zip(configs, (heavy, light), strict=True)]
        pool = EndpointPool(models, meter)
        requests = [ChatRequest((USER,), sampling=Sampling(seed=i)) for i in range(400)]
        first = [(await pool.complete(request)).message.content for request in requests]
        assert 0.68 < first.count("heavy") / 400 < 0.82
        assert [(await pool.complete(request)).message.content for request in requests[:50]] == first[:50]
        heavy._script = lambda _: refused(401, "no longer")
        assert (await pool.complete(requests[0])).message.content == "light"
        assert any("left out" in notice for notice in meter.notices)

    run_virtually(go())


@given(st.binary(max_size=300))
def test_any_bytes_are_a_reply_or_a_typed_fault(body: bytes) -> None:
    try:
        read_reply(body, "there")
    except EndpointError as error:
        assert error.kind is EndpointFault.MALFORMED


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda c: (
        st.lists(c, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "function", "arguments", "id", "x"]), c, max_size=4)
    ),
)


@given(JSON, JSON)
def test_any_message_is_read_or_has_a_problem(content: Any, calls: Any) -> None:
    choice = {"message": {"content": content, "tool_calls": calls}, "finish_reason": "stop"}
    read = read_reply(json.dumps({"choices": [choice], "usage": content}).encode(), "there")
    assert not (read.problem and read.reply.message.tool_calls)


@given(st.integers(300, 599), st.binary(max_size=200))
def test_any_refusal_is_one_line(status: int, body: bytes) -> None:
    fault = fault_of(status, body, where="there", model="m", key_name="K")
    assert "\n" not in str(fault)
    assert len(str(fault)) < 400


def test_a_reply_survives_the_journal() -> None:
    message = Message(
        role=Role.ASSISTANT, thought="t", tool_calls=(ToolCall(id="a", name="f", arguments={"z": 1, "a": [2]}),)
    )
    reply = ChatReply(message, "tool_calls", 3, 4)
    assert reply_from(orjson.loads(orjson.dumps(reply_json(reply)))) == reply


def test_arguments_keep_their_order_so_that_prefixes_stay() -> None:
    message = Message(role=Role.ASSISTANT, tool_calls=(ToolCall(id="a", name="f", arguments={"z": 1, "a": 2}),))
    sent = asked(ChatRequest((USER, message)))["messages"][1]["tool_calls"][0]["function"]["arguments"]
    assert sent == '{"z":1,"a":2}'
