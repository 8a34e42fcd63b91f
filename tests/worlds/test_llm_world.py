import asyncio
import json

import pytest
from example_toolsets import catalog
from example_toolsets import task as example_task

from toolwise.errors import DataError, ModelError, WorldError
from toolwise.llm.scripted import Answer, ScriptedModel
from toolwise.ports import ChatRequest
from toolwise.types import Json, Observation, ObservationSource, ToolCall, ToolErrorKind
from toolwise.worlds import ExecutorConfig, LlmWorld

CREATE = ToolCall(name="library.createShelf", arguments={"title": "Maps"})
GET = ToolCall(name="library.getShelf", arguments={"shelf_id": "s1"})
SHELF = {"shelf_id": "s1", "title": "Maps"}


def says(status: int, body: Json) -> str:
    return json.dumps({"status": status, "body": body})


def world(*script: Answer) -> tuple[LlmWorld, ScriptedModel]:
    model = ScriptedModel(script)
    return LlmWorld(catalog(), model), model


def one(executor: LlmWorld, *calls: ToolCall) -> list[Observation]:
    session = executor.open(example_task())

    async def run() -> list[Observation]:
        return [await session.call(call) for call in calls]

    return asyncio.run(run())


def test_the_model_sees_the_specification_and_the_request() -> None:
    executor, model = world(says(201, SHELF))
    (seen,) = one(executor, CREATE)
    assert (seen.status, seen.body, seen.source) == (201, SHELF, ObservationSource.LLM)
    system, user = model.requests[0].messages
    assert "library.createShelf" in system.content
    assert "library.deleteShelf" in system.content  # the whole toolset, not the called tool alone
    assert "queues" not in system.content
    assert '"title":"Maps"' in user.content
    assert model.requests[0].sampling.temperature == 0


def test_the_history_is_shown_and_forks() -> None:
    executor, model = world(says(200, SHELF), says(200, SHELF), says(404, {"error": {"message": "gone"}}))
    session = executor.open(example_task())
    asyncio.run(session.call(CREATE))
    token, state = session.snapshot(), session.state()
    asyncio.run(session.call(GET))
    assert '"title":"Maps"' in model.requests[1].messages[1].content
    assert session.state() != state
    session.restore(token)
    assert session.state() == state
    assert asyncio.run(session.call(GET)).error is ToolErrorKind.NOT_FOUND
    assert model.requests[2].messages == model.requests[1].messages
    assert model.requests[2].sampling == model.requests[1].sampling


def test_arguments_are_checked_before_the_model_is_asked() -> None:
    executor, model = world()
    missing, unknown, stray = one(
        executor,
        ToolCall(name="library.createShelf", arguments={}),
        ToolCall(name="library.fly", arguments={}),
        ToolCall(name="library.createShelf", arguments={"title": "x", "colour": "red"}),
    )
    assert (missing.status, missing.error) == (400, ToolErrorKind.INVALID_ARGUMENTS)
    assert missing.body["error"]["field"] == "title"
    assert unknown.error is ToolErrorKind.UNKNOWN_TOOL
    assert stray.body["error"]["field"] == "colour"
    assert model.requests == []


@pytest.mark.parametrize(
    ("bad", "named"),
    [
        ("I would say that it works.", "JSON object"),
        ('{"status": 200, "body": {"shelf_id": "s1"', "JSON object"),
        ('{"status": 99, "body": {}}', "status"),
        ('{"status": true, "body": {}}', "status"),
        ('{"status": 200}', "body"),
        (says(200, {"title": "no id"}), "shelf_id"),
        (says(200, {"shelf_id": "s1", "floor": "third"}), "floor"),
    ],
)
def test_a_reply_that_does_not_fit_is_repaired_once(bad: str, named: str) -> None:
    executor, model = world(bad, says(200, SHELF))
    assert one(executor, CREATE)[0].body == SHELF
    *_, reply, request = model.requests[1].messages
    assert reply.content == bad
    assert named in request.content
    executor, model = world(bad, bad)
    (seen,) = one(executor, CREATE)
    assert seen.error is ToolErrorKind.MALFORMED
    assert seen.source is ObservationSource.LLM
    assert len(model.requests) == 2


def test_an_unusable_answer_leaves_no_trace_in_the_history() -> None:
    executor, _ = world("?", "?")
    session = executor.open(example_task())
    asyncio.run(session.call(CREATE))
    assert session.state() == {}


def test_words_and_fences_around_the_object_do_no_harm() -> None:
    executor, _ = world(f"Sure {{thing}}:\n```json\n{says(200, SHELF)}\n```\nDone.")
    assert one(executor, CREATE)[0].body == SHELF


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, ToolErrorKind.INVALID_ARGUMENTS),
        (403, ToolErrorKind.UNAUTHORIZED),
        (404, ToolErrorKind.NOT_FOUND),
        (409, ToolErrorKind.CONFLICT),
        (418, ToolErrorKind.INVALID_ARGUMENTS),
        (429, ToolErrorKind.RATE_LIMITED),
        (500, ToolErrorKind.SERVER),
    ],
)
def test_statuses_are_typed(status: int, kind: ToolErrorKind) -> None:
    executor, _ = world(says(status, {"error": {"message": "no"}}))
    (seen,) = one(executor, CREATE)
    assert (seen.status, seen.error) == (status, kind)


def test_what_was_prepared_is_taken_for_granted_and_starts_another_session() -> None:
    executor, model = world(says(200, SHELF))
    session = executor.open(example_task())
    session.prepare(GET)
    again = executor.open(example_task(start=dict(session.state())))
    asyncio.run(again.call(GET))
    assert "Taken for granted" in model.requests[0].messages[1].content
    with pytest.raises(DataError):
        executor.open(example_task(start={"history": [{"no": "tool"}]}))


def test_a_model_that_fails_is_a_broken_world_not_an_answer() -> None:
    def fail(request: ChatRequest) -> Answer:
        raise ModelError("no such model")

    executor = LlmWorld(catalog(), ScriptedModel(fail))
    with pytest.raises(WorldError, match="no such model"):
        one(executor, CREATE)


def test_a_long_specification_is_cut_after_the_tools_that_matter() -> None:
    model = ScriptedModel([says(200, None)])
    executor = LlmWorld(catalog(), model, ExecutorConfig(specification_chars=1000))
    candidates = ("library.deleteShelf", "library.setLabel")
    session = executor.open(example_task(candidates=candidates))
    asyncio.run(session.call(ToolCall(name="library.deleteShelf", arguments={"shelf_id": "s1"})))
    specification = model.requests[0].messages[0].content
    assert "library.setLabel" in specification
    assert "library.searchBooks" not in specification
