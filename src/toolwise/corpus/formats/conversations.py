"""Conversations of other corpora in the shape of our SFT examples, and as tasks with a trajectory of one branch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from toolwise.corpus.formats.naming import ToolNames, standard
from toolwise.corpus.formats.reading import DropReason, Note, Reading, ReadRow, drop, loose_json, text_of
from toolwise.corpus.formats.statuses import kind_of_status
from toolwise.types import (
    ChatMessage,
    FunctionTool,
    Json,
    Message,
    Node,
    Provenance,
    Role,
    Split,
    StopReason,
    Task,
    TaskKind,
    Tool,
    ToolCall,
    ToolErrorKind,
    Trajectory,
    read_content,
)

_TOOLSET = "imported"


@dataclass(frozen=True)
class Conversation:
    """One conversation: messages and tools in the shape of an SFTExample, arguments as objects, calls from call_1."""

    messages: tuple[ChatMessage, ...]
    tools: tuple[FunctionTool, ...]


@dataclass
class ConversationBuilder:
    """Builds the messages turn by turn, numbering calls as our own examples do."""

    messages: list[ChatMessage] = field(default_factory=list)
    _open: list[str] = field(default_factory=list)
    _calls: int = 0

    def say(self, role: Role, content: str, thought: str = "") -> None:
        """A turn without calls. Raises RowError where a call still waits for its answer."""
        self._settled()
        message: ChatMessage = {"role": role.value, "content": content}
        if thought:
            message["reasoning_content"] = thought
        self.messages.append(message)

    def call(self, calls: Sequence[tuple[str, dict[str, Json]]], content: str = "", thought: str = "") -> None:
        """An assistant's turn of calls (name and arguments)."""
        self.say(Role.ASSISTANT, content, thought)
        made: list[Json] = []
        for name, arguments in calls:
            self._calls += 1
            identity = f"call_{self._calls}"
            self._open.append(identity)
            made.append({"id": identity, "type": "function", "function": {"name": name, "arguments": arguments}})
        self.messages[-1]["tool_calls"] = made

    def observe(self, content: str) -> None:
        """The answer to the oldest open call. Raises RowError where none is open."""
        if not self._open:
            drop(DropReason.BROKEN_TURNS, "an observation answers no call")
        self.messages.append({"role": Role.TOOL.value, "content": content, "tool_call_id": self._open.pop(0)})

    def finish(self, tools: Sequence[FunctionTool]) -> Conversation:
        """Raises RowError."""
        self._settled()
        if not any(message["role"] == Role.USER.value and message["content"].strip() for message in self.messages):
            drop(DropReason.NO_INSTRUCTION, "the user says nothing")
        return Conversation(tuple(self.messages), tuple(tools))

    def _settled(self) -> None:
        if self._open:
            drop(DropReason.BROKEN_TURNS, "a call is not answered before the next turn")


def arguments_of(written: Any) -> dict[str, Json]:
    """A call's arguments, as an object or as a JSON string. Raises RowError."""
    if isinstance(written, str):
        try:
            written = loose_json(written) if written.strip() else {}
        except ValueError as error:
            drop(DropReason.BROKEN_TURNS, f"a call's arguments are no JSON: {error}")
    if written is None:
        return {}
    if not isinstance(written, dict):
        drop(DropReason.BROKEN_TURNS, "a call's arguments are no object")
    return written


def functions_of(written: Any) -> tuple[FunctionTool, ...]:
    """Tools in OpenAI's shape, from a list or a JSON string of one, each bare or wrapped. Raises RowError."""
    if isinstance(written, str):
        try:
            written = loose_json(written) if written.strip() else []
        except ValueError as error:
            drop(DropReason.NO_TOOLS, f"its tools are no JSON: {error}")
    if written is None:
        return ()
    if not isinstance(written, list):
        drop(DropReason.NO_TOOLS, "its tools are no list")
    made: list[FunctionTool] = []
    for entry in written:
        function = entry.get("function") if isinstance(entry, dict) and "function" in entry else entry
        if not isinstance(function, dict) or not text_of(function.get("name")):
            drop(DropReason.NO_TOOLS, "one of its tools has no name")
        made.append({"type": "function", "function": function})
    return tuple(made)


def read_chat(messages: Any, tools: Any) -> Conversation:
    """OpenAI's chat shape, with arguments as strings or objects. Raises RowError."""
    if not isinstance(messages, list) or not messages:
        drop(DropReason.UNKNOWN_SHAPE, "it has no messages")
    builder = ConversationBuilder()
    order: list[str] = []
    for message in messages:
        if not isinstance(message, dict) or message.get("role") not in tuple(Role):
            drop(DropReason.BROKEN_TURNS, "a message has no role that is known")
        role, content = Role(message["role"]), content_of(message.get("content"))
        calls = message.get("tool_calls") or []
        if role is Role.TOOL:
            if not order or text_of(message.get("tool_call_id")) not in ("", order.pop(0)):
                drop(DropReason.BROKEN_TURNS, "an observation answers another call than the oldest open one")
            builder.observe(content)
        elif calls and role is Role.ASSISTANT:
            order = [text_of(call.get("id")) for call in calls]
            read = [(str(c["function"]["name"]), arguments_of(c["function"].get("arguments"))) for c in calls]
            builder.call(read, content, text_of(message.get("reasoning_content")))
        else:
            builder.say(role, content, text_of(message.get("reasoning_content")))
    return builder.finish(functions_of(tools))


def content_of(value: Any) -> str:
    """A message's text: a string, nothing, or a list of text parts. Raises RowError for anything else."""
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, list) and all(isinstance(part, dict) and part.get("type") == "text" for part in value):
        return "".join(text_of(part.get("text")) for part in value)
    return drop(DropReason.BROKEN_TURNS, "a message's content is no text")


def conversation_row(
    talk: Conversation, where: str, known: ToolNames, reading: Reading, *, source: str, split: Split = Split.TRAIN
) -> ReadRow:
    """A conversation as a task with a trajectory of one branch. Raises RowError.

    Standing instructions are left out and noted. A tool's id is the known tool of that name, else made from the
    file's name.
    """
    messages = [message for message in talk.messages if message["role"] != Role.SYSTEM.value]
    reading.note(Note.SYSTEM_PROMPT, int(len(messages) < len(talk.messages)))
    if messages[0]["role"] != Role.USER.value:
        drop(DropReason.BROKEN_TURNS, "the user does not speak first")
    if not talk.tools:
        drop(DropReason.NO_TOOLS, "it offers no tools")
    tools, names = _tools(talk.tools, standard(where) or _TOOLSET, known)
    nodes = tuple(_nodes(messages, lambda name: _id(name, names, reading)))
    last = nodes[-1].message
    answered = last.role is Role.ASSISTANT and bool(last.content.strip()) and not last.tool_calls
    reading.note(Note.END_UNKNOWN, int(not answered))
    candidates = tuple(dict.fromkeys(names.values()))
    used = {call.name for node in nodes for call in node.message.tool_calls}
    task = Task(
        instruction=nodes[0].message.content,
        kind=TaskKind.SINGLE if len({tool.partition(".")[0] for tool in candidates}) <= 1 else TaskKind.CATEGORY,
        candidates=candidates,
        relevant=tuple(tool for tool in candidates if tool in used),
        provenance=Provenance(teacher=source, split=split),
    ).with_key()
    trajectory = Trajectory(
        task_key=task.key,
        strategy="react",
        policy=source,
        nodes=nodes,
        ends={len(nodes) - 1: StopReason.ANSWERED} if answered else {},
        model_calls=sum(node.message.role is Role.ASSISTANT for node in nodes),
    )
    return ReadRow(task, trajectory, tuple(tools))


def _id(name: str, names: Mapping[str, str], reading: Reading) -> str:
    if name not in names:
        reading.note(Note.UNKNOWN_FUNCTION)
    return names.get(name, name)


def _tools(functions: Sequence[FunctionTool], toolset: str, known: ToolNames) -> tuple[list[Tool], dict[str, str]]:
    tools: list[Tool] = []
    names: dict[str, str] = {}
    for entry in functions:
        function = entry["function"]
        name = function["name"]
        found = known.of_function(name) or known.of_name(name)
        names[name] = found or f"{toolset}.{name}"
        if found is None:
            parameters = function.get("parameters")
            schema = parameters if isinstance(parameters, dict) else {"type": "object", "properties": {}}
            description = text_of(function.get("description"))
            tools.append(Tool(id=names[name], name=name, description=description, parameters=schema))
    return tools, names


def _nodes(messages: Sequence[ChatMessage], id_of: Callable[[str], str]) -> Iterator[Node]:
    ids: dict[str, str] = {}
    for index, chat in enumerate(messages):
        calls = []
        for position, call in enumerate(chat.get("tool_calls") or ()):
            ids[call["id"]] = f"call_{index}_{position}"
            function = call["function"]
            calls.append(ToolCall(id=ids[call["id"]], name=id_of(function["name"]), arguments=function["arguments"]))
        role = Role(chat["role"])
        message = Message(
            role=role,
            content=chat["content"],
            thought=chat.get("reasoning_content", ""),
            tool_calls=tuple(calls),
            tool_call_id=ids[chat["tool_call_id"]] if role is Role.TOOL else "",
        )
        yield Node(
            parent=index - 1 if index else None,
            message=message,
            sampled=role is Role.ASSISTANT,
            error=_failure(message),
        )


def _failure(message: Message) -> ToolErrorKind | None:
    """Why the call failed, as the tool message's text tells."""
    if message.role is not Role.TOOL:
        return None
    ok, body = read_content(message.content)
    return None if ok else kind_of_status(int(body["status"])) or ToolErrorKind.SERVER


def json_text(value: Json) -> str:
    """A value as JSON in the order of its keys."""
    return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()
