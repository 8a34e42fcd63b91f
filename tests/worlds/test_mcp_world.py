"""The MCP world over real servers in real processes."""

import asyncio
import gc
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from toolwise.catalog.mcp_source import mcp_drafts
from toolwise.errors import ConfigError, WorldError
from toolwise.types import (
    Catalog,
    McpBinding,
    Observation,
    ObservationSource,
    Task,
    Tool,
    ToolCall,
    ToolErrorKind,
    Toolset,
    WorldSpec,
)
from toolwise.worlds.mcp import McpSession, McpWorld, McpWorldConfig

pytest.importorskip("mcp")
ODD = Path(__file__).resolve().parents[1] / "odd_mcp_server.py"
SERVER = f"{shlex.quote(sys.executable)} {shlex.quote(str(ODD))}"
TASK = Task(instruction="", candidates=(), relevant=())


def catalog_of(spec: str) -> Catalog:
    [draft] = mcp_drafts(spec)
    tools = [{"id": f"odd.{tool['name']}", **tool} for tool in draft.tools]
    return Catalog(
        toolsets=(Toolset.model_validate({"name": "odd", "definitions": draft.definitions, "tools": tools}),)
    )


@pytest.fixture(scope="module")
def tools() -> Catalog:
    return catalog_of(f"mcp:NOTES={{workspace}}/notes.txt {SERVER}")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "template"
    made.mkdir()
    (made / "notes.txt").write_text("first\n")
    return made


def world(tools: Catalog, folder: Path, **settings: Any) -> McpWorld:
    return McpWorld(tools, McpWorldConfig(workspace=folder, **{"call_seconds": 2.0, **settings}))


def ask(session: McpSession, tool: str, **arguments: Any) -> Observation:
    return asyncio.run(session.call(ToolCall(id="c", name=f"odd.{tool}", arguments=arguments)))


def test_parameters_of_illegal_names_are_called_otherwise_here_and_as_they_are_on_the_server(
    tools: Catalog, folder: Path
) -> None:
    tool = tools.tool("odd.label")
    assert isinstance(tool.binding, McpBinding)
    assert (list(tool.properties), tool.required) == (["the_text", "to", "the_text_2"], ("the_text",))
    assert tool.binding.wire_names == {"the_text": "the text", "to": "$to", "the_text_2": "the_text"}
    seen = ask(world(tools, folder, consent=True).open(TASK), "label", the_text="a", to="b", the_text_2="c")
    assert seen.body == {"the text": "a", "$to": "b", "the_text": "c"}


def test_answers_are_structured_content_json_or_text(tools: Catalog, folder: Path) -> None:
    session = world(tools, folder).open(TASK)
    assert ask(session, "count").body == {"count": 1}
    assert ask(session, "say_json").body == {"said": [1, 2]}
    said = ask(session, "say", text="hello")
    assert (said.body, said.status, said.source) == ("hello", 200, ObservationSource.REAL)
    assert ask(session, "picture").body == {"type": "image", "mimeType": "image/png", "base64_length": 4}


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("ENOENT: no such file", ToolErrorKind.NOT_FOUND),
        ("Access denied - path outside allowed directories", ToolErrorKind.UNAUTHORIZED),
        ("3 validation errors for X", ToolErrorKind.INVALID_ARGUMENTS),
        ("Branch 'x' already exists", ToolErrorKind.CONFLICT),
        ("Rate limit exceeded", ToolErrorKind.RATE_LIMITED),
        ("something broke", ToolErrorKind.SERVER),
    ],
)
def test_a_tools_error_is_typed_by_its_words(tools: Catalog, folder: Path, message: str, kind: ToolErrorKind) -> None:
    seen = ask(world(tools, folder).open(TASK), "fail", message=message)
    assert (seen.error, seen.body["error"]["message"]) == (kind, message)


def test_a_protocol_error_is_an_observation(tools: Catalog, folder: Path) -> None:
    assert ask(world(tools, folder).open(TASK), "refuse").error is ToolErrorKind.INVALID_ARGUMENTS


def test_sessions_have_their_own_servers_and_folders(tools: Catalog, folder: Path) -> None:
    odd = world(tools, folder)
    first, second = odd.open(TASK), odd.open(TASK)
    start = first.state()
    assert ask(first, "note", text="mine").body == "written to /workspace/notes.txt"
    assert ask(second, "notes").body == "first\n"
    assert ask(first, "notes").body == "first\nmine\n"
    assert ask(first, "count").body == {"count": 3}
    assert second.state() == start != first.state()
    assert (folder / "notes.txt").read_text() == "first\n"


def test_a_replay_in_a_fresh_session_is_equal_whatever_folder_it_gets(tools: Catalog, folder: Path) -> None:
    odd = world(tools, folder)

    def run() -> tuple[list[str], object]:
        session = odd.open(TASK)
        calls = (("note", {"text": "a"}), ("notes", {}), ("where", {"path": "/workspace/x"}))
        seen = [ask(session, name, **given) for name, given in calls]
        return [observation.content for observation in seen], session.state()

    once, again = run(), run()
    assert once == again
    assert once[0][2] == '"/workspace/x in /workspace"'


def test_a_shared_server_serves_all_sessions(tools: Catalog, folder: Path) -> None:
    odd = world(tools, folder, shared=("odd",))
    assert ask(odd.open(TASK), "count").body == {"count": 1}
    assert ask(odd.open(TASK), "count").body == {"count": 2}
    odd.close()


def test_a_hung_call_times_out_and_the_next_has_a_new_server(tools: Catalog, folder: Path) -> None:
    session = world(tools, folder, call_seconds=0.5).open(TASK)
    assert ask(session, "count").body == {"count": 1}
    assert ask(session, "hang").error is ToolErrorKind.TIMEOUT
    assert ask(session, "count").body == {"count": 1}


def test_a_server_that_dies_is_a_connection_error_and_is_started_again(tools: Catalog, folder: Path) -> None:
    session = world(tools, folder).open(TASK)
    ask(session, "note", text="kept")
    seen = ask(session, "die")
    assert seen.error is ToolErrorKind.CONNECTION
    assert "ended with status 7; it wrote: out of luck" in seen.body["error"]["message"]
    assert ask(session, "notes").body == "first\nkept\n"


@pytest.mark.parametrize("tool", ["flood_line", "flood_lines"])
def test_a_flood_ends_the_server_and_not_us(tools: Catalog, folder: Path, tool: str) -> None:
    session = world(tools, folder, call_seconds=20.0, answer_bytes=50_000).open(TASK)
    seen = ask(session, tool)
    assert seen.error is ToolErrorKind.CONNECTION
    assert "more than" in seen.body["error"]["message"] or "flooded" in seen.body["error"]["message"]
    assert ask(session, "say", text="still here").ok


def test_an_answer_has_a_bound(tools: Catalog, folder: Path) -> None:
    seen = ask(world(tools, folder, answer_bytes=1_000_000).open(TASK), "big")
    assert seen.error is ToolErrorKind.MALFORMED
    assert "3,000,002 bytes" in seen.body["error"]["message"]


def test_an_answer_that_breaks_its_own_schema_is_malformed(tools: Catalog, folder: Path) -> None:
    seen = ask(world(tools, folder).open(TASK), "lie")
    assert seen.error is ToolErrorKind.MALFORMED
    assert "n:" in seen.body["error"]["message"]


def test_destructive_tools_need_consent(tools: Catalog, folder: Path) -> None:
    assert ask(world(tools, folder).open(TASK), "delete_all").error is ToolErrorKind.REFUSED
    assert ask(world(tools, folder, consent=True).open(TASK), "delete_all").body == "deleted"


def test_only_candidates_and_mcp_tools_are_called(tools: Catalog, folder: Path) -> None:
    task = Task(instruction="", candidates=("odd.say",), relevant=())
    assert ask(world(tools, folder).open(task), "count").error is ToolErrorKind.UNKNOWN_TOOL
    assert ask(world(tools, folder).open(TASK), "nothing").error is ToolErrorKind.UNKNOWN_TOOL
    other = Catalog(toolsets=(Toolset(name="odd", tools=(Tool(id="odd.x", name="x"),)),))
    assert ask(McpWorld(other).open(TASK), "x").error is ToolErrorKind.REFUSED


def test_without_a_workspace_the_state_is_empty_and_a_server_that_needs_one_is_refused(tools: Catalog) -> None:
    session = McpWorld(tools).open(TASK)
    assert session.state() == {}
    assert ask(session, "notes").error is ToolErrorKind.REFUSED


def test_servers_get_a_minimal_environment_and_answers_hide_what_they_were_given(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_API_KEY", "never-shown-1")
    monkeypatch.setenv("GIVEN", "given-by-name-2")
    odd = world(catalog_of(f"mcp:NAMED=$GIVEN {SERVER}"), folder)
    seen = ask(odd.open(TASK), "environment")
    assert "SOME_API_KEY" not in seen.body
    assert seen.body["NAMED"] == "***"
    assert "given-by-name-2" not in seen.content


def test_a_private_address_is_refused_unless_it_was_allowed(folder: Path) -> None:
    binding = McpBinding(server="http://127.0.0.1:9/mcp", tool="x")
    one = Catalog(toolsets=(Toolset(name="odd", tools=(Tool(id="odd.x", name="x", binding=binding),)),))
    seen = ask(McpWorld(one).open(TASK), "x")
    assert seen.error is ToolErrorKind.REFUSED
    assert "loopback" in seen.body["error"]["message"]
    allowed = ask(McpWorld(one, McpWorldConfig(hosts=("127.0.0.1",))).open(TASK), "x")
    assert allowed.error is ToolErrorKind.CONNECTION


def test_a_task_made_in_another_workspace_is_not_opened(tools: Catalog, folder: Path) -> None:
    odd = world(tools, folder)
    made = TASK.model_copy(update={"world": WorldSpec(name="mcp", start=odd.open(TASK).state())})
    odd.open(made)
    (folder / "notes.txt").write_text("changed\n")
    with pytest.raises(WorldError, match="another workspace"):
        world(tools, folder).open(made)


def test_a_workspace_with_a_link_out_of_it_is_refused(tools: Catalog, folder: Path) -> None:
    (folder / "out").symlink_to("/etc")
    with pytest.raises(ConfigError, match="leads out"):
        world(tools, folder)


def test_it_says_that_it_cannot_fork(tools: Catalog, folder: Path) -> None:
    odd = world(tools, folder)
    assert odd.can_fork is False
    with pytest.raises(WorldError, match="cannot fork"):
        odd.open(TASK).snapshot()


def test_a_session_that_is_forgotten_leaves_no_process_and_no_folder(tools: Catalog, folder: Path) -> None:
    session = world(tools, folder).open(TASK)
    ask(session, "say", text="x")
    [server] = session._held.servers.values()
    copy, pid = session._held.copy, server.life.pid
    assert copy is not None
    del session
    gc.collect()
    for _ in range(100):
        if not copy.folder.exists() and not _running(pid):
            break
        time.sleep(0.1)
    assert not copy.folder.exists()
    assert not _running(pid)


def test_a_program_that_breaks_down_leaves_no_folder(tmp_path: Path) -> None:
    program = (
        "import asyncio, weakref\n"
        "class Any: pass\n"
        "early = Any(); weakref.finalize(early, id, 0)\n"  # so that finalizers run last
        "from test_mcp_world import *\n"
        f"odd = world(catalog_of('mcp:NOTES={{workspace}}/n ' + SERVER), Path({str(tmp_path)!r}))\n"
        "session = odd.open(TASK)\n"
        "assert ask(session, 'say', text='x').ok\n"
        "print(session._held.copy.folder, flush=True)\n"
        "raise RuntimeError('breaks down')\n"
    )
    paths = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    ended = subprocess.run(
        [sys.executable, "-c", program],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": paths},
    )
    assert "breaks down" in ended.stderr
    assert not Path(ended.stdout.strip()).exists()


def _running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
