"""The Python world: real functions in real processes."""

import asyncio
import gc
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from toolwise.catalog.python_source import python_drafts
from toolwise.errors import WorldError
from toolwise.types import Catalog, Observation, ObservationSource, Task, ToolCall, ToolErrorKind, Toolset
from toolwise.worlds.python import PythonSession, PythonWorld, PythonWorldConfig

SHOP = Path(__file__).resolve().parents[1] / "tool_modules" / "shop.py"
TASK = Task(instruction="", candidates=(), relevant=())
PLACED = {"items": [{"name": "pen"}], "where": {"city": "Rome"}}


@pytest.fixture(scope="module")
def tools() -> Catalog:
    [draft] = python_drafts(str(SHOP))
    listed = [{"id": f"shop.{tool['name']}", **tool} for tool in draft.tools]
    made = Toolset.model_validate({"name": "shop", "definitions": draft.definitions, "tools": listed})
    return Catalog(toolsets=(made,))


def world(tools: Catalog, **settings: Any) -> PythonWorld:
    return PythonWorld(tools, PythonWorldConfig(**{"call_seconds": 5.0, **settings}))


@pytest.fixture(scope="module")
def session(tools: Catalog) -> PythonSession:
    return world(tools).open(TASK)


def ask(session: PythonSession, tool: str, **arguments: Any) -> Observation:
    return asyncio.run(session.call(ToolCall(id="c", name=f"shop.{tool}", arguments=arguments)))


def test_arguments_become_the_annotated_types_and_results_json(session: PythonSession) -> None:
    seen = ask(session, "place_order", **PLACED, when="2026-01-05T09:00:00", size="l")
    assert (seen.status, seen.source) == (200, ObservationSource.REAL)
    assert seen.body["items"] == [{"name": "pen", "count": 1}]
    identity = "12345678-1234-1234-1234-123456789012"
    sent = ask(session, "send_all", ids=[identity], paths={"a": "x/y"}, pair=[2, "b"])
    assert sent.body == {"ids": [identity], "kinds": ["PosixPath"], "pair": [2, "b"]}
    assert ask(session, "area", width="3").body == {"result": 6.0}
    assert ask(session, "positional", first=1, second=5).body == {"result": [1, 5]}
    assert ask(session, "wait_for").body == {"result": "waited"}
    assert ask(session, "Tools.double", number=4).body == {"result": 8}
    assert ask(session, "nothing").status == 204


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"width": -1}, "width"),
        ({"height": 1}, "width"),
        ({"width": 1, "depth": 2}, "depth"),
        ({"width": "x"}, "width"),
    ],
)
def test_bad_arguments_name_the_field(session: PythonSession, arguments: dict[str, Any], field: str) -> None:
    seen = ask(session, "area", **arguments)
    assert (seen.status, seen.error, seen.body["error"]["field"]) == (400, ToolErrorKind.INVALID_ARGUMENTS, field)


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("ValueError", 400),
        ("TypeError", 400),
        ("KeyError", 404),
        ("IndexError", 404),
        ("FileNotFoundError", 404),
        ("PermissionError", 403),
        ("FileExistsError", 409),
        ("TimeoutError", 504),
        ("RuntimeError", 500),
        ("KeyboardInterrupt", 500),
        ("RecursionError", 500),
    ],
)
def test_exceptions_become_statuses(session: PythonSession, kind: str, status: int) -> None:
    seen = ask(session, "raises", kind=kind)
    assert (seen.status, seen.body["error"]["message"]) == (status, f"{kind}: the message")


def test_globals_last_for_a_session_and_not_beyond(tools: Catalog) -> None:
    shop = world(tools)
    first, second = shop.open(TASK), shop.open(TASK)
    ask(first, "place_order", **PLACED)
    assert ask(first, "get_order", id=1).body["id"] == 1
    assert ask(second, "get_order", id=1).error is ToolErrorKind.NOT_FOUND
    assert first.state()["shop.py"]["1"]["id"] == 1
    assert second.state() == {}


@pytest.mark.parametrize("tool", ["end", "crash", "close_all"])
def test_a_process_that_ends_is_replaced(session: PythonSession, tool: str) -> None:
    assert ask(session, tool).error is ToolErrorKind.CONNECTION
    assert ask(session, "cached", number=3).body == {"result": 3}


def test_a_loop_times_out_and_the_process_is_replaced(tools: Catalog) -> None:
    one = world(tools, call_seconds=0.5).open(TASK)
    assert ask(one, "loop").error is ToolErrorKind.TIMEOUT
    assert ask(one, "cached", number=3).body == {"result": 3}


def test_a_fork_answers_once(session: PythonSession) -> None:
    assert [ask(session, "fork").body, ask(session, "cached", number=9).body] == [{"result": "forked"}, {"result": 9}]


def test_leaving_printing_and_memory_are_the_tools_own_matter(
    session: PythonSession, capfd: pytest.CaptureFixture[str]
) -> None:
    assert ask(session, "leave").body["error"]["message"] == "SystemExit: goodbye"
    assert ask(session, "print_much").body == {"result": "printed"}
    assert "MemoryError" in ask(session, "use_memory").body["error"]["message"]
    assert capfd.readouterr().out == ""


def test_results_have_a_bound_and_must_be_json(session: PythonSession) -> None:
    assert ask(session, "answer_much").error is ToolErrorKind.MALFORMED
    assert ask(session, "odd_result").error is ToolErrorKind.MALFORMED


def test_destructive_functions_need_consent(tools: Catalog, session: PythonSession) -> None:
    assert ask(session, "delete_order", id=1).error is ToolErrorKind.REFUSED
    assert ask(world(tools, consent=True).open(TASK), "delete_order", id=1).error is ToolErrorKind.NOT_FOUND


def test_files_are_written_into_the_sessions_own_copy(tools: Catalog, tmp_path: Path) -> None:
    (tmp_path / "kept.txt").write_text("kept")
    shop = world(tools, workspace=tmp_path)
    first, second = shop.open(TASK), shop.open(TASK)
    assert ask(first, "write_file", name="new.txt", text="x").body == {"result": "/workspace/new.txt"}
    assert first.state() != second.state()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept.txt"]
    assert ask(second, "write_file", name="new.txt", text="x").body == {"result": "/workspace/new.txt"}
    assert first.state() == second.state()


def test_functions_see_only_the_variables_they_were_given(tools: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_ONE", "1")
    monkeypatch.setenv("GIVEN_ONE", "2")
    seen = ask(world(tools, environment=("GIVEN_ONE",)).open(TASK), "environment").body
    assert "SECRET_ONE" not in seen
    assert seen["GIVEN_ONE"] == "2"


def test_only_candidates_are_called_and_nothing_forks(tools: Catalog, session: PythonSession) -> None:
    narrow = world(tools).open(Task(instruction="", candidates=("shop.area",), relevant=()))
    assert ask(narrow, "nothing").error is ToolErrorKind.UNKNOWN_TOOL
    with pytest.raises(WorldError, match="cannot fork"):
        session.snapshot()


def test_a_session_that_is_forgotten_leaves_no_process_and_no_folder(tools: Catalog) -> None:
    one = world(tools).open(TASK)
    ask(one, "nothing")
    [process] = one._held.processes.values()
    copy = one._held.copy
    assert copy is not None
    assert process.alive
    del one
    gc.collect()
    assert not process.alive
    assert not copy.folder.exists()


def test_a_looping_function_ends_when_the_program_that_called_it_is_killed() -> None:
    program = (
        "from toolwise.connections.python_tools.process import PythonProcess\n"
        f"process = PythonProcess({str(SHOP)!r})\n"
        "process.start()\n"
        "print(process._process.pid, flush=True)\n"
        "process.request({'do': 'call', 'function': 'loop', 'arguments': {}}, 60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as caller:
        assert caller.stdout is not None
        child = int(caller.stdout.readline())
        caller.kill()
    for _ in range(100):
        if not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE:
            return
        time.sleep(0.1)
    pytest.fail("the child is still running")
