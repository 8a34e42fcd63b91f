"""ToolAlpaca's files (arXiv 2306.05301): toolsets with instructions, reference calls and simulated conversations.

An instance is an instruction, the assistant's steps (function, input, its whole output) with what came back, and the
final response. Asking the user for details is a function there, `getDetails`; here it is a question and its answer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from toolwise.corpus.formats.naming import ToolNames, standard
from toolwise.corpus.formats.placeholders import ReadArguments, read_reference, reference
from toolwise.corpus.formats.reading import DropReason, Note, Reading, ReadRow, drop, loose_json, text_of
from toolwise.corpus.formats.statuses import read_status_line
from toolwise.corpus.formats.toolbench_tree import SIDE
from toolwise.types import (
    Blueprint,
    BlueprintCall,
    Json,
    Message,
    Node,
    Provenance,
    Reference,
    Role,
    Split,
    StopReason,
    Task,
    Tool,
    ToolCall,
    Trajectory,
)

GET_DETAILS = "getDetails"
QUESTION = "Question"
_HINT = "\nHint: "
_STOPPED = "Agent stopped due to iteration limit or time limit."
_COMPONENTS = "components"
_SOURCE = "toolalpaca"


class _Toolset:
    """One entry of a file: its tools, and the reference calls of its instructions."""

    def __init__(self, entry: Mapping[str, Any], known: ToolNames, reading: Reading, split: Split) -> None:
        """Raises RowError for an entry that has no tools."""
        side = entry.get(SIDE)
        name = text_of(side.get("toolset")) if isinstance(side, dict) else ""
        ids = known.of_toolset(name or text_of(entry.get("Name")))
        self._known, self._reading, self._split = known, reading, split
        self.tools: tuple[Tool, ...] = () if ids else tuple(_documented(entry))
        self._ids = tuple(ids) or tuple(tool.id for tool in self.tools)
        self._by_name = {tool_id.partition(".")[2]: tool_id for tool_id in reversed(self._ids)}
        if not self._ids:
            drop(DropReason.NO_TOOLS, f"the toolset {text_of(entry.get('Name'))[:60]!r} documents no functions")

    def task(self, instruction: str, golden: Any, used: frozenset[str] = frozenset()) -> Task:
        """A task; `golden` are its reference calls, none where the file has none."""
        blueprint, relevant = (None, used) if golden is None else self._blueprint(golden)
        return Task(
            instruction=instruction,
            candidates=self._ids,
            relevant=tuple(tool for tool in self._ids if tool in relevant),
            blueprint=blueprint,
            provenance=Provenance(teacher=_SOURCE, split=self._split),
        ).with_key()

    def _blueprint(self, golden: Any) -> tuple[Blueprint | None, frozenset[str]]:
        """The reference calls as a blueprint, where every value of theirs is known; and the tools they call."""
        if not isinstance(golden, list) or not all(isinstance(call, dict) for call in golden):
            self._reading.note(Note.NO_BLUEPRINT)
            return None, frozenset()
        steps = [(text_of(call.get("Action")), text_of(call.get("Action_Input"))) for call in golden]
        ids = [self.tool_id(name) for name, _ in steps]
        relevant = frozenset(tool for tool in ids if tool in self._ids)
        problem = Note.ASKS if any(name == GET_DETAILS for name, _ in steps) else None
        if problem is None and len(relevant) < len(set(ids)):
            problem = Note.UNKNOWN_FUNCTION
        calls: tuple[BlueprintCall, ...] = ()
        if problem is None:
            try:
                calls = tuple(self._calls(ids, [read_reference(text) for _, text in steps]))
            except ValueError:
                problem = Note.NO_BLUEPRINT
            except _OpenValueError:
                problem = Note.OPEN_VALUE
        if problem is not None:
            self._reading.note(problem)
            return None, relevant
        return Blueprint(calls=calls) if calls else None, relevant

    def _calls(self, ids: Sequence[str], read: Sequence[ReadArguments]) -> Iterator[BlueprintCall]:
        names = [tool.partition(".")[2] for tool in ids]
        used: Counter[tuple[int, str]] = Counter()
        for index, (tool, arguments) in enumerate(zip(ids, read, strict=True)):
            references: dict[str, Reference] = {}
            for name, placeholder in arguments.placeholders.items():
                source = self._known.tool(self.tool_id(placeholder.function))
                edge = reference(placeholder, names[:index], source, used)
                if edge is None:
                    raise _OpenValueError
                references[name], found = edge
                self._reading.note(Note.REFERENCE_BY_NAME, int(not found))
            yield BlueprintCall(tool=tool, arguments=arguments.values, references=references)

    def tool_id(self, name: str) -> str:
        """A function's tool id; a made-up name stays."""
        return self._by_name.get(name, name)

    def trajectory(self, instance: Mapping[str, Any], instruction: str) -> Trajectory:
        """An instance's conversation. Raises RowError."""
        nodes = [Node(parent=None, message=Message(role=Role.USER, content=instruction))]
        for step in instance.get("intermediate_steps") or ():
            self._step(step, nodes)
        output = text_of(instance.get("output"))
        ends: dict[int, StopReason] = {}
        if output.strip() == _STOPPED:
            ends[len(nodes) - 1] = StopReason.STEP_LIMIT
        elif output.strip():
            thought = text_of(instance.get("Final Thought"))
            _add(nodes, Message(role=Role.ASSISTANT, content=output, thought=thought))
            ends[len(nodes) - 1] = StopReason.ANSWERED
        else:
            self._reading.note(Note.END_UNKNOWN)
        calls = sum(node.sampled for node in nodes)
        return Trajectory(
            task_key="", strategy="react", policy=_SOURCE, nodes=tuple(nodes), ends=ends, model_calls=calls
        )

    def _step(self, step: Any, nodes: list[Node]) -> None:
        try:
            (name, written, log), observation = step
        except (TypeError, ValueError):
            drop(DropReason.BROKEN_TURNS, "a step is no function, input and output with what came back")
        if not all(isinstance(text, str) for text in (name, log, observation)) or not name:
            drop(DropReason.BROKEN_TURNS, "a step's function, output or observation is no text")
        thought = _thought(log)
        try:
            given = loose_json(written) if isinstance(written, str) else written
        except ValueError:
            given = None
        if name == GET_DETAILS and isinstance(given, dict) and text_of(given.get(QUESTION)).strip():
            _add(nodes, Message(role=Role.ASSISTANT, content=given[QUESTION], thought=thought))
            _add(nodes, Message(role=Role.USER, content=observation))
            return
        tool = self.tool_id(name)
        self._reading.note(Note.UNKNOWN_FUNCTION, int(tool not in self._ids))
        unread = "" if isinstance(given, dict) else text_of(written)
        self._reading.note(Note.UNREADABLE_ARGUMENTS, int(not isinstance(given, dict)))
        arguments: dict[str, Json] = given if isinstance(given, dict) else {}
        call = ToolCall(id=f"call_{len(nodes)}_0", name=tool, arguments=arguments)
        _add(nodes, Message(role=Role.ASSISTANT, content=unread, thought=thought, tool_calls=(call,)))
        content, kind = read_status_line(observation)
        answer = Message(role=Role.TOOL, content=content, tool_call_id=call.id)
        nodes.append(Node(parent=len(nodes) - 1, message=answer, error=kind))


class _OpenValueError(Exception):
    """A reference call leaves a value open."""


def read_toolalpaca(
    entry: Any, where: str, known: ToolNames, reading: Reading, split: Split = Split.TRAIN
) -> Iterator[Callable[[], ReadRow]]:
    """The readers of an entry's rows, each to be run under `reading.guard`: its instances, and its other instructions.

    Raises RowError for an entry that is none.
    """
    if not isinstance(entry, dict) or not ({"Instances", "Instructions"} & entry.keys()):
        drop(DropReason.UNKNOWN_SHAPE, "no toolset with Instances or Instructions")
    toolset = _Toolset(entry, known, reading, split)
    golden = _golden(entry)
    seen: set[str] = set()
    for instance in _list(entry.get("Instances")):
        if isinstance(instance, dict) and (stated := _instruction(instance, Reading())):
            seen.add(stated)
        yield lambda instance=instance: _instance(toolset, instance, golden, reading)  # type: ignore[misc]
    for instruction in _list(entry.get("Instructions")):
        if not isinstance(instruction, str) or instruction.strip() not in seen:
            yield lambda text=instruction: _instructed(toolset, text, golden)  # type: ignore[misc]


def _instance(toolset: _Toolset, instance: Any, golden: Mapping[str, Any], reading: Reading) -> ReadRow:
    if not isinstance(instance, dict):
        drop(DropReason.UNKNOWN_SHAPE, f"a {type(instance).__name__} instead of an instance")
    instruction = _instruction(instance, reading)
    if not instruction:
        drop(DropReason.NO_INSTRUCTION, "an instance has no input")
    trajectory = toolset.trajectory(instance, instruction)
    failed = {node.message.tool_call_id for node in trajectory.nodes if node.failed}
    called = [call for node in trajectory.nodes for call in node.message.tool_calls if call.id not in failed]
    task = toolset.task(instruction, golden.get(instruction), frozenset(call.name for call in called))
    return ReadRow(task, trajectory.model_copy(update={"task_key": task.key}), toolset.tools)


def _instructed(toolset: _Toolset, instruction: Any, golden: Mapping[str, Any]) -> ReadRow:
    if not isinstance(instruction, str) or not instruction.strip():
        drop(DropReason.NO_INSTRUCTION, "an instruction is empty")
    return ReadRow(toolset.task(instruction.strip(), golden.get(instruction.strip())), tools=toolset.tools)


def _instruction(instance: Mapping[str, Any], reading: Reading) -> str:
    instruction, _, hint = text_of(instance.get("input")).partition(_HINT)
    reading.note(Note.HINT, int(bool(hint)))
    return instruction.strip()


def _golden(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Instruction -> its reference calls."""
    instructions, answers = _list(entry.get("Instructions")), _list(entry.get("Golden_Answers"))
    pairs = zip(instructions, answers, strict=False)
    return {instruction.strip(): answer for instruction, answer in pairs if isinstance(instruction, str)}


def _documented(entry: Mapping[str, Any]) -> Iterator[Tool]:
    """Tools by the entry's own list of functions, where no catalog knows the toolset: names and descriptions only."""
    functions = entry.get("Function_Description")
    toolset = standard(text_of(entry.get("Name"))) or _SOURCE
    for name, told in (functions if isinstance(functions, dict) else {}).items():
        if name and name != _COMPONENTS:
            yield Tool(id=f"{toolset}.{name}", name=name, description=text_of(told).partition("\nParameters:")[0])


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _thought(log: str) -> str:
    """What stands before the action in the assistant's output."""
    return log.rpartition("\nAction:")[0].strip().removeprefix("Thought:").strip()


def _add(nodes: list[Node], message: Message) -> None:
    nodes.append(Node(parent=len(nodes) - 1, message=message, sampled=message.role is Role.ASSISTANT))
