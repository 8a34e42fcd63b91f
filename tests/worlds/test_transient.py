import asyncio

from example_toolsets import catalog, task

from toolwise.types import FaultKind, Message, Node, Observation, Role, ToolCall
from toolwise.worlds import RefusalsWorld, SimulatedWorld, TransientConfig, TransientWorld

CREATE = ToolCall(id="c", name="library.createShelf", arguments={"title": "Maps", "floor": 3})


def world(rate: float, seed: int = 0) -> TransientWorld:
    return TransientWorld(SimulatedWorld(catalog()), TransientConfig(rate=rate, seed=seed))


def calls(session: object, count: int) -> list[Observation]:
    async def run() -> list[Observation]:
        return [await session.call(CREATE) for _ in range(count)]  # type: ignore[attr-defined]

    return asyncio.run(run())


def node(observation: Observation) -> Node:
    message = Message(role=Role.TOOL, content=observation.content, tool_call_id="c")
    return Node(parent=0, message=message, error=observation.error, source=observation.source, fault=observation.fault)


def test_a_refused_call_is_not_made_and_may_pass_when_it_is_made_again() -> None:
    refused = [o.fault for o in calls(world(0.5).open(task()), 200)]
    assert 60 < sum(fault is not None for fault in refused) < 140
    assert set(refused) <= {None, FaultKind.REQUEST_TIMEOUT, FaultKind.RATE_LIMITED, FaultKind.SERVER_ERROR}
    always = world(1.0).open(task())
    before = always.state()
    calls(always, 5)
    assert always.state() == before


def test_time_does_not_go_back_with_the_state_nor_start_again_with_a_session() -> None:
    straight = [o.fault for o in calls(world(0.5).open(task()), 40)]
    forked = world(0.5)
    session = forked.open(task())
    start = session.snapshot()
    found = []
    for _ in range(10):
        session.restore(start)
        found += [o.fault for o in calls(session, 2)]
    found += [o.fault for o in calls(forked.open(task()), 20)]
    assert found == straight
    assert [o.fault for o in calls(world(0.5, seed=1).open(task()), 40)] != straight


def test_a_recorded_branch_is_refused_again_at_the_same_places() -> None:
    session = world(0.5).open(task())
    recorded = calls(session, 30)
    replaying = RefusalsWorld(SimulatedWorld(catalog()))
    replaying.branch = [node(observation) for observation in recorded]
    fresh = replaying.open(task())
    again = calls(fresh, 30)
    assert [(o.status, o.content, o.error, o.fault) for o in again] == [
        (o.status, o.content, o.error, o.fault) for o in recorded
    ]
    assert fresh.state() == session.state()
    replaying.branch = ()
    assert all(observation.fault is None for observation in calls(replaying.open(task()), 30))
