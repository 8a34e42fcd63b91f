import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from standing_in import Notes, call, notes, task

from toolwise.ports import Session
from toolwise.types import Observation, ObservationSource, ToolCall, ToolErrorKind
from toolwise.worlds import CallRecord, Layer, LayeredWorld, LayerRule, SimulatedWorld

REAL, RECORDED, SIMULATED = ObservationSource.REAL, ObservationSource.RECORDED, ObservationSource.SIMULATED
PUT, GET = call("put", id="a", text="one"), call("get", id="a")


def run(session: Session, *calls: ToolCall) -> list[Observation]:
    async def all_of() -> list[Observation]:
        return [await session.call(one) for one in calls]

    return asyncio.run(all_of())


def sources(seen: Sequence[Observation]) -> list[ObservationSource]:
    return [observation.source for observation in seen]


@pytest.fixture
def real() -> Notes:
    return Notes()


@pytest.fixture
def record(tmp_path: Path) -> CallRecord:
    return CallRecord(tmp_path / "record.jsonl")


def layered(real: Notes, record: CallRecord | None = None, rule: LayerRule | None = None) -> LayeredWorld:
    layers = [Layer(real, shared=True), Layer(SimulatedWorld(notes()))]
    return LayeredWorld(layers, notes(), record=record, rule=rule)


def test_the_real_answer_comes_first_and_then_from_the_record(real: Notes, record: CallRecord) -> None:
    world = layered(real, record)
    first = run(world.open(task()), PUT, GET)
    assert sources(first) == [REAL, REAL]
    again = run(world.open(task()), PUT, GET)
    assert sources(again) == [RECORDED, RECORDED]
    assert [seen.body for seen in again] == [seen.body for seen in first]
    assert real.calls == 2


@pytest.mark.parametrize("error", [ToolErrorKind.CONNECTION, ToolErrorKind.TIMEOUT, ToolErrorKind.UNAUTHORIZED])
def test_what_cannot_be_reached_is_simulated_and_not_recorded_as_real(
    real: Notes, record: CallRecord, error: ToolErrorKind
) -> None:
    real.down = error
    seen = run(layered(real, record).open(task()), PUT)
    assert sources(seen) == [SIMULATED]
    assert seen[0].ok
    assert not record.path.exists()
    real.down = None
    assert sources(run(layered(real, record).open(task("later")), PUT)) == [REAL]


def test_a_refusal_by_the_tool_itself_stands(real: Notes) -> None:
    seen = run(layered(real).open(task()), call("get", id="nowhere"))
    assert (seen[0].source, seen[0].error) == (REAL, ToolErrorKind.NOT_FOUND)


def test_which_errors_fall_through_is_configured(real: Notes) -> None:
    rule = LayerRule(falls_through=(ToolErrorKind.NOT_FOUND,))
    real.down = ToolErrorKind.TIMEOUT
    assert run(layered(real, rule=rule).open(task()), PUT)[0].error is ToolErrorKind.TIMEOUT
    real.down = None
    assert run(layered(real, rule=rule).open(task()), GET)[0].source is SIMULATED


def test_what_was_created_in_the_simulation_is_looked_for_there(real: Notes, record: CallRecord) -> None:
    run(layered(real, record).open(task("before")), GET)  # a recorded 404
    session = layered(real, record).open(task())
    real.down = ToolErrorKind.CONNECTION
    assert sources(run(session, PUT)) == [SIMULATED]
    real.down = None
    calls = real.calls
    assert sources(run(session, GET)) == [SIMULATED]
    assert real.calls == calls
    fresh = layered(real, record).open(task("before"))
    assert sources(run(fresh, GET)) == [RECORDED]


def test_a_task_that_does_not_offer_a_tool_does_not_get_it_from_the_record(real: Notes, record: CallRecord) -> None:
    run(layered(real, record).open(task()), GET)
    real.down = ToolErrorKind.CONNECTION
    seen = run(layered(real, record).open(task(candidates=("notes.put",))), GET)
    assert not seen[0].ok
    assert seen[0].source is not RECORDED


def test_identical_reads_at_the_same_time_are_made_once(real: Notes, record: CallRecord) -> None:
    world = layered(real, record)

    async def crowd() -> list[Observation]:
        real.gate = asyncio.Event()
        sessions = [world.open(task(str(number))) for number in range(20)]
        waiting = [asyncio.ensure_future(session.call(GET)) for session in sessions]
        other = asyncio.ensure_future(sessions[0].call(call("get", id="b")))
        for _ in range(5):
            await asyncio.sleep(0)
        waiting[0].cancel()  # one who stops waiting takes nothing from the others
        real.gate.set()
        await other
        return [await one for one in waiting[1:]]

    seen = asyncio.run(crowd())
    assert real.calls == 2
    assert len({observation.content for observation in seen}) == 1
    assert len(seen) == 19


def test_identical_writes_are_each_made(real: Notes) -> None:
    world = layered(real)

    async def crowd() -> None:
        await asyncio.gather(*(world.open(task(str(number))).call(PUT) for number in range(7)))

    asyncio.run(crowd())
    assert real.calls == 7


def test_layers_that_can_fork_fork_together() -> None:
    world = LayeredWorld([Layer(SimulatedWorld(notes())), Layer(SimulatedWorld(notes()))], notes())
    assert world.can_fork
    session = world.open(task())
    start = session.snapshot()
    run(session, PUT)
    changed, state = session.snapshot(), session.state()
    assert state
    session.restore(start)
    assert session.state() == {}
    session.restore(changed)
    assert session.state() == state


def test_the_state_of_each_layer_is_a_start_for_another_session(real: Notes) -> None:
    real.down = ToolErrorKind.CONNECTION
    session = layered(real).open(task())
    run(session, PUT)
    state = session.state()
    spec = task().world.model_copy(update={"start": state})
    again = layered(real).open(task().model_copy(update={"world": spec}))
    run(again, GET)
    assert again.state() == state


def test_a_real_layer_keeps_the_world_from_forking(real: Notes, record: CallRecord) -> None:
    assert not layered(real, record).can_fork
    assert layered(real, record).name == "replay>notes>simulated"
