from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolwise.catalog import SourceFormat, import_sources
from toolwise.corpus.formats import (
    CannotHoldError,
    DropReason,
    LossReason,
    Note,
    Reading,
    ReadRow,
    RowError,
    ToolNames,
    instance,
    read_toolalpaca,
)
from toolwise.corpus.formats.placeholders import read_reference
from toolwise.corpus.formats.toolalpaca_write import toolset_of
from toolwise.types import (
    Catalog,
    Message,
    Node,
    Reference,
    Role,
    StopReason,
    Task,
    Tool,
    ToolCall,
    ToolErrorKind,
    Toolset,
    Trajectory,
)

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "toolalpaca" / "eval_simulated.json"

_RESULTS = {"type": "array", "items": {"type": "object", "properties": {"id": {"type": "integer"}}}}
FIND = Tool(
    id="zoo.findAnimals",
    name="findAnimals",
    returns={"type": "object", "properties": {"total": {}, "results": {"$ref": "#/$defs/Results"}}},
)
SHOW = Tool(id="zoo.showAnimal", name="showAnimal")
ZOO = Catalog(toolsets=(Toolset(name="zoo", title="Zoo", tools=(FIND, SHOW), definitions={"Results": _RESULTS}),))
NAMES = ToolNames([FIND.id, SHOW.id], ZOO)


ADVICE = ". You should choose one of: (1) change the input and retry; (2) …"
A_LIST = "'Action Input' cannot be a list. Only call one function per action."


def _step(name: str, given: str, thought: str, observation: str) -> list[Any]:
    return [[name, given, f" {thought}\nAction: {name}\nAction Input: {given}"], observation]


def _rows(entry: Any) -> tuple[list[ReadRow], Reading]:
    reading = Reading()
    made = [reading.guard("x", read) for read in read_toolalpaca(entry, "x", NAMES, reading)]
    return [row for row in made if row is not None], reading


def _golden(*calls: tuple[str, str]) -> tuple[Task, Reading]:
    entry = {
        "Name": "Zoo",
        "Instructions": ["Show me."],
        "Golden_Answers": [[{"Action": name, "Action_Input": given} for name, given in calls]],
    }
    rows, reading = _rows(entry)
    return rows[0].task, reading


def test_an_instance_becomes_a_conversation() -> None:
    entry = {
        "Name": "Zoo",
        "Instances": [
            {
                "input": "Which ape is here?\nHint: it is Kong",
                "output": "It is Kong.",
                "Final Thought": "I know.",
                "intermediate_steps": [
                    _step("getDetails", '{"Question": "Which zoo?"}', "Unclear.", "The old one."),
                    _step("findAnimals", '{"kind": "ape"}', "Search.", 'Status Code: 200. Response: [{"id": 7}]'),
                    _step(
                        "showAnimal",
                        '{"id": 0}',
                        "Look.",
                        'Status Code: 404. Response: {"why": "none"}. You should choose one of: (1) …',
                    ),
                    _step("feed", "{}", "Feed.", "`feed` is not a valid action. The action must be one of [...]"),
                    _step(
                        "showAnimal",
                        "[7]",
                        "Again.",
                        "'Action Input' cannot be a list. Only call one function per action.",
                    ),
                ],
            }
        ],
    }
    (row,), reading = _rows(entry)
    assert row.trajectory is not None
    messages = row.trajectory.messages(len(row.trajectory.nodes) - 1)
    assert [(m.role.value, m.content) for m in messages] == [
        ("user", "Which ape is here?"),
        ("assistant", "Which zoo?"),
        ("user", "The old one."),
        ("assistant", ""),
        ("tool", '[{"id": 7}]'),
        ("assistant", ""),
        ("tool", '{"status":404,"error":{"why":"none"}}'),
        ("assistant", ""),
        ("tool", "`feed` is not a valid action. The action must be one of [...]"),
        ("assistant", "[7]"),
        ("tool", A_LIST),
        ("assistant", "It is Kong."),
    ]
    assert [m.thought for m in messages if m.role is Role.ASSISTANT] == [
        "Unclear.",
        "Search.",
        "Look.",
        "Feed.",
        "Again.",
        "I know.",
    ]
    assert [node.error for node in row.trajectory.nodes if node.message.role is Role.TOOL] == [
        None,
        ToolErrorKind.NOT_FOUND,
        ToolErrorKind.UNKNOWN_TOOL,
        ToolErrorKind.INVALID_ARGUMENTS,
    ]
    assert list(row.trajectory.ends.values()) == [StopReason.ANSWERED]
    assert row.task.candidates == (FIND.id, SHOW.id) and row.task.relevant == (FIND.id,)
    assert reading.notes == {Note.HINT.value: 1, Note.UNKNOWN_FUNCTION.value: 1, Note.UNREADABLE_ARGUMENTS.value: 1}


def test_an_agent_that_was_stopped_has_not_answered() -> None:
    entry = {
        "Name": "Zoo",
        "Instances": [{"input": "x", "output": "Agent stopped due to iteration limit or time limit."}],
    }
    (row,), _ = _rows(entry)
    assert row.trajectory is not None
    assert row.trajectory.ends == {0: StopReason.STEP_LIMIT} and row.trajectory.answer == ""


def test_placeholders_become_references_into_the_response() -> None:
    task, reading = _golden(
        ("findAnimals", '{"kind": "ape"}'),
        ("showAnimal", '{"animalId": ${animalId from findAnimals}, "size": 2}'),
        ("showAnimal", '{"animalId": ${animalId from findAnimals}, "name": ${motto from findAnimals}}'),
    )
    assert task.blueprint is not None
    first, second, third = task.blueprint.calls
    assert (first.tool, first.arguments, first.references) == (FIND.id, {"kind": "ape"}, {})
    assert (second.arguments, dict(second.references)) == (
        {"size": 2},
        {"animalId": Reference(call=0, path=("results", 0, "id"))},
    )
    assert dict(third.references) == {
        "animalId": Reference(call=0, path=("results", 1, "id")),
        "name": Reference(call=0, path=("motto",)),
    }
    assert task.relevant == (FIND.id, SHOW.id)
    assert reading.notes == {Note.REFERENCE_BY_NAME.value: 1}


@pytest.mark.parametrize(
    ("calls", "note"),
    [
        ([("showAnimal", '{"since": ${start date}}')], Note.OPEN_VALUE),
        ([("showAnimal", '{"since": "{start date}"}')], Note.OPEN_VALUE),
        ([("showAnimal", '{"all": [${some permission}]}')], Note.OPEN_VALUE),
        ([("showAnimal", '{"id": ${id from findAnimals}}')], Note.OPEN_VALUE),
        ([("getDetails", '{"Question": "Which?"}'), ("showAnimal", '{"id": ${id from getDetails}}')], Note.ASKS),
        ([("dance", "{}")], Note.UNKNOWN_FUNCTION),
        ([("showAnimal", '{"id": ')], Note.NO_BLUEPRINT),
    ],
)
def test_what_is_no_exact_reference_gives_no_blueprint_and_says_why(calls: Any, note: Note) -> None:
    task, reading = _golden(*calls)
    assert task.blueprint is None
    assert reading.notes == {note.value: 1} and reading.kept == 1


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('{"a": ${x}, "b": 1}', {"a": "x"}),
        ('{"a": ${x}", "b": "${y}"}', {"a": "x", "b": "y"}),
        ('{"a": ${x from f, "b": ${y from f}}', {"a": "x", "b": "y"}),
        ('{"a": "say \\"${x}\\" now"}', {"a": ""}),
        ('{"a": [{"b": "{x}"}]}', {"a": ""}),
        ('{"a": "$5", "b": "{}"}', {}),
    ],
)
def test_placeholders_are_found_quoted_bare_unclosed_and_inside(text: str, names: dict[str, str]) -> None:
    read = read_reference(text)
    held = {name: placeholder.name for name, placeholder in read.placeholders.items()}
    assert held == names


@given(st.text('{}$":,[]\\ abfrom\n', max_size=40))
def test_any_input_is_read_or_refused(text: str) -> None:
    try:
        read = read_reference(text)
    except ValueError:
        return
    assert not set(read.values) & set(read.placeholders)


def test_a_bad_row_never_stops_the_others() -> None:
    good = {"input": "x", "output": "y", "intermediate_steps": []}
    bad = [
        3,
        {"output": "y"},
        {"input": "x", "intermediate_steps": ["?"]},
        {"input": "x", "intermediate_steps": [[["f", "{}", None], "o"]]},
    ]
    rows, reading = _rows({"Name": "Zoo", "Instances": [*bad, good], "Instructions": ["", "z"]})
    assert [row.task.instruction for row in rows] == ["x", "z"]
    assert reading.rows == 7 and reading.kept == 2
    assert reading.dropped == {
        DropReason.UNKNOWN_SHAPE.value: 1,
        DropReason.NO_INSTRUCTION.value: 2,
        DropReason.BROKEN_TURNS.value: 2,
    }
    for entry in (3, {"Name": "Zoo"}, {"Name": "Nowhere", "Instances": []}):
        with pytest.raises(RowError):
            list(read_toolalpaca(entry, "x", NAMES, Reading()))


def _path(*messages: Message, errors: dict[int, ToolErrorKind] | None = None) -> Trajectory:
    nodes = tuple(
        Node(
            parent=index - 1 if index else None,
            message=message,
            sampled=message.role is Role.ASSISTANT,
            error=(errors or {}).get(index),
        )
        for index, message in enumerate(messages)
    )
    return Trajectory(task_key="t", strategy="react", nodes=nodes, ends={len(nodes) - 1: StopReason.ANSWERED})


TASK = Task(instruction="Show me.", candidates=(FIND.id, SHOW.id), relevant=(FIND.id,))


def _call(index: int, name: str, thought: str = "", **arguments: Any) -> Message:
    call = ToolCall(id=f"call_{index}_0", name=name, arguments=arguments)
    return Message(role=Role.ASSISTANT, thought=thought, tool_calls=(call,))


def _got(index: int, content: str) -> Message:
    return Message(role=Role.TOOL, content=content, tool_call_id=f"call_{index}_0")


def test_an_answered_branch_comes_back_as_it_went() -> None:
    trajectory = _path(
        Message(role=Role.USER, content="Show me."),
        Message(role=Role.ASSISTANT, content="Which one?", thought="Unclear."),
        Message(role=Role.USER, content="Kong."),
        _call(3, FIND.id, "Search.", kind="ape"),
        _got(3, '{"results":[{"id":7}]}'),
        _call(5, SHOW.id, "", id=8),
        _got(5, '{"status":404,"error":"no animal 8"}'),
        _call(7, "invented", id=8),
        _got(7, '{"status":404,"error":{"code":"x"}}'),
        Message(role=Role.ASSISTANT, content="It is Kong.", thought="Known."),
        errors={6: ToolErrorKind.NOT_FOUND, 8: ToolErrorKind.NOT_FOUND},
    )
    made = json.loads(json.dumps(instance(TASK, trajectory)))
    (row,), _ = _rows({"Name": "Zoo", "Instances": [made]})
    assert row.trajectory is not None
    assert (row.trajectory.nodes, row.trajectory.ends) == (trajectory.nodes, trajectory.ends)


def test_what_is_no_instance_is_refused_with_the_reason() -> None:
    asked = Message(role=Role.USER, content="x")
    unanswered = _path(asked).model_copy(update={"ends": {}})
    unobserved = _path(asked, _call(1, FIND.id), Message(role=Role.ASSISTANT, content="y"))
    for trajectory, reason in ((unanswered, LossReason.NO_ANSWER), (unobserved, LossReason.UNOBSERVED_CALL)):
        with pytest.raises(CannotHoldError) as caught:
            instance(TASK, trajectory)
        assert caught.value.reason is reason


def test_a_conversation_is_filed_under_the_one_toolset_of_its_calls() -> None:
    end = Message(role=Role.ASSISTANT, content="y")
    mixed = TASK.model_copy(update={"candidates": (FIND.id, SHOW.id, "cafe.list")})
    asked = Message(role=Role.USER, content="x")
    assert toolset_of(mixed, _path(asked, _call(1, FIND.id), _got(1, "z"), end)) == "zoo"
    assert toolset_of(TASK, _path(asked, end)) == "zoo"
    both = _path(asked, _call(1, FIND.id), _got(1, "z"), _call(3, "cafe.list"), _got(3, "z"), end)
    for trajectory, reason in ((both, LossReason.SEVERAL_TOOLSETS), (_path(asked, end), LossReason.NO_CALLS)):
        with pytest.raises(CannotHoldError) as caught:
            toolset_of(mixed, trajectory)
        assert caught.value.reason is reason


@pytest.mark.skipif(not SHARED.exists(), reason="the shared data are not here")
def test_the_shared_reference_calls_are_all_accounted_for() -> None:
    entries = json.loads(SHARED.read_text())
    toolsets = [
        made for made in import_sources([str(SHARED)], format=SourceFormat.TOOLALPACA) if isinstance(made, Toolset)
    ]
    catalog = Catalog(toolsets=tuple(toolsets))
    names = ToolNames((tool.id for tool in catalog.tools()), catalog)
    reading = Reading()
    rows = [
        (entry, reading.guard(entry["Name"], read))
        for entry in entries
        for read in read_toolalpaca(entry, "x", names, reading)
    ]
    assert reading.kept == reading.rows == len(rows) == 100 and not reading.dropped
    assert all(row is not None and not row.tools for _, row in rows), "every toolset is the catalog's"
    blueprints = [row.task.blueprint for _, row in rows if row is not None and row.task.blueprint is not None]
    without = sum(
        reading.notes[note.value] for note in (Note.ASKS, Note.OPEN_VALUE, Note.UNKNOWN_FUNCTION, Note.NO_BLUEPRINT)
    )
    assert len(blueprints) + without == 100
    edges = [edge for blueprint in blueprints for call in blueprint.calls for edge in call.references.values()]
    assert len(edges) >= 15
    stated = [call for entry in entries for calls in entry["Golden_Answers"] for call in calls]
    asked = [call for call in stated if call["Action"] == "getDetails"]
    assert reading.notes[Note.ASKS.value] + reading.notes[Note.UNKNOWN_FUNCTION.value] == 9 and len(asked) == 8
