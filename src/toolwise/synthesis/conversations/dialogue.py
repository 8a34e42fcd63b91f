"""One conversation: the user role and the assistant take turns, and the world runs the tools."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

import orjson

from toolwise.blueprints import executed_calls, fulfil
from toolwise.ports import ChatModel, Policy, Sampling, Session, Tools, Turn, World
from toolwise.synthesis.conversations.config import ConversationConfig
from toolwise.synthesis.conversations.prompts import user_request
from toolwise.synthesis.conversations.script import Act, Request, Script, Stated
from toolwise.synthesis.instructions.mentions import mentions_tool
from toolwise.synthesis.wording.rules import states_value
from toolwise.types import (
    Message,
    Node,
    Observation,
    Role,
    StopReason,
    Task,
    Tool,
    ToolCall,
    Trajectory,
    content_key,
)

STRATEGY = "converse"
_ASKS = ("?", "？", "؟", ";")
"""Marks of a question; the last one is Greek's, and only counts at the end."""


class ConversationFault(StrEnum):
    """Why a conversation is dropped before it is verified (ToolAlpaca, section 3.2, and ours)."""

    EMPTY = "empty"
    """The assistant said and called nothing."""
    TOO_MANY_STEPS = "too_many_steps"
    """A request took more turns with calls than allowed."""
    ONLY_QUESTIONS = "only_questions"
    """The assistant called nothing, or asked too often about one request."""
    GAVE_UP = "gave_up"
    """The assistant gave up."""
    OFF_SCRIPT = "off_script"
    """The user role would not say what it was to say."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """What came of a script."""

    task: Task
    trajectory: Trajectory
    fault: ConversationFault | None = None


class _OverError(Exception):
    def __init__(self, fault: ConversationFault) -> None:
        super().__init__(fault.value)
        self.fault = fault


async def converse(
    script: Script, user: ChatModel, assistant: Policy, places: tuple[World, Tools], config: ConversationConfig
) -> Conversation:
    """Play a script; `places` are the world and the tools. Raises what the models raise, and WorldError."""
    world, tools = places
    play = _Play(script, user, assistant, tuple(tools.tool(tool_id) for tool_id in script.task.candidates), config)
    return await play.run(world.open(script.task))


@dataclass
class _Play:
    script: Script
    user: ChatModel
    assistant: Policy
    tools: tuple[Tool, ...]
    config: ConversationConfig
    nodes: list[Node] = field(default_factory=list)
    asked: int = 0
    """Model calls so far."""

    @property
    def path(self) -> tuple[Message, ...]:
        return tuple(node.message for node in self.nodes)

    async def run(self, session: Session) -> Conversation:
        fault: ConversationFault | None = None
        try:
            for request in self.script.requests:
                await self._say(request, request.act)
                await self._serve(request, session)
            if not any(node.message.tool_calls for node in self.nodes):
                raise _OverError(ConversationFault.ONLY_QUESTIONS)
        except _OverError as over:
            fault = over.fault
        instruction = self.nodes[0].message.content if self.nodes else ""
        task = self.script.task.model_copy(update={"instruction": instruction}).with_key()
        end = {ConversationFault.GAVE_UP: StopReason.GAVE_UP, None: StopReason.ANSWERED}
        trajectory = Trajectory(
            task_key=task.key,
            strategy=STRATEGY,
            policy=self.assistant.name,
            nodes=tuple(self.nodes),
            ends={len(self.nodes) - 1: end.get(fault, StopReason.STEP_LIMIT)} if self.nodes else {},
            model_calls=self.asked,
        )
        return Conversation(task, trajectory, fault)

    async def _serve(self, request: Request, session: Session) -> None:
        """The assistant's turns until it has answered."""
        steps = questions = 0
        while True:
            message = await self._act()
            if message.tool_calls:
                steps += 1
                if steps > self.config.max_steps:
                    raise _OverError(ConversationFault.TOO_MANY_STEPS)
                for call in message.tool_calls:
                    self._observe(call, await session.call(call))
                continue
            if self._is_served(request) or not _asks(message.content):
                return
            questions += 1
            if questions > self.config.max_questions:
                raise _OverError(ConversationFault.ONLY_QUESTIONS)
            await self._say(request, Act.ANSWER)

    async def _act(self) -> Message:
        turn = Turn(self.script.task, self.tools, self.path, seed=self._seed("assistant"))
        step = await self.assistant.act(turn)
        if step.stop is StopReason.GAVE_UP:
            raise _OverError(ConversationFault.GAVE_UP)
        message = step.message
        if step.stop is not None or not (message.tool_calls or message.content.strip()):
            raise _OverError(ConversationFault.EMPTY)
        at = len(self.nodes)
        calls = tuple(
            call.model_copy(update={"id": f"call_{at}_{number}"}) for number, call in enumerate(message.tool_calls)
        )
        message = message.model_copy(update={"tool_calls": calls})
        self._add(message, sampled=True)
        return message

    async def _say(self, request: Request, act: Act) -> None:
        """The user's next message, asked for again until it keeps to the script."""
        problem = ""
        for _ in range(self.config.user_tries):
            sampling = Sampling(0.0, 1024, self._seed("user"))
            asked = user_request(self.script, request, act, self.path, sampling, problem)
            reply = await self.user.complete(asked)
            text = _message(reply.message.content)
            problem = self._problem(text, request, act)
            if not problem:
                self._add(Message(role=Role.USER, content=text))
                return
        raise _OverError(ConversationFault.OFF_SCRIPT)

    def _problem(self, text: str, request: Request, act: Act) -> str:
        """What in the wording leaves the script; empty where nothing does."""
        if not text.strip():
            return "it says nothing"
        if mentions_tool(text, self.tools):
            return "it names a tool"
        held = request.withheld
        if act is Act.ANSWER:
            unsaid = [held] if held is not None and not self._was_said(held) else []
        elif act is Act.CHANGE:
            unsaid = [request.changed] if request.changed is not None else []
        else:
            unsaid = [value for value in request.values if value is not held]
            if held is not None and states_value(text, held.path, held.value):
                return f"it states the {held.label}, which is to be kept back"
        lacking = next((value for value in unsaid if not states_value(text, value.path, value.value)), None)
        return f"it does not state the {lacking.label} as {_json(lacking)}" if lacking else ""

    def _was_said(self, value: Stated) -> bool:
        users = (message for message in self.path if message.role is Role.USER)
        return any(states_value(message.content, value.path, value.value) for message in users)

    def _is_served(self, request: Request) -> bool:
        """Have all of the request's calls been made?"""
        blueprint = self.script.task.blueprint
        return blueprint is None or set(request.calls) <= set(fulfil(blueprint, executed_calls(self.path)).made)

    def _observe(self, call: ToolCall, seen: Observation) -> None:
        message = Message(role=Role.TOOL, content=seen.content, tool_call_id=call.id)
        self._add(message, error=seen.error, source=seen.source, fault=seen.fault)

    def _add(self, message: Message, **more: object) -> None:
        parent = len(self.nodes) - 1 if self.nodes else None
        self.nodes.append(Node.model_validate({"parent": parent, "message": message, **more}))

    def _seed(self, role: str) -> int:
        self.asked += 1
        return int(content_key(role, self.script.task.provenance.seed, self.asked)[:8], 16)


def _asks(text: str) -> bool:
    return any(mark in text for mark in _ASKS[:-1]) or text.rstrip().endswith(_ASKS[-1])


def _message(content: str) -> str:
    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError:
        return ""
    said = document.get("message") if isinstance(document, dict) else None
    return said.strip() if isinstance(said, str) else ""


def _json(value: Stated) -> str:
    return orjson.dumps(value.value, option=orjson.OPT_NON_STR_KEYS).decode()
