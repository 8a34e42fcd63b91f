"""What the embedded teacher answers to a chat request, from the request alone."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from toolwise.catalog import CatalogFile, open_catalog
from toolwise.errors import DataError, ModelError
from toolwise.evaluation import NearestToolPolicy
from toolwise.files import read_json
from toolwise.llm.solver import GIVE_UP, read_diversity
from toolwise.llm.text_calls import described_tools, from_text, in_text
from toolwise.llm.wire import read_arguments
from toolwise.offers import Offer
from toolwise.ports import Policy, Step, Turn
from toolwise.search import TEACHER_RATES, BlueprintPolicy, ErrorRates
from toolwise.serve.teacher_talking import TalkingPolicy
from toolwise.synthesis.conversations import ASSISTANT
from toolwise.types import Json, Message, Role, StopReason, Task, Tool, ToolCall, content_key

_REMEMBERED = 2048
"""Tasks kept ready; others are read again from the file."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """A chat request as far as an answer depends on it."""

    system: str
    path: tuple[Message, ...]
    """From the first user message on; calls and tools bear function names."""
    attempts: tuple[dict[str, Any], ...]
    """What a diversity message says was tried."""
    functions: tuple[dict[str, Any], ...]
    in_text: bool = False
    """The tools are described in the prompt, and calls are text."""

    @property
    def instruction(self) -> str:
        return self.path[0].content if self.path else ""


def read_conversation(body: Json) -> Conversation:
    """Raises ValueError in words for the caller where the request is not OpenAI's."""
    written = body.get("messages") if isinstance(body, dict) else None
    if not isinstance(written, list) or not written:
        raise ValueError("'messages' must be a list of at least one message")
    messages = [_message(entry) for entry in written]
    attempts: list[dict[str, Any]] = []
    if (tried := read_diversity(messages[-1])) is not None:
        attempts = tried
        messages.pop()
    system = "\n".join(message.content for message in messages if message.role is Role.SYSTEM)
    path = [message for message in messages if message.role is not Role.SYSTEM]
    functions = _functions(body.get("tools"))
    described = [] if functions else described_tools(system)
    if described:
        path = from_text(path)
    return Conversation(system, tuple(path), tuple(attempts), tuple(functions or described), bool(described))


def _functions(tools: Any) -> list[dict[str, Any]]:
    if tools is None:
        return []
    if not isinstance(tools, list):
        raise ValueError("'tools' must be a list")
    functions = [entry.get("function") if isinstance(entry, dict) else None for entry in tools]
    if not all(isinstance(function, dict) and function.get("name") for function in functions):
        raise ValueError("each tool must have a function with a name")
    return [function for function in functions if isinstance(function, dict)]


def _message(entry: Any) -> Message:
    if not isinstance(entry, dict):
        raise ValueError("each message must be an object")
    try:
        role = Role("system" if entry.get("role") == "developer" else str(entry.get("role")))
    except ValueError:
        raise ValueError(f"unknown role {entry.get('role')!r}") from None
    calls = []
    for call in entry.get("tool_calls") or ():
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict):
            raise ValueError("each tool call must have a function")
        name, arguments = str(function.get("name")), read_arguments(function.get("arguments"))
        calls.append(ToolCall(id=str(call.get("id") or ""), name=name, arguments=arguments))
    content = entry.get("content")
    text = content if isinstance(content, str) else "" if content is None else orjson.dumps(content).decode()
    if calls:
        return Message(role=role, thought=text, tool_calls=tuple(calls))
    return Message(role=role, content=text, tool_call_id=str(entry.get("tool_call_id") or ""))


class EmbeddedTeacher:
    """Answers chat requests with the policies that need no model.

    An instruction of a task that it was given is solved from that task's blueprint, with the embedded teacher's
    usual mistakes; any other by the nearest tool and copied values. With a conversation's assistant it talks.
    """

    def __init__(self, tasks: Path | None = None, *, seed: int = 0, rates: ErrorRates = TEACHER_RATES) -> None:
        """`tasks` is a folder that `toolwise tasks` wrote. Raises DataError."""
        self._seed = seed
        self._book = TaskBook(tasks) if tasks is not None else None
        self._blueprints = BlueprintPolicy(rates, seed)
        self._nearest: Policy = NearestToolPolicy()
        self._talking: Policy = TalkingPolicy()

    async def answer(self, conversation: Conversation, digest: str) -> Message:
        """The assistant's message; its calls bear function names. `digest` stands for the whole request."""
        message = await self._said(conversation, digest)
        return in_text(message) if conversation.in_text else message

    async def _said(self, conversation: Conversation, digest: str) -> Message:
        known = self._book.find(conversation.instruction) if self._book is not None else None
        if known is not None:
            task, tools, offer = known
            turn = self._turn(conversation, task, tools, offer, digest)
            try:
                return _spoken(await self._blueprints.act(turn), offer, conversation)
            except ModelError:
                pass  # a task without a blueprint is solved like an unknown one
        tools = tuple(_tool(function) for function in conversation.functions if function.get("name") != GIVE_UP)
        policy = self._talking if ASSISTANT in conversation.system else self._nearest
        offer = Offer(tools)
        task = Task(instruction=conversation.instruction, candidates=tuple(t.id for t in tools), relevant=())
        step = await policy.act(self._turn(conversation, task, tools, offer, digest))
        return _spoken(step, offer, conversation)

    def _turn(self, conversation: Conversation, task: Task, tools: tuple[Tool, ...], offer: Offer, digest: str) -> Turn:
        path = tuple(_with_ids(message, offer) for message in conversation.path)
        siblings = tuple(_sibling(attempt, offer) for attempt in conversation.attempts)
        return Turn(task, tools, path, siblings, int(content_key(self._seed, digest)[:12], 16))


class TaskBook:
    """Tasks by their instruction; only their places in the file stay in memory."""

    def __init__(self, folder: Path) -> None:
        """Raises DataError."""
        inputs = folder / "inputs.json"
        if not inputs.exists():
            raise DataError(f"{folder} holds no tasks; give the folder that `toolwise tasks` wrote")
        found = read_json(inputs)
        self._file = Path(found["tasks"]).open("rb")  # noqa: SIM115 # open as long as the server is
        self._catalog: CatalogFile = open_catalog(Path(found["catalog"]))
        self._at: dict[str, int] = {}
        self._ready: OrderedDict[str, tuple[Task, tuple[Tool, ...], Offer]] = OrderedDict()
        at = 0
        for line in self._file:
            self._at.setdefault(content_key(orjson.loads(line)["instruction"]), at)
            at += len(line)
        self._file.seek(0)
        for line in islice(self._file, _REMEMBERED):  # now, so that no caller waits for it
            self._prepared(Task.model_validate_json(line))

    def __len__(self) -> int:
        return len(self._at)

    def find(self, instruction: str) -> tuple[Task, tuple[Tool, ...], Offer] | None:
        """The task with its candidates, if there is one with this instruction."""
        if (ready := self._ready.get(instruction)) is not None:
            self._ready.move_to_end(instruction)
            return ready
        at = self._at.get(content_key(instruction))
        if at is None:
            return None
        self._file.seek(at)
        return self._prepared(Task.model_validate_json(self._file.readline()))

    def _prepared(self, task: Task) -> tuple[Task, tuple[Tool, ...], Offer]:
        tools = tuple(self._catalog.tool(tool_id) for tool_id in task.candidates)
        ready = (task, tools, Offer(tools))
        self._ready[task.instruction] = ready
        if len(self._ready) > _REMEMBERED:
            self._ready.popitem(last=False)
        return ready


def _tool(function: dict[str, Any]) -> Tool:
    name = str(function.get("name") or "tool")
    parameters = function.get("parameters")
    return Tool(
        id=name,
        name=name,
        description=str(function.get("description") or ""),
        parameters=parameters if isinstance(parameters, dict) else {"type": "object", "properties": {}},
    )


def _with_ids(message: Message, offer: Offer) -> Message:
    if not message.tool_calls:
        return message
    calls = tuple(call.model_copy(update={"name": offer.tool_id(call.name)}) for call in message.tool_calls)
    return message.model_copy(update={"tool_calls": calls})


def _sibling(attempt: dict[str, Any], offer: Offer) -> tuple[Message, ...]:
    calls = tuple(
        ToolCall(name=offer.tool_id(str(call.get("name"))), arguments=call.get("arguments") or {})
        for call in attempt.get("calls") or ()
    )
    return (Message(role=Role.ASSISTANT, content="" if calls else str(attempt.get("said") or ""), tool_calls=calls),)


def _spoken(step: Step, offer: Offer, conversation: Conversation) -> Message:
    """A step as a model would write it: function names, ids of its own, giving up by its function."""
    at = len(conversation.path)
    message = step.message
    if step.stop is StopReason.GAVE_UP and any(f.get("name") == GIVE_UP for f in conversation.functions):
        call = ToolCall(id=f"call_{at}_0", name=GIVE_UP, arguments={"reason": message.content})
        return Message(role=Role.ASSISTANT, tool_calls=(call,))
    calls = tuple(
        ToolCall(id=f"call_{at}_{i}", name=offer.name(call.name), arguments=call.arguments)
        for i, call in enumerate(message.tool_calls)
    )
    return message.model_copy(update={"tool_calls": calls})
