import asyncio
import multiprocessing
from collections.abc import Sequence
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from standing_in import Notes, call, notes, task

from toolwise.errors import RunError
from toolwise.ports import Session, World
from toolwise.types import Observation, ObservationSource, ToolCall, ToolErrorKind
from toolwise.worlds import CallRecord, RecordingWorld, ReplayWorld, SimulatedWorld
from toolwise.worlds.call_keys import call_key
from toolwise.worlds.record import RecordedCall

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


def run(session: Session, calls: Sequence[ToolCall]) -> list[Observation]:
    async def all_of() -> list[Observation]:
        return [await session.call(one) for one in calls]

    return asyncio.run(all_of())


def bodies(seen: Sequence[Observation]) -> list[object]:
    return [observation.body for observation in seen]


@pytest.fixture
def record(tmp_path: Path) -> CallRecord:
    return CallRecord(tmp_path / "record.jsonl")


@pytest.fixture
def real() -> Notes:
    return Notes()


@pytest.fixture
def recording(real: Notes, record: CallRecord) -> World:
    return RecordingWorld(real, record, notes())


def replaying(record: CallRecord, *, exact: bool = False) -> ReplayWorld:
    return ReplayWorld(CallRecord(record.path), notes(), exact=exact)


FLOW = [call("get", id="a"), call("put", id="a", text="one"), call("get", id="a"), call("get", id="a")]


def test_a_flow_is_replayed_as_it_happened_and_labelled(recording: World, record: CallRecord) -> None:
    lived = run(recording.open(task()), FLOW)
    assert [seen.status for seen in lived] == [404, 200, 200, 200]
    replayed = run(replaying(record).open(task()), FLOW)
    assert bodies(replayed) == bodies(lived)
    assert [seen.error for seen in replayed] == [seen.error for seen in lived]
    assert {seen.source for seen in replayed} == {ObservationSource.RECORDED}
    assert {seen.source for seen in lived} == {ObservationSource.REAL}


def test_each_task_gets_its_own_past(recording: World, record: CallRecord) -> None:
    first = run(recording.open(task("first")), FLOW)
    second = run(recording.open(task("second")), FLOW)
    assert second[0].status == 200  # the first task left a note behind
    replay = replaying(record, exact=True)
    assert bodies(run(replay.open(task("second")), FLOW)) == bodies(second)
    assert bodies(run(replay.open(task("first")), FLOW)) == bodies(first)


def test_a_read_is_answered_by_what_was_written_before_it(recording: World, record: CallRecord) -> None:
    run(recording.open(task()), FLOW)
    for exact in (False, True):
        replay = replaying(record, exact=exact)
        assert run(replay.open(task("another")), [FLOW[0]])[0].status == 404
        assert [seen.status for seen in run(replay.open(task("another")), FLOW[1:3])] == [200, 200]


def test_without_an_exact_moment_a_calls_number_decides(recording: World, record: CallRecord) -> None:
    run(recording.open(task()), FLOW)
    elsewhere = [call("put", id="b", text="never recorded"), *FLOW[:1] * 4]
    seen = run(replaying(record).open(task("another")), elsewhere)
    assert [one.status for one in seen] == [503, 404, 200, 200, 200]
    strict = run(replaying(record, exact=True).open(task("another")), elsewhere)
    assert [one.status for one in strict] == [503] * 5


def test_beyond_the_last_record_the_last_one_answers(recording: World, record: CallRecord) -> None:
    run(recording.open(task()), [call("put", id="a", text="one"), call("put", id="a", text="one")])
    more = run(replaying(record).open(task("other")), [call("put", id="a", text="one")] * 4)
    assert [seen.status for seen in more] == [200] * 4
    assert run(replaying(record, exact=True).open(task("other")), [call("put", id="a", text="one")] * 4)[3].error


def test_what_is_not_on_record_says_so(record: CallRecord) -> None:
    seen = run(replaying(record).open(task()), [call("get", id="a"), ToolCall(name="notes.fly", arguments={})])
    assert (seen[0].error, seen[0].body["error"]["code"]) == (ToolErrorKind.CONNECTION, "not_recorded")
    assert seen[1].error is ToolErrorKind.UNKNOWN_TOOL


def test_simulated_answers_are_never_recorded(record: CallRecord) -> None:
    run(RecordingWorld(SimulatedWorld(notes()), record, notes()).open(task()), FLOW)
    assert not record.path.exists()


def test_an_answer_that_came_replaces_one_that_did_not(real: Notes, recording: World, record: CallRecord) -> None:
    real.down = ToolErrorKind.TIMEOUT
    run(recording.open(task()), [call("get", id="a")])
    assert run(replaying(record).open(task()), [call("get", id="a")])[0].error is ToolErrorKind.TIMEOUT
    real.down = None
    run(recording.open(task()), [call("get", id="a")])
    assert run(replaying(record).open(task()), [call("get", id="a")])[0].error is ToolErrorKind.NOT_FOUND


def test_replay_forks(recording: World, record: CallRecord) -> None:
    lived = run(recording.open(task()), FLOW)
    session = replaying(record, exact=True).open(task())
    run(session, FLOW[:2])
    token = session.snapshot()
    first = run(session, FLOW[2:])
    session.restore(token)
    assert run(session, FLOW[2:]) == first
    assert bodies(first) == bodies(lived[2:])


def test_neither_the_order_of_keys_nor_the_spelling_of_a_number_matters(recording: World, record: CallRecord) -> None:
    run(recording.open(task()), [call("weigh", grams=1, unit="g")])
    other = ToolCall(id="call_9", name="notes.weigh", arguments={"unit": "g", "grams": 1.0})
    assert run(replaying(record).open(task()), [other])[0].ok
    assert call_key(call("weigh", grams=True)) != call_key(call("weigh", grams=1))
    assert call_key(call("weigh", grams="1")) != call_key(call("weigh", grams=1))
    assert call_key(call("weigh", grams=1)) != call_key(call("get", grams=1))


@given(st.dictionaries(st.text(max_size=5), JSON, max_size=4), st.randoms(use_true_random=False))
def test_keys_do_not_depend_on_order(arguments: dict[str, object], rng: object) -> None:
    names = list(arguments)
    rng.shuffle(names)  # type: ignore[attr-defined]
    shuffled = {name: arguments[name] for name in names}
    assert call_key(ToolCall(name="t.x", arguments=arguments)) == call_key(ToolCall(name="t.x", arguments=shuffled))


def test_keys_exist_for_what_json_encoders_refuse() -> None:
    assert call_key(call("get", id=2**70)) != call_key(call("get", id=2**70 + 1))
    assert call_key(call("get", id="\ud800")) != call_key(call("get", id="\ud801"))


def test_a_half_written_last_line_is_skipped_and_later_ones_are_whole(recording: World, record: CallRecord) -> None:
    run(recording.open(task()), FLOW[:2])
    with record.path.open("ab") as file:
        file.write(b'{"key": "cut off in the mid')
    again = CallRecord(record.path)
    assert (len(again), again.damaged) == (2, 0)  # an open end may still be being written
    run(recording.open(task("next")), FLOW[2:3])
    final = CallRecord(record.path)
    assert (len(final), final.damaged) == (3, 1)


def _entry(writer: int, number: int) -> RecordedCall:
    made = call("get", id=f"{writer}-{number}")
    return RecordedCall(
        key=call_key(made),
        tool=made.name,
        arguments=made.arguments,
        read=True,
        task="t",
        after="",
        again=0,
        occurrence=0,
        observation=Observation(status=200, body={"text": "x" * 300}, source=ObservationSource.REAL),
    )


def _write(path: Path, writer: int) -> None:
    record = CallRecord(path)
    for number in range(150):
        record.append(_entry(writer, number))


def test_many_processes_and_tasks_write_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "record.jsonl"
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write, args=(path, writer)) for writer in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    lines = path.read_bytes().splitlines()
    assert len(lines) == 450
    assert {orjson.loads(line)["arguments"]["id"] for line in lines} == {
        f"{w}-{n}" for w in range(3) for n in range(150)
    }
    record = CallRecord(path)
    assert (len(record), record.damaged) == (450, 0)


def test_a_record_sees_what_others_append(tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    reader = ReplayWorld(CallRecord(path), notes())
    session = reader.open(task())
    assert run(session, [call("get", id="a")])[0].error
    world = RecordingWorld(Notes(), CallRecord(path), notes())
    run(world.open(task()), [call("put", id="a", text="new"), call("get", id="a")])
    assert run(reader.open(task()), [call("put", id="a", text="new"), call("get", id="a")])[1].body["text"] == "new"


def test_a_record_that_cannot_be_written_is_the_users_to_mend(real: Notes, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(RunError):
        run(RecordingWorld(real, CallRecord(blocked / "record.jsonl"), notes()).open(task()), FLOW[:1])
