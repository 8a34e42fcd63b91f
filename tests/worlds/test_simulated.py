"""The simulated world from outside: what calls answer, and what they leave behind."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import orjson
import pytest
from example_toolsets import Call, catalog, task
from hypothesis import given
from hypothesis import strategies as st

from toolwise.errors import DataError, WorldError
from toolwise.types import Task, ToolCall, ToolErrorKind, canonical_json
from toolwise.worlds import ResponseLimits, SimulatedSession, SimulatedWorld


def test_what_create_returns_get_and_list_find_update_changes_and_delete_removes(call: Call) -> None:
    made = call("library.createShelf", title="Maps", floor=3)
    assert made.status == 200
    assert made.body["title"] == "Maps"
    shelf_id = made.body["shelf_id"]
    assert call("library.getShelf", shelf_id=shelf_id).body == made.body
    listed = call("library.listShelves").body
    assert [shelf["shelf_id"] for shelf in listed["shelves"]] == [shelf_id]
    assert listed["total"] == 1
    call("library.updateShelf", shelf_id=shelf_id, title="Atlases")
    seen = call("library.getShelf", shelf_id=shelf_id).body
    assert (seen["title"], seen["floor"]) == ("Atlases", 3)
    assert call("library.deleteShelf", shelf_id=shelf_id).ok
    gone = call("library.getShelf", shelf_id=shelf_id)
    assert (gone.status, gone.error) == (404, ToolErrorKind.NOT_FOUND)
    assert shelf_id in gone.body["error"]["message"]
    assert call("library.listShelves").body["shelves"] == []


@pytest.mark.parametrize(
    ("arguments", "field", "says"),
    [
        ({"floor": 3}, "title", "Missing"),
        ({"title": "Maps", "colour": "red"}, "colour", "Unknown"),
        ({"title": 7}, "title", "type string"),
        ({"title": "Maps", "floor": 10}, "floor", "at most 9"),
        ({"title": "Maps", "floor": "3"}, "floor", "type integer"),
    ],
)
def test_invalid_arguments_are_a_400_that_names_the_field(call: Call, arguments: dict, field: str, says: str) -> None:
    seen = call("library.createShelf", **arguments)
    assert (seen.status, seen.error) == (400, ToolErrorKind.INVALID_ARGUMENTS)
    assert seen.body["error"]["field"] == field
    assert says in seen.body["error"]["message"]


def test_an_unknown_tool_is_a_404_and_so_is_one_that_is_not_on_offer(world: SimulatedWorld, call: Call) -> None:
    for name in ("library.fly", "nowhere.get", "nonsense"):
        assert call(name).error is ToolErrorKind.UNKNOWN_TOOL
    narrow = world.open(task(candidates=("library.getShelf",)))
    assert narrow.run(ToolCall(name="library.listShelves")).error is ToolErrorKind.UNKNOWN_TOOL


def test_errors_change_nothing(session: SimulatedSession, call: Call) -> None:
    call("library.createShelf", title=7)
    call("library.deleteShelf", shelf_id="none")
    call("library.fly")
    assert session.state() == {}


def test_reading_changes_nothing_and_answers_the_same_twice(session: SimulatedSession, call: Call) -> None:
    session.prepare(ToolCall(name="library.getShelf", arguments={"shelf_id": "s1"}))
    before = session.state()
    for _ in range(2):
        assert call("library.getShelf", shelf_id="s1").body == call("library.getShelf", shelf_id="s1").body
        assert call("library.searchBooks", q="x").body == call("library.searchBooks", q="x").body
    assert session.state() == before


def test_every_writing_call_changes_the_state(session: SimulatedSession, call: Call) -> None:
    shelf_id = call("library.createShelf", title="Maps").body["shelf_id"]
    states = [session.state()]
    for name, arguments in (
        ("lockShelf", {}),
        ("updateShelf", {"title": "New"}),
        ("addNote", {"text": "dusty"}),
        ("setLabel", {"label": "M"}),
        ("deleteShelf", {}),
    ):
        assert call(f"library.{name}", shelf_id=shelf_id, **arguments).ok
        states.append(session.state())
    assert len({canonical_json(state) for state in states}) == len(states)


def test_the_order_of_independent_calls_does_not_show_in_the_state(world: SimulatedWorld) -> None:
    calls = [
        ToolCall(name="library.createShelf", arguments={"title": "Maps"}),
        ToolCall(name="library.createShelf", arguments={"title": "Tales"}),
        ToolCall(name="queues.CreateQueue", arguments={"QueueName": "mail"}),
    ]
    states = []
    for order in (calls, calls[::-1]):
        session = world.open(task())
        for one in order:
            assert session.run(one).ok
        states.append(session.state())
    assert states[0] == states[1]


def test_creating_the_same_thing_twice_makes_two_records(call: Call) -> None:
    ids = {call("library.createShelf", title="Maps").body["shelf_id"] for _ in range(5)}
    assert len(ids) == 5


def test_sub_collections_keep_to_their_parent(session: SimulatedSession, call: Call) -> None:
    first, second = (call("library.createShelf", title=title).body["shelf_id"] for title in ("A", "B"))
    note = call("library.addNote", shelf_id=first, text="dusty").body
    assert note["text"] == "dusty"
    assert call("library.listNotes", shelf_id=first).body == [note]
    assert call("library.listNotes", shelf_id=second).body == []
    assert call("library.listNotes", shelf_id="no-such-shelf").error is ToolErrorKind.NOT_FOUND
    assert call("library.deleteNote", shelf_id=second, id=note["id"]).error is ToolErrorKind.NOT_FOUND
    assert call("library.deleteNote", shelf_id=first, id=note["id"]).ok


def test_a_parent_that_the_world_never_held_is_taken_on_trust_only_from_who_cannot_make_it(
    world: SimulatedWorld,
) -> None:
    add = ToolCall(name="library.addNote", arguments={"shelf_id": "elsewhere", "text": "x"})
    narrow = Task(instruction="", candidates=("library.addNote",), relevant=())
    able = Task(instruction="", candidates=("library.addNote", "library.createShelf"), relevant=())
    assert world.open(narrow).run(add).ok
    for whole in (able, Task(instruction="", candidates=(), relevant=())):
        session = world.open(whole)
        assert session.run(add).error is ToolErrorKind.NOT_FOUND
        session.prepare(add)
        assert session.run(add).ok


def test_an_act_needs_its_record(session: SimulatedSession, call: Call) -> None:
    assert call("library.lockShelf", shelf_id="s9").error is ToolErrorKind.NOT_FOUND
    session.prepare(ToolCall(name="library.lockShelf", arguments={"shelf_id": "s9"}))
    assert call("library.lockShelf", shelf_id="s9").ok


def test_a_singleton_exists_unless_deleted_and_keeps_what_is_set(call: Call) -> None:
    shelf_id = call("library.createShelf", title="Maps").body["shelf_id"]
    assert call("library.getLabel", shelf_id=shelf_id).ok
    call("library.setLabel", shelf_id=shelf_id, label="M-1")
    assert call("library.getLabel", shelf_id=shelf_id).body == {"label": "M-1"}


def test_a_list_is_filtered_by_what_is_known_of_its_records(call: Call) -> None:
    for title, floor in (("Maps", 1), ("Tales", 2), ("Plays", 2)):
        call("library.createShelf", title=title, floor=floor)
    assert {shelf["title"] for shelf in call("library.listShelves", floor=2).body["shelves"]} == {"Tales", "Plays"}
    assert len(call("library.listShelves", limit=1).body["shelves"]) == 1


def test_records_named_by_path(call: Call) -> None:
    made = call("cloud.projects.disks.create", parent="projects/p1", diskId="d1", sizeGb=20)
    name = "projects/p1/disks/d1"
    assert made.body["done"] is True
    assert made.body["response"]["name"] == name
    assert call("cloud.projects.disks.get", name=name).body["sizeGb"] == 20
    assert [d["name"] for d in call("cloud.projects.disks.list", parent="projects/p1").body["disks"]] == [name]
    assert call("cloud.projects.disks.list", parent="projects/p2").body["disks"] == []
    assert call("cloud.projects.disks.resize", name=name, sizeGb=30).ok
    assert call("cloud.projects.disks.resize", name="projects/p1/disks/d2").error is ToolErrorKind.NOT_FOUND
    again = call("cloud.projects.disks.create", parent="projects/p1", diskId="d1")
    assert (again.status, again.error) == (409, ToolErrorKind.CONFLICT)
    assert call("cloud.projects.disks.create", parent="projects/p2", diskId="d1").ok
    assert call("cloud.projects.disks.delete", name=name).ok
    assert call("cloud.projects.disks.get", name=name).status == 404


def test_a_record_is_found_by_the_id_that_the_world_gave_it(call: Call) -> None:
    made = call("queues.CreateQueue", QueueName="mail").body["Queue"]
    assert made["QueueName"] == "mail"
    assert call("queues.DescribeQueue", QueueArn=made["QueueArn"]).body["Queue"]["QueueName"] == "mail"
    listed = call("queues.ListQueues").body
    assert [queue["QueueArn"] for queue in listed["QueueSummaries"]] == [made["QueueArn"]]
    assert "NextToken" not in listed
    assert call("queues.CreateQueue", QueueName="mail").error is ToolErrorKind.CONFLICT
    assert call("queues.GetQueuePolicy", QueueArn=made["QueueArn"]).error is ToolErrorKind.NOT_FOUND
    for policy in ("open", "closed"):  # a put replaces
        assert call("queues.PutQueuePolicy", QueueArn=made["QueueArn"], Policy=policy).ok
    assert call("queues.GetQueuePolicy", QueueArn=made["QueueArn"]).body == {"Policy": "closed"}


def test_a_renamed_record_is_found_by_its_new_name(session: SimulatedSession, call: Call) -> None:
    arn = call("queues.CreateQueue", QueueName="mail").body["Queue"]["QueueArn"]
    assert call("queues.GetQueue", QueueName="mail").body["Queue"]["QueueArn"] == arn
    assert call("queues.RenameQueue", QueueArn=arn, QueueName="post").ok
    assert call("queues.GetQueue", QueueName="mail").status == 404
    assert call("queues.GetQueue", QueueName="post").body["Queue"]["QueueArn"] == arn
    assert call("queues.DeleteQueue", QueueArn=arn).ok
    assert call("queues.GetQueue", QueueName="post").status == 404


def test_envelopes_are_opened(call: Call) -> None:
    made = call("tickets.createTicket", data={"subject": "Broken lamp"}).body["data"]
    assert made["subject"] == "Broken lamp"
    assert call("tickets.getTicket", ticket_gid=made["gid"]).body == {"data": made}


def test_prepare_makes_calls_succeed(world: SimulatedWorld) -> None:
    arguments = {
        "getShelf": {"shelf_id": "s1"},
        "updateShelf": {"shelf_id": "s1", "title": "x"},
        "deleteShelf": {"shelf_id": "s1"},
        "listNotes": {"shelf_id": "s1"},
        "deleteNote": {"shelf_id": "s1", "id": "n1"},
        "addNote": {"shelf_id": "s1", "text": "t"},
    }
    for name, given_arguments in arguments.items():
        call = ToolCall(name=f"library.{name}", arguments=given_arguments)
        session = world.open(task())
        session.prepare(call)
        seen = session.run(call)
        assert seen.ok, (name, seen.body)
        if name == "listNotes":
            assert seen.body
        # and a fresh world that starts from the prepared state answers the same
        other = world.open(task())
        other.prepare(call)
        replayed = world.open(task(start=orjson.loads(orjson.dumps(other.state()))))
        assert replayed.run(call).body == seen.body


def test_prepare_gives_a_filtered_list_something_to_show(session: SimulatedSession, call: Call) -> None:
    session.prepare(ToolCall(name="library.listShelves", arguments={"floor": 4}))
    shelves = call("library.listShelves", floor=4).body["shelves"]
    assert shelves
    assert {shelf["floor"] for shelf in shelves} == {4}


def test_prepare_is_silent_about_unknown_tools_and_missing_keys(session: SimulatedSession) -> None:
    session.prepare(ToolCall(name="library.fly"))
    session.prepare(ToolCall(name="library.getShelf"))
    assert session.state() == {}


def test_snapshots_fork_the_state_any_number_of_times(session: SimulatedSession, call: Call) -> None:
    shelf_id = call("library.createShelf", title="Maps").body["shelf_id"]
    token, before = session.snapshot(), session.state()
    for _ in range(2):
        assert call("library.deleteShelf", shelf_id=shelf_id).ok
        assert call("library.getShelf", shelf_id=shelf_id).status == 404
        session.restore(token)
        assert session.state() == before
        assert call("library.getShelf", shelf_id=shelf_id).ok
    with pytest.raises(WorldError):
        session.restore("yesterday")


def test_sessions_do_not_see_each_other(world: SimulatedWorld) -> None:
    first, second = world.open(task()), world.open(task())
    first.run(ToolCall(name="library.createShelf", arguments={"title": "Maps"}))
    assert second.state() == {}


def test_the_seed_changes_what_is_generated(world: SimulatedWorld) -> None:
    make = ToolCall(name="library.createShelf", arguments={"title": "Maps"})
    bodies = [world.open(task(seed=seed)).run(make).body for seed in (1, 1, 2)]
    assert bodies[0] == bodies[1]
    assert bodies[0] != bodies[2]


def test_a_malformed_start_state_is_the_users_mistake(world: SimulatedWorld) -> None:
    with pytest.raises(DataError, match="start state"):
        world.open(task(start={"records": {"library:shelves": {"s1": {"name": "no id"}}}}))


def test_call_is_run_asynchronously(session: SimulatedSession) -> None:
    make = ToolCall(name="library.createShelf", arguments={"title": "Maps"})
    assert asyncio.run(session.call(make)).ok


def test_a_status_of_success_and_no_next_page(world: SimulatedWorld) -> None:
    for seed in range(20):
        body = world.open(task(seed=seed)).run(ToolCall(name="library.createShelf", arguments={"title": "M"})).body
        assert body["status"] == "open"
        assert "next_page_token" not in body


def test_long_answers_are_cut_but_keep_what_was_asked_for() -> None:
    world = SimulatedWorld(catalog(), ResponseLimits(max_characters=200))
    session = world.open(task())
    for i in range(10):
        session.run(ToolCall(name="library.createShelf", arguments={"title": f"Shelf number {i}"}))
    seen = session.run(ToolCall(name="library.listShelves"))
    assert len(orjson.dumps(seen.body)) <= 200
    assert seen.body["shelves"]


_SCRIPT = """
import orjson, sys
sys.path.insert(0, sys.argv[1])
from example_toolsets import catalog, task
from toolwise.types import ToolCall
from toolwise.worlds import SimulatedWorld
session = SimulatedWorld(catalog()).open(task(seed=5))
seen = [session.run(ToolCall(name=n, arguments=a)).body for n, a in (
    ("library.createShelf", {"title": "Maps"}), ("queues.CreateQueue", {"QueueName": "q"}),
    ("library.searchBooks", {"q": "x"}), ("library.listShelves", {}))]
print(orjson.dumps([seen, session.state()]).hex())
"""


def test_the_same_in_every_process() -> None:
    here = str(Path(__file__).parent)
    outputs = set()
    for seed in ("0", "1"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run([sys.executable, "-c", _SCRIPT, here], env=environment, capture_output=True, check=True)
        outputs.add(done.stdout)
    assert len(outputs) == 1


_STEPS = st.lists(
    st.tuples(st.sampled_from(["create", "update", "delete", "lock", "get"]), st.integers(0, 3)), max_size=12
)


@given(_STEPS)
def test_the_world_agrees_with_a_plain_dictionary(steps: list[tuple[str, int]]) -> None:
    session = SimulatedWorld(catalog()).open(task())
    model: dict[str, str] = {}
    ids: list[str] = []
    for number, (step, which) in enumerate(steps):
        if step == "create":
            seen = session.run(ToolCall(name="library.createShelf", arguments={"title": f"t{number}"}))
            ids.append(seen.body["shelf_id"])
            model[ids[-1]] = f"t{number}"
            continue
        shelf_id = ids[which] if which < len(ids) else "missing"
        arguments = {"shelf_id": shelf_id, **({"title": f"t{number}"} if step == "update" else {})}
        seen = session.run(ToolCall(name=f"library.{step}Shelf", arguments=arguments))
        assert seen.ok is (shelf_id in model)
        if seen.ok and step == "update":
            model[shelf_id] = f"t{number}"
        if seen.ok and step == "get":
            assert seen.body["title"] == model[shelf_id]
        if seen.ok and step == "delete":
            del model[shelf_id]
    shown = session.run(ToolCall(name="library.listShelves")).body["shelves"]
    assert {shelf["shelf_id"]: shelf["title"] for shelf in shown} == dict(sorted(model.items())[:10])
