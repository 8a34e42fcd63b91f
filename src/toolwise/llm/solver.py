"""A language model as a policy: it is offered all candidates, thinks, calls, answers or gives up."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import orjson

from toolwise.offers import Offer, compact_parameters
from toolwise.ports import ChatModel, ChatRequest, Sampling, Step, Turn
from toolwise.text import first_sentence
from toolwise.types import FunctionTool, Message, Role, Schema, StopReason, Tool, ToolCall

GIVE_UP = "give_up"
"""The function by which a model says that it cannot go on from here (ToolLLM's second finishing act)."""
SYSTEM = """You do what the user asks by calling the tools on offer, one step at a time.

- Before you call, think: say in a sentence or two what is known, what is missing and which tool brings it.
- Take every value from the user's words or from what a tool has returned. Never make one up; where a required \
value is missing, ask the user for it instead of calling.
- A tool that fails says why: mend the call, or take another way.
- Where no tool is needed, answer at once; where none of the available tools fits, say so.
- When all is done, answer the user in plain words with every fact asked for, without calling a tool.
- When you cannot succeed from here, call give_up and say why."""
_DIVERSITY = """This is not the first attempt from this point. What was tried from here, and led nowhere:
{tried}
Do something different from all of these now: another tool, other arguments, or another way to the goal."""
_SHOWN_RESULT = 400
"""Characters of an earlier attempt's observation that the diversity message repeats."""
_OFFERS = 1024
"""Sets of candidates whose functions are remembered."""
_TOOLS = 4096
"""Tools of which what is shown is remembered."""
_MESSAGES = 8192
"""Messages with calls that are remembered as they are sent."""
_SYSTEM = Message(role=Role.SYSTEM, content=SYSTEM)


def give_up_function() -> FunctionTool:
    """The act of giving up, as a function on offer."""
    return {
        "type": "function",
        "function": {
            "name": GIVE_UP,
            "description": "Say that you cannot go on from here, so that another way can be tried.",
            "parameters": {
                "type": "object",
                "properties": {"reason": {"type": "string", "description": "Why this cannot succeed."}},
                "required": ["reason"],
            },
        },
    }


def diversity_message(attempts: Sequence[Sequence[Message]]) -> Message:
    """What DFSDT shows a node's next child: the earlier children's acts and what came back (ToolLLM, section 3.2).

    Each attempt is one line of JSON, `{"said": …, "calls": [{"name", "arguments", "returned"}]}`, whose calls
    bear function names.
    """
    tried = "\n".join(orjson.dumps(_attempt(messages)).decode() for messages in attempts)
    return Message(role=Role.USER, content=_DIVERSITY.replace("{tried}", tried))


def read_diversity(message: Message) -> list[dict[str, object]] | None:
    """The attempts that a diversity message lists; none for any other message."""
    before, after = _DIVERSITY.split("{tried}")
    text = message.content
    if message.role is not Role.USER or not (text.startswith(before) and text.endswith(after)):
        return None
    lines = text[len(before) : len(text) - len(after)].splitlines()
    return [orjson.loads(line) for line in lines if line.strip()]


def _attempt(messages: Sequence[Message]) -> dict[str, object]:
    first = messages[0]
    returned = {m.tool_call_id: m.content[:_SHOWN_RESULT] for m in messages if m.role is Role.TOOL}
    calls = [
        {"name": call.name, "arguments": call.arguments, "returned": returned.get(call.id, "")}
        for call in first.tool_calls
    ]
    return {"said": first.content or first.thought, "calls": calls}


class ChatPolicy:
    """A Policy over any ChatModel.

    A request begins with what never changes within a task (system message, tools, instruction), then the path as
    it was sent before; the diversity message comes last and is shown to that one child only. So each request's
    prefix is one that was sent already, which providers and vLLM keep cached.
    """

    def __init__(
        self, model: ChatModel, *, name: str = "llm", temperature: float = 0.0, max_tokens: int = 1024
    ) -> None:
        self.name = name
        self._model = model
        self._temperature = temperature
        self._max_tokens = max_tokens
        self._shown: OrderedDict[str, tuple[str, Schema]] = OrderedDict()
        self._offers: OrderedDict[tuple[str, ...], tuple[Offer, tuple[FunctionTool, ...]]] = OrderedDict()
        self._latest: OrderedDict[int, tuple[tuple[Tool, ...], tuple[Offer, tuple[FunctionTool, ...]]]] = OrderedDict()
        """By identity, as a task's turns hold the same tuple of tools."""
        self._known: OrderedDict[int, tuple[Message, Offer, Message]] = OrderedDict()
        """By identity, messages with calls as they are sent: the same one in all the requests of a path, so that it is
        written once."""

    async def act(self, turn: Turn) -> Step:
        """Raises what the model raises."""
        reply = await self._model.complete(self.request(turn))
        offer, _ = self._offer(turn.tools)
        return step_of(reply.message, offer)

    def request(self, turn: Turn) -> ChatRequest:
        """The model call that decides this turn."""
        offer, functions = self._offer(turn.tools)
        messages = [_SYSTEM, *(self._sent(message, offer) for message in turn.path)]
        attempts = [[_named(message, offer) for message in sibling] for sibling in turn.siblings if sibling]
        if attempts:
            messages.append(diversity_message(attempts))
        sampling = Sampling(self._temperature, self._max_tokens, turn.seed)
        return ChatRequest(tuple(messages), functions, sampling)

    def _sent(self, message: Message, offer: Offer) -> Message:
        """`_named`, the same object for the same message."""
        if not message.tool_calls:
            return message
        known = self._known.get(id(message))
        if known is None or known[0] is not message or known[1] is not offer:
            known = self._known[id(message)] = (message, offer, _named(message, offer))
            if len(self._known) > _MESSAGES:
                self._known.popitem(last=False)
        return known[2]

    def _offer(self, tools: tuple[Tool, ...]) -> tuple[Offer, tuple[FunctionTool, ...]]:
        latest = self._latest.get(id(tools))
        if latest is not None and latest[0] is tools:
            return latest[1]
        key = tuple(tool.id for tool in tools)
        found = self._offers.get(key)
        if found is None:
            offer = Offer(tools)
            found = (offer, (*(self._function(tool, offer) for tool in tools), give_up_function()))
            self._offers[key] = found
            if len(self._offers) > _OFFERS:
                self._offers.popitem(last=False)
        self._latest[id(tools)] = (tools, found)
        if len(self._latest) > _OFFERS:
            self._latest.popitem(last=False)
        return found

    def _function(self, tool: Tool, offer: Offer) -> FunctionTool:
        """As the offer shows it; what does not depend on the other candidates is remembered."""
        shown = self._shown.get(tool.id)
        if shown is None:
            shown = self._shown[tool.id] = (first_sentence(tool.description), compact_parameters(tool))
            if len(self._shown) > _TOOLS:
                self._shown.popitem(last=False)
        description, parameters = shown
        function = {"name": offer.name(tool.id), "description": description, "parameters": parameters}
        return {"type": "function", "function": function}


def step_of(message: Message, offer: Offer) -> Step:
    """A model's message as a step: function names become tool ids, giving up ends the branch."""
    for call in message.tool_calls:
        if call.name == GIVE_UP:
            reason = str(call.arguments.get("reason") or "no reason given")
            given_up = Message(role=Role.ASSISTANT, content=reason, thought=message.thought)
            return Step(given_up, StopReason.GAVE_UP)
    calls = tuple(_renamed(call, offer) for call in message.tool_calls)
    return Step(message.model_copy(update={"tool_calls": calls}))


def _renamed(call: ToolCall, offer: Offer) -> ToolCall:
    return ToolCall(id=call.id, name=offer.tool_id(call.name), arguments=call.arguments)


def _named(message: Message, offer: Offer) -> Message:
    """A message as the model reads it: with function names in place of tool ids."""
    if not message.tool_calls:
        return message
    calls = tuple(
        ToolCall(id=call.id, name=offer.name(call.name), arguments=call.arguments) for call in message.tool_calls
    )
    return message.model_copy(update={"tool_calls": calls})
